"""The snapshots that drills took, distinguished from all others and as people read them."""

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.common import ownership
from lambdas.common.ownership import tags_of, utc_text
from lambdas.drill.recovery_point.rpo import taken_at

Described = Mapping[str, Any]
"""A ``DBInstance`` or a ``DBSnapshot`` of the RDS API, with its ``TagList``."""

MANUAL = "manual"


def rows(
    snapshots: Iterable[Described], *, stack: str = "", prefix: str = ""
) -> list[dict[str, Any]]:
    """Those that a drill took, newest first, one still being taken before all others.

    Args:
        stack: only those of this deployment; empty for all.
        prefix: only those that begin with it; empty for all.
    """
    ours = [snapshot for snapshot in snapshots if _is_a_drills(snapshot, stack, prefix)]
    ours.sort(key=lambda snapshot: str(snapshot["DBSnapshotIdentifier"]))
    ours.sort(key=_age)
    return [row(snapshot) for snapshot in ours]


def row(snapshot: Described) -> dict[str, Any]:
    """One snapshot as plain values; what is not known is empty. Times are UTC text."""
    tags, time = tags_of(snapshot), taken_at(snapshot)
    return {
        "source": source_of(snapshot),
        "snapshot_id": str(snapshot["DBSnapshotIdentifier"]),
        "status": str(snapshot.get("Status", "")),
        "taken_at": utc_text(time) if time else "",
        "size_gib": snapshot.get("AllocatedStorage"),
        "verdict": tags.get(ownership.VERDICT, ""),
        "expires_at": tags.get(ownership.EXPIRES_AT, ""),
        "hold": ownership.HOLD in tags,
    }


def why_not_a_snapshot(stack: str, prefix: str, snapshot: Described) -> str:
    """Empty when a drill of this deployment took it; else the reason."""
    name, tags = snapshot.get("DBSnapshotIdentifier", ""), tags_of(snapshot)
    if snapshot.get("SnapshotType") != MANUAL:
        return f"{name} is not a manual snapshot"
    reason = ownership.why_not_of_any_drill(stack, prefix, ownership.ROLE_SNAPSHOT, name, tags)
    if reason:
        return reason
    if tags[ownership.SOURCE].lower() != source_of(snapshot):
        return f"{name} is not of the source that its tags name"
    return ""


def source_of(snapshot: Described) -> str:
    """The identifier of the instance that the snapshot was taken of, in lower case."""
    return str(snapshot.get("DBInstanceIdentifier", "")).lower()


def _is_a_drills(snapshot: Described, stack: str, prefix: str) -> bool:
    name = str(snapshot.get("DBSnapshotIdentifier", ""))
    stack = stack or tags_of(snapshot).get(ownership.STACK, "")
    return not why_not_a_snapshot(stack, prefix or name.partition("-")[0], snapshot)


def _age(snapshot: Described) -> float:
    time = taken_at(snapshot)
    return -time.timestamp() if time else float("-inf")
