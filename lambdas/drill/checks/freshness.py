"""The newest commits are there, and how old a snapshot's data can be.

A canary row would have to be written, and the source is only ever read. Its newest transactions
serve instead: how each of them ended is asked of the source at the first reading, when their log
has reached the disk, and of the copy. A damaged stretch of log at the end, which recovery takes for
its end without a word, loses them; so does a stale page of the transaction status.

The copy's own position in the log must not be behind what the first reading saw flushed either. It
only grows once the copy runs, so being ahead proves nothing. Nor does a next transaction that is
ahead, but for one that no copy can have come to: it is another age's.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.drill.check_names import FRESHNESS_CHECK as NAME
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.recovery_point.rpo import PROVEN_UNTIL, WINDOW_BYTES, WINDOW_SECONDS
from lambdas.drill.units import Claim, Measurement, Unit
from lambdas.errors import QueryFailed

SUBJECT = "newest commits"

NEWEST = 1024
"""Transactions that are asked about; a page of the transaction status holds 32,768."""

BEYOND = 2**31
"""Transactions that a copy can't have run by itself; from one age to the next it is twice that."""

_POSITION = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       extract(epoch FROM clock_timestamp())::float8
"""
_TIMELINE = "SELECT timeline_id FROM pg_control_checkpoint()"
# A letter for each transaction: committed, aborted, in progress, or forgotten.
_ENDINGS = """
SELECT string_agg(coalesce(left(pg_xact_status(t.number::text::xid8), 1), '-'), ''
                  ORDER BY t.number)
  FROM generate_series(%s::bigint, %s::bigint) t (number)
"""
_FIRST_NORMAL = 3
_WORDS = {"c": "committed", "a": "aborted", "i": "in progress", "-": "unknown"}


def read(session: Session) -> dict[str, Any]:
    """Where the source is: ``position`` in the log, ``next`` transaction, ``at``, ``timeline``.

    And ``endings`` of the newest transactions, from ``first`` on, a letter each. A commit of them
    is on the disk once the reading has waited for those that are asynchronous. What was rolled
    back need not be: nobody waits for the end of a subtransaction.
    """
    _, following, _ = session.row(_POSITION, action="reading the newest transaction")
    first = max(_FIRST_NORMAL, following - NEWEST)
    endings = _endings(session, first, following)
    position, _, at = session.row(_POSITION, action="reading the position in the log")
    return {
        "position": int(position),
        "next": following,
        "at": at,
        "timeline": _timeline(session),
        "first": first,
        "endings": endings,
    }


def plan(survey: Survey) -> Iterator[Unit]:
    """One unit, where the source was read."""
    if "position" not in survey.before or "position" not in survey.after:
        return
    yield Unit(
        id=NAME,
        check=NAME,
        database=MAINTENANCE_DATABASE,
        subject=SUBJECT,
        claim=Claim.CONSISTENT,
        why="commits after the first reading are bounded by the tables' counts only",
        detail={
            "before": survey.before["position"],
            "after": survey.after["position"],
            "gap": survey.before["gap"],
        },
    )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Hold the copy's log and its newest transactions against the first reading."""
    outcome = Outcome()
    if unit.detail["gap"]:
        outcome.not_measured(unit.detail["gap"])
        return outcome.measurement(unit)
    before, after = unit.detail["before"], unit.detail["after"]
    with context.session(unit.database) as session:
        position, following, _ = session.row(_POSITION, action="reading the position in the log")
        timeline = _timeline(session)
        endings = _endings(session, before["first"], min(following, before["next"]))
    findings = [
        *_behind(before, int(position)),
        *_out_of_age(following, before["next"], after["next"]),
        *_lost(before, endings),
    ]
    if findings and before["timeline"] != after["timeline"]:
        for text in findings:
            outcome.not_measured(text)
        outcome.not_measured(
            "the source failed over between the readings, and may have lost commits itself; drill"
            " again"
        )
        return outcome.measurement(unit)
    for text in findings:
        outcome.wrong(text)
    if findings:
        outcome.wrong("the newest commits are lost: do not rely on this snapshot")
        return outcome.measurement(unit)
    outcome.measured.update(
        {
            PROVEN_UNTIL: int(before["at"]),
            WINDOW_SECONDS: -int(-max(0, after["at"] - before["at"]) // 1),
            WINDOW_BYTES: max(0, after["position"] - before["position"]),
            "transactions asked about": len(before["endings"]),
        }
    )
    if not timeline:
        outcome.remark("the copy's timeline can't be read: pg_control_checkpoint() is denied")
    elif timeline != before["timeline"]:
        outcome.remark(f"the copy is on timeline {timeline}")
    return outcome.measurement(unit)


def _behind(before: dict[str, Any], position: int) -> Iterator[str]:
    if position < before["position"]:
        lacking = before["position"] - position
        yield f"the copy's log ends {lacking:,} bytes before the source's first reading"


def _out_of_age(following: int, first: int, last: int) -> Iterator[str]:
    """Whether the copy counts its transactions from another transaction ID epoch or far away in it.

    What was rolled back at the end need not be known to it, so that it may lie a little before the
    source's ``first``; those that were committed are asked for one by one.
    """
    if not first - BEYOND < following < last + BEYOND:
        yield (
            f"the copy's next transaction is {following:,}, and the source's went from {first:,} to"
            f" {last:,}"
        )


def _lost(before: dict[str, Any], here: str) -> Iterator[str]:
    """Transactions in progress at the first reading may have ended in any way since.

    Args:
        here: the copy's letters; it may not know the last of them, and that is well if those were
            rolled back.
    """
    pairs = enumerate(zip_longest(before["endings"], here, fillvalue="a"), start=before["first"])
    other = [
        (number, was, is_now)
        for number, (was, is_now) in pairs
        if was in "ca" and is_now not in (was, "-")
    ]
    if other:
        number, was, is_now = other[0]
        yield (
            f"{len(other):,} of the newest {len(before['endings']):,} transactions ended otherwise"
            f" than on the source, the first is {number}: {_WORDS[is_now]} instead of {_WORDS[was]}"
        )


def _endings(session: Session, first: int, following: int) -> str:
    if following <= first:
        return ""
    parameters = [first, following - 1]
    (letters,) = session.row(_ENDINGS, parameters, action="reading how transactions ended")
    return str(letters)


def _timeline(session: Session) -> int:
    """0 where the control file is not ours to read."""
    try:
        return int(session.row(_TIMELINE, action="reading the timeline")[0])
    except QueryFailed:
        return 0


CHECK = Check(
    NAME,
    "the source's newest transactions ended on the copy as they did there, and the report"
    " says how old the data can be",
    plan,
    run,
)
