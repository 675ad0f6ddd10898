"""What an index says of its rows' values, against what the table holds.

An index that can give the values back answers queries without the table: an index-only scan. Its
operators may look at a part of a key only, so that a row finds itself through a key that is wrong.
The leaf of a GiST index over points keeps each point twice: ``~=`` reads one of them, an index-only
scan the other. So every value that the index gives is summed up, and held against the table's. Two
keys of one column that have changed places leave the sum as it is: finding each row is for those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.checks.hidden_rows import seeing_all_rows
from lambdas.checks.lookups import LEANINGS, NOT_OF_WHAT_IS_READ, NOT_UNDERSTOOD, nodes, steer
from lambdas.checks.shape import is_damage
from lambdas.checks.storage import StoredIndex
from lambdas.errors import QueryFailed

_COLUMNS = """
SELECT a.attname, pg_get_expr(x.indpred, x.indrelid)
  FROM pg_catalog.pg_index x
 CROSS JOIN LATERAL generate_series(1, x.indnatts) AS k(n)
  JOIN pg_catalog.pg_attribute a
    ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.n - 1] AND a.attnum > 0
 WHERE x.indexrelid = %s::oid
   AND pg_index_column_has_property(x.indexrelid, k.n::int, 'returnable')
 ORDER BY k.n
"""

_BY_TABLE = {
    "enable_seqscan": "on",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
}
_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "enable_bitmapscan": "off",
}


@dataclass(frozen=True)
class Compared:
    """What came of it; ``missed`` says why an index that gives values was not asked for them."""

    findings: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


def compare(session: Session, index: StoredIndex) -> Compared:
    """Hold what an index gives against its table; nothing where it gives no values.

    Raises:
        QueryFailed: the table could not be read, or the index is damaged.
    """
    doing = f"reading the definition of the index {index.title}"
    listed = session.rows(_COLUMNS, [index.oid], doing=doing)
    if not listed:
        return Compared()
    columns, predicate = [name for name, _ in listed], listed[0][1]
    query = _query(index, columns, predicate)
    with seeing_all_rows(session, [index.table_oid], index.subject):
        try:
            return _compared(session, index, columns, query)
        except QueryFailed as error:
            if not error.sqlstate.startswith(NOT_UNDERSTOOD):
                raise
            return Compared(missed=(f"{index.title}: its values can't be written out: {error}",))


def _query(index: StoredIndex, columns: Sequence[str], predicate: str | None) -> sql.Composable:
    """The rows, a sum of their hashes, then for each column the values and a sum of theirs.

    As texts: an index may leave out what its type holds equal, the blanks at the end of a ``char``.
    """
    texts = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns]
    sums = [sql.SQL("count({}), {}").format(text, _sum_of_hashes(text)) for text in texts]
    row = sql.SQL("ROW({})::text").format(sql.SQL(", ").join(texts))
    return sql.SQL("SELECT count(*), {}, {} FROM ONLY {}{}").format(
        _sum_of_hashes(row),
        sql.SQL(", ").join(sums),
        sql.Identifier(index.schema, index.table),
        sql.SQL("" if predicate is None else f" WHERE ({predicate})"),
    )


def _sum_of_hashes(text: sql.Composable) -> sql.Composable:
    return sql.SQL('sum(pg_catalog.hashtextextended({} COLLATE pg_catalog."C", 0))').format(text)


def _compared(
    session: Session, index: StoredIndex, columns: Sequence[str], query: sql.Composable
) -> Compared:
    steer(session, _BY_TABLE)
    held = session.row(query, doing=f"reading what {index.title} was made of")
    if not _is_planned(session, index, query):
        told = "the planner reads its values elsewhere, so what it gives was not compared"
        return Compared(missed=(f"{index.title}: {told}",))
    try:
        given = session.row(query, doing=f"reading the values that {index.title} gives")
    except QueryFailed as error:
        if is_damage(error) or error.sqlstate.startswith(NOT_OF_WHAT_IS_READ):
            raise
        return Compared((f"{error}, and the same values from the table gave no error",))
    return Compared(tuple(_differences(index, columns, held, given)))


def _is_planned(session: Session, index: StoredIndex, query: sql.Composable) -> bool:
    """Find prices under which the planner reads this very index and nothing else."""
    for leaning in LEANINGS:
        steer(session, {**leaning, **_BY_INDEX})
        (explained,) = session.row(
            sql.SQL("EXPLAIN (FORMAT JSON, COSTS OFF) {}").format(query),
            doing=f"planning to read {index.title}",
        )
        scans = [n for n in nodes(explained[0]["Plan"]) if "Relation Name" in n]
        if [(n["Node Type"], n.get("Index Name")) for n in scans] == [
            ("Index Only Scan", index.name)
        ]:
            return True
    return False


def _differences(
    index: StoredIndex, columns: Sequence[str], held: Sequence[Any], given: Sequence[Any]
) -> list[str]:
    if held[0] != given[0]:
        return [f"{index.title} gives {given[0]:,} rows, and its table has {held[0]:,}"]
    pairs = zip(held[2:], given[2:], strict=True)
    told = [
        f"{index.title} gives other values of the column {name} than its table holds"
        for name, of_count, of_sum in zip(columns, pairs, pairs, strict=True)
        if of_count[0] != of_count[1] or of_sum[0] != of_sum[1]
    ]
    if not told and held[1] != given[1]:
        return [f"{index.title} gives its columns' values in other rows than its table holds"]
    return told
