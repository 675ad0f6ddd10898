"""How old a snapshot's data can be."""

import pytest

from lambdas.domain.recovery_point import (
    CHECK,
    PROVEN_UNTIL,
    WINDOW_BYTES,
    WINDOW_SECONDS,
    recovery_point,
)
from lambdas.domain.units import Claim, Status
from lambdas.domain.verdict import Result

_MEASURED = {PROVEN_UNTIL: 1_795_365_721, WINDOW_SECONDS: 600, WINDOW_BYTES: 4096}


def _result(status: Status) -> Result:
    return Result(CHECK, "postgres", "newest commits", status, Claim.CONSISTENT, _MEASURED)


@pytest.mark.parametrize(
    ("taken_at", "seconds"),
    [
        ("2026-11-22T16:43:01+00:00", 60),
        ("2026-11-22T16:00:00+00:00", 0),
        ("2026-11-22T18:00:00+00:00", 600),
        ("", 600),
    ],
)
def test_the_snapshots_own_time_is_used_where_it_is_sharper(taken_at: str, seconds: int) -> None:
    """A clock that is behind makes no negative age, one that is ahead no greater one."""
    found = recovery_point([_result(Status.OK)], {"taken_at": taken_at})
    assert found["rpo_seconds"] == seconds
    assert (found["rpo_wal_bytes"], found["proven_until"]) == (4096, "2026-11-22T16:42:01Z")


def test_without_a_good_measurement_nothing_is_known() -> None:
    for results in ([], [_result(Status.UNMEASURED)]):
        assert set(recovery_point(results, None).values()) == {None}
