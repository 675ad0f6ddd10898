"""Where rows begin: a newline inside of quotes is none, and the parity of the quotes decides."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lambdas.errors import BadData

LONGEST_ROW_BYTES = 64 << 20
"""A row beyond this is refused: rather a clear error than a server out of memory."""

NOT_FOUND = -1


@dataclass(frozen=True)
class Stretch:
    """What a stretch of bytes says, wherever the quotes before it left off.

    Attributes:
        odd: whether it holds an odd number of quotes.
        outside: offset of the first row that begins in it, if it begins outside of quotes.
        inside: likewise if it begins inside; ``NOT_FOUND`` when no row begins in it.
        outside_lines, inside_lines: the newlines before these offsets.
        newlines: all of them, in quotes or not.
    """

    odd: bool
    outside: int
    inside: int
    outside_lines: int
    inside_lines: int
    newlines: int


def survey(chunks: Iterable[bytes], quote: bytes) -> Stretch:
    """Read a stretch once; constant memory."""
    offset, newlines, odd = 0, 0, False
    first = {False: NOT_FOUND, True: NOT_FOUND}
    lines = {False: 0, True: 0}
    for chunk in chunks:
        for began_inside, found in first.items():
            if found == NOT_FOUND:
                at = row_start(chunk, quote, inside=began_inside != odd)
                if at != NOT_FOUND:
                    first[began_inside] = offset + at
                    lines[began_inside] = newlines + chunk.count(b"\n", 0, at)
        odd ^= is_odd(chunk, quote)
        newlines += chunk.count(b"\n")
        offset += len(chunk)
    return Stretch(odd, first[False], first[True], lines[False], lines[True], newlines)


def row_start(chunk: bytes, quote: bytes, *, inside: bool, at: int = 0) -> int:
    """After the first newline outside of quotes, from ``at`` on; ``inside`` is how that is."""
    while True:
        if inside:
            closing = chunk.find(quote, at)
            if closing == NOT_FOUND:
                return NOT_FOUND
            at, inside = closing + 1, False
        newline = chunk.find(b"\n", at)
        if newline == NOT_FOUND:
            return NOT_FOUND
        opening = chunk.find(quote, at, newline) if quote else NOT_FOUND
        if opening == NOT_FOUND:
            return newline + 1
        at, inside = opening + 1, True


def last_row_start(chunk: bytes, quote: bytes, *, inside: bool) -> int:
    """After the last newline outside of quotes; 0 when there is none."""
    end = len(chunk)
    inside ^= is_odd(chunk, quote)
    while (newline := chunk.rfind(b"\n", 0, end)) != NOT_FOUND:
        inside ^= is_odd(chunk, quote, newline, end)
        if not inside:
            return newline + 1
        end = newline
    return 0


def is_odd(chunk: bytes, quote: bytes, first: int = 0, end: int | None = None) -> bool:
    """Whether an odd number of quotes stands there, so that inside becomes outside."""
    return bool(quote) and chunk.count(quote, first, end) % 2 == 1


def guarded(
    chunks: Iterable[bytes], quote: bytes, first_line: int = 1, column: Callable[[], str] = str
) -> Iterator[bytes]:
    """Pass the chunks on, and refuse a row that never ends.

    Args:
        quote: empty where quotes can be escaped by another character; then any newline counts.
        column: that of the last field so far, for messages.

    Raises:
        BadData: a row is longer than ``LONGEST_ROW_BYTES``, or the data end within quotes; the
            line is where the row begins.
    """
    inside, line, length = False, first_line, 0
    last = _Began(b"", False, first_line)
    for chunk in chunks:
        at = row_start(chunk, quote, inside=inside)
        if at == NOT_FOUND:
            length += len(chunk)
        else:
            length, last = len(chunk) - at, _Began(chunk, inside, line)
        if length > LONGEST_ROW_BYTES:
            raise BadData(
                f"the row that begins in line {last.line_of_last_row(quote)} does not end within"
                f" {LONGEST_ROW_BYTES >> 20} MiB{column()}: a field is too large, or a quote is"
                " never closed; close it, or give as format.quote a character that the data do not"
                " have"
            )
        inside ^= is_odd(chunk, quote)
        line += chunk.count(b"\n")
        yield chunk
    if inside:
        raise BadData(
            f"the row that begins in line {last.line_of_last_row(quote)} does not end: a quote is"
            " never closed"
        )


@dataclass(frozen=True)
class _Began:
    """The last chunk in which a row began, and how it began itself."""

    chunk: bytes
    inside: bool
    line: int

    def line_of_last_row(self, quote: bytes) -> int:
        start = last_row_start(self.chunk, quote, inside=self.inside)
        return self.line + self.chunk.count(b"\n", 0, start)
