"""The user's expectations: an operator and a literal, held against one value.

A number is compared as a number, whatever the value's type, and true, false and null are only
themselves. A text in quotes is a literal of the value's own type, as in SQL, and PostgreSQL
compares the two.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

_FORM = re.compile(r"^\s*(==|=|!=|<>|<=|>=|<|>)\s*(.+?)\s*$", re.DOTALL)
_ONE_SPELLING = {"==": "=", "<>": "!="}

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUTH = {"true": "t", "false": "f"}
_NULL = "null"

_BOOLEAN = 16
_JSON = frozenset({114, 3802})
MONEY = 790
"""The numbers of the types ``boolean``, ``json``, ``jsonb`` and ``money``, the same everywhere."""


@dataclass(frozen=True)
class Expectation:
    """An expectation, taken apart.

    Attributes:
        operator: one of ``= != < <= > >=``.
        literal: what stands after it; a text without its quotes.
        quoted: whether it is a text.
    """

    operator: str
    literal: str
    quoted: bool

    @property
    def is_of_equality(self) -> bool:
        """Whether it asks for no order."""
        return self.operator in ("=", "!=")

    def holds(self, value: Any, wanted: Any) -> bool:
        """Compare two values of Python's."""
        return _OPERATORS[self.operator](value, wanted)


def expectation_from(expect: str) -> Expectation | None:
    """What the input's ``expect`` says, such as ``"> 0"``; None if it is of no known form."""
    match = _FORM.match(expect)
    if match is None:
        return None
    literal, quoted = match[2], match[2].startswith("'")
    return Expectation(
        _ONE_SPELLING.get(match[1], match[1]), literal[1:-1] if quoted else literal, quoted
    )


def is_json(type_number: int) -> bool:
    """Whether a type's values are documents, with truths, nulls and texts inside."""
    return type_number in _JSON


def is_met(expected: Expectation, value: str | None, type_number: int) -> bool | None:
    """Whether a value is as expected, of all that is no text in quotes; None: not comparable.

    Args:
        value: as PostgreSQL prints it, None for NULL.
        type_number: the ``oid`` of its type.
    """
    if value == _NULL and is_json(type_number):
        value = None
    if expected.literal == _NULL:
        same: bool | None = value is None
    elif value is None:
        return False
    elif expected.literal in _TRUTH:
        same = _is_truth(expected.literal, value, type_number)
    else:
        number = None if type_number == _BOOLEAN else _number(_bare(value, type_number))
        return None if number is None else expected.holds(number, Decimal(expected.literal))
    if same is None or not expected.is_of_equality:
        return None
    return same is (expected.operator == "=")


def _is_truth(word: str, value: str, type_number: int) -> bool | None:
    if type_number == _BOOLEAN:
        return value == _TRUTH[word]
    return value == word if is_json(type_number) and value in _TRUTH else None


def _bare(value: str, type_number: int) -> str:
    """A text inside a document without its quotes."""
    return value.strip('"') if is_json(type_number) else value


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return None if number.is_nan() else number
