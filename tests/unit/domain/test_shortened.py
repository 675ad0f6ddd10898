"""A list is cut only where there is more to tell than fits."""

import pytest

from lambdas.common.shortened import shortened


@pytest.mark.parametrize(
    ("number", "message"),
    [(0, ()), (2, ("0", "1")), (3, ("0", "1", "and 1 more")), (2002, ("0", "1", "and 2,000 more"))],
)
def test_the_rest_is_counted(number: int, message: tuple[str, ...]) -> None:
    assert shortened([str(n) for n in range(number)], 2) == message


def test_what_the_rest_is_can_be_said() -> None:
    assert shortened(["a", "b"], 1, "more objects") == ("a", "and 1 more objects")
