"""The time that a function has for its work, with a reserve to write down what it found."""

from collections.abc import Callable
from typing import Any

RESERVE_SECONDS = 30

OUT_OF_TIME = (
    "out of time; give the drill more (input deadline_minutes), or the copy a larger class"
    " (restore.instance_class)"
)

SecondsLeft = Callable[[], float]
"""Asks how many seconds are left for some work; negative when it should have ended."""


def seconds_left(context: Any) -> float:
    """Until the function's own work has to end; ``context`` is Lambda's."""
    return float(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)
