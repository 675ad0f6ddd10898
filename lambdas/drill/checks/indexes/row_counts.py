"""A scan of a whole index gives as many rows as its table has: no dangling entry, no row twice.

amcheck looks from the heap to the index: each row has its entry. An entry too many it does not see:
of a row that is gone, and whose place holds another row now or nothing, as the lost write of a
vacuumed page leaves it (a dangling index entry). A search by the old key then gives a row that has
another one, for what an index finds is mostly not compared again, and an index-only scan gives a
row that is not there. And a leaf of a GiST index with the flag of a split that was not ended leads
a scan to its right neighbour, which has an entry of its own above by then: its rows come twice.

Where every row has its entry, one too many makes a scan of the whole index give more rows than the
table has. So the rows are counted through each index and in the heap, in one statement: what is
written meanwhile changes neither.

A B-tree is scanned in its own order, GiST and SP-GiST by a condition that each row meets. That of
theirs is that the column is not NULL, which from 17 on the planner leaves out where the column is
NOT NULL: then it has no reason to read this index. Of a value that is cast to a domain it does not
know that, and a cast to a domain without constraints changes nothing, not even whether an index
serves: ``match_index_to_operand`` looks below it. So the condition is of such a cast there, and the
domain is made in a transaction that is rolled back.
"""

from collections.abc import Iterator, Sequence

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.files.storage import StoredIndex, cost_of
from lambdas.drill.checks.hidden_rows import seeing_all_rows
from lambdas.drill.checks.indexes import planner
from lambdas.drill.checks.indexes.definition import EVERYTHING_BYTES, Key, Target, describe
from lambdas.drill.checks.indexes.lookup_messages import NOT_UNDERSTOOD
from lambdas.drill.checks.indexes.scans_by_condition import SCANS, UNASKED, counted_by_condition
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import is_damage
from lambdas.errors import QueryFailed

WITH_NULLS = frozenset({"gist", "spgist"})
"""These are scanned whole by a condition, and hold NULLs as well."""

SECONDS = 5
BYTES_PER_SECOND = 50_000_000
"""A table has these seconds, and what its indexes and rows take at this speed. amcheck has just
read them, though not in the index's order; a batch must not end for what takes longer."""

ADVICE = (
    "REINDEX it, on the source as well if a count through it there is not that of the table; where"
    " the check visibility names the table, its map may be at fault"
)
TOO_LARGE = "{}: above 1 GiB entries are not counted: its B-trees may hold some too many"
OF_A_LARGE_TABLE = (
    "{}: its entries were not counted, so it may hold some too many: {} is larger than 1 GiB;"
    " REINDEX it where that matters"
)
NOT_COUNTED = "{}: its entries can't be counted, so it may hold some too many: {}"
NO_TIME = (
    "{}: its entries were not counted, so it may hold some too many: its check had no time left; a"
    " larger copy_instance_class reads faster"
)


_ROW = sql.Identifier("tm row")
"""A name in the same query as the table's columns: none of theirs."""


def count_entries(session: Session, indexes: Sequence[StoredIndex], outcome: Outcome) -> None:
    """Hold the rows that each of a table's B-trees gives against the table's own.

    Of a system catalog none is counted, nor of a TOAST table. The session's settings are others
    then.
    """
    counted = [index for index in indexes if not (index.catalog or index.of_toast)]
    if not counted:
        return
    table = counted[0]
    if table.table_bytes > EVERYTHING_BYTES:
        outcome.not_asked(TOO_LARGE.format(table.subject))
        return
    try:
        targets = describe(session, counted)
        seconds = SECONDS + cost_of(counted) / BYTES_PER_SECOND
        session.limit_statements(min(seconds, session.statement_seconds))
        with seeing_all_rows(session, [table.table_oid], table.subject):
            _count(session, targets, outcome)
    except QueryFailed as error:
        _failed(error, table.subject, outcome)


def count_rows(session: Session, target: Target, outcome: Outcome, advice: str) -> bool:
    """The same for a GiST or SP-GiST index; whether nothing is wrong. Nothing for other methods.

    Raises:
        QueryFailed: the table or the index could not be read.
    """
    if target.index.method not in WITH_NULLS:
        return True
    if not target.is_whole:
        outcome.not_asked(OF_A_LARGE_TABLE.format(target.title, target.index.subject))
        return True
    try:
        with seeing_all_rows(session, [target.index.table_oid], target.index.subject):
            findings = counted_by_condition(session, target, outcome)
    except QueryFailed as error:
        understood = not error.sqlstate.startswith(NOT_UNDERSTOOD)
        if understood and error.sqlstate != errorcodes.QUERY_CANCELED:
            raise
        outcome.not_asked(NOT_COUNTED.format(target.title, error))
        return True
    for finding in findings:
        outcome.wrong(f"{finding}; {advice}")
    return not findings


