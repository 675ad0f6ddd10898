"""The time that a function has for its work, with a reserve to write down what it found."""

from typing import Any

RESERVE_SECONDS = 30


def seconds_left(context: Any) -> float:
    """Until the function's own work has to end; ``context`` is Lambda's."""
    return float(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)
