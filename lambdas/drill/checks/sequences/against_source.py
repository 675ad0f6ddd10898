"""Where a sequence stands on the copy, against the source's two readings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.sequences.sequence_states import (
    State,
    state_from,
)

LOGGED_AHEAD = 32


@dataclass(frozen=True)
class AgainstSource:
    """What the source's readings say of a sequence.

    Attributes:
        states: its two states, where they say something of the copy's.
        alike: whether it stood on the source as it stands on the copy.
        is_wrong: whether it was found to be wrong already.
    """

    states: tuple[State, ...] = ()
    alike: bool = False
    is_wrong: bool = False


def was_idle(first: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Whether no transaction with an id ran from before the first reading to after the last.

    One that had begun before the first would be older than ``begun``; one that began later has
    ended, and then ``ended`` is beyond it, or its lock made ``ended`` None.
    """
    begun = first.get("begun")
    return begun is not None and begun == last.get("ended")


def against_source(
    here: State, first: list[Any] | None, last: list[Any] | None, idle: bool, found: Outcome
) -> AgainstSource:
    """Hold a sequence against the source, which was ``idle`` or not from reading to reading."""
    if first is None or last is None:
        # Made or dropped meanwhile; whether it may be missing is for the catalog's check to say.
        return AgainstSource()
    before, after = state_from(first), state_from(last)
    if before is None or after is None:
        why = (first if before is None else last)[0]
        found.not_asked(f"{here.name}: not compared, unread on the source: {why}")
        return AgainstSource()
    if before.version == after.version != here.version:
        message = "its definition was written again, and not on the source"
        found.wrong(f"{here.name}: {message}; its next value is {here.next:,} here")
        return AgainstSource(is_wrong=True)
    if (before.version, before.file) != (after.version, after.file):
        return AgainstSource()
    return _held(here, before, after, idle, found)


def _held(here: State, before: State, after: State, idle: bool, found: Outcome) -> AgainstSource:
    """Hold a sequence against one that was not written again meanwhile."""
    if before.cycle and not idle:
        found.not_asked(f"{here.name}: it may cycle, and the source was written meanwhile")
        return AgainstSource()
    if after.is_before(after.last, before.last) and not before.cycle:
        return AgainstSource()
    message = _otherwise_round(here, before) if before.cycle else _otherwise(here, before, after)
    if message and idle:
        found.wrong(f"{here.name}: {message}; setval it beyond the values in use")
    elif message:
        why = "which is no damage if setval moved it to and fro on the source meanwhile"
        found.not_asked(f"{here.name}: {message}, {why}")
    return AgainstSource((before, after), alike=not message, is_wrong=bool(message) and idle)


def _otherwise(here: State, before: State, after: State) -> str:
    """How it stands where the source's can't have stood; empty where it can."""
    furthest = after.last + LOGGED_AHEAD * after.increment
    if here.is_before(here.next, before.next):
        return f"its next value is {here.next:,} where the source's was {before.next:,}"
    if here.is_before(furthest, here.last):
        return f"it stands at {here.last:,} where the source's can't be beyond {furthest:,}"
    return ""


def _otherwise_round(here: State, before: State) -> str:
    """The same of one that goes round, and that took no transaction id meanwhile.

    What is logged ahead ends where it begins again (``nextval_internal``), so it is a stretch.
    """
    ahead, beside = divmod(here.last - before.last, before.increment)
    if (here.last, here.called) == (before.last, before.called):
        return ""
    if not beside and 0 < ahead <= before.ahead and here.called:
        return ""
    return f"its next value is {here.next:,} where the source's was {before.next:,}"


def tell_exhausted(here: State, there: AgainstSource, found: Outcome) -> None:
    """Say of a sequence at its end whether the source's is there too."""
    if there.is_wrong:
        return
    message = f"{here.name}: it is at its end ({here.last:,}), and each nextval fails"
    end = "MAXVALUE" if here.increment > 0 else "MINVALUE"
    remedy = f"ALTER SEQUENCE {here.name} with a further {end}, and a column wide enough for it"
    if there.alike and not there.states[-1].is_exhausted:
        found.remark(f"{message}: a recovery has taken the numbers up to there, on the copy alone")
    elif there.alike:
        found.warning(f"{message}, as on the source: {remedy}")
    else:
        found.violation(message, remedy=remedy, relations=())
