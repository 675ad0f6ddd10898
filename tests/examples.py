"""How many examples and cases ``make test`` tries; ``make test-all`` tries all of them."""

import os
from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")

FEWEST = 10
THOROUGH = "TM_THOROUGH"
"""``make test-all`` sets it: a decorator is evaluated before pytest knows its options."""


def examples(thorough: int) -> int:
    """``max_examples`` of a property that ``make test-all`` tries on so many."""
    if os.environ.get(THOROUGH):
        return thorough
    return min(thorough, max(FEWEST, thorough // 10))


def some(cases: Iterable[_T], every: int) -> list[_T]:
    """Every so many of the cases that one set-up makes together; the first is always among them."""
    return list(cases)[:: 1 if os.environ.get(THOROUGH) else every]
