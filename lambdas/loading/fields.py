"""The fields of a CSV as COPY reads them: a quote opens and closes wherever it stands."""

import re
from collections.abc import Iterator

from lambdas.domain.csv_format import CsvFormat


class Fields:
    """Patterns for the fields of one format, over bytes in UTF-8.

    Attributes:
        plain: a class of the characters that a field has outside of quotes.
        inside: what stands between two quotes.
        blanks: blanks that are neither delimiter nor quote.
        any: a field, and what ends it; a carriage return at the end may be half of an ending.
        neat: a whole field that has no quote, or nothing but blanks outside of its quotes.
        begun: a neat field in quotes that may be cut off; group 1 is what begins with the last.
        hop: up to a quote that is not plainly the first or the last of its field.
    """

    def __init__(self, form: CsvFormat) -> None:
        self.form = form
        self.delimiter, self.quote = form.delimiter.encode(), form.quote.encode()
        self.escape = form.escape.encode()
        delimiter, quote, escape = map(re.escape, (self.delimiter, self.quote, self.escape))
        self.plain = rb"[^%b%b\r\n]" % (delimiter, quote)
        # Only within quotes does the other character escape, and only the quote and itself.
        self.inside = (
            rb"(?:[^%b]++|%b%b)*+" % (quote, quote, quote)
            if escape == quote
            else rb"(?:%b[%b%b]|[^%b])*+" % (escape, quote, escape, quote)
        )
        quoted = quote + self.inside + quote
        blank = [re.escape(one) for one in (b" ", b"\t") if one not in special(form)]
        self.blanks = b"[%b]*+" % b"".join(blank) if blank else b""
        self.any = re.compile(
            rb"((?:%b++|%b)*+)(%b|\r\n|\n|\r(?=[^\n]))" % (self.plain, quoted, delimiter)
        )
        self.neat = re.compile(rb"%b%b%b|%b*+" % (self.blanks, quoted, self.blanks, self.plain))
        self.begun = re.compile(
            rb"%b%b%b(%b%b\r?)?" % (self.blanks, quote, self.inside, quote, self.blanks)
        )
        self.hop = re.compile(
            rb"(?:[^%b]*+(?<=[%b\r\n])%b(?=[%b\r\n]))*+[^%b]*+"
            % (quote, delimiter, quoted, delimiter, quote)
        )

    def rows(self, text: bytes, *, whole: bool) -> Iterator[list[bytes]]:
        """The rows of a text as they are written; one whose end is not there is left out.

        Args:
            whole: whether the end of the text ends a row.
        """
        data = text + b"\n" if whole and text and not text.endswith(b"\n") else text
        row: list[bytes] = []
        at = 0
        while found := self.any.match(data, at):
            row.append(found[1])
            at = found.end()
            if found[2] != self.delimiter:
                yield row
                row = []

    def value(self, field: bytes) -> bytes:
        """What COPY makes of a field as it is written."""
        quote, escape = re.escape(self.quote), re.escape(self.escape)
        within = re.compile(rb"%b(%b)%b" % (quote, self.inside, quote))
        escaped = re.compile(rb"%b([%b%b])" % (escape, quote, escape))
        return within.sub(lambda found: escaped.sub(rb"\1", found[1]), field)


def special(form: CsvFormat) -> set[bytes]:
    """The characters that mean something else than themselves."""
    return {one.encode() for one in (form.delimiter, form.quote, form.escape)}
