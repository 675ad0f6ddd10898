"""One part of a load: where its rows begin and end, and its way into the database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData
from lambdas.load.csv_format import CsvFormat
from lambdas.load.load import Part, Rejects, Rules, Target, Way
from lambdas.load.reading import s3_objects
from lambdas.load.reading.feed import Feed, Progress, feed
from lambdas.load.reading.infer import TEXT
from lambdas.load.reading.rows import NOT_FOUND, Stretch
from lambdas.load.reading.sample import header_line
from lambdas.load.reading.watch import Watch, WouldChange
from lambdas.load.writing import new_table, staging
from lambdas.load.writing.copying import copy_in
from lambdas.load.writing.rejects import copy_leaving_out
from lambdas.load.writing.staging import Staged


@dataclass(frozen=True)
class Reach:
    """The rows that belong to a part: those that begin in its stretch.

    Attributes:
        first, end: in the object's bytes; ``end`` is where the first row of the next part begins.
        first_line: the number of its first line within the object.
    """

    first: int
    end: int
    first_line: int


def reach(part: Part, siblings: Sequence[Part], stretches: Sequence[Stretch]) -> Reach:
    """Where the rows of a part really begin and end.

    Args:
        siblings: the parts of the object, in order; ``part`` is one of them.
        stretches: what each of them says.
    """
    inside, line = False, 1
    starts: list[tuple[int, int]] = []
    for sibling, stretch in zip(siblings, stretches, strict=True):
        at = stretch.inside if inside else stretch.outside
        if sibling.begins:
            starts.append((0, 1))
        elif at == NOT_FOUND:
            starts.append((NOT_FOUND, 0))
        else:
            skipped = stretch.inside_lines if inside else stretch.outside_lines
            starts.append((sibling.first + at, line + skipped))
        inside ^= stretch.odd
        line += stretch.newlines
    index = list(siblings).index(part)
    later = [first for first, _ in starts[index + 1 :] if first != NOT_FOUND]
    first, first_line = starts[index]
    end = later[0] if later else part.size_bytes
    return Reach(end, end, line) if first == NOT_FOUND else Reach(first, end, first_line)


def load_part(
    session: Session,
    load_id: str,
    part: Part,
    target: Target,
    rows: Reach,
    form: CsvFormat,
    rules: Rules,
    progress: Progress,
    keep: Callable[[Rejects], None],
) -> Staged:
    """Copy a part into the table that its target's way says, in one transaction.

    A part that an earlier try has copied is left alone.

    Args:
        keep: keeps the rows that are left out; called before the others are committed, since a
            retry that finds them would not see the bad ones any more.

    Raises:
        BadData: a row can't be loaded; or there is a table now that was to be made.
    """
    done = staging.find(session, load_id, target, part.number)
    if done is not None:
        return done
    if target.way is Way.HIDDEN:
        new_table.make(session, load_id, target)
    copying = _Copying(session, load_id, part, target, rows, form, rules, progress, keep)
    while True:
        try:
            return copying.staged()
        except WouldChange:
            # Once more, with types that fit all rows; and again where another part changes them.
            copying.widen()


@dataclass
class _Copying:
    """One part on its way.

    Attributes:
        target: with the types that are known to fit.
        widened: of each column that has another type than was planned.
        planned: the type of each column by its first rows.
    """

    session: Session
    load_id: str
    part: Part
    target: Target
    rows: Reach
    form: CsvFormat
    rules: Rules
    progress: Progress
    keep: Callable[[Rejects], None]
    widened: dict[str, str] = field(default_factory=dict)
    planned: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the types as planned."""
        self.planned = dict(self.target.definition)

    def staged(self) -> Staged:
        """Copy it in one transaction.

        Raises:
            WouldChange: a value is not written as its column's type prints it.
        """
        part, target, form, rows = self.part, self.target, self.form, self.rows
        headless = form.header and not part.begins
        header = header_line(target.columns, form) if headless else b""
        rejects = Rejects(header=header, encoding=form.encoding)
        with self.session.transaction(action="loading"):
            table = _opened(self.session, self.load_id, part, target)
            self._look_at_types()
            with self._feed() as data:
                count = self._copy(table, data, rejects)
            self.keep(rejects)
            staged = Staged(
                self.load_id,
                count,
                len(rejects.lines),
                data.size_bytes,
                moved=target.way in (Way.AT_ONCE, Way.APART),
                first=rows.first,
                end=rows.end,
                first_line=rows.first_line,
                row_is_line=data.lines.newlines + (not data.ended)
                == count + (form.header and part.begins)
                and not rejects.lines,
                widened=self.widened,
            )
            staging.note(self.session, self.load_id, target, part.number, staged)
        return staged

    def widen(self) -> None:
        """Look through all rows, and take types that none of them is changed by.

        Raises:
            BadData: they can't be read to their end.
        """
        watch = self._watch()
        try:
            with self._feed(watch) as data:
                data.look_through()
        except BadData as bad:
            raise BadData(f"{self.part.location}: {bad}") from None
        names = self.target.columns
        kinds = {names[number]: found.now for number, found in watch.widened.items()}
        if self.target.way is Way.HIDDEN:
            new_table.widen(self.session, self.load_id, self.target, kinds)
        self._take(kinds)
        for number, found in watch.widened.items():
            self.widened[names[number]] += (
                f": that would change or refuse the value in {self.part.location},"
                f" line {found.line}"
            )

    def _look_at_types(self) -> None:
        """Other parts may have changed those of a table that they fill together."""
        if self.target.way is Way.HIDDEN:
            self._take(new_table.opened(self.session, self.load_id, self.target))

    def _take(self, kinds: Mapping[str, str]) -> None:
        before = dict(self.target.definition)
        for name, kind in kinds.items():
            if kind != before[name]:
                self.widened[name] = f"{kind}, not {self.planned[name]} as its first rows suggest"
        definition = tuple({**before, **kinds}.items())
        self.target = replace(self.target, definition=definition)

    def _watch(self) -> Watch:
        kinds = dict(self.target.definition)
        return Watch(
            self.form,
            self.target.columns,
            [kinds.get(name, TEXT) for name in self.target.columns],
            with_header=self.form.header and self.part.begins,
            first_line=self.rows.first_line,
            one_ending=self.rules.max_errors == 0,
        )

    def _feed(self, watch: Watch | None = None) -> AbstractContextManager[Feed]:
        return open_feed(
            self.session, self.part, self.rows, self.form, self.progress, watch or self._watch()
        )

    def _copy(self, table: sql.Identifier, data: Feed, rejects: Rejects) -> int:
        rules = self.rules
        copy = (
            copy_in
            if rules.max_errors == 0
            else partial(copy_leaving_out, rejects=rejects, most=rules.max_errors)
        )
        return copy(
            self.session,
            table,
            self.target.columns,
            self.form,
            data,
            with_header=self.form.header and self.part.begins,
            where=self.part.location,
            first_line=self.rows.first_line,
        )


