"""What is deleted, what is kept, and why: of copies and of snapshots. Unsure means kept."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lambdas.common import ownership
from lambdas.common.ownership import expiry_of, tags_of, utc_text
from lambdas.drill.recovery_point.rpo import taken_at
from lambdas.drill.recovery_point.snapshots import Described, source_of, why_not_a_snapshot
from lambdas.drill.verdict.verdict import Verdict
from lambdas.drill.waiting.phases import DELETING

AVAILABLE = "available"
"""RDS deletes a snapshot in no other status."""

_NO_EXPIRY = f"its tag {ownership.EXPIRES_AT} is not a time that we wrote"


class Action(StrEnum):
    """What becomes of a resource. ``foreign``: not ours, or nothing that tells for sure."""

    DELETE = "delete"
    KEEP = "keep"
    FOREIGN = "foreign"


class ExecutionState(StrEnum):
    """``over``: ended in whichever way, or not known to Step Functions any more."""

    RUNNING = "running"
    OVER = "over"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Decision:
    """An action and its reason, a part of a sentence that begins with the resource.

    Attributes:
        overdue: ours, and past its ``expires-at``; for a copy that is being deleted, by more than
            a deletion may take.
        blocked: its time is over and the sweeper may not or can't end it: a person has to.
    """

    action: Action
    reason: str
    overdue: bool = False
    blocked: bool = False


@dataclass(frozen=True)
class Rules:
    """One deployment at one moment.

    Attributes:
        now: aware.
        deletion_minutes: how long RDS may take to delete a copy.
        execution_of: the state of an execution, by its ARN; asked only when it matters.
    """

    stack: str
    prefix: str
    now: datetime
    deletion_minutes: float
    execution_of: Callable[[str], ExecutionState]


def decide_copy(rules: Rules, instance: Described) -> Decision:
    """Whether an instance of the account is a copy whose time is over."""
    tags = tags_of(instance)
    stranger, expires_at = _why_not_a_copy(rules, instance), expiry_of(tags)
    if stranger or expires_at is None:
        return Decision(Action.FOREIGN, stranger or _NO_EXPIRY)
    if instance.get("DBInstanceStatus") in DELETING:
        late = rules.now >= expires_at + timedelta(minutes=rules.deletion_minutes)
        return Decision(Action.KEEP, "is being deleted already", overdue=late)
    if rules.now >= expires_at:
        return _end(instance, _past(expires_at), overdue=True)
    if ownership.is_kept(tags):
        return Decision(Action.KEEP, f"is kept until {utc_text(expires_at)}")
    state = rules.execution_of(tags[ownership.DRILL])
    if state is ExecutionState.OVER:
        return _end(instance, "its execution is over", overdue=False)
    reason = f"its execution is {state}; expires {utc_text(expires_at)}"
    return Decision(Action.KEEP, reason, blocked=state is ExecutionState.UNKNOWN)


def decide_snapshots(rules: Rules, snapshots: Sequence[Described]) -> list[Decision]:
    """One decision for each snapshot, in order.

    Args:
        snapshots: all manual ones of each source that is in it, or else a PASSED one may be taken
            for the newest that is not; that keeps one too many, never one too few.
    """
    newest = _newest_passed(rules, snapshots)
    return [_decide_snapshot(rules, snapshot, newest) for snapshot in snapshots]


def passed_ages_seconds(rules: Rules, snapshots: Sequence[Described]) -> dict[str, float]:
    """By source, how old the newest snapshot is that a drill has PASSED: what a loss would cost."""
    newest = _newest_passed(rules, snapshots)
    return {source: (rules.now - time).total_seconds() for source, time in newest.items()}


def most_snapshots(sources: int, runs_per_day: float, retention_days: int) -> int:
    """The most manual snapshots that scheduled drills can have at one moment.

    A snapshot stays for its retention and until the next sweep, at most a day later. A stretch of
    that length touches one calendar day more than it has days, each with its runs; and the newest
    PASSED one may be older than all of them.
    """
    return sources * (math.ceil(runs_per_day * (retention_days + 2)) + 1)


def _decide_snapshot(rules: Rules, snapshot: Described, newest: Mapping[str, datetime]) -> Decision:
    stranger = why_not_a_snapshot(rules.stack, rules.prefix, snapshot)
    if stranger:
        return Decision(Action.FOREIGN, stranger)
    tags = tags_of(snapshot)
    expires_at = expiry_of(tags)
    if ownership.HOLD in tags:
        return Decision(Action.KEEP, f"is held by its tag {ownership.HOLD}")
    if expires_at is None:
        return Decision(Action.KEEP, _NO_EXPIRY)
    if rules.now < expires_at:
        return Decision(Action.KEEP, f"expires {utc_text(expires_at)}")
    return _end_snapshot(snapshot, newest, _past(expires_at))


def _end_snapshot(snapshot: Described, newest: Mapping[str, datetime], reason: str) -> Decision:
    status = snapshot.get("Status")
    if status != AVAILABLE:
        stuck = f"{reason}, but is {status}: only an available one can be deleted"
        return Decision(Action.KEEP, stuck, overdue=True, blocked=status != "deleting")
    if _is_passed(tags_of(snapshot)) and not _is_older(snapshot, newest):
        kept = f"is the newest PASSED snapshot of {source_of(snapshot)}"
        return Decision(Action.KEEP, kept, overdue=True)
    return Decision(Action.DELETE, reason, overdue=True)


def _end(instance: Described, reason: str, *, overdue: bool) -> Decision:
    """A protected copy is a person's to end: the protection is never turned off here."""
    if instance.get("DeletionProtection"):
        protected = f"{reason}, but its deletion protection is on"
        return Decision(Action.KEEP, protected, overdue, blocked=True)
    return Decision(Action.DELETE, reason, overdue)


def _why_not_a_copy(rules: Rules, instance: Described) -> str:
    name, role = instance.get("DBInstanceIdentifier", ""), ownership.ROLE_COPY
    tags = tags_of(instance)
    return ownership.why_not_of_any_drill(rules.stack, rules.prefix, role, name, tags)


def _newest_passed(rules: Rules, snapshots: Sequence[Described]) -> dict[str, datetime]:
    """By source, of those that could be restored from."""
    newest: dict[str, datetime] = {}
    for snapshot in snapshots:
        time, tags = taken_at(snapshot), tags_of(snapshot)
        ours = not why_not_a_snapshot(rules.stack, rules.prefix, snapshot)
        if ours and time and _is_passed(tags) and snapshot.get("Status") == AVAILABLE:
            source = source_of(snapshot)
            newest[source] = max(time, newest.get(source, time))
    return newest


def _is_passed(tags: Mapping[str, str]) -> bool:
    return tags.get(ownership.VERDICT) == Verdict.PASSED


def _is_older(snapshot: Described, newest: Mapping[str, datetime]) -> bool:
    """Certainly older than the newest PASSED one of its source."""
    time, other = taken_at(snapshot), newest.get(source_of(snapshot))
    return time is not None and other is not None and time < other


def _past(expires_at: datetime) -> str:
    return f"expired {utc_text(expires_at)}"
