"""The planner, brought to read one very index; and where it won't, that is always said.

PostgreSQL has no hint that names an index. Prices and ``enable_*`` settings decide between those
that serve a query, so each question is planned under one settings after the other, until EXPLAIN
shows the plan that is wanted. Of two indexes that serve alike the planner always takes the cheaper.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.outcome import Outcome
from lambdas.errors import DatabaseUnreachable, QueryFailed

Settings = Mapping[str, str]
Plan = Mapping[str, Any]
Accepts = Callable[[Plan], bool]

_PRICES = {
    "seq_page_cost": "1",
    "random_page_cost": "4",
    "cpu_tuple_cost": "0.01",
    "cpu_index_tuple_cost": "0.005",
    "cpu_operator_cost": "0.0025",
}
"""PostgreSQL's own, whatever the copy's settings are."""

_WAYS = {
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "enable_memoize": "off",
    "enable_sort": "on",
    "max_parallel_workers_per_gather": "0",
}

_FREE = dict.fromkeys(_PRICES, "0")
_LEANINGS: tuple[Settings, ...] = (
    {},
    # The descent of a B-tree costs operators, a hash index has none.
    {"cpu_operator_cost": "1000000"},
    # A BRIN has no index tuples to pay for.
    {**_FREE, "cpu_index_tuple_cost": "1000000"},
    {"random_page_cost": "0", "seq_page_cost": "0", "cpu_index_tuple_cost": "1000000"},
    # A bloom index is read whole. Where that costs nothing the one with the most columns is taken.
    _FREE,
)
# Of two indexes on one column the one that has it alone follows the heap's order more closely.
_ORDER_MATTERS = {"seq_page_cost": "0", "random_page_cost": "1000"}

_BITMAP = {"enable_bitmapscan": "on"}
_PLAIN = {"enable_indexscan": "on"}
# An index-only scan needs both to be on.
_INDEX_ONLY = {"enable_indexscan": "on", "enable_indexonlyscan": "on"}

_TABLE_SCANS = {"Seq Scan", "Tid Scan", "Tid Range Scan"}

_AS_REPLICA = "setting session_replication_role to replica, for "
# A superuser's setting; its grant came with PostgreSQL 15 (release notes, "GRANT … ON PARAMETER").
_NO_REPLICA = (
    "GRANT rds_superuser to {0} on the source, or from PostgreSQL 15 on GRANT SET ON PARAMETER"
    " session_replication_role TO {0}, and drill again"
)
_NO_TEMPORARY = "on the source GRANT TEMPORARY ON DATABASE {} TO {}, and drill again"
_TEMPORARY = """
SELECT pg_catalog.quote_ident(current_user), pg_catalog.quote_ident(d.datname),
       pg_catalog.has_database_privilege(d.oid, 'TEMPORARY')
  FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""


@dataclass(frozen=True)
class Way:
    """Settings under which the planner reads an index in some manner; they are tried in turn."""

    tries: tuple[Settings, ...]


def _way(*manners: Settings, beside: Settings | None = None, **others: str) -> Way:
    tried = [{**_WAYS, **_PRICES, **m, **lean, **others} for m in manners for lean in _LEANINGS]
    extra = [] if beside is None else [{**_WAYS, **_PRICES, **beside, **others}]
    return Way((*tried, *extra))


SEARCH = _way(_PLAIN, _BITMAP)
"""Rows by their keys. A bitmap has each row once, so that it hides one that comes twice."""

_SEARCH_BY_BITMAP = _way(_BITMAP)
_ONLY_BY_BITMAP = frozenset({"gin", "brin", "bloom"})
"""Methods without ``amgettuple``."""


def search(method: str) -> Way:
    """The same where the method of the index is known."""
    return _SEARCH_BY_BITMAP if method in _ONLY_BY_BITMAP else SEARCH


WHOLE = _way(_INDEX_ONLY, _PLAIN, beside={**_PLAIN, **_ORDER_MATTERS}, enable_sort="off")
"""Every entry, in the index's order if it has one; an index-only scan also sees what leads nowhere.
"""

PLAIN_WHOLE = _way(_PLAIN, _INDEX_ONLY)
"""Every entry with its row: an index-only scan may count rows that are vacuumed meanwhile."""

INDEX_ONLY = _way(_INDEX_ONLY)
"""The values that an index gives without its table."""

BY_TABLE: Settings = {**_WAYS, **_PRICES, "enable_seqscan": "on"}
BY_ADDRESS: Settings = {**BY_TABLE, "enable_tidscan": "on"}
"""No index."""


