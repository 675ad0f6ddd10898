"""Pacing: few events for a restore of days, and a small lag for one of minutes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.drill.waiting.polling import next_wait_seconds

TWO_DAYS_SECONDS = 48 * 3600.0

EVENTS_PER_ROUND = 9
"""Measured: a Wait, Task and Choice round costs about 9 events of a history that ends at 25,000."""

polls = st.floats(1, 15)
instants = st.floats(1, TWO_DAYS_SECONDS)


def _looks(finished_at: float, deadline_at: float, poll_seconds: float) -> list[float]:
    """When an operation is looked at, until it is found finished or overdue."""
    looks = [0.0]
    while looks[-1] < finished_at:
        wait_seconds = next_wait_seconds(looks[-1], deadline_at - looks[-1], poll_seconds)
        if not wait_seconds:
            break
        looks.append(looks[-1] + wait_seconds)
    return looks


@pytest.mark.parametrize("poll_seconds", [1, 5, 15])
def test_a_restore_of_two_days_stays_under_5000_events(poll_seconds: float) -> None:
    looks = _looks(TWO_DAYS_SECONDS, 2 * TWO_DAYS_SECONDS, poll_seconds)
    assert looks[-1] >= TWO_DAYS_SECONDS
    assert len(looks) * EVENTS_PER_ROUND < 5000


@given(instants, polls)
def test_the_lag_is_at_most_5_percent_or_15_seconds(
    finished_at: float, poll_seconds: float
) -> None:
    noticed_at = _looks(finished_at, 2 * TWO_DAYS_SECONDS, poll_seconds)[-1]
    assert 0 <= noticed_at - finished_at <= max(0.05 * finished_at, 15)


@given(instants, polls)
def test_what_never_ends_is_given_up_within_a_second_of_the_deadline(
    deadline_at: float, poll_seconds: float
) -> None:
    given_up_at = _looks(math.inf, deadline_at, poll_seconds)[-1]
    assert deadline_at <= given_up_at <= deadline_at + 1


@given(st.floats(0, TWO_DAYS_SECONDS), st.floats(max_value=0, allow_nan=False), polls)
def test_at_the_deadline_and_after_it_is_overdue(
    elapsed_seconds: float, remaining_seconds: float, poll_seconds: float
) -> None:
    assert next_wait_seconds(elapsed_seconds, remaining_seconds, poll_seconds) == 0


@given(st.floats(0, TWO_DAYS_SECONDS), st.floats(0.001, TWO_DAYS_SECONDS), polls)
def test_before_the_deadline_it_waits_at_least_a_second(
    elapsed_seconds: float, remaining_seconds: float, poll_seconds: float
) -> None:
    assert next_wait_seconds(elapsed_seconds, remaining_seconds, poll_seconds) >= 1


@pytest.mark.parametrize(("elapsed_seconds", "wait_seconds"), [(0, 15), (300, 15), (3600, 180)])
def test_the_wait_grows_with_what_has_elapsed(elapsed_seconds: float, wait_seconds: int) -> None:
    assert next_wait_seconds(elapsed_seconds, TWO_DAYS_SECONDS, 15) == wait_seconds
