"""The beginning of a file read by Python's csv module, as COPY will read it."""

import csv
import io
from collections.abc import Iterator, Sequence

from lambdas.domain.csv_format import CsvFormat

HEAD_BYTES = 1 << 20
"""1,600 columns with names of 63 characters of four bytes each are 0.4 MB."""

csv.field_size_limit(HEAD_BYTES)


def rows_of(text: str, form: CsvFormat) -> Iterator[list[str]]:
    """The rows of a text of at most ``HEAD_BYTES``."""
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=form.delimiter,
        quotechar=form.quote,
        doublequote=form.escape == form.quote,
        escapechar=None if form.escape == form.quote else form.escape,
    )


def header_line(names: Sequence[str], form: CsvFormat) -> bytes:
    """A header for rows that are in UTF-8."""
    line = io.StringIO()
    csv.writer(
        line,
        delimiter=form.delimiter,
        quotechar=form.quote,
        doublequote=form.escape == form.quote,
        escapechar=None if form.escape == form.quote else form.escape,
        lineterminator="\n",
    ).writerow(names)
    return line.getvalue().encode()
