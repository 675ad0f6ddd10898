"""Whether an index that is made of the same rows finds them; what none finds is no damage.

A value may be one that its own operators don't find: a polygon with a coordinate that is not a
number lies in no box, so that no GiST index leads to it, however sound. Which values these are
differs between operator classes, and extensions bring more. So the rows that were not found are
put into a temporary table with the same index, which is then asked the same. Rows that it finds
were lost by the index under test.

A row may also be kept from being found by others beside it. So where the table is small, those that
are left are looked for once more, in an index of all of the table's rows, in their order.

All of it lies in a transaction that is rolled back; nothing of the copy's changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.checks.indexes import planner
from lambdas.checks.indexes.definition import WHOLE_PERCENT, Target
from lambdas.checks.indexes.queries import FEW, MANY, Query

_SCHEMA, _TABLE, _INDEX = "pg_temp", "tm rows", "tm index"
_PLACE = sql.Identifier("tm place")

WHOLE_BYTES = 64 * 2**20
"""A table up to this size is copied whole."""

# The definition goes on behind the table's name; both names are known, so that none misleads.
_BEHIND_THE_TABLE = """
SELECT substr(pg_get_indexdef(x.indexrelid), 1 + length(format(
         'CREATE %%sINDEX %%I ON %%I.%%I ', CASE WHEN x.indisunique THEN 'UNIQUE ' END,
         i.relname, n.nspname, t.relname)))
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE x.indexrelid = %s::oid
"""

Ask = Callable[[Target], Query]
"""The query of an index that is made here, like that of the index under test."""


@dataclass(frozen=True)
class Verdict:
    """Of the rows that were not found, those that an index of their own finds, and all the others.

    Attributes:
        lost: the ``ctid`` of rows that the index under test has lost.
        unfindable: how many no index finds.
        complete: whether all that were not found were looked at.
    """

    lost: tuple[str, ...]
    unfindable: int
    complete: bool


def compare(session: Session, target: Target, query: Query, ask: Ask) -> Verdict:
    """Sort the rows that a query does not find: a few, and many only if none of these is lost.

    Raises:
        QueryFailed: no such table or index could be made, or asked.
    """
    verdict = _sorted(session, target, query, ask, FEW)
    if verdict.lost or verdict.complete:
        return verdict
    return _sorted(session, target, query, ask, MANY)


def _sorted(session: Session, target: Target, query: Query, ask: Ask, most: int) -> Verdict:
    plan, _ = _planned(session, target, query.lost(most + 1))
    if plan is None:
        return Verdict((), 0, complete=False)
    doing = f"listing the rows that {target.title} does not find"
    listed = session.rows(query.lost(most + 1), doing=doing)
    places = list(dict.fromkeys(tid for (tid,) in listed))
    lost = _found_by_an_index_of(session, target, ask, places, places)
    if lost and target.index.table_bytes <= WHOLE_BYTES:
        lost = _found_by_an_index_of(session, target, ask, None, lost)
    return Verdict(tuple(lost), len(places) - len(lost), len(listed) <= most)


def _planned(
    session: Session, target: Target, query: sql.Composable
) -> tuple[planner.Plan | None, planner.Plan]:
    name = target.index.name
    return planner.tried(
        session,
        query,
        lambda plan: planner.searches(plan, name),
        planner.SEARCH,
        index=target.title,
    )


def _found_by_an_index_of(
    session: Session,
    target: Target,
    ask: Ask,
    rows: Sequence[str] | None,
    wanted: Sequence[str],
) -> list[str]:
    """Those of the wanted rows that are found; the index is made of ``rows``, of all if None."""
    made = replace(
        target,
        index=replace(target.index, schema=_SCHEMA, table=_TABLE, name=_INDEX),
        percent=WHOLE_PERCENT,
        only=_among(_PLACE, wanted),
    )
    doing = f"asking an index like {target.title} that is made of the same rows"
    with planner.written_to_nothing(session, doing=doing):
        _make(session, target, rows, doing)
        again = ask(made).unfound
        plan, _ = _planned(session, made, again)
        if plan is None:
            return list(wanted)
        missing = [tid for (tid,) in session.rows(again, doing=doing)]
        not_found = session.rows(
            sql.SQL("SELECT {}::text FROM {} WHERE {}").format(
                _PLACE, made.table, _among(sql.SQL("ctid"), missing)
            ),
            doing=doing,
        )
    places = {place for (place,) in not_found}
    return [tid for tid in wanted if tid not in places]


def _among(place: sql.Composable, places: Sequence[str]) -> sql.Composable:
    return sql.SQL("{} = ANY ({}::text[]::tid[])").format(place, sql.Literal(list(places)))


def _make(session: Session, target: Target, rows: Sequence[str] | None, doing: str) -> None:
    """The rows come in one after the other, as they did to the index under test."""
    planner.as_replica(session, doing=doing)
    planner.steer(session, planner.BY_ADDRESS)
    (definition,) = session.row(_BEHIND_THE_TABLE, [target.index.oid], doing=doing)
    parts = {
        "made": sql.Identifier(_SCHEMA, _TABLE),
        "index": sql.Identifier(_INDEX),
        "place": _PLACE,
        "table": target.table,
        "definition": sql.SQL(definition),
        "which": sql.SQL("")
        if rows is None
        else sql.SQL(" WHERE {}").format(_among(sql.SQL("ctid"), rows)),
    }
    for statement in (
        "CREATE TABLE {made} AS SELECT *, ctid AS {place} FROM ONLY {table} WITH NO DATA",
        "CREATE INDEX {index} ON {made} {definition}",
        "INSERT INTO {made} SELECT *, ctid FROM ONLY {table}{which}",
    ):
        session.run(sql.SQL(statement).format(**parts), doing=doing)
