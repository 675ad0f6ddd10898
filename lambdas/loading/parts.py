"""One part of a load: where its rows begin and end, and its way into the database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from psycopg2 import sql

from lambdas.adapters import objects
from lambdas.adapters.postgres import Session
from lambdas.domain.csv_format import CsvFormat
from lambdas.domain.load import Part, Rejects, Rules, Target, Way
from lambdas.loading import hidden, staging
from lambdas.loading.copying import copy_in
from lambdas.loading.feed import Feed, Progress, feed
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
    """Copy a part whither its target's way says, in one transaction.

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
        hidden.make(session, load_id, target)
    headless = form.header and not part.begins
    header = header_line(target.columns, form) if headless else b""
    rejects = Rejects(header=header, encoding=form.encoding)
    feeding = open_feed(session, part, rows, form, progress)
    with session.transaction(doing="loading"), feeding as data:
        table = _opened(session, load_id, part, target)
        count = _copy(session, table, part, target, rows, form, rules, data, rejects)
        keep(rejects)
        staged = Staged(
            load_id,
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
        )
        staging.note(session, load_id, target, part.number, staged)
    return staged


def _opened(session: Session, load_id: str, part: Part, target: Target) -> sql.Identifier:
    """Mark the part as begun; the table to copy into, made if it is only for this."""
    if target.way is Way.STAGED:
        return staging.make(session, load_id, target, part.number)
    staging.mark(session, load_id, target, part.number)
    if target.way is Way.HIDDEN:
        return hidden.identifier(load_id, target)
    table = sql.Identifier(target.schema, target.table)
    if target.way is Way.APART:
        _wait_for_keys(session, table)
    elif target.definition:
        hidden.create(session, target)
    return table


def _wait_for_keys(session: Session, table: sql.Identifier) -> None:
    """Let a key that another part is putting in be waited for as long as that part takes.

    It is then a row refused with its line, where a lock time-out would tell nothing; only the table
    itself is not waited for.
    """
    query = sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE; SET LOCAL lock_timeout = 0").format(table)
    session.run(query, doing=f"opening {table.strings[-1]}")


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
    copy = (
        copy_in
        if rules.max_errors == 0
        else partial(copy_leaving_out, rejects=rejects, most=rules.max_errors)
    )
    return copy(
        session,
        table,
        target.columns,
        form,
        data,
        with_header=form.header and part.begins,
        where=part.location,
        first_line=rows.first_line,
    )