def _opened(session: Session, load_id: str, part: Part, target: Target) -> sql.Identifier:
    """Mark the part as begun; the table to copy into, made if it is only for this."""
    if target.way is Way.STAGED:
        return staging.make(session, load_id, target, part.number)
    staging.mark(session, load_id, target, part.number)
    if target.way is Way.HIDDEN:
        return new_table.identifier(load_id, target)
    table = sql.Identifier(target.schema, target.table)
    if target.way is Way.APART:
        _wait_for_keys(session, table)
    elif target.definition:
        new_table.create(session, target)
    return table


def _wait_for_keys(session: Session, table: sql.Identifier) -> None:
    """Let a key that another part is putting in be waited for as long as that part takes.

    It is then a row refused with its line, where a lock time-out would tell nothing; only the table
    itself is not waited for.
    """
    query = sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE; SET LOCAL lock_timeout = 0").format(table)
    session.run(query, action=f"opening {table.strings[-1]}")


@contextmanager
def open_feed(
    session: Session,
    part: Part,
    rows: Reach,
    form: CsvFormat,
    progress: Progress,
    watch: Watch,
) -> Iterator[Feed]:
    """The rows of a part as a feed."""
    raw = s3_objects.chunks(s3_objects.version_of(part), rows.first, rows.end)
    with feed(
        raw,
        part.compression,
        form,
        progress,
        begins=part.begins,
        first_line=rows.first_line,
        server_major=session.server_major,
        watch=watch,
    ) as data:
        yield data
