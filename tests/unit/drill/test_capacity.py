"""As many batches at once as the copy's class can bear, and never none."""

import pytest

from lambdas.drill.verification.capacity import FEWEST, MOST, concurrent_batches


@pytest.mark.parametrize(
    ("instance_class", "batches"),
    [
        ("db.t3.micro", 2),
        ("db.t4g.medium", 2),
        ("db.t4g.2xlarge", 2),
        ("db.m7g.large", 4),
        ("db.r6gd.xlarge", 8),
        ("db.m5.2xlarge", 16),
        ("db.r7g.4xlarge", MOST),
        ("db.x2iedn.32xlarge", MOST),
        ("db.m6i.metal", FEWEST),
        ("db.serverless", FEWEST),
        ("", FEWEST),
    ],
)
def test_the_size_word_tells_the_processors(instance_class: str, batches: int) -> None:
    assert concurrent_batches(instance_class) == batches
