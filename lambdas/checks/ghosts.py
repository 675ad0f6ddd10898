"""A B-tree gives as many rows as its table holds: none of its entries is a ghost.

amcheck looks from the heap to the index: each row has its entry. An entry too many it does not see:
of a row that is gone, and whose place holds another row now or nothing, as the lost write of a
vacuumed page leaves it. A search by the old key then gives a row that has another one, for what a
B-tree finds is not compared again, and an index-only scan gives a row that is not there. Where
every row has its entry, one too many makes a scan of the whole index give more rows than the table
has. So the rows are counted through each index and in the heap, in one statement: what is written
meanwhile changes neither. The scan is an index-only scan where the planner is to be had for one; a
plain one counts no entry that leads to nothing, and an index on an expression is mostly read so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.checks.hidden_rows import seeing_all_rows
from lambdas.checks.lookup_targets import EVERYTHING_BYTES
from lambdas.checks.lookups import LEANINGS, PRICES, nodes, steer
from lambdas.checks.shape import is_damage
from lambdas.checks.storage import StoredIndex, cost_of
from lambdas.errors import QueryFailed

SECONDS = 5
BYTES_PER_SECOND = 50_000_000
"""A table has these seconds, and what its indexes and rows take at this speed. amcheck has just
read them, though not in the index's order; a batch must not end for what takes longer."""

ADVICE = (
    "REINDEX it, on the source as well if a count through it there is not that of the table; where"
    " the check visibility names the table, its map may be at fault"
)
ELSEWHERE = "{}: the planner reads another index in its place, so its entries were not counted"
TOO_LARGE = "{}: above 1 GiB entries are not counted: its B-trees may hold some too many"
NOT_COUNTED = "{}: its entries can't be counted: {}"

_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "enable_sort": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
    **PRICES,
}
_PLAIN = {"enable_indexonlyscan": "off"}
# Of two indexes on one column the one that has it alone follows the heap's order more closely.
_ORDER_MATTERS = {"seq_page_cost": "0", "random_page_cost": "1000"}
_TRIES: tuple[dict[str, str], ...] = (*LEANINGS, _PLAIN, {**_PLAIN, **_ORDER_MATTERS})
"""Settings under which the planner takes an index before another that has the same order."""

_SCANS = {"Index Only Scan", "Index Scan"}

_ROW = sql.Identifier("time machine")
"""A name in the same query as the table's columns: none of theirs."""

_DEFINITIONS = """
SELECT x.indexrelid::bigint, pg_get_expr(x.indpred, x.indrelid), x.indexprs IS NOT NULL,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = x.indexrelid AND a.attnum > x.indnkeyatts ORDER BY a.attnum),
       (SELECT json_agg(json_build_array(
                 pg_get_indexdef(x.indexrelid, k.n, true), cn.nspname, ce.collname,
                 n.nspname, o.oprname, (x.indoption[k.n - 1] & 2) > 0) ORDER BY k.n)
          FROM generate_series(1, x.indnkeyatts) AS k(n)
          JOIN pg_catalog.pg_opclass f ON f.oid = x.indclass[k.n - 1]
          JOIN pg_catalog.pg_amop p
            ON p.amopfamily = f.opcfamily AND p.amoppurpose = 's'
           AND p.amoplefttype = f.opcintype AND p.amoprighttype = f.opcintype
           AND p.amopstrategy = CASE WHEN (x.indoption[k.n - 1] & 1) > 0 THEN 5 ELSE 1 END
          JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
          LEFT JOIN pg_catalog.pg_collation ce ON ce.oid = x.indcollation[k.n - 1]
          LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = ce.collnamespace)
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
 WHERE x.indexrelid = ANY (%s::oid[]) AND t.relispopulated
 ORDER BY x.indexrelid
"""


class Counted(NamedTuple):
    """What came of it; ``notes`` say why the entries of an index were not counted."""

    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def and_of(self, other: "Counted") -> "Counted":
        """Both."""
        return Counted(self.findings + other.findings, self.notes + other.notes)


class _Key(NamedTuple):
    """A key column; ``operator`` puts its values in the index's order."""

    expression: str
    collation_schema: str | None
    collation: str | None
    operator_schema: str
    operator: str
    nulls_first: bool

    @property
    def order(self) -> sql.Composable:
        collate: sql.Composable = sql.SQL("")
        if self.collation_schema and self.collation:
            name = sql.Identifier(self.collation_schema, self.collation)
            collate = sql.SQL(" COLLATE {}").format(name)
        return sql.SQL("({}){} USING OPERATOR({}.{}) {}").format(
            sql.SQL(self.expression),
            collate,
            sql.Identifier(self.operator_schema),
            sql.SQL(self.operator),
            sql.SQL("NULLS FIRST" if self.nulls_first else "NULLS LAST"),
        )


@dataclass(frozen=True)
class _Target:
    """An index with its definition: ``computed`` if it has expressions, ``beside`` the INCLUDE."""

    index: StoredIndex
    predicate: str | None
    computed: bool
    beside: tuple[str, ...]
    keys: tuple[_Key, ...]


def count_entries(session: Session, indexes: Sequence[StoredIndex]) -> Counted:
    """Hold the rows that each of a table's B-trees gives against the table's own.

    Of a system catalog none is counted, nor of a TOAST table. The session's settings are others
    then.
    """
    counted = [index for index in indexes if not (index.catalog or index.of_toast)]
    if not counted:
        return Counted()
    table = counted[0]
    if table.table_bytes > EVERYTHING_BYTES:
        return Counted(notes=(TOO_LARGE.format(table.subject),))
    try:
        seconds = SECONDS + cost_of(counted) / BYTES_PER_SECOND
        session.limit_statements(min(seconds, session.statement_seconds))
        steer(session, _BY_INDEX)
        with seeing_all_rows(session, [table.table_oid], table.subject):
            return _count(session, list(_described(session, counted)))
    except QueryFailed as error:
        return _failed(error, table.subject)


