"""Every row is looked at on its way to COPY, for what COPY would take and change without a word.

That is a quote in the midst of a field, which COPY drops, and with it the ends of rows up to the
next one; and, in a table that is made for the data, a value that its column's type would print in
another way than it is written.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lambdas.errors import BadData
from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading.fields import Fields, special, without_return
from lambdas.load.reading.infer import TEXT, WIDER, patterns
from lambdas.load.reading.rows import last_row_start

LONGEST_KEPT = 4096
"""Of a field that is cut off: more than any value of a type has."""

_REMEDY = (
    "Put the field in quotes and double those in it, or give as format.quote a character that the"
    " data do not have"
)

_ENDINGS = {b"\n": "a newline", b"\r\n": r"\r\n", b"\r": r"\r alone"}


@dataclass(frozen=True)
class Widened:
    """A column that has another type than its first values suggest, and why."""

    before: str
    now: str
    line: int


class WouldChange(Exception):
    """Values that the types would change; :attr:`Watch.widened` has them."""


@dataclass(frozen=True)
class _Place:
    """What stands before it: which of both ends a line is known with the first row's end."""

    newlines: int
    returns: int

    def after(self, data: bytes) -> "_Place":
        return _Place(self.newlines + data.count(b"\n"), self.returns + data.count(b"\r"))

    def before(self, data: bytes) -> "_Place":
        return _Place(self.newlines - data.count(b"\n"), self.returns - data.count(b"\r"))


@dataclass(frozen=True)
class _Odd:
    column: int
    field: bytes
    place: _Place


