"""One part of a load: where its rows begin and end, and its way into the database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2 import sql

from lambdas.adapters import objects
from lambdas.adapters.postgres import Session
from lambdas.domain.csv_format import CsvFormat
from lambdas.domain.load import Part, Rejects, Rules, Target
from lambdas.loading import staging
from lambdas.loading.copying import copy_in
from lambdas.loading.feed import Feed, Progress, feed
from lambdas.loading.moving import prepare
from lambdas.loading.reading import header_line
from lambdas.loading.rejects import copy_leaving_out
from lambdas.loading.rows import NOT_FOUND, Stretch
from lambdas.loading.staging import Staged


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
    """Copy a part into its staging table; a part that an earlier try has staged is left alone.

    Args:
        keep: keeps the rows that are left out; called before the others are committed, since a
            retry that finds them would not see the bad ones any more.
    """

    def fill(table: sql.Identifier) -> Staged:
        headless = form.header and not part.begins
        rejects = Rejects(header=header_line(target.columns, form) if headless else b"")
        with open_feed(session, part, rows, form, progress) as data:
            count = _copy(session, table, part, target, rows, form, rules, data, rejects)
        keep(rejects)
        return Staged(load_id, count, len(rejects.lines), data.size_bytes)

    return staging.stage(session, load_id, target, part.number, fill)


def load_whole(
    session: Session,
    load_id: str,
    part: Part,
    target: Target,
    rows: Reach,
    form: CsvFormat,
    rules: Rules,
    progress: Progress,
) -> Staged:
    """Copy the only part of a load into the table itself, in one transaction; once."""
    done = staging.find(session, load_id, target, part.number)
    if done is not None:
        return done
    table = sql.Identifier(target.schema, target.table)
    feeding = open_feed(session, part, rows, form, progress)
    with session.transaction(doing="loading"), feeding as data:
        staging.mark(session, load_id, target, part.number)
        prepare(session, [target], rules)
        count = copy_in(
            session,
            table,
            target.columns,
            form,
            data,
            with_header=form.header and part.begins,
            where=part.location,
            first_line=rows.first_line,
        )
        staged = Staged(load_id, count, 0, data.size_bytes, moved=True)
        staging.note(session, load_id, target, part.number, staged)
    return staged


@contextmanager
def open_feed(
    session: Session, part: Part, rows: Reach, form: CsvFormat, progress: Progress
) -> Iterator[Feed]:
    """The rows of a part as a feed."""
    raw = objects.chunks(objects.version_of(part), rows.first, rows.end)
    with feed(
        raw,
        part.compression,
        form,
        progress,
        begins=part.begins,
        first_line=rows.first_line,
        server_major=session.server_major,
    ) as data:
        yield data


def _copy(
    session: Session,
    table: sql.Identifier,
    part: Part,
    target: Target,
    rows: Reach,
    form: CsvFormat,
    rules: Rules,
    data: Feed,
    rejects: Rejects,
) -> int:
    header = form.header and part.begins
    if rules.max_errors == 0:
        return copy_in(
            session,
            table,
            target.columns,
            form,
            data,
            with_header=header,
            where=part.location,
            first_line=rows.first_line,
        )
    return copy_leaving_out(
        session,
        table,
        target.columns,
        form,
        data,
        rejects,
        with_header=header,
        where=part.location,
        first_line=rows.first_line,
        most=rules.max_errors,
    )