def steer(session: Session, settings: Settings) -> None:
    """Change settings for the rest of the session, or of a transaction that is rolled back."""
    session.run(_steered(settings), action="steering the planner")


def _steered(settings: Settings) -> sql.Composable:
    each = sql.SQL(", ").join(
        sql.SQL("set_config({}, {}, false)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    )
    return sql.SQL("SELECT {}").format(each)


def explained(session: Session, settings: Settings, query: sql.Composable, *, action: str) -> Plan:
    """The plan of a query under settings, which the session has from then on."""
    statement = sql.SQL("{}; EXPLAIN (FORMAT JSON, COSTS OFF) {}").format(_steered(settings), query)
    (found,) = session.row(statement, action=action)
    plan: Plan = found[0]["Plan"]
    return plan


def forced(
    session: Session,
    query: sql.Composable,
    accepts: Accepts,
    way: Way,
    outcome: Outcome,
    *,
    index: str,
    unasked: str,
) -> Plan | None:
    """Settle the session on settings under which the planner goes the wanted way.

    None if it never does; the outcome says so by then.

    Args:
        accepts: whether a plan is the wanted one.
        index: the title of the index. ``unasked``: what is not known without that plan.
    """
    plan, _ = tried(session, query, accepts, way, index=index)
    if plan is None:
        outcome.not_asked(elsewhere(index, unasked))
    return plan


def tried(
    session: Session, query: sql.Composable, accepts: Accepts, way: Way, *, index: str
) -> tuple[Plan | None, Plan]:
    """The wanted plan if there is one, and the last that was not.

    For who has more to say than :func:`forced` where there is none.
    """
    plan: Plan = {}
    for settings in way.tries:
        plan = explained(session, settings, query, action=f"planning to read {index}")
        if accepts(plan):
            return plan, plan
    return None, plan


def elsewhere(index: str, unasked: str) -> str:
    """Why an index was not asked, and what to do.

    One that serves a question as well need not serve others: a BRIN is no GiST.
    """
    return (
        f"{index}: the planner takes another way than this index, so {unasked}; REINDEX it to be"
        " sure of it; only if another index has the same method, columns, operator classes and"
        " predicate, drop one of the two"
    )


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan's nodes, as ``EXPLAIN (FORMAT JSON)`` has them."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def searches(plan: Plan, index: str) -> bool:
    """Whether rows are searched for through this very index, and in no other way."""
    every = list(nodes(plan))
    searched = [node for node in every if "Index Name" in node]
    others = [node for node in every if node["Node Type"] in _TABLE_SCANS]
    right = all(node["Index Name"] == index and "Index Cond" in node for node in searched)
    return bool(searched) and right and not others


def takes_no_index(plan: Plan) -> bool:
    """Whether it refuses all of them."""
    return not any("Index Name" in node for node in nodes(plan))


def scans_of(plan: Plan) -> Sequence[Plan]:
    """Its nodes that read a relation, but sample scans: those read the heap to compare with."""
    read = (node for node in nodes(plan) if "Relation Name" in node)
    return [node for node in read if node["Node Type"] != "Sample Scan"]


@contextmanager
def written_to_nothing(session: Session, *, action: str) -> Iterator[None]:
    """A transaction on the copy that may write, and is rolled back with what is made in it.

    An error ends it, so no further statement may follow one.
    """
    session.run("BEGIN READ WRITE", action=action)
    try:
        yield
    finally:
        # A lost connection is reported by what lost it.
        with suppress(DatabaseUnreachable):
            session.run("ROLLBACK", action=action)


def as_replica(session: Session, *, action: str) -> None:
    """Until the transaction ends the source's event triggers do not run."""
    action = f"{_AS_REPLICA}{action}"
    session.run("SET LOCAL session_replication_role = replica", action=action)


def with_missing_right(session: Session, error: QueryFailed) -> QueryFailed:
    """Why something could not be made for comparison, with the right that its role lacks.

    Asked when the transaction is over. What else it may not do (call a function, use a type) the
    error itself tells.
    """
    if error.sqlstate != errorcodes.INSUFFICIENT_PRIVILEGE:
        return error
    role, database, may = session.row(_TEMPORARY, action="looking for the right TEMPORARY")
    if error.action.startswith(_AS_REPLICA):
        return error.with_remedy(_NO_REPLICA.format(role))
    return error if may else error.with_remedy(_NO_TEMPORARY.format(database, role))
