"""The fields of a CSV as COPY reads them: a quote opens and closes wherever it stands."""

import itertools
import re
import sys
from collections.abc import Iterator

from lambdas.load.csv_format import CsvFormat

_numbers = itertools.count()


def without_return(inner: bytes) -> bytes:
    """``(?:inner)*+``, which Python matches wrongly before 3.11.5 (its issue gh-106052).

    There a look-ahead, which keeps what it found first, takes its place.
    """
    if sys.version_info >= (3, 11, 5):
        return rb"(?:%b)*+" % inner
    name = b"kept%d" % next(_numbers)
    return rb"(?:(?=(?P<%b>(?:%b)*))(?P=%b))" % (name, inner, name)


class Fields:
    """Patterns for the fields of one format, over bytes in UTF-8.

    Attributes:
        plain: a class of the characters that a field has outside of quotes.
        blanks: blanks that are neither delimiter nor quote.
        any: a ``field``, and its ``end``; a carriage return at the end may be half of an ending.
        neat: a whole field that has no quote, or nothing but blanks outside of its quotes.
        begun: a neat field in quotes that may be cut off; ``last`` is what begins with the last.
        hop: up to a quote that is not plainly the first or the last of its field.
    """

    def __init__(self, form: CsvFormat) -> None:
        self.form = form
        self.delimiter, self.quote = form.delimiter.encode(), form.quote.encode()
        self.escape = form.escape.encode()
        delimiter, quote, escape = map(re.escape, (self.delimiter, self.quote, self.escape))
        self.plain = rb"[^%b%b\r\n]" % (delimiter, quote)
        # Only within quotes does the other character escape, and only the quote and itself.
        self._inside = (
            rb"[^%b]++|%b%b" % (quote, quote, quote)
            if escape == quote
            else rb"%b[%b%b]|[^%b]" % (escape, quote, escape, quote)
        )
        blank = [re.escape(one) for one in (b" ", b"\t") if one not in special(form)]
        self.blanks = b"[%b]*+" % b"".join(blank) if blank else b""
        self.any = re.compile(
            rb"(?P<field>%b)(?P<end>%b|\r\n|\n|\r(?=[^\n]))"
            % (without_return(rb"%b++|%b" % (self.plain, self.quoted())), delimiter)
        )
        self.neat = re.compile(
            rb"%b%b%b|%b*+" % (self.blanks, self.quoted(), self.blanks, self.plain)
        )
        self.begun = re.compile(
            rb"%b%b%b(?P<last>%b%b\r?)?" % (self.blanks, quote, self.inside(), quote, self.blanks)
        )
        hop = rb"[^%b]*+(?<=[%b\r\n])%b(?=[%b\r\n])"
        self.hop = re.compile(
            rb"%b[^%b]*+"
            % (without_return(hop % (quote, delimiter, self.quoted(), delimiter)), quote)
        )

    def inside(self) -> bytes:
        """A pattern of what stands between two quotes, to be used once."""
        return without_return(self._inside)

    def quoted(self) -> bytes:
        """A pattern of what stands in quotes, with them, to be used once."""
        quote = re.escape(self.quote)
        return quote + self.inside() + quote

    def rows(self, text: bytes, *, whole: bool) -> Iterator[list[bytes]]:
        """The rows of a text as they are written; one whose end is not there is left out.

        Args:
            whole: whether the end of the text ends a row.
        """
        data = text + b"\n" if whole and text and not text.endswith(b"\n") else text
        row: list[bytes] = []
        at = 0
        while found := self.any.match(data, at):
            row.append(found["field"])
            at = found.end()
            if found["end"] != self.delimiter:
                yield row
                row = []

    def value(self, field: bytes) -> bytes:
        """What COPY makes of a field as it is written."""
        quote, escape = re.escape(self.quote), re.escape(self.escape)
        within = re.compile(rb"%b(%b)%b" % (quote, self.inside(), quote))
        escaped = re.compile(rb"%b([%b%b])" % (escape, quote, escape))
        return within.sub(lambda found: escaped.sub(rb"\1", found[1]), field)


def special(form: CsvFormat) -> set[bytes]:
    """The characters that mean something else than themselves."""
    return {one.encode() for one in (form.delimiter, form.quote, form.escape)}