def _described(session: Session, indexes: Sequence[StoredIndex]) -> Iterator[_Target]:
    by_oid = {index.oid: index for index in indexes}
    doing = f"reading the definitions of the indexes of {indexes[0].subject}"
    for oid, predicate, computed, beside, keys in session.rows(
        _DEFINITIONS, [list(by_oid)], doing=doing
    ):
        described = tuple(_Key(*key) for key in keys or ())
        yield _Target(by_oid[oid], predicate, computed, tuple(beside), described)


def _count(session: Session, targets: Sequence[_Target]) -> Counted:
    """All at once; only where that fails, one after the other."""
    try:
        return _count_together(session, targets)
    except QueryFailed as error:
        if len(targets) == 1 or error.sqlstate == errorcodes.QUERY_CANCELED:
            return _failed(error, ", ".join(target.index.title for target in targets))
    found = Counted()
    for target in targets:
        found = found.and_of(_count(session, [target]))
    return found


def _failed(error: QueryFailed, title: str) -> Counted:
    if is_damage(error):
        return Counted(findings=(f"{error}; {ADVICE}",))
    return Counted(notes=(NOT_COUNTED.format(title, error),))


def _count_together(session: Session, targets: Sequence[_Target]) -> Counted:
    """Under one settings after the other, those that the planner reads then."""
    left, findings = list(targets), list[str]()
    for number, settings in enumerate(_TRIES):
        if not left:
            break
        if number:
            steer(session, {**_BY_INDEX, **settings})
        chosen = _planned(session, left, first=not number)
        if chosen:
            findings += _differences(session, chosen, first=not number)
            left = [target for target in left if target not in chosen]
    return Counted(tuple(findings), tuple(ELSEWHERE.format(target.index.title) for target in left))


def _planned(session: Session, targets: Sequence[_Target], *, first: bool) -> list[_Target]:
    """Those that are read whole, and no other in their place."""
    (explained,) = session.row(
        sql.SQL("EXPLAIN (FORMAT JSON, COSTS OFF) {}").format(_query(targets, first=first)),
        doing=f"planning to count the entries of {_titles(targets)}",
    )
    plans = [
        node
        for node in nodes(explained[0]["Plan"])
        if node.get("Parent Relationship") == "InitPlan"
    ]
    if len(plans) != len(targets):
        return []
    pairs = zip(targets, plans, strict=True)
    return [target for target, plan in pairs if _reads(plan, target.index.name)]


def _reads(plan: Mapping[str, Any], index: str) -> bool:
    scans = [node for node in nodes(plan) if "Relation Name" in node]
    if [node.get("Index Name") for node in scans] != [index]:
        return False
    (scan,) = scans
    return scan["Node Type"] in _SCANS and "Filter" not in scan and "Index Cond" not in scan


def _differences(session: Session, targets: Sequence[_Target], *, first: bool) -> Iterator[str]:
    counts = session.row(
        _query(targets, first=first), doing=f"counting the entries of {_titles(targets)}"
    )
    held, given = counts[: len(targets)], counts[len(targets) :]
    for target, by_table, by_index in zip(targets, held, given, strict=True):
        title = target.index.title
        if by_index > by_table:
            yield (
                f"{title} gives {by_index - by_table:,} rows more than its table holds, so a search"
                f" by a key may give a row that has not got it; {ADVICE}"
            )
        elif by_index < by_table:
            yield f"{title} gives {by_table - by_index:,} rows fewer than its table holds; {ADVICE}"


def _titles(targets: Sequence[_Target]) -> str:
    """As short as an error's message must be."""
    title = targets[0].index.title
    return title if len(targets) == 1 else f"{title} and others of {targets[0].index.subject}"


def _query(targets: Sequence[_Target], *, first: bool) -> sql.Composable:
    """One row: for each index the rows of the table, then for each what the index gives.

    A sample scan of all blocks reads the heap: no index can stand in for it.
    """
    index = targets[0].index
    table = sql.Identifier(index.schema, index.table)
    held = [
        sql.SQL("count(*)")
        if target.predicate is None
        else sql.SQL("count(*) FILTER (WHERE ({}))").format(sql.SQL(target.predicate))
        for target in targets
    ]
    # The order would be computed for each row; without it the planner has the cheapest index.
    given = [_given(target, table, bare=first and target.computed) for target in targets]
    return sql.SQL(
        "SELECT held.*, {} FROM (SELECT {} FROM ONLY {} TABLESAMPLE SYSTEM (100)) AS held"
    ).format(sql.SQL(", ").join(given), sql.SQL(", ").join(held), table)


def _given(target: _Target, table: sql.Composable, *, bare: bool) -> sql.Composable:
    """The rows in the index's order, counted; what it has beside its key tells it from others."""
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in target.beside)
    row = sql.SQL("num_nulls({}) AS {}").format(columns, _ROW) if target.beside else sql.SQL("")
    order = sql.SQL(", ").join(key.order for key in target.keys)
    return sql.SQL("(SELECT count({}) FROM (SELECT {} FROM ONLY {}{}{} OFFSET 0) AS given)").format(
        _ROW if target.beside else sql.SQL("*"),
        row,
        table,
        sql.SQL("" if target.predicate is None else f" WHERE ({target.predicate})"),
        sql.SQL("") if bare else sql.SQL(" ORDER BY {}").format(order),
    )
