"""The user's expectations against one value, as PostgreSQL prints it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.drill.admission.expectation import Expectation, expectation_from
from lambdas.drill.admission.expectation import is_met as is_met_by

numbers = st.integers(-(10**12), 10**12)

BOOLEAN, BIGINT, TEXT, JSON, JSONB = 16, 20, 25, 114, 3802


def is_met(expect: str, value: str | int | None, type_number: int = BIGINT) -> bool | None:
    expected = expectation_from(expect)
    assert expected is not None
    return is_met_by(expected, None if value is None else str(value), type_number)


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


@pytest.mark.parametrize("value", ["0.1", "0.10", "1e-1"])
@pytest.mark.parametrize("type_number", [TEXT, 700, 701, 1700, JSONB])
def test_fractions_are_compared_exactly(value: str, type_number: int) -> None:
    assert is_met("= 0.1", value, type_number) is True
    assert is_met("> 0.1", value, type_number) is False


@pytest.mark.parametrize("expect", ["  >=  -5  ", ">=-5", ">= -5.0"])
def test_spaces_around_operator_and_literal_do_not_matter(expect: str) -> None:
    assert is_met(expect, -5) is True
    assert is_met(expect, -6) is False


@pytest.mark.parametrize(
    ("value", "type_number"),
    [("text", TEXT), ("", TEXT), ("t", BOOLEAN), ("2026-11-22", 1082), ("{1}", 1007)],
)
def test_what_is_no_number_can_not_be_compared_with_one(value: str, type_number: int) -> None:
    assert is_met("> 0", value, type_number) is None


def test_infinity_is_beyond_every_number() -> None:
    assert is_met("> 5", "Infinity", 701) is True
    assert is_met("< 5", "-Infinity", 701) is True


def test_a_number_inside_a_document_is_one() -> None:
    assert is_met("= 5", '"5"', JSONB) is True
    assert is_met("= 5", "5", JSON) is True


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("= 'open'", Expectation("=", "open", quoted=True)),
        ("<> ''", Expectation("!=", "", quoted=True)),
        (">= ' a '", Expectation(">=", " a ", quoted=True)),
        ("= 'a\nb'", Expectation("=", "a\nb", quoted=True)),
        ("= '> 0'", Expectation("=", "> 0", quoted=True)),
        ("== 5", Expectation("=", "5", quoted=False)),
    ],
)
def test_an_expectation_is_taken_apart(expect: str, expected: Expectation) -> None:
    assert expectation_from(expect) == expected


@pytest.mark.parametrize(
    ("expect", "value", "met"),
    [
        ("= true", "t", True),
        ("= true", "f", False),
        ("!= true", "f", True),
        ("= false", "f", True),
        ("= false", None, False),
        ("= null", None, True),
        ("!= null", None, False),
        ("<> null", "t", True),
    ],
)
def test_true_false_and_null_are_only_themselves(expect: str, value: str, met: bool) -> None:
    assert is_met(expect, value, BOOLEAN) is met


@pytest.mark.parametrize(
    ("expect", "value", "met"),
    [
        ("= true", "true", True),
        ("!= true", "true", False),
        ("= true", "false", False),
        ("= null", "null", True),
        ("= null", '"null"', False),
    ],
)
def test_a_document_may_be_true_false_or_null(expect: str, value: str, met: bool) -> None:
    assert is_met(expect, value, JSONB) is met


@pytest.mark.parametrize("expect", ["= true", "= false", "!= true"])
@pytest.mark.parametrize(
    ("value", "type_number"), [("1", BIGINT), ("", TEXT), ("true", TEXT), ("t", TEXT), ("{}", JSON)]
)
def test_what_is_no_truth_can_not_be_compared_with_one(
    expect: str, value: str, type_number: int
) -> None:
    assert is_met(expect, value, type_number) is None


@pytest.mark.parametrize("value", ["0", "", "null"])
def test_no_text_is_null(value: str) -> None:
    assert is_met("= null", value, TEXT) is False


@pytest.mark.parametrize("expect", ["> true", "<= false"])
def test_true_and_false_have_no_order(expect: str) -> None:
    assert is_met(expect, "t", BOOLEAN) is None


@pytest.mark.parametrize("expect", ["> null", ">= null"])
@pytest.mark.parametrize("value", ["t", None])
def test_null_has_no_order(expect: str, value: str | None) -> None:
    assert is_met(expect, value, BOOLEAN) is None


@pytest.mark.parametrize("expect", ["= 0", "!= 0", "> 0"])
def test_null_meets_no_number(expect: str) -> None:
    assert is_met(expect, None) is False


@pytest.mark.parametrize("expect", ["", "0", "is 5", ">"])
def test_what_is_no_expectation_is_none(expect: str) -> None:
    assert expectation_from(expect) is None


@pytest.mark.parametrize("value", ["NaN", "nan"])
def test_what_is_not_a_number_can_not_be_compared(value: str) -> None:
    assert is_met("> 0", value, 701) is None
