"""Buckets and ranges of a large relation."""

import pytest

from lambdas.drill.checks.rows.counts import Bound, _Bounded, _within
from lambdas.drill.checks.rows.stable_rows import Buckets
from lambdas.drill.units import Claim


@pytest.mark.parametrize(("last_start", "each"), [(0, 1), (64, 0), (524288, 0)])
def test_ranges_beyond_the_buckets_are_bounded_as_a_whole(last_start: int, each: int) -> None:
    """An estimated size gave too few buckets; the open one must not be held against one range."""
    bounded = _Bounded("", Claim.PROVEN, (5, 5), Buckets(64, 1), [Bound(5, 5, 1)])
    within = _within(bounded, [(0, last_start or None), (last_start, None)])
    assert len(within.each) == each
    assert (within.claim is Claim.PROVEN) == bool(each)
    assert within.total == (5, 5)
