"""The list of snapshots that people read."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.common import ownership
from lambdas.common.naming import drill_name
from lambdas.common.ownership import Owner, ownership_tags
from lambdas.drill.recovery_point.snapshots import row, rows

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def _snapshot(number: int, prefix: str = "tm", stack: str = "A", **changes: Any) -> dict[str, Any]:
    arn = f"arn:aws:states:eu-west-1:123456789012:execution:drill:{number}"
    taken_at = NOW - timedelta(days=number)
    owner = Owner(stack, prefix, arn, "orders")
    tags = ownership_tags(owner, ownership.ROLE_SNAPSHOT, NOW)
    snapshot = {
        "DBSnapshotIdentifier": drill_name(prefix, "orders", arn, taken_at),
        "DBInstanceIdentifier": "orders",
        "SnapshotType": "manual",
        "Status": "available",
        "AllocatedStorage": 20,
        "OriginalSnapshotCreateTime": taken_at,
        "TagList": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    return {**snapshot, **changes}


def _times(*snapshots: dict[str, Any], **options: str) -> list[str]:
    return [found["taken_at"][:10] for found in rows(snapshots, **options)]


def test_the_newest_comes_first_and_one_that_is_being_taken_before_all() -> None:
    young = _snapshot(0, OriginalSnapshotCreateTime=None, Status="creating")
    assert _times(_snapshot(2), young, _snapshot(1)) == ["", "2026-11-21", "2026-11-20"]


def test_a_prefix_may_hold_a_hyphen_and_need_not_be_known() -> None:
    account = [_snapshot(1, "tm"), _snapshot(2, "my-tm", "B")]
    assert _times(*account) == ["2026-11-21", "2026-11-20"]
    assert _times(*account, prefix="my-tm") == _times(*account, stack="B") == ["2026-11-20"]
    assert _times(*account, prefix="my-tm", stack="A") == []


def test_what_is_not_known_is_empty() -> None:
    message = row({"DBSnapshotIdentifier": "tm-x"})
    assert message == {
        "source": "",
        "snapshot_id": "tm-x",
        "status": "",
        "taken_at": "",
        "size_gib": None,
        "verdict": "",
        "expires_at": "",
        "hold": False,
    }


def test_any_hold_is_told() -> None:
    tag = {"Key": ownership.HOLD, "Value": ""}
    assert row({"DBSnapshotIdentifier": "tm-x", "TagList": [tag]})["hold"] is True
