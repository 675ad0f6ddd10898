"""How long to wait between two looks at a long RDS operation."""

import math
from dataclasses import dataclass

LAG = 0.05
"""A finished operation is noticed within this share of the time it took, or one poll."""

EVENTS_PER_ROUND = 9
"""Measured: a Wait, Task and Choice round costs about 9 events of a history that ends at 25,000."""


@dataclass(frozen=True)
class Pace:
    """``overdue`` is true when the deadline has passed; else wait ``wait_seconds`` and look."""

    wait_seconds: int
    overdue: bool


def pace(elapsed_seconds: float, remaining_seconds: float, poll_seconds: float) -> Pace:
    """Decide the next wait.

    Args:
        elapsed_seconds: since the operation was asked for.
        remaining_seconds: until the deadline.
        poll_seconds: the deployment's shortest wait, 1 to 15.

    Returns:
        At least one poll, at most 5 % of what has elapsed, and never past the deadline by more
        than a second, so that an operation that never ends is given up on time.
    """
    if remaining_seconds <= 0:
        return Pace(0, overdue=True)
    wanted = max(poll_seconds, elapsed_seconds * LAG)
    return Pace(max(1, min(math.floor(wanted), math.ceil(remaining_seconds))), overdue=False)
