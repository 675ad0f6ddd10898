"""Buckets and ranges of a large relation."""

import pytest

from lambdas.drill.checks.rows.bounds import Bound, Bounded, within
from lambdas.drill.checks.rows.stable_rows import Buckets
from lambdas.drill.units import Claim


@pytest.mark.parametrize(("last_start", "each"), [(0, 1), (64, 0), (524288, 0)])
def test_ranges_beyond_the_buckets_are_bounded_as_a_whole(last_start: int, each: int) -> None:
    """An estimated size gave too few buckets; the open one must not be held against one range."""
    bounded = Bounded("", Claim.PROVEN, (5, 5), Buckets(64, 1), [Bound(5, 5, 1)])
    cut = within(bounded, [(0, last_start or None), (last_start, None)])
    assert len(cut.each) == each
    assert (cut.claim is Claim.PROVEN) == bool(each)
    assert cut.total == (5, 5)
