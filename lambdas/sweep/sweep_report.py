"""What a sweep did, resource by resource, as the numbers and the document that tell of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lambdas.common.ownership import ROLE_COPY, ROLE_SNAPSHOT, utc_text

FORMAT = 1
SHOWN_IN_ANSWER = 50
"""Lambda's answer is limited to 6 MB and a person's patience; the report has everything."""


class Outcome(StrEnum):
    """``left`` is as it should be, or blocked; ``failed`` is what the sweep could not do."""

    DELETED = "deleted"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """One resource, or a whole listing that failed.

    Attributes:
        kind: ``copy`` or ``snapshot``.
        overdue: ours, past its ``expires-at``.
        blocked: left although its time is over; a person has to act.
    """

    kind: str
    name: str
    outcome: Outcome
    reason: str
    ours: bool = True
    overdue: bool = False
    blocked: bool = False


def totals(entries: Sequence[Entry]) -> dict[str, int]:
    """The figures of a sweep, by metric name."""
    deleted = Counter(entry.kind for entry in entries if entry.outcome is Outcome.DELETED)
    there = [entry for entry in entries if entry.outcome is not Outcome.DELETED and entry.ours]
    return {
        "CopiesDeleted": deleted[ROLE_COPY],
        "SnapshotsDeleted": deleted[ROLE_SNAPSHOT],
        "SweepFailures": sum(e.outcome is Outcome.FAILED or e.blocked for e in entries),
        "CopiesOverdue": sum(e.kind == ROLE_COPY and e.overdue for e in there),
        "SnapshotsKept": sum(e.kind == ROLE_SNAPSHOT for e in there),
    }


def document(
    entries: Sequence[Entry], *, stack: str, now: datetime, dry_run: bool
) -> dict[str, Any]:
    """The report; its lists are complete."""
    return {
        "format": FORMAT,
        "stack": stack,
        "began_at": utc_text(now),
        "dry_run": dry_run,
        "totals": totals(entries),
        **lists(entries),
    }


def lists(entries: Sequence[Entry], most: int | None = None) -> dict[str, list[dict[str, str]]]:
    """``deleted``, ``left`` and ``failed``: kind, name and reason; at most ``most`` of each."""
    return {
        str(outcome): [
            {"kind": entry.kind, "name": entry.name, "reason": entry.reason}
            for entry in entries
            if entry.outcome is outcome
        ][:most]
        for outcome in Outcome
    }
