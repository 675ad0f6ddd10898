r"""The lines of a file, as people and editors count them, from the lines that PostgreSQL counts.

COPY counts a line for each row, and for each line break inside of quotes one more; but there it
looks for the character that ends its rows: for ``\r`` where the first row ended with ``\r\n``,
and while it does not know yet, in the first row, for ``\r`` too. So a file of Excel, with
``\r\n`` after its rows and ``\n`` in its cells, has more lines than COPY tells.
"""

from collections import deque
from dataclasses import dataclass, field

from lambdas.load.reading.rows import NOT_FOUND, is_odd, last_row_start, row_start

CHUNKS_KEPT = 32
"""The server tells of a bad row when up to some MiB behind it are on their way already."""

_RETURN, _NEWLINE = b"\r", b"\n"


@dataclass(frozen=True)
class _Odd:
    """A chunk in which the two counts part, with what both came to before it."""

    chunk: bytes
    counted: int
    newlines: int


@dataclass
class Lines:
    """What was fed to a COPY so far.

    Attributes:
        newlines: all of them.
    """

    quote: bytes
    newlines: int = 0
    _counted: int = 0
    _mark: bytes = b""
    _inside: bool = False
    _last: bytes = b""
    _held: bytes = b""
    _first_row: tuple[int, int] = (0, 0)
    _steps: list[tuple[int, int]] = field(default_factory=list)
    _odd: "deque[_Odd]" = field(default_factory=lambda: deque(maxlen=CHUNKS_KEPT))

    def add(self, chunk: bytes) -> None:
        """Note what is fed."""
        self._add(chunk if self._mark else self._begin(chunk))

    def line(self, counted: int) -> int:
        """The last line of the row that COPY says is bad in its line ``counted``; from 1."""
        first_counted, first_newlines = self._first_row
        if counted <= first_counted:
            return max(1, first_newlines)
        for odd in self._odd:
            place = _place(odd.chunk, self._mark, counted - odd.counted)
            if place != NOT_FOUND:
                return odd.newlines + odd.chunk.count(_NEWLINE, 0, place) + 1
        known = [offset for at, offset in self._steps if at < counted]
        return counted + known[-1]

    def _begin(self, chunk: bytes) -> bytes:
        """Count up to the end of the first row; return what is behind it."""
        end = row_start(chunk, self.quote, inside=self._inside)
        head = chunk if end == NOT_FOUND else chunk[:end]
        self._inside ^= is_odd(head, self.quote)
        self._counted += head.count(_RETURN)
        self.newlines += head.count(_NEWLINE)
        ending, self._last = (self._last + head)[-2:], (self._last + head)[-1:]
        if end == NOT_FOUND:
            self._first_row = self._counted + 1, self.newlines + 1
            return b""
        self._mark = _RETURN if ending == b"\r\n" else _NEWLINE
        self._counted += self._mark == _NEWLINE
        self._first_row = self._counted, self.newlines
        self._steps.append((self._counted, self.newlines - self._counted))
        return chunk[end:]

    def _add(self, chunk: bytes) -> None:
        if self._mark == _RETURN:
            self._add_pairs(self._held + chunk)
        elif chunk:
            newlines = chunk.count(_NEWLINE)
            self.newlines += newlines
            self._counted += newlines

    def _add_pairs(self, chunk: bytes) -> None:
        r"""A ``\r`` at the end waits for what follows."""
        self._held = _RETURN if chunk.endswith(_RETURN) else b""
        chunk = chunk.removesuffix(self._held)
        newlines, counted = chunk.count(_NEWLINE), chunk.count(_RETURN)
        parted = not newlines == counted == chunk.count(b"\r\n")
        if parted:
            self._odd.append(_Odd(chunk, self._counted, self.newlines))
        self.newlines += newlines
        self._counted += counted
        if parted:
            self._steps.append((self._counted, self.newlines - self._counted))


def row_of_line(block: bytes, counted: int, quote: bytes) -> tuple[int, int]:
    """Where a row stands in a block of whole rows that COPY says is bad in its line ``counted``."""
    end = row_start(block, quote, inside=False)
    if end == NOT_FOUND:
        return 0, len(block)
    mark = _RETURN if block[:end].endswith(b"\r\n") else _NEWLINE
    before = block.count(_RETURN, 0, end) + (mark == _NEWLINE)
    if counted <= before:
        return 0, end
    place = _place(block, mark, counted - before, end)
    begin = last_row_start(block[:place], quote, inside=False)
    row_end = row_start(block, quote, inside=False, at=begin)
    return begin, len(block) if row_end == NOT_FOUND else row_end


def _place(data: bytes, mark: bytes, number: int, at: int = 0) -> int:
    """Where the ``number``th mark stands, from 1; ``NOT_FOUND`` where there are fewer."""
    if number < 1 or data.count(mark, at) < number:
        return NOT_FOUND
    at -= 1
    for _ in range(number):
        at = data.find(mark, at + 1)
    return at
