"""The user's expectations: an operator and a literal, held against one value."""

import operator
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

_FORM = re.compile(r"^\s*(==|=|!=|<>|<=|>=|<|>)\s*(.+?)\s*$", re.DOTALL)

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


def is_met(expect: str, value: Any) -> bool | None:
    """Whether ``value`` is as ``expect`` says, such as ``"> 0"``; None when they can't be compared.

    Args:
        expect: of the form that the input schema allows.
        value: the one value that the query gave.
    """
    match = _FORM.match(expect)
    if match is None:
        return None
    compare, literal = _OPERATORS[match[1]], match[2]
    wanted = _literal(literal)
    if wanted is None or isinstance(wanted, bool):
        if compare not in (operator.eq, operator.ne):
            return None
        same = value is wanted
        return same if compare is operator.eq else not same
    if value is None:
        return False
    if isinstance(wanted, str):
        return compare(str(value), wanted)
    number = _number(value)
    return None if number is None else compare(number, wanted)


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1]
    return _WORDS[text] if text in _WORDS else Decimal(text)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return None if number.is_nan() else number
