"""Which row it is that keeps all of them from being moved: the server tells none of an INSERT.

The rows go in again within the same transaction, half by half: a half that goes in stays, one that
is refused is halved further, until a single row is refused.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, QueryFailed
from lambdas.load.load import Target
from lambdas.load.writing import staging

OF_ROWS = ("22", "23", "P0")
"""Classes of SQLSTATE that say what is wrong with a row: data, constraint, a trigger's own."""

SEARCH_SECONDS = 120.0
"""The table stays locked meanwhile."""

_OFFSETS = 1 << 11
"""More than the rows of a block: MaxOffsetNumber is a quarter of its 8,192 bytes, or 2,048."""

_BLOCKS = (
    "SELECT pg_catalog.pg_relation_size({table}) / pg_catalog.current_setting('block_size')::bigint"
)
_REFERS_TO_ITSELF = """
SELECT count(*) FROM pg_catalog.pg_constraint
WHERE conrelid = pg_catalog.to_regclass({table}) AND confrelid = conrelid AND contype = 'f'
"""


@dataclass(frozen=True)
class Offender:
    """The first row that is refused: how many rows of its part stand before it."""

    part: int
    rows_before: int


class RowsRefused(BadData):
    """The rows of a table break a rule of it; ``offender`` is None if it was not found."""

    def __init__(self, reason: str, table: str, offender: Offender | None) -> None:
        self.table = table
        self.offender = offender
        super().__init__(reason)


@dataclass(frozen=True)
class Stretch:
    """Rows of a part in their order, from one place in its staging table to before another.

    A place is a block's number times ``_OFFSETS``, and the row's number in it.
    """

    part: int
    first: int
    end: int

    def condition(self, part: sql.Composable, place: sql.Composable) -> sql.Composable:
        """`` WHERE …`` on the two columns that tell the order."""
        return sql.SQL(" WHERE {} = {} AND {} >= {} AND {} < {}").format(
            part, sql.Literal(self.part), place, _tid(self.first), place, _tid(self.end)
        )


Insertion = Callable[[Stretch], sql.Composable]


def first_refused(
    session: Session,
    load_id: str,
    target: Target,
    parts: Sequence[int],
    insertion: Insertion,
    end: float,
) -> Offender | None:
    """The first row that can't go in behind those before it; None when it can't be known.

    Args:
        end: on the monotonic clock; the search ends before.
    """
    end = min(end, time.monotonic() + SEARCH_SECONDS)
    try:
        if _refers_to_itself(session, target):
            return None  # a row may point to one behind it, and half of them is no fair try
        return _search(session, load_id, target, parts, insertion, end)
    except QueryFailed:
        return None  # out of time, or a lock: what the rows break is known all the same


def _search(
    session: Session,
    load_id: str,
    target: Target,
    parts: Sequence[int],
    insertion: Insertion,
    end: float,
) -> Offender | None:
    for part in parts:
        table = staging.identifier(load_id, target, part)
        blocks = session.row(_about(_BLOCKS, session, table), action="sizing a staging table")[0]
        first, last = 0, blocks * _OFFSETS
        if _goes_in(session, insertion(Stretch(part, first, last)), end):
            continue
        while last - first > 1:
            middle = (first + last) // 2
            if _goes_in(session, insertion(Stretch(part, first, middle)), end):
                first = middle
            else:
                last = middle
        if _goes_in(session, insertion(Stretch(part, first, last)), end):
            return None
        return Offender(part, _rows_before(session, table, first))
    return None


def _goes_in(session: Session, statement: sql.Composable, end: float) -> bool:
    action = "looking for the row that is refused"
    session.limit_statements(max(1.0, end - time.monotonic()))
    session.run("SAVEPOINT searching", action=action)
    try:
        session.change(statement, action=action)
    except QueryFailed as refused:
        if not refused.sqlstate.startswith(OF_ROWS) or time.monotonic() > end:
            raise
        session.run("ROLLBACK TO SAVEPOINT searching", action=action)
        return False
    if time.monotonic() > end:
        raise QueryFailed(errorcodes.QUERY_CANCELED, "query_canceled", action)
    session.run("RELEASE SAVEPOINT searching", action=action)
    return True


def _rows_before(session: Session, table: sql.Identifier, place: int) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE ctid < {}").format(table, _tid(place))
    return int(session.row(query, action="counting the rows before")[0])


def _refers_to_itself(session: Session, target: Target) -> bool:
    table = sql.Identifier(target.schema, target.table)
    query = _about(_REFERS_TO_ITSELF, session, table)
    return bool(session.row(query, action="looking for references to itself")[0])


def _about(query: str, session: Session, table: sql.Identifier) -> sql.Composable:
    return sql.SQL(query).format(table=sql.Literal(session.text(table)))


def _tid(place: int) -> sql.Composable:
    block, offset = divmod(place, _OFFSETS)
    return sql.SQL("{}::tid").format(sql.Literal(f"({block},{offset})"))
