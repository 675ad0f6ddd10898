"""The types of a table that is yet to be made, from the first rows.

A column has a type only while each of its values is written as PostgreSQL prints it: such a value
comes back as it was written, and an identifier such as 01569 or 12E5 is not taken for a number.
What else the type would take, it would change. The first rows suggest the types, and every row is
held against them, see :mod:`lambdas.load.reading.watch`.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading.fields import Fields

SAMPLE_ROWS = 10_000

TEXT = "text"

_YEAR = rb"(?!0000)[0-9]{4}"
_LEAP_YEAR = (
    rb"(?!0000)(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
)
_DATE = (
    rb"(?:%b-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rb"|02-(?:0[1-9]|1[0-9]|2[0-8]))|%b-02-29)" % (_YEAR, _LEAP_YEAR)
)
_TIMESTAMP = _DATE + rb" (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{0,5}[1-9])?"

WRITTEN: dict[str, bytes] = {
    "boolean": rb"[tf]",
    "bigint": rb"(?:-?[1-9][0-9]{0,17}+|0)",
    # As many decimals as are written are kept, but no sign of a zero.
    "numeric": rb"(?:-(?![0.]++(?![0-9.])))?(?:[1-9][0-9]{0,499}+|0)(?:\.[0-9]{1,499}+)?",
    "date": _DATE,
    "timestamp": _TIMESTAMP,
    "timestamptz": _TIMESTAMP + rb"\+00",
    "uuid": rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}
"""How PostgreSQL prints the values of a type, with DateStyle ISO and TimeZone UTC; in this order.

COPY and psql print a boolean as t and f (boolout in src/backend/utils/adt/bool.c); ``true`` and
``false`` are what only its cast to text has, so a column of these words is text.
"""

WIDER = {"bigint": "numeric"}
"""What a type may become without another word for its values; any other becomes text."""

_IN_VALUES = re.compile(rb"[0-9A-Za-z+\-.: ]")


def patterns(form: CsvFormat) -> dict[str, bytes]:
    """For each type, a field of it: NULL, a value, or a value in quotes."""
    quote, null = re.escape(form.quote.encode()), re.escape(form.null.encode())
    if _IN_VALUES.match(form.quote.encode()) or _IN_VALUES.match(form.escape.encode()):
        return {}  # a quote that may stand in a value: too odd to be worth a type
    return {
        kind: rb"(?:%b|%b%b%b|%b)" % (value, quote, value, quote, null)
        for kind, value in WRITTEN.items()
    }


def types(sample: Iterable[Sequence[bytes]], columns: int, form: CsvFormat) -> list[str]:
    """The first type that every value of a column is written as, ``text`` when there is none.

    Args:
        sample: rows of fields as they are written, quotes and all.
    """
    known = {kind: re.compile(pattern) for kind, pattern in patterns(form).items()}
    left = [list(known) for _ in range(columns)]
    seen = [False] * columns
    null = form.null.encode()
    for row in sample:
        for number, field in enumerate(row[:columns]):
            if field == null:
                continue
            seen[number] = True
            left[number] = [kind for kind in left[number] if known[kind].fullmatch(field)]
    return [kinds[0] if kinds and found else TEXT for kinds, found in zip(left, seen, strict=True)]


def sample(text: bytes, form: CsvFormat, *, whole: bool) -> list[list[bytes]]:
    """The first rows of the data, the header and a row that is cut off left out."""
    found = list(islice(Fields(form).rows(text, whole=whole), SAMPLE_ROWS + 1))
    return found[1:] if form.header else found


def common(kinds: Iterable[str]) -> str:
    """The type of a column that several objects bring."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    return "numeric" if found == {"bigint", "numeric"} else TEXT
