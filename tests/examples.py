"""How many generated examples a property is tried on: ``make test-all`` tries all of them."""

import os

FEWEST = 10
THOROUGH = "TM_THOROUGH"
"""``make test-all`` sets it: a decorator is evaluated before pytest knows its options."""


def examples(thorough: int) -> int:
    """``max_examples`` of a property that ``make test-all`` tries on so many."""
    if os.environ.get(THOROUGH):
        return thorough
    return min(thorough, max(FEWEST, thorough // 10))
