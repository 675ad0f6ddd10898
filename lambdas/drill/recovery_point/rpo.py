"""How old a snapshot's data can be: when they were, and what freshness proves."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lambdas.drill.check_names import FRESHNESS_CHECK
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Result

PROVEN_UNTIL = "newest commit proven (Unix seconds)"
WINDOW_SECONDS = "seconds between the readings"
WINDOW_BYTES = "bytes of WAL between the readings"


TIMES = ("SnapshotDatabaseTime", "OriginalSnapshotCreateTime", "SnapshotCreateTime")
"""The newest transaction in the snapshot; when it was first made; when it was made or copied. Of a
copied snapshot the last "changes when the snapshot is copied" (RDS API, ``DBSnapshot``)."""


def taken_at(snapshot: Mapping[str, Any]) -> datetime | None:
    """When the data of a ``DBSnapshot`` were, wherever it was copied to since.

    The one answer for all that is said or decided of a snapshot's age. None while nothing is known.
    """
    found = (snapshot.get(name) for name in TIMES)
    return next((time for time in found if isinstance(time, datetime)), None)


def recovery_point(results: Iterable[Result], snapshot: Mapping[str, Any] | None) -> dict[str, Any]:
    """``rpo_seconds``, ``rpo_wal_bytes`` and ``proven_until``, each None where nothing is known.

    Every commit up to ``proven_until`` (UTC) is on the copy. A snapshot taken at most
    ``rpo_seconds`` later may lack what was committed in between: at most ``rpo_wal_bytes``, the log
    that the source wrote from one reading to the other.

    Args:
        snapshot: its ``taken_at``, if known, is sharper than the second reading.
    """
    found = [r.measured for r in results if r.check == FRESHNESS_CHECK and r.status is Status.OK]
    if not found or PROVEN_UNTIL not in found[0]:
        return {"rpo_seconds": None, "rpo_wal_bytes": None, "proven_until": None}
    measured = found[0]
    seconds = measured[WINDOW_SECONDS]
    if snapshot and snapshot.get("taken_at"):
        taken_at = datetime.fromisoformat(snapshot["taken_at"]).timestamp()
        seconds = min(seconds, max(0, round(taken_at - measured[PROVEN_UNTIL])))
    until = datetime.fromtimestamp(measured[PROVEN_UNTIL], UTC)
    return {
        "rpo_seconds": seconds,
        "rpo_wal_bytes": measured[WINDOW_BYTES],
        "proven_until": until.isoformat().replace("+00:00", "Z"),
    }
