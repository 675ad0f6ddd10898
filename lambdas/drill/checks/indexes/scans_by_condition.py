"""A scan of a whole index by a condition that every row meets, where the index has no order."""

from collections.abc import Iterator
from contextlib import ExitStack

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.indexes import planner
from lambdas.drill.checks.indexes.definition import Target
from lambdas.drill.checks.outcome import Outcome
from lambdas.errors import QueryFailed

UNASKED = "its entries were not counted: it may hold some too many"


NO_DOMAIN = "{}: it was not scanned whole, so nothing tells whether it gives rows twice: {}"


SCANS = {"Index Only Scan", "Index Scan"}


Condition = tuple[sql.Composable, ...]
"""What rows meet that are counted together; a whole table has one, or one and its opposite."""


def counted_by_condition(session: Session, target: Target, outcome: Outcome) -> list[str]:
    """Under conditions for which the planner reads this index, if there are any."""
    title = target.title
    with ExitStack() as stack:
        try:
            _make_domains(session, target, stack)
        except QueryFailed as error:
            stack.close()
            why = planner.with_missing_right(session, error)
            outcome.not_asked(NO_DOMAIN.format(title, why))
            return []
        for conditions in _conditions(target):
            queries = [_by_condition(target, condition) for condition in conditions]
            if all(_is_planned(session, target, query) for query in queries):
                every = (_difference(session, target, query) for query in queries)
                return [finding for finding in every if finding]
    outcome.not_asked(planner.elsewhere(title, UNASKED))
    return []


def _make_domains(session: Session, target: Target, stack: ExitStack) -> None:
    """One for each key that is NOT NULL; a key that may be NULL needs none."""
    action = f"making a domain to scan the whole of {target.title}"
    if not any(key.not_null_type for key in target.keys):
        return
    stack.enter_context(planner.written_to_nothing(session, action=action))
    planner.as_replica(session, action=action)
    for number, key in enumerate(target.keys):
        if key.not_null_type:
            made = sql.SQL("CREATE DOMAIN {} AS {}")
            session.run(made.format(_domain(number), sql.SQL(key.not_null_type)), action=action)


def _domain(number: int) -> sql.Composable:
    return sql.Identifier("pg_temp", f"tm whole index {number}")


def _conditions(target: Target) -> Iterator[tuple[Condition, ...]]:
    """Each way to have every row. Several columns tell an index from one that has fewer of them."""
    always = [
        sql.SQL("{}::{} IS NOT NULL").format(key.bare, _domain(number))
        for number, key in enumerate(target.keys)
        if key.not_null_type
    ]
    others = [key.bare for key in target.keys if not key.not_null_type]
    if len(always) > 1:
        yield (tuple(always),)
    for value in others:
        halves = (sql.SQL("{} IS NOT NULL"), sql.SQL("{} IS NULL"))
        yield tuple((half.format(value), *always) for half in halves)
        if always:
            yield tuple((half.format(value),) for half in halves)
    for condition in always:
        yield ((condition,),)


def _is_planned(session: Session, target: Target, query: sql.Composable) -> bool:
    name = target.index.name

    def accepts(plan: planner.Plan) -> bool:
        scans = planner.scans_of(plan)
        right = [(scan.get("Index Name"), "Filter" in scan) for scan in scans] == [(name, False)]
        return right and scans[0]["Node Type"] in SCANS

    plan, _ = planner.tried(session, query, accepts, planner.PLAIN_WHOLE, index=target.title)
    return plan is not None


def _difference(session: Session, target: Target, query: sql.Composable) -> str:
    title = target.title
    _is_planned(session, target, query)
    for _ in range(2):
        # An index-only scan may count rows that are vacuumed meanwhile, but not again.
        held, given = session.row(query, action=f"counting the rows that {title} gives")
        if held == given:
            return ""
    return f"{title} gives {given:,} rows where its table has {held:,}"


def _by_condition(target: Target, condition: Condition) -> sql.Composable:
    """One row: the rows of the table, and those that the index gives.

    A sample scan of all blocks reads the heap: no index can stand in for it.
    """
    return sql.SQL(
        "SELECT (SELECT count(*) FROM ONLY {table} TABLESAMPLE SYSTEM (100){where}),"
        " (SELECT count(*) FROM (SELECT FROM ONLY {table}{where} OFFSET 0) AS given)"
    ).format(table=target.table, where=target.where(*condition))
