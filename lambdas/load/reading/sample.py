"""How much of a file is read to plan its load, and a header for what is left out of it."""

import csv
import io
from collections.abc import Sequence

from lambdas.load.csv_format import CsvFormat

HEAD_BYTES = 1 << 20
"""1,600 columns with names of 63 characters of four bytes each are 0.4 MB."""


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
