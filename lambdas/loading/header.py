"""The header is matched by name, in any order; what does not fit is named."""

import re
from collections import Counter
from collections.abc import Sequence

from lambdas.domain.csv_format import CsvFormat
from lambdas.domain.load import first_of
from lambdas.errors import BadData
from lambdas.loading.reading import HEAD_BYTES, rows_of
from lambdas.loading.rows import NOT_FOUND, row_start
from lambdas.loading.table import LONGEST_NAME


def names_in(first_bytes: bytes, form: CsvFormat, *, whole: bool) -> list[str]:
    """The column names of a header.

    Args:
        first_bytes: the beginning of the data, in UTF-8, without byte order mark or compression.
        whole: whether it is all there is.

    Raises:
        BadData: there is no header, it is no UTF-8, or does not end.
    """
    end = _end(first_bytes, form)
    if end == NOT_FOUND:
        if not whole:
            raise BadData(f"the header does not end within {HEAD_BYTES >> 20} MiB")
        end = len(first_bytes)
    try:
        text = first_bytes[:end].decode()
    except UnicodeDecodeError:
        raise BadData("the header holds bytes that are not utf-8; say the encoding") from None
    names = next(rows_of(text.rstrip("\r\n"), form), [])
    if not names:
        raise BadData("the data are empty: there is no header")
    if any("\0" in name for name in names):
        raise BadData("line 1: the header holds a zero byte")
    return names


def _end(data: bytes, form: CsvFormat) -> int:
    """After the header's newline, as COPY finds it; ``NOT_FOUND`` where there is none."""
    if form.cut_quote:
        return row_start(data, form.cut_quote, inside=False)
    quote, escape = re.escape(form.quote.encode()), re.escape(form.escape.encode())
    # Only within quotes does the other character escape, and only the quote and itself.
    outside, inside = (
        re.compile(quote + rb"|\n"),
        re.compile(rb"%b[%b%b]|%b" % (escape, quote, escape, quote)),
    )
    pattern, at = outside, 0
    while found := pattern.search(data, at):
        at = found.end()
        if found[0] == b"\n":
            return at
        if len(found[0]) == 1:
            pattern = inside if pattern is outside else outside
    return NOT_FOUND


def faults(
    names: Sequence[str],
    columns: Sequence[str],
    generated: Sequence[str] = (),
    required: Sequence[str] = (),
) -> list[str]:
    """What keeps a header from fitting a table; empty when nothing does.

    Args:
        names: the header's.
        columns: those of the table that can be written, in its order.
        generated: those of the table that PostgreSQL computes.
        required: those of the table that may not be NULL and have no default.
    """
    if not any(name in columns or name in generated for name in names):
        # Perhaps it is no header: what it holds may be data, and is not told.
        return ["the first row names no column of the table; is there a header?"]
    twice = [name for name, count in Counter(names).items() if count > 1]
    computed = [name for name in names if name in generated]
    extra = [name for name in names if name not in columns and name not in generated]
    missing = [name for name in required if name not in names]
    return [
        f"{told}: {', '.join(first_of([shown(name) for name in found]))}"
        for told, found in (
            ("columns that the header names twice", twice),
            ("columns that PostgreSQL generates and nobody can load", computed),
            ("columns that the table does not have", extra),
            ("columns that the table needs and the data do not bring", missing),
        )
        if found
    ]


def shown(name: str) -> str:
    """A name, cut if it can be none of a column."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
