"""Each row must find its own ``ctid`` through an index.

The rows are read from the heap (a sample scan of all blocks, which no index can stand in for), put
together by what the index has of them, and each such value is looked up through the index: it must
give those very rows, by count and by a sum of hashes of their ``ctid``. So a value that many rows
share costs one look-up, and the whole takes time linear in the table. Operators are those of the
index's own operator class, and a row takes part when the operator holds between its value and
itself, whatever the operator means. What has elements (arrays and texts in GIN) is looked up by
element. The path is forced, and EXPLAIN must show this very index; else nothing is said. An error
that the same questions without the index do not meet is the index's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.checks.hidden_rows import seeing_all_rows
from lambdas.checks.lookup_queries import SECONDS, Query, queries
from lambdas.checks.lookup_targets import Key, Operator, Target
from lambdas.checks.shape import is_damage
from lambdas.checks.storage import StoredIndex
from lambdas.errors import QueryFailed

_KEYS = """
SELECT pg_get_indexdef(x.indexrelid, k.n, true), f.opcintype::regtype::text,
       ce.collname, cn.nspname, coalesce(ce.collisdeterministic, true),
       pg_index_column_has_property(x.indexrelid, k.n, 'search_nulls'),
       CASE WHEN a.attnotnull THEN (
              WITH RECURSIVE base (type) AS (
                SELECT a.atttypid UNION ALL
                SELECT t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type
                 WHERE t.typtype = 'd')
              SELECT format_type(b.type, -1) FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type
               WHERE t.typtype <> 'd') END,
       (SELECT json_agg(json_build_array(o.oprname, n.nspname, o.oprright::regtype::text,
                                         o.oprleft = o.oprright))
          FROM pg_catalog.pg_amop p
          JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
         WHERE p.amopfamily = f.opcfamily AND p.amoppurpose = 's'
           AND p.amoplefttype = like_it.type AND o.oprresult = 'bool'::regtype)
  FROM pg_catalog.pg_index x
 CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS k(n)
  JOIN pg_catalog.pg_opclass f ON f.oid = x.indclass[k.n - 1]
  LEFT JOIN pg_catalog.pg_collation ce ON ce.oid = x.indcollation[k.n - 1]
  LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = ce.collnamespace
  LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.n - 1] AND a.attnum > 0
 CROSS JOIN LATERAL (
    -- A cidr is an inet to its operators.
    SELECT t.type FROM (SELECT f.opcintype, 0
                        UNION ALL
                        SELECT s.casttarget, 1 FROM pg_catalog.pg_cast s
                         WHERE s.castsource = f.opcintype AND s.castmethod = 'b') t (type, other)
      LEFT JOIN pg_catalog.pg_amop d ON d.amopfamily = f.opcfamily AND d.amoppurpose = 's'
                                    AND d.amoplefttype = t.type
     ORDER BY d.oid IS NULL, t.other, t.type LIMIT 1) AS like_it
 WHERE x.indexrelid = %s::oid
 ORDER BY k.n
"""
_REST = """
SELECT pg_get_expr(x.indpred, x.indrelid),
       coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions)
                  WHERE option_name = 'pages_per_range'), '128')::int
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
 WHERE x.indexrelid = %s::oid
"""

_OWNED_BY_ANOTHER = """
SELECT pg_get_userbyid(relowner)::text FROM pg_catalog.pg_class
 WHERE oid = %s::oid AND NOT pg_has_role(relowner, 'USAGE')
