"""What was copied beside its table comes into it: all parts in one transaction, or none."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, PartLost, QueryFailed
from lambdas.load.load import (
    ON_CONFLICT_ERROR,
    ON_CONFLICT_REPLACE,
    ON_CONFLICT_SKIP,
    LoadPlan,
    Rules,
    Target,
    Way,
)
from lambdas.load.writing import new_table, staging
from lambdas.load.writing.copying import reason_of, remedy_of_row
from lambdas.load.writing.first_bad_row import (
    OF_ROWS,
    Offender,
    RowsRefused,
    Stretch,
    first_refused,
)
from lambdas.load.writing.staging import Staged
from lambdas.load.writing.table import identifiers


@dataclass(frozen=True)
class Filled:
    """A target and the numbers of its parts, in order."""

    target: Target
    parts: Sequence[int]


def filled(plan: LoadPlan) -> list[Filled]:
    """The plan by its targets."""
    return [
        Filled(target, [part.number for part in plan.parts if part.target == index])
        for index, target in enumerate(plan.targets)
    ]


def analyze(session: Session, plan: LoadPlan) -> None:
    """Renew the planner's statistics of each table."""
    for target in plan.targets:
        table = sql.Identifier(target.schema, target.table)
        session.run(sql.SQL("ANALYZE {}").format(table), action=f"analysing {target.table}")


def move(
    session: Session,
    load_id: str,
    filled: Sequence[Filled],
    rules: Rules,
    place: Callable[[Offender], str],
) -> list[int]:
    """Bring every part that is not there yet into its table; return the rows of each target.

    A second call finds the first one's note and changes nothing.

    Args:
        place: where a row of a part stands in the data, in words.

    Raises:
        BadData: the rows break a key, a reference or another rule of the table, named by the first
            one's place if it was found; or there is a table now that was to be made.
        PartLost: a part is not there, though it was loaded.
    """
    done = moved(session, load_id, filled)
    if done is not None:
        return done
    try:
        with session.transaction(action="moving the rows"):
            prepare(session, load_id, [one.target for one in filled], rules)
            return [_settle(session, load_id, one, rules) for one in filled]
    except RowsRefused as refused:
        # Now that no lock is held any more: the data may have to be read for it.
        offender = refused.offender
        where = (
            f"{refused.table}: the rows can't be put in" if offender is None else place(offender)
        )
        raise BadData(f"{where}: {refused}") from None


def moved(session: Session, load_id: str, filled: Sequence[Filled]) -> list[int] | None:
    """The rows that earlier tries have brought into each table; None when any is missing."""
    rows = [_rows_in(session, load_id, one) for one in filled]
    found = [count for count in rows if count is not None]
    return found if len(found) == len(filled) else None


def _rows_in(session: Session, load_id: str, one: Filled) -> int | None:
    notes = staging.find_all(session, load_id, one.target, one.parts)
    done = [note.rows for note in notes.values() if note.moved]
    # Where the parts came in together one note stands for all of them.
    wanted = len(one.parts) if one.target.way is Way.APART else 1
    return sum(done) if len(done) == wanted else None


def prepare(session: Session, load_id: str, targets: Sequence[Target], rules: Rules) -> None:
    """Name the tables that are new, empty those that are to be; each one once."""
    once = {(target.schema, target.table): target for target in targets}
    for target in once.values():
        table = sql.Identifier(target.schema, target.table)
        if target.way is Way.HIDDEN:
            new_table.publish(session, load_id, target)
        elif rules.truncate_first:
            query = sql.SQL("TRUNCATE {}").format(table)
            session.run(query, action=f"emptying {target.table}")


def _settle(session: Session, load_id: str, one: Filled, rules: Rules) -> int:
    if one.target.way is Way.STAGED:
        rows = _move(session, load_id, one, rules)
    else:
        notes = staging.find_all(session, load_id, one.target, one.parts)
        lost = [str(number) for number in one.parts if number not in notes]
        if lost:
            raise PartLost(
                f"parts that were loaded into {one.target.table} and are gone: {', '.join(lost)};"
                " see who drops tables there, load again"
            )
        rows = sum(note.rows for note in notes.values())
    if one.target.way is not Way.APART:
        _note_moved(session, load_id, one, rows)
    return rows


def _note_moved(session: Session, load_id: str, one: Filled, rows: int) -> None:
    for number in one.parts[1:]:
        staging.drop(session, load_id, one.target, number)
    staging.note(session, load_id, one.target, one.parts[0], Staged(load_id, rows, moved=True))


def _move(session: Session, load_id: str, one: Filled, rules: Rules) -> int:
    target, end = one.target, time.monotonic() + session.statement_seconds
    action = f"filling {target.table}"
    session.run("SAVEPOINT filling", action=action)
    try:
        return session.change(_insertion(load_id, one, rules), action=action)
    except QueryFailed as refused:
        if not refused.sqlstate.startswith(OF_ROWS):
            raise
        reason = f"{reason_of(refused)}; {remedy_of_row(refused.sqlstate)}"
    session.run("ROLLBACK TO SAVEPOINT filling", action=action)
    insertion = partial(_insertion, load_id, one, rules)
    offender = first_refused(session, load_id, target, one.parts, insertion, end)
    raise RowsRefused(reason, target.table, offender)


def _insertion(
    load_id: str, one: Filled, rules: Rules, only: Stretch | None = None
) -> sql.Composable:
    """All rows of a target into its table; or ``only`` those of them that stand there."""
    target = one.target
    parts = sql.SQL(" UNION ALL ").join(
        staging.rows_of(load_id, target, number) for number in one.parts
    )
    columns = identifiers(target.columns)
    part, place = map(sql.Identifier, staging.order_names(target))
    # Of rows with the same key the last one counts; a statement may touch a row only once.
    latest = (
        sql.SQL("DISTINCT ON ({}) ").format(identifiers(target.key))
        if rules.on_conflict == ON_CONFLICT_REPLACE
        else sql.SQL("")
    )
    order = (
        sql.SQL("{}, {} DESC, {} DESC").format(identifiers(target.key), part, place)
        if rules.on_conflict == ON_CONFLICT_REPLACE
        else sql.SQL("{}, {}").format(part, place)
    )
    return sql.SQL(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
        " SELECT {columns} FROM (SELECT {latest}* FROM ({parts}) AS parts{order}) AS rows"
        "{only}{conflict}"
    ).format(
        table=sql.Identifier(target.schema, target.table),
        columns=columns,
        latest=latest,
        parts=parts,
        order=sql.SQL("")
        if rules.on_conflict == ON_CONFLICT_ERROR
        else sql.SQL(" ORDER BY ") + order,
        only=sql.SQL("") if only is None else only.condition(part, place),
        conflict=_conflict(target, rules.on_conflict),
    )


def _conflict(target: Target, on_conflict: str) -> sql.Composable:
    if on_conflict == ON_CONFLICT_SKIP:
        return sql.SQL(" ON CONFLICT DO NOTHING")
    if on_conflict != ON_CONFLICT_REPLACE:
        return sql.SQL("")
    others = [name for name in target.columns if name not in target.key]
    if not others:
        return sql.SQL(" ON CONFLICT ({}) DO NOTHING").format(identifiers(target.key))
    updates = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in others
    )
    return sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(identifiers(target.key), updates)
