"""A scan of a whole GiST or SP-GiST index gives as many rows as its table has: none comes twice.

A row that finds itself may come again where the scan is led to its page a second time. A leaf of a
GiST index with the flag of a split that was not ended leads it to its right neighbour, which has an
entry of its own above by then. Searches by a value seldom come by that leaf, and a bitmap has each
row once. So all rows with a value are counted through the index, and in the heap, in one statement;
and all without one. A plain scan, where the planner is to be had for one: of a column that is never
NULL newer planners leave the condition out, and an index-only scan of any index may do.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.checks.hidden_rows import seeing_all_rows
from lambdas.checks.index_content import Compared
from lambdas.checks.lookup_targets import Key, Target
from lambdas.checks.lookups import LEANINGS, PRICES, describe, nodes, steer
from lambdas.checks.storage import StoredIndex
from lambdas.errors import QueryFailed

METHODS = frozenset({"gist", "spgist"})
"""These are scanned whole, and hold NULLs as well."""

_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
    **PRICES,
}
_INDEX_ONLY = {"enable_indexonlyscan": "on"}
_TRIES: tuple[dict[str, str], ...] = (*LEANINGS, _INDEX_ONLY)


def count_rows(session: Session, index: StoredIndex) -> Compared:
    """What is wrong with the number of rows that come through an index; nothing for other methods.

    Nor where the planner reads another index in its place. ``missed`` if the time was too short:
    that each row is found has been seen by then.

    Raises:
        QueryFailed: the table or the index could not be read.
    """
    if index.method not in METHODS:
        return Compared()
    target = describe(session, index)
    try:
        with seeing_all_rows(session, [index.table_oid], index.subject):
            return Compared(tuple(_differences(session, target)))
    except QueryFailed as error:
        if error.sqlstate != errorcodes.QUERY_CANCELED:
            raise
        return Compared(missed=(f"{index.title}: no time to count the rows that come: {error}",))


def _differences(session: Session, target: Target) -> Iterator[str]:
    title = target.index.title
    for query in _queries(target):
        if not _is_planned(session, target, query):
            continue
        for _ in range(2):
            # An index-only scan may count rows that are vacuumed meanwhile, but not again.
            held, given = session.row(query, doing=f"counting the rows that {title} gives")
            if held == given:
                break
        else:
            yield f"{title} gives {given:,} rows where its table has {held:,}"


def _queries(target: Target) -> Iterator[sql.Composable]:
    key = next((key for key in target.keys if key.finds_nulls), target.keys[0])
    yield _query(target, key, "IS NOT NULL")
    if key.finds_nulls:
        yield _query(target, key, "IS NULL")


def _query(target: Target, key: Key, which: str) -> sql.Composable:
    """One row: the rows of the table, and those that the index gives.

    A sample scan of all blocks reads the heap: no index can stand in for it.
    """
    table = sql.Identifier(target.index.schema, target.index.table)
    where = sql.SQL("{} {}{}").format(
        sql.SQL("({})").format(sql.SQL(key.expression)),
        sql.SQL(which),
        sql.SQL("" if target.predicate is None else f" AND ({target.predicate})"),
    )
    return sql.SQL(
        "SELECT (SELECT count(*) FROM ONLY {table} TABLESAMPLE SYSTEM (100) WHERE {where}),"
        " (SELECT count(*) FROM (SELECT FROM ONLY {table} WHERE {where} OFFSET 0) AS given)"
    ).format(table=table, where=where)


def _is_planned(session: Session, target: Target, query: sql.Composable) -> bool:
    """Find settings under which the planner reads this very index, whole."""
    for settings in _TRIES:
        steer(session, {**_BY_INDEX, **settings})
        (explained,) = session.row(
            sql.SQL("EXPLAIN (FORMAT JSON, COSTS OFF) {}").format(query),
            doing=f"planning to count the rows that {target.index.title} gives",
        )
        if _reads(explained[0]["Plan"], target.index.name):
            return True
    return False


def _reads(plan: Mapping[str, Any], index: str) -> bool:
    scans = [node for node in nodes(plan) if "Relation Name" in node]
    others = [scan for scan in scans if scan["Node Type"] != "Sample Scan"]
    return [(scan.get("Index Name"), "Filter" in scan) for scan in others] == [(index, False)]