"""

PRICES = {
    "seq_page_cost": "1",
    "random_page_cost": "4",
    "cpu_tuple_cost": "0.01",
    "cpu_index_tuple_cost": "0.005",
    "cpu_operator_cost": "0.0025",
}
"""PostgreSQL's own, whatever the copy's settings are."""

_FORCED = {
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "enable_memoize": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "on",
    "max_parallel_workers_per_gather": "0",
    **PRICES,
}
_FREE = {
    "enable_indexscan": "off",
    "seq_page_cost": "0",
    "random_page_cost": "0",
    "cpu_tuple_cost": "0",
    "cpu_operator_cost": "0",
    "cpu_index_tuple_cost": "0",
}
LEANINGS: tuple[dict[str, str], ...] = (
    {},
    # The descent of a B-tree costs operators, a hash index has none.
    {"cpu_operator_cost": "1000000"},
    # A BRIN has no index tuples to pay for.
    {**_FREE, "cpu_index_tuple_cost": "1000000"},
    {"random_page_cost": "0", "seq_page_cost": "0", "cpu_index_tuple_cost": "1000000"},
    # A bloom index is read whole. Where that costs nothing the one with the most columns is taken.
    _FREE,
)
"""Prices under which the planner takes an index before others on the same columns."""

_BY_ADDRESS = {
    "enable_seqscan": "on",
    "enable_tidscan": "on",
    "enable_indexscan": "off",
    "enable_bitmapscan": "off",
}

_PLANNED_BY_CONTENT = {"brin"}
"""The planner reads the first page of these. Where it holds nonsense it takes no index at all."""
_REFUSED = (
    "the planner refuses it, and no other index serves its columns: its first page may be damaged;"
    " plan the same on the source"
)

_MADE_ANEW = "the planner refuses it, and takes the same index made anew: its first page is damaged"

_OTHER_WAYS = {"Seq Scan", "Tid Scan", "Tid Range Scan"}

NOT_UNDERSTOOD = "42"
"""The class of what a statement may not or can't say: no privilege, no such function."""
NOT_OF_WHAT_IS_READ = ("08", "25", "28", "40", "53", "55", "57")
"""Classes of what the server lacks or was told to end.

What it does not do, 0A, is none: a GIN index whose first page says that it is an old one refuses to
be read whole so, and the same is asked without the index before it is called wrong.
"""


