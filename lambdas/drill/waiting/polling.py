"""One poll of a long RDS operation: what was seen, and how long to wait before the next one."""

import math
from dataclasses import dataclass
from datetime import datetime

from lambdas.drill.waiting.phases import Observation, Phase

LAG = 0.05
"""A finished operation is noticed within this share of the time it took, or one poll."""


@dataclass(frozen=True)
class PollResult:
    """The output of a ``Check…`` state."""

    phase: Phase
    detail: str
    wait_seconds: int


def poll_result(
    observed: Observation,
    what: str,
    since: datetime,
    now: datetime,
    until: datetime,
    poll_seconds: float,
) -> PollResult:
    """What a ``Check…`` state answers, given what it observed.

    Args:
        what: the thing that is waited for, for the sentence when it is overdue.
        since: when it was asked for.
        until: when it is given up.
    """
    if observed.phase not in (Phase.WAIT, Phase.REPEAT_DELETE):
        return PollResult(observed.phase, observed.detail, 0)
    elapsed_seconds = (now - since).total_seconds()
    wait_seconds = next_wait_seconds(elapsed_seconds, (until - now).total_seconds(), poll_seconds)
    if not wait_seconds:
        detail = f"{what} was not done by the deadline; last seen: {observed.detail}"
        return PollResult(Phase.OVERDUE, detail, 0)
    return PollResult(observed.phase, observed.detail, wait_seconds)


def next_wait_seconds(elapsed_seconds: float, remaining_seconds: float, poll_seconds: float) -> int:
    """How long to wait before the next poll; 0 when the deadline has passed.

    Args:
        elapsed_seconds: since the operation was asked for.
        remaining_seconds: until the deadline.
        poll_seconds: the deployment's shortest wait, 1 to 15.

    Returns:
        At least one poll, at most 5 % of what has elapsed, and never past the deadline by more
        than a second, so that an operation that never ends is given up on time.
    """
    if remaining_seconds <= 0:
        return 0
    wanted = max(poll_seconds, elapsed_seconds * LAG)
    return max(1, min(math.floor(wanted), math.ceil(remaining_seconds)))
