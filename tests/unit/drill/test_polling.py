"""A poll's result: the phase and a bounded wait."""

from datetime import UTC, datetime, timedelta

import pytest

from lambdas.drill.waiting.phases import Observation, Phase
from lambdas.drill.waiting.polling import PollResult, poll_result

ASKED_AT = datetime(2026, 11, 22, 9, 44, 33, tzinfo=UTC)
GIVEN_UP_AT = ASKED_AT + timedelta(hours=6)


def _poll(phase: Phase, now: datetime) -> PollResult:
    return poll_result(
        Observation(phase, "creating, 5 %"), "the copy", ASKED_AT, now, GIVEN_UP_AT, 15
    )


@pytest.mark.parametrize("phase", [Phase.WAIT, Phase.REPEAT_DELETE])
def test_what_is_not_done_is_looked_at_again_at_the_pace(phase: Phase) -> None:
    now = ASKED_AT + timedelta(hours=1)
    assert _poll(phase, now) == PollResult(phase, "creating, 5 %", 180)


@pytest.mark.parametrize("phase", [Phase.WAIT, Phase.REPEAT_DELETE])
@pytest.mark.parametrize("late_seconds", [0, 1, 86_400])
def test_what_is_not_done_by_the_deadline_is_overdue(phase: Phase, late_seconds: int) -> None:
    found = _poll(phase, GIVEN_UP_AT + timedelta(seconds=late_seconds))
    assert (found.phase, found.wait_seconds) == (Phase.OVERDUE, 0)
    assert "the copy" in found.detail
    assert "creating, 5 %" in found.detail


@pytest.mark.parametrize("phase", [Phase.READY, Phase.FAILED])
@pytest.mark.parametrize("now", [ASKED_AT, GIVEN_UP_AT + timedelta(hours=1)])
def test_what_has_ended_is_said_at_once_even_after_the_deadline(
    phase: Phase, now: datetime
) -> None:
    assert _poll(phase, now) == PollResult(phase, "creating, 5 %", 0)


def test_the_wait_ends_with_the_deadline() -> None:
    found = _poll(Phase.WAIT, GIVEN_UP_AT - timedelta(seconds=4.2))
    assert (found.phase, found.wait_seconds) == (Phase.WAIT, 5)