@dataclass(frozen=True)
class Found:
    """What looking up came to.

    Attributes:
        rows: how many were looked up.
        missed: why rows can't be looked up through this index, of its nature.
        partly: why some that could be were not; a sample tells of the others too.
        doubts: why that may be the index's own fault.
    """

    rows: int = 0
    findings: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __add__(self, more: "Found") -> "Found":
        return Found(
            self.rows + more.rows,
            self.findings + more.findings,
            self.missed + more.missed,
            self.partly + more.partly,
            self.doubts + more.doubts,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Why not every row was looked up; none if every one was."""
        return self.doubts + self.missed + self.partly

    @property
    def is_nothing(self) -> bool:
        """Whether no row was looked up though there may be some."""
        return not self.rows and bool(self.notes)


def find_each_row(session: Session, index: StoredIndex) -> Found:
    """Look every row of the index's table up through the index.

    Raises:
        QueryFailed: neither the index nor the table could be read.
    """
    if index.of_toast:
        told = "its chunks are looked up when the values are read, and not by this check"
        return Found(missed=(f"{index.title}: {told}",))
    target = describe(session, index)
    asked = list(queries(target))
    found = Found()
    if not any(key.operator or key.of_elements for key in target.keys):
        found = Found(missed=(f"{index.title}: no operator that a value satisfies with itself",))
    with seeing_all_rows(session, [index.table_oid], index.subject):
        for query in asked:
            found += _answer(session, target, query)
            if found.findings:
                break
    if target.is_whole:
        return found
    told = f"{index.title}: the rows of {target.percent:.2f} % of the table's blocks were looked up"
    return found + Found(partly=(told,))


def describe(session: Session, index: StoredIndex) -> Target:
    """An index with its columns, their operators and its predicate."""
    doing = f"reading the definition of the index {index.title}"
    keys = [_key(*row) for row in session.rows(_KEYS, [index.oid], doing=doing)]
    predicate, pages_each = session.row(_REST, [index.oid], doing=doing)
    return Target(index, tuple(keys), predicate, pages_each)


def _key(
    expression: str,
    type_name: str,
    collation: str | None,
    schema: str | None,
    deterministic: bool,
    searched: bool | None,
    not_null_type: str | None,
    operators: list[list[Any]] | None,
) -> Key:
    return Key(
        expression=expression,
        type_name=type_name,
        collation=(schema, collation) if schema and collation else None,
        deterministic=deterministic,
        finds_nulls=bool(searched) and not_null_type is None,
        not_null_type=not_null_type or "",
        operators=tuple(Operator(*operator) for operator in operators or ()),
    )


def _answer(session: Session, target: Target, query: Query) -> Found:
    title = target.index.title
    try:
        return _first_that_is_understood(session, target, query)
    except QueryFailed as error:
        if error.sqlstate.startswith(NOT_UNDERSTOOD):
            return Found(missed=(f"{title}: its values can't be computed or compared: {error}",))
        if not _is_the_indexs_own(session, query, error, title):
            raise
        return Found(findings=(f"{error}, and the same rows without this index gave no error",))


def _is_the_indexs_own(session: Session, query: Query, error: QueryFailed, title: str) -> bool:
    """Whether the same questions do well without it. What is damage anyway needs no asking."""
    if is_damage(error) or error.sqlstate.startswith(NOT_OF_WHAT_IS_READ):
        return False
    steer(session, {**_FORCED, **_BY_ADDRESS})
    try:
        session.row(query.by_address, doing=f"looking rows up without {title}")
    except QueryFailed:
        return False
    return True


def _first_that_is_understood(session: Session, target: Target, query: Query) -> Found:
    if query.by_value is not None:
        try:
            found = _ask(session, target, query.by_value)
        except QueryFailed as error:
            if error.sqlstate != errorcodes.UNDEFINED_FUNCTION:
                raise
        else:
            # Values tell that rows are lost; only the rows themselves tell which.
            located = _ask(session, target, query.by_row) if found.findings else found
            return located if located.findings else found
    return _ask(session, target, query.by_row)


def _ask(session: Session, target: Target, query: sql.Composable) -> Found:
    title = target.index.title
    plan = _forced(session, target, query)
    if plan is None:
        return Found(missed=(f"{title}: the planner takes another way than this index",))
    if not _goes_through(plan, target.index.name):
        if _taken_when_made_anew(session, target, query):
            return Found(findings=(f"{title}: {_MADE_ANEW}",))
        return Found(doubts=(f"{title}: {_REFUSED}",))
    looked, late, lost, first = session.row(query, doing=f"looking rows up through {title}")
    partly = () if not late else (f"{title}: no time for {late:,} rows after {SECONDS} seconds",)
    if not lost:
        return Found(looked, partly=partly)
    block, number = first.strip("()").split(",")
    where = f"(one is at block {block}, tuple {number})"
    return Found(looked, (f"{lost:,} rows can't be found through {title} {where}",), partly=partly)


def steer(session: Session, settings: Mapping[str, str]) -> None:
    """Change settings for the rest of the session."""
    each = sql.SQL(", ").join(
        sql.SQL("set_config({}, {}, false)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    )
    session.run(sql.SQL("SELECT {}").format(each), doing="steering the planner")


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A plan's nodes, as ``EXPLAIN (FORMAT JSON)`` has them."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def _forced(session: Session, target: Target, query: sql.Composable) -> Mapping[str, Any] | None:
    """A plan under prices at which the planner goes through this very index.

    None if another serves as well; a plan without any index if the planner refuses this one.
    """
    title = target.index.title
    plan: Mapping[str, Any] = {}
    for leaning in LEANINGS:
        steer(session, {**_FORCED, **leaning})
        (explained,) = session.row(
            sql.SQL("EXPLAIN (FORMAT JSON, COSTS OFF) {}").format(query),
            doing=f"planning to look rows up through {title}",
        )
        plan = explained[0]["Plan"]
        if _goes_through(plan, target.index.name):
            return plan
    refused = target.index.method in _PLANNED_BY_CONTENT and not _takes_any(plan)
    return plan if refused else None


def _taken_when_made_anew(session: Session, target: Target, query: sql.Composable) -> bool:
    """Whether the planner refuses the index for what lies in its file, and for nothing else.

    It is made anew on the copy, in a transaction that is rolled back, and its owner's role with it.
    As a replica's, that does not run the source's event triggers.
    """
    title = target.index.title
    name = sql.Identifier(target.index.schema, target.index.name)
    doing = f"making {title} anew, for comparison"
    try:
        session.run("BEGIN READ WRITE", doing=doing)
        session.run("SET LOCAL session_replication_role = replica", doing=doing)
        for (owner,) in session.rows(_OWNED_BY_ANOTHER, [target.index.oid], doing=doing):
            session.run(
                sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)), doing=doing
            )
        session.run(sql.SQL("REINDEX INDEX {}").format(name), doing=doing)
        plan = _forced(session, target, query)
        return plan is not None and _goes_through(plan, target.index.name)
    except QueryFailed:
        return False  # it is its owner's to make, or its table's rows can't be read
    finally:
        session.run("ROLLBACK", doing=doing)


def _takes_any(plan: Mapping[str, Any]) -> bool:
    return any("Index Name" in node for node in nodes(plan))


def _goes_through(plan: Mapping[str, Any], index: str) -> bool:
    every = list(nodes(plan))
    searched = [node for node in every if "Index Name" in node]
    others = [node for node in every if node["Node Type"] in _OTHER_WAYS]
    right = all(node["Index Name"] == index and "Index Cond" in node for node in searched)
    return bool(searched) and right and not others
