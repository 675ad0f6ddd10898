"""The types of a table that is yet to be made, told from the first rows."""

import re
from collections.abc import Iterable, Sequence

from lambdas.domain.csv_format import CsvFormat
from lambdas.loading.reading import rows_of

SAMPLE_ROWS = 10_000

TEXT = "text"

_TYPES = (
    ("boolean", re.compile(r"(?i:t|f|true|false)")),
    ("bigint", re.compile(r"-?(?:0|[1-9]\d{0,17})")),
    ("numeric", re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")),
    ("date", re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")),
    (
        "timestamp",
        re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?"),
    ),
    (
        "timestamptz",
        re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d(?::?\d\d)?)"),
    ),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
)
"""In this order; a number with a leading zero is an identifier, and stays text."""


def types(sample: Iterable[Sequence[str]], columns: int, null: str | None) -> list[str]:
    """The first type that every value of a column fits, ``text`` when none does.

    Args:
        null: what stands for NULL; None where it may be a value as well.
    """
    left = [[name for name, _ in _TYPES] for _ in range(columns)]
    seen = [False] * columns
    patterns = dict(_TYPES)
    for row in sample:
        for number, value in enumerate(row[:columns]):
            if value == null:
                continue
            seen[number] = True
            left[number] = [name for name in left[number] if patterns[name].fullmatch(value)]
    return [names[0] if names and found else TEXT for names, found in zip(left, seen, strict=True)]


def sample(text: bytes, form: CsvFormat, *, whole: bool) -> list[list[str]]:
    """The first rows of the data, the header and a row that is cut off left out."""
    rows = rows_of(text.decode(errors="replace"), form)
    found = [row for row, _ in zip(rows, range(SAMPLE_ROWS + 1), strict=False)]
    if not whole and len(found) <= SAMPLE_ROWS:
        found = found[:-1]
    return found[1:] if form.header else found


def is_null_quoted(text: bytes, form: CsvFormat) -> bool:
    """Whether what stands for NULL is quoted somewhere: there it is a value, as in ``"",""``."""
    quoted = re.escape(f"{form.quote}{form.null}{form.quote}".encode())
    delimiter = re.escape(form.delimiter.encode())
    field = rb"(?:^|[\r\n]|%b)%b(?:$|[\r\n]|%b)" % (delimiter, quoted, delimiter)
    return re.search(field, text) is not None


def common(kinds: Iterable[str]) -> str:
    """The type of a column that several objects bring."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    return "numeric" if found == {"bigint", "numeric"} else TEXT
