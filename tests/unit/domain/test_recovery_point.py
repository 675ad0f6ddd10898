"""How old a snapshot's data can be."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lambdas.drill.admission.request import latest
from lambdas.drill.check_names import FRESHNESS_CHECK
from lambdas.drill.recovery_point.rpo import (
    PROVEN_UNTIL,
    TIMES,
    WINDOW_BYTES,
    WINDOW_SECONDS,
    recovery_point,
    taken_at,
)
from lambdas.drill.recovery_point.snapshots import row
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result

_MEASURED = {PROVEN_UNTIL: 1_795_365_721, WINDOW_SECONDS: 600, WINDOW_BYTES: 4096}


def _result(status: Status) -> Result:
    return Result(
        FRESHNESS_CHECK, "postgres", "newest commits", status, Claim.CONSISTENT, _MEASURED
    )


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2026-11-22T16:43:01+00:00", 60),
        ("2026-11-22T16:00:00+00:00", 0),
        ("2026-11-22T18:00:00+00:00", 600),
        ("", 600),
    ],
)
def test_the_snapshots_own_time_is_used_where_it_is_sharper(time: str, seconds: int) -> None:
    """A clock that is behind makes no negative age, one that is ahead no greater one."""
    found = recovery_point([_result(Status.OK)], {"taken_at": time})
    assert found["rpo_seconds"] == seconds
    assert (found["rpo_wal_bytes"], found["proven_until"]) == (4096, "2026-11-22T16:42:01Z")


def test_without_a_good_measurement_nothing_is_known() -> None:
    for results in ([], [_result(Status.UNMEASURED)]):
        assert set(recovery_point(results, None).values()) == {None}


DAYS = {name: datetime(2026, 1, day, tzinfo=UTC) for day, name in enumerate(TIMES, start=1)}


@pytest.mark.parametrize(
    ("known", "day"),
    [
        (TIMES, 1),
        (TIMES[:1], 1),
        (TIMES[1:], 2),
        (TIMES[2:], 3),
        ((TIMES[0], TIMES[2]), 1),
        ((), None),
    ],
)
def test_the_data_are_as_old_as_their_newest_transaction_and_never_as_a_copy(
    known: Sequence[str], day: int | None
) -> None:
    """RDS leaves a time out, or gives none, while it is not known."""
    for missing in ({}, dict.fromkeys(set(TIMES) - set(known))):
        found = taken_at({**{name: DAYS[name] for name in known}, **missing})
        assert (found.day if found else None) == day


def test_one_place_alone_knows_the_times_of_a_snapshot() -> None:
    """A second opinion makes one copied snapshot of two ages."""
    root = Path(__file__).parents[3]
    reading = {
        str(file.relative_to(root))
        for folder in ("lambdas", "ops", "stacks")
        for file in (root / folder).rglob("*.py")
        if "node_modules" not in file.parts
        and any(name in file.read_text(encoding="utf-8") for name in TIMES)
    }
    assert reading == {"lambdas/drill/recovery_point/rpo.py"}


def test_every_list_and_choice_goes_by_that_time() -> None:
    """A copy of March of what January held is older than a snapshot of February."""
    copied = {
        "DBSnapshotIdentifier": "copied",
        "Status": "available",
        "SnapshotType": "manual",
        "OriginalSnapshotCreateTime": datetime(2026, 1, 1, tzinfo=UTC),
        "SnapshotCreateTime": datetime(2026, 3, 1, tzinfo=UTC),
    }
    newer = {
        "DBSnapshotIdentifier": "newer",
        "Status": "available",
        "SnapshotType": "manual",
        "SnapshotDatabaseTime": datetime(2026, 2, 1, tzinfo=UTC),
        "OriginalSnapshotCreateTime": datetime(2026, 2, 2, tzinfo=UTC),
        "SnapshotCreateTime": datetime(2026, 2, 3, tzinfo=UTC),
    }
    assert latest([copied, newer], "any") is newer
    assert [row(each)["taken_at"][:10] for each in (copied, newer)] == ["2026-01-01", "2026-02-01"]