def _count(session: Session, targets: Sequence[Target], outcome: Outcome) -> None:
    """All at once; only where that fails, one after the other."""
    try:
        _count_together(session, targets, outcome)
    except QueryFailed as error:
        if len(targets) == 1 or error.sqlstate == errorcodes.QUERY_CANCELED:
            _failed(error, ", ".join(target.title for target in targets), outcome)
            return
        for target in targets:
            _count(session, [target], outcome)


def _failed(error: QueryFailed, title: str, outcome: Outcome) -> None:
    if is_damage(error):
        outcome.wrong(f"{error}; {ADVICE}")
    else:
        outcome.not_asked(NOT_COUNTED.format(title, error))


def _count_together(session: Session, targets: Sequence[Target], outcome: Outcome) -> None:
    """Under one settings after the other, those that the planner reads then.

    What is found is reported at the end: an error on the way makes each be counted by itself.
    """
    left, findings = list(targets), list[str]()
    for number, settings in enumerate(planner.WHOLE.tries):
        if not left:
            break
        chosen = _planned(session, settings, left, first=not number)
        if chosen:
            findings += _differences(session, chosen, first=not number)
            left = [target for target in left if target not in chosen]
    for finding in findings:
        outcome.wrong(f"{finding}; {ADVICE}")
    for target in left:
        outcome.not_asked(planner.elsewhere(target.title, UNASKED))


def _planned(
    session: Session, settings: planner.Settings, targets: Sequence[Target], *, first: bool
) -> list[Target]:
    """Those that are read whole, and no other in their place."""
    action = f"planning to count the entries of {_titles(targets)}"
    plan = planner.explained(session, settings, _query(targets, first=first), action=action)
    parts = [n for n in planner.nodes(plan) if n.get("Parent Relationship") == "InitPlan"]
    if len(parts) != len(targets):
        return []
    pairs = zip(targets, parts, strict=True)
    return [target for target, part in pairs if _reads(part, target.index.name)]


def _reads(plan: planner.Plan, index: str) -> bool:
    scans = planner.scans_of(plan)
    if [node.get("Index Name") for node in scans] != [index]:
        return False
    (scan,) = scans
    return scan["Node Type"] in SCANS and "Filter" not in scan and "Index Cond" not in scan


def _differences(session: Session, targets: Sequence[Target], *, first: bool) -> Iterator[str]:
    counts = session.row(
        _query(targets, first=first), action=f"counting the entries of {_titles(targets)}"
    )
    held, given = counts[: len(targets)], counts[len(targets) :]
    for target, by_table, by_index in zip(targets, held, given, strict=True):
        if by_index > by_table:
            yield (
                f"{target.title} gives {by_index - by_table:,} rows more than its table holds, so a"
                " search by a key may give a row that has not got it"
            )
        elif by_index < by_table:
            yield f"{target.title} gives {by_table - by_index:,} rows fewer than its table holds"


def _titles(targets: Sequence[Target]) -> str:
    """As short as an error's message must be."""
    title = targets[0].title
    return title if len(targets) == 1 else f"{title} and others of {targets[0].index.subject}"


def _query(targets: Sequence[Target], *, first: bool) -> sql.Composable:
    """One row: for each index the rows of the table, then for each what the index gives.

    A sample scan of all blocks reads the heap: no index can stand in for it.
    """
    held = [
        sql.SQL("count(*)")
        if target.predicate is None
        else sql.SQL("count(*) FILTER (WHERE ({}))").format(sql.SQL(target.predicate))
        for target in targets
    ]
    # The order would be computed for each row; without it the planner has the cheapest index.
    given = [_in_order(target, bare=first and target.computed) for target in targets]
    return sql.SQL(
        "SELECT held.*, {} FROM (SELECT {} FROM ONLY {} TABLESAMPLE SYSTEM (100)) AS held"
    ).format(sql.SQL(", ").join(given), sql.SQL(", ").join(held), targets[0].table)


def _in_order(target: Target, *, bare: bool) -> sql.Composable:
    """The rows in the index's order, counted; what it has beside its key tells it from others.

    An operator class may lack the operator of its order: PostgreSQL does not ask for it.
    """
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in target.included)
    row = sql.SQL("num_nulls({}) AS {}").format(columns, _ROW) if target.included else sql.SQL("")
    order = [] if bare else list(filter(None, map(_order, target.keys)))
    return sql.SQL("(SELECT count({}) FROM (SELECT {} FROM ONLY {}{}{} OFFSET 0) AS given)").format(
        _ROW if target.included else sql.SQL("*"),
        row,
        target.table,
        target.where(),
        sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(order)) if order else sql.SQL(""),
    )


def _order(key: Key) -> sql.Composable | None:
    if key.order is None:
        return None
    schema, name, nulls_first = key.order
    return sql.SQL("{} USING OPERATOR({}.{}) {}").format(
        key.value,
        sql.Identifier(schema),
        sql.SQL(name),
        sql.SQL("NULLS FIRST" if nulls_first else "NULLS LAST"),
    )
