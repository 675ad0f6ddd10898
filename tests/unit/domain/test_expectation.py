"""The user's expectations against one value."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.expectation import is_met

numbers = st.integers(-(10**12), 10**12)


@given(numbers, numbers)
def test_a_number_is_compared_as_the_operator_says(value: int, wanted: int) -> None:
    assert is_met(f"= {wanted}", value) is (value == wanted)
    assert is_met(f"!= {wanted}", value) is (value != wanted)
    assert is_met(f"<> {wanted}", value) is (value != wanted)
    assert is_met(f"< {wanted}", value) is (value < wanted)
    assert is_met(f"<= {wanted}", value) is (value <= wanted)
    assert is_met(f"> {wanted}", value) is (value > wanted)
    assert is_met(f">= {wanted}", value) is (value >= wanted)


@given(numbers)
def test_a_number_is_equal_to_itself_and_not_beyond_itself(value: int) -> None:
    assert is_met(f"= {value}", value)
    assert is_met(f">={value}", value)
    assert is_met(f"> {value}", value) is False


@pytest.mark.parametrize("value", [0.1, Decimal("0.10"), "0.1"])
def test_fractions_are_compared_exactly(value: Any) -> None:
    assert is_met("= 0.1", value) is True
    assert is_met("> 0.1", value) is False


@pytest.mark.parametrize("expect", ["  >=  -5  ", ">=-5", ">= -5.0"])
def test_spaces_around_operator_and_literal_do_not_matter(expect: str) -> None:
    assert is_met(expect, -5) is True
    assert is_met(expect, -6) is False


@pytest.mark.parametrize("value", ["text", "", True, date(2026, 11, 22), [1]])
def test_what_is_no_number_can_not_be_compared_with_one(value: Any) -> None:
    assert is_met("> 0", value) is None


@pytest.mark.parametrize(
    ("expect", "value", "met"),
    [
        ("= 'open'", "open", True),
        ("= 'open'", "Open", False),
        ("!= 'open'", "closed", True),
        ("> 'a'", "b", True),
        ("< 'a'", "b", False),
        ("= ''", "", True),
        ("= ' a '", " a ", True),
        ("= '> 0'", "> 0", True),
        ("= 'true'", "true", True),
        ("= '5'", 5, True),
        (">= '2026-11-01'", date(2026, 11, 22), True),
        (">= '2026-12-01'", date(2026, 11, 22), False),
    ],
)
def test_text_is_compared_as_text(expect: str, value: Any, met: bool) -> None:
    assert is_met(expect, value) is met


@pytest.mark.parametrize(
    ("expect", "value", "met"),
    [
        ("= true", True, True),
        ("= true", False, False),
        ("!= true", False, True),
        ("= false", False, True),
        ("= false", None, False),
        ("= null", None, True),
        ("!= null", None, False),
        ("<> null", 0, True),
        ("= null", "", False),
    ],
)
def test_true_false_and_null_are_only_themselves(expect: str, value: Any, met: bool) -> None:
    assert is_met(expect, value) is met


@pytest.mark.parametrize("expect", ["= true", "= false", "= null"])
@pytest.mark.parametrize("value", [0, 1, "", "true", "null"])
def test_no_number_and_no_text_is_true_false_or_null(expect: str, value: Any) -> None:
    assert is_met(expect, value) is False


@pytest.mark.parametrize("expect", ["> true", "<= false", "> null", ">= null"])
@pytest.mark.parametrize("value", [True, None, 1])
def test_true_false_and_null_have_no_order(expect: str, value: Any) -> None:
    assert is_met(expect, value) is None


@pytest.mark.parametrize("expect", ["= 0", "!= 0", "> 0", "= ''", "!= 'open'"])
def test_null_meets_neither_a_number_nor_a_text(expect: str) -> None:
    assert is_met(expect, None) is False


@pytest.mark.parametrize("expect", ["", "0", "is 5", ">"])
def test_what_is_no_expectation_can_not_be_compared(expect: str) -> None:
    assert is_met(expect, 5) is None


def test_two_equal_signs_are_one() -> None:
    assert is_met("== 5", 5) is True


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), Decimal("sNaN")])
def test_what_is_not_a_number_can_not_be_compared(value: Any) -> None:
    assert is_met("> 0", value) is None


def test_a_text_may_hold_a_newline() -> None:
    assert is_met("= 'a\nb'", "a\nb") is True
