"""A scan of a whole GiST or SP-GiST index gives as many rows as its table has: none comes twice.

A row that finds itself may come again where the scan is led to its page a second time. A leaf of a
GiST index with the flag of a split that was not ended leads it to its right neighbour, which has an
entry of its own above by then. Searches by a value seldom come by that leaf, and a bitmap has each
row once. So all rows with a value are counted through the index, and in the heap, in one statement;
and all without one. Where the planner reads another index whatever its settings, this is told.

The condition is that the column is not NULL. From 17 on the planner leaves it out where the column
is NOT NULL, and then has no reason to read this index. Of a value cast to a domain it does not know
that, and a cast to a domain without constraints changes nothing, not even whether an index serves:
``match_index_to_operand`` looks below it. So the condition is of such a cast, and the domain is
made in a transaction that is rolled back.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.checks.hidden_rows import seeing_all_rows
from lambdas.checks.index_content import Compared
from lambdas.checks.lookup_targets import Key, Target
from lambdas.checks.lookups import LEANINGS, PRICES, describe, nodes, steer
from lambdas.checks.storage import StoredIndex
from lambdas.errors import DatabaseUnreachable, QueryFailed

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
_DOMAIN = sql.Identifier("pg_temp", "time machine: whole index")

ELSEWHERE = (
    "{}: the planner reads another index in its place, so nothing tells whether it gives rows"
    " twice; drop the index that serves the same columns, or REINDEX this one, to be sure"
)
NO_DOMAIN = (
    "{}: it was not scanned whole, so nothing tells whether it gives rows twice: {}; grant"
    " TEMPORARY on the database to the user of the drill"
)
_TRIES: tuple[dict[str, str], ...] = (*LEANINGS, _INDEX_ONLY)


def count_rows(session: Session, index: StoredIndex) -> Compared:
    """What is wrong with the number of rows that come through an index; nothing for other methods.

    ``missed`` says why they were not counted.

    Raises:
        QueryFailed: the table or the index could not be read.
    """
    if index.method not in METHODS:
        return Compared()
    target = describe(session, index)
    try:
        with seeing_all_rows(session, [index.table_oid], index.subject):
            return _counted(session, target)
    except QueryFailed as error:
        if error.sqlstate != errorcodes.QUERY_CANCELED:
            raise
        return Compared(missed=(f"{index.title}: no time to count the rows that come: {error}",))


def _counted(session: Session, target: Target) -> Compared:
    """A key that may be NULL needs no domain."""
    title = target.index.title
    key = next((key for key in target.keys if not key.not_null_type), target.keys[0])
    if not key.not_null_type:
        return _compared(session, target, key)
    with _written_to_nothing(session, title):
        try:
            session.run(
                sql.SQL("CREATE DOMAIN {} AS {}").format(_DOMAIN, sql.SQL(key.not_null_type)),
                doing=f"making a domain to scan the whole of {title}",
            )
        except QueryFailed as error:
            return Compared(missed=(NO_DOMAIN.format(title, error),))
        return _compared(session, target, key)


def _compared(session: Session, target: Target, key: Key) -> Compared:
    title = target.index.title
    findings, missed = [], []
    for query in _queries(target, key):
        if not _is_planned(session, target, query):
            missed = [ELSEWHERE.format(title)]
        elif told := _difference(session, title, query):
            findings.append(told)
    return Compared(tuple(findings), tuple(missed))


@contextmanager
def _written_to_nothing(session: Session, title: str) -> Iterator[None]:
    """A transaction that may write, and is rolled back."""
    doing = f"scanning the whole of {title}"
    session.run("BEGIN READ WRITE", doing=doing)
    try:
        yield
    finally:
        with suppress(DatabaseUnreachable):
            session.run("ROLLBACK", doing=doing)


def _difference(session: Session, title: str, query: sql.Composable) -> str:
    for _ in range(2):
        # An index-only scan may count rows that are vacuumed meanwhile, but not again.
        held, given = session.row(query, doing=f"counting the rows that {title} gives")
        if held == given:
            return ""
    return f"{title} gives {given:,} rows where its table has {held:,}"


def _queries(target: Target, key: Key) -> Iterator[sql.Composable]:
    yield _query(target, key, "IS NOT NULL")
    if key.finds_nulls:
        yield _query(target, key, "IS NULL")


def _query(target: Target, key: Key, which: str) -> sql.Composable:
    """One row: the rows of the table, and those that the index gives.

    A sample scan of all blocks reads the heap: no index can stand in for it.
    """
    table = sql.Identifier(target.index.schema, target.index.table)
    where = sql.SQL("{} {}{}").format(
        sql.SQL("({})::{}" if key.not_null_type else "({})").format(
            sql.SQL(key.expression), _DOMAIN
        ),
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
        steer(session, {**_BY_INDEX, **settings, "enable_indexscan": "on"})
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
