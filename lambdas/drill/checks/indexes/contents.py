"""What an index says of its rows' values, against what the table holds.

An index that can give the values back answers queries without the table: an index-only scan. Its
operators may look at a part of a key only, so that a row finds itself through a key that is wrong.
The leaf of a GiST index over points keeps each point twice: ``~=`` reads one of them, an index-only
scan the other. So every value that the index gives is summed up, and held against the table's. Two
keys of one column that have changed places leave the sum as it is: finding each row is for those.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.hidden_rows import seeing_all_rows
from lambdas.drill.checks.indexes import planner
from lambdas.drill.checks.indexes.definition import Target
from lambdas.drill.checks.indexes.lookup_messages import NOT_OF_WHAT_IS_READ, NOT_UNDERSTOOD
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import is_damage
from lambdas.errors import QueryFailed

_UNASKED = "the values that it gives were not compared with its table's"
NOT_WRITTEN = "{}: its values can't be written out, so those that it gives were not compared: {}"

TOO_LARGE = (
    "{}: the values that it gives were not compared with its table's: {} is larger than 1 GiB;"
    " REINDEX it to be sure of them"
)
NO_TIME = "{}: the values that it gives could not be compared in the time that was left: {}"


def compare_values(session: Session, target: Target, outcome: Outcome, advice: str) -> bool:
    """Hold what an index gives against its table; whether nothing is wrong.

    Nothing is said where it gives no values.

    Raises:
        QueryFailed: the table could not be read, or the index is damaged.
    """
    if not target.returnable:
        return True
    index = target.index
    if not target.is_whole:
        outcome.not_asked(TOO_LARGE.format(target.title, index.subject))
        return True
    with seeing_all_rows(session, [index.table_oid], index.subject):
        try:
            findings = _compared(session, target, outcome)
        except QueryFailed as error:
            if error.sqlstate == errorcodes.QUERY_CANCELED:
                message = NO_TIME
            elif error.sqlstate.startswith(NOT_UNDERSTOOD):
                message = NOT_WRITTEN
            else:
                raise
            outcome.not_asked(message.format(target.title, error))
            return True
    for finding in findings:
        outcome.wrong(f"{finding}; {advice}")
    return not findings


def _compared(session: Session, target: Target, outcome: Outcome) -> list[str]:
    query = _query(target)
    planner.steer(session, planner.BY_TABLE)
    held = session.row(query, action=f"reading what {target.title} was made of")
    plan = planner.forced(
        session,
        query,
        lambda plan: _reads_only(plan, target.index.name),
        planner.INDEX_ONLY,
        outcome,
        index=target.title,
        unasked=_UNASKED,
    )
    if plan is None:
        return []
    try:
        given = session.row(query, action=f"reading the values that {target.title} gives")
    except QueryFailed as error:
        if is_damage(error) or error.sqlstate.startswith(NOT_OF_WHAT_IS_READ):
            raise
        return [f"{error}, and the same values from the table gave no error"]
    return list(_differences(target, held, given))


def _reads_only(plan: planner.Plan, index: str) -> bool:
    scans = planner.scans_of(plan)
    return [(n["Node Type"], n.get("Index Name")) for n in scans] == [("Index Only Scan", index)]


def _query(target: Target) -> sql.Composable:
    """The rows, a sum of their hashes, then for each column the values and a sum of theirs.

    As texts: an index may leave out what its type holds equal, the blanks at the end of a ``char``.
    """
    texts = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in target.returnable]
    sums = [sql.SQL("count({}), {}").format(text, _sum_of_hashes(text)) for text in texts]
    row = sql.SQL("ROW({})::text").format(sql.SQL(", ").join(texts))
    return sql.SQL("SELECT count(*), {}, {} FROM ONLY {}{}").format(
        _sum_of_hashes(row), sql.SQL(", ").join(sums), target.table, target.where()
    )


def _sum_of_hashes(text: sql.Composable) -> sql.Composable:
    return sql.SQL('sum(pg_catalog.hashtextextended({} COLLATE pg_catalog."C", 0))').format(text)


def _differences(target: Target, held: Sequence[Any], given: Sequence[Any]) -> Iterator[str]:
    title = target.title
    if held[0] != given[0]:
        yield f"{title} gives {given[0]:,} rows, and its table has {held[0]:,}"
        return
    of_columns = zip(target.returnable, _in_pairs(held), _in_pairs(given), strict=True)
    others = [name for name, by_table, by_index in of_columns if by_table != by_index]
    for name in others:
        yield f"{title} gives other values of the column {name} than its table holds"
    if not others and held[1] != given[1]:
        yield f"{title} gives its columns' values in other rows than its table holds"


def _in_pairs(row: Sequence[Any]) -> list[tuple[Any, Any]]:
    """For each column the number of its values, and their sum."""
    return list(zip(row[2::2], row[3::2], strict=True))