class Watch:
    """Looks at chunks of one part, in constant memory.

    Attributes:
        widened: by the number of the column, from 0.
    """

    def __init__(
        self,
        form: CsvFormat,
        columns: Sequence[str],
        kinds: Sequence[str],
        *,
        with_header: bool,
        first_line: int = 1,
        one_ending: bool = True,
    ) -> None:
        """Begin.

        Args:
            kinds: the type of each column that is made for the data, ``text`` for any other.
            one_ending: whether all rows must end as the first one does, as COPY wants it.
        """
        self.widened: dict[int, Widened] = {}
        self._fields = Fields(form)
        self._patterns = patterns(form)
        self._columns, self._kinds = columns, list(kinds)
        self._header, self._one_ending = with_header, one_ending
        self._first_line, self._column = first_line, 0
        self._place = self._began = _Place(0, 0)
        self._filler = next(one for one in (b"x", b"y", b"z", b"w") if one not in special(form))
        self._held = b""
        self._ending = b""
        self._odd: list[_Odd] = []
        self._known = {kind: re.compile(pattern) for kind, pattern in self._patterns.items()}
        self._rows = re.compile(b"")  # until the ending of the rows is known

    def add(self, chunk: bytes) -> None:
        """Look at what is fed.

        Raises:
            BadData: a quote stands in the midst of a field, or a row ends in another way.
        """
        self._look(self._held + chunk)

    def end(self) -> None:
        """No more is fed.

        Raises:
            BadData: a quote is never closed, or as for :meth:`add`.
        """
        if self._held or self._column:
            self._one_ending = False
            if not self._ending and self._held.endswith(b"\r"):
                self._ending = b"\r"
            self._look(self._held.removesuffix(b"\r") + b"\n")
            if self._held:
                raise self._unclosed()

    def where(self) -> str:
        """The column of the field that is being read, for messages; empty without a name."""
        is_known = not self._header and self._column < len(self._columns)
        return f", column {self._columns[self._column]}" if is_known else ""

    def _look(self, data: bytes) -> None:
        if not self._held:
            self._began = self._place
        at, rows, fast = 0, self._rows, self._whole_rows(data)
        while True:
            if rows is not self._rows:
                rows, fast = self._rows, self._whole_rows(data)
            if self._column == 0 and self._ending:
                at = _end(fast, data, at) if fast else self._skipped(data, at)
            found = self._fields.any.match(data, at)
            if found is None:
                break
            self._field(found["field"], data, at)
            at = found.end()
            self._step(found["end"], data, at)
        self._began, self._held = self._start(data, at), self._shortened(data[at:], data, at)
        self._place = self._place.after(data).before(self._held)

    def _field(self, field: bytes, data: bytes, at: int) -> None:
        if self._fields.quote in field and not self._fields.neat.fullmatch(field):
            raise self._stray(data, at, field)
        if self._header or self._column >= len(self._kinds):
            return
        kind = self._kinds[self._column]
        if kind != TEXT and not self._known[kind].fullmatch(field):
            self._odd.append(_Odd(self._column, field, self._start(data, at)))

    def _step(self, ended: bytes, data: bytes, at: int) -> None:
        """To the next field, or the next row."""
        self._column += 1
        if ended == self._fields.delimiter:
            return
        is_first = not self._ending
        self._ending = self._ending or ended
        if self._column == len(self._kinds):
            self._widen()
        self._odd.clear()  # of a row with more or fewer fields COPY tells more
        self._column, self._header = 0, False
        if is_first:
            self._rows = self._row_pattern()
        elif ended != self._ending and self._one_ending:
            line = self._line(self._place.after(data[: at - len(ended)]))
            raise BadData(
                f"line {line} ends with {_ENDINGS[ended]}, the first one with"
                f" {_ENDINGS[self._ending]}: give all lines the same ending"
            )

    def _widen(self) -> None:
        for odd in self._odd:
            before = self._kinds[odd.column]
            now = WIDER.get(before, TEXT)
            if now != TEXT and not self._known[now].fullmatch(odd.field):
                now = TEXT
            self._kinds[odd.column] = now
            first = self.widened.get(odd.column, Widened(before, now, self._line(odd.place)))
            self.widened[odd.column] = Widened(first.before, now, self._line(odd.place))
        if self._odd:
            self._rows = self._row_pattern()

    def _row_pattern(self) -> re.Pattern[bytes]:
        """Whole rows in which nothing is odd."""
        fields, delimiter = self._fields, re.escape(self._fields.delimiter)
        kinds = [
            rb"(?:%b|%b*+)" % (fields.quoted(), fields.plain)
            if kind == TEXT
            else self._patterns[kind]
            for kind in self._kinds
        ]
        ending = rb"\r(?=[^\n])" if self._ending == b"\r" else self._ending
        return re.compile(without_return(delimiter.join(kinds) + ending))

    def _whole_rows(self, data: bytes) -> "re.Pattern[bytes] | None":
        """How to pass over rows in which nothing is odd; None where only quotes can be."""
        if any(kind != TEXT for kind in self._kinds) or not self._fields.form.cut_quote:
            return self._rows
        returns = data.count(b"\r")
        if self._ending == b"\r\n":
            plain = returns == data.count(b"\n") == data.count(b"\r\n")
        else:
            plain = self._ending == b"\n" and returns == 0
        return None if plain else self._rows

    def _skipped(self, data: bytes, at: int) -> int:
        """After the last row before a quote that is not plainly the first or last of a field."""
        end = _end(self._fields.hop, data, at)
        return at + last_row_start(data[at:end], self._fields.quote, inside=False)

    def _shortened(self, rest: bytes, data: bytes, at: int) -> bytes:
        """Of a field that is cut off only as much as tells how it goes on, and that it is long."""
        if len(rest) <= LONGEST_KEPT:
            return rest
        fields = self._fields
        if re.fullmatch(fields.plain + rb"*+\r?", rest):
            return self._filler + (b"\r" if rest.endswith(b"\r") else b"")
        begun = fields.begun.fullmatch(rest)
        if begun is None:
            raise self._stray(data, at, rest)
        if begun["last"] is not None:
            return fields.quote + self._filler + begun["last"]
        escapes = len(rest) - len(rest.rstrip(fields.escape))
        is_cut = fields.escape != fields.quote and escapes % 2 == 1
        return fields.quote + self._filler + fields.escape * is_cut

    def _start(self, data: bytes, at: int) -> _Place:
        """Where a field begins; of one that was held, not all newlines may be in the data."""
        return self._place.after(data[:at]) if at else self._began

    def _stray(self, data: bytes, at: int, field: bytes) -> BadData:
        first = self._line(self._start(data, at))  # outside of quotes a field has no other line
        last = self._line(self._place.after(data[: at + len(field.rstrip(b"\r\n"))]))
        swallowed = f", and take lines {first} to {last} for one row" if last > first else ""
        return BadData(
            f"line {first}{self.where()}: a quote stands in the midst of a field; COPY would drop"
            f" it{swallowed}. {_REMEDY}"
        )

    def _unclosed(self) -> BadData:
        """Of what is held at the end: the first quote of the field is the one that is odd."""
        where = f"line {self._line(self._began)}{self.where()}"
        if self._fields.begun.fullmatch(self._held):
            return BadData(
                f"{where}: a quote opens a field and is never closed; COPY would take all that"
                f" follows for one row. Close it; or, if it belongs to the value: {_REMEDY}"
            )
        return BadData(
            f"{where}: a quote stands in the midst of a field and is never closed; COPY would drop"
            f" it, and take all that follows for one row. {_REMEDY}"
        )

    def _line(self, place: _Place) -> int:
        before = place.returns if self._ending == b"\r" else place.newlines
        return self._first_line + before


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where a pattern ends that matches nothing as well."""
    found = pattern.match(data, at)
    return found.end() if found else at
