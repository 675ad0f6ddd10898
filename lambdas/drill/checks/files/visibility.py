"""What the visibility map says of each page is true of its rows.

A page that is marked all-visible and holds a row that is not (or is not frozen, if it says so)
makes index-only scans answer with rows that are gone, and sequential scans trust the page's own
flag where index scans do not. Without pg_visibility, each row is fetched through an index, and an
index-only count is held against that of the heap.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.common.versions import read_as
from lambdas.drill.checks.files.storage import (
    StoredIndex,
    StoredTable,
    cost_of,
    grouped,
    list_indexes,
    list_tables,
    once,
    subject_of,
)
from lambdas.drill.checks.indexes import lookups, planner
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.checks.tool_functions import Functions, callable_of, called
from lambdas.drill.checks.tool_names import VISIBILITY
from lambdas.drill.units import Claim, Measurement, Unit

NAME = "visibility"

ADVICE = (
    "run the same function on the source; a page that is wrong there needs"
    " VACUUM (DISABLE_PAGE_SKIPPING), and its rows a look"
)
WITHOUT_TOOL = "pg_visibility can't be used here: rows were fetched through an index instead"
WITHOUT_INDEX = "pg_visibility can't be used here, and there is no B-tree to fetch rows through"

_CLAIMS = {
    "pg_check_visible": "rows are not visible to all on pages that are marked so",
    "pg_check_frozen": "rows are not frozen on pages that are marked so",
}


def look(session: Session) -> dict[str, Any]:
    """``{"functions", "tables", "indexes"}``; indexes only where there is no such function."""
    functions = callable_of(session, VISIBILITY, [(name, ["regclass"]) for name in _CLAIMS])
    usable = len(functions) == len(_CLAIMS)
    indexes = [] if usable else list_indexes(session, btrees=True)
    return {
        "functions": functions if usable else {},
        "tables": [asdict(table) for table in list_tables(session)],
        "indexes": [asdict(index) for index in indexes if not index.catalog],
    }


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each table with its TOAST table, and for the system catalogs."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        if seen is None or not seen.found:
            continue
        listed = [StoredTable(**table) for table in seen.found["tables"]]
        tables = [table for table in once(listed, database.name) if not table.unlogged]
        if not seen.found["functions"]:
            indexes = [StoredIndex(**index) for index in seen.found["indexes"]]
            yield from _fallbacks(database.name, tables, indexes)
            continue
        ordered = sorted(tables, key=lambda table: not table.catalog)
        for group in grouped(ordered):
            yield Unit(
                id=f"{NAME}/{database.name}/{group[0].oid}",
                check=NAME,
                database=database.name,
                subject=subject_of(group),
                cost_bytes=cost_of(group),
                claim=Claim.PROVEN,
                detail={
                    "functions": seen.found["functions"],
                    "tables": [[table.oid, table.title] for table in group],
                },
            )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Ask pg_visibility, or fetch through the index."""
    outcome = Outcome()
    with context.session(unit.database) as session:
        if "index" in unit.detail:
            _through_index(session, read_as(StoredIndex, unit.detail["index"]), outcome)
            return outcome.measurement(unit)
        functions, titles = unit.detail["functions"], dict(unit.detail["tables"])
        for name in _CLAIMS:
            for finding in _marked_wrongly(session, unit.subject, name, functions, titles):
                outcome.wrong(finding)
    outcome.measured["tables"] = len(titles)
    return outcome.measurement(unit)


def _marked_wrongly(
    session: Session, subject: str, name: str, functions: Functions, titles: dict[int, str]
) -> Iterator[str]:
    function = called(functions, name, ["regclass"])
    query = sql.SQL(
        "SELECT o::bigint, count(*), min(f.t)::text FROM unnest({}::oid[]) AS o"
        " CROSS JOIN LATERAL {}(o::regclass) AS f(t) GROUP BY o"
    ).format(sql.Literal(list(titles)), function)
    action = f"reading the visibility map of {subject} ({name})"
    # Twice: another transaction's end between two looks at the horizon is no damage.
    if not session.rows(query, action=action):
        return
    for oid, number, first in session.rows(query, action=action):
        block, tuple_number = first.strip("()").split(",")
        where = f"the first at block {block}, tuple {tuple_number}"
        yield f"{titles[oid]}: {number:,} {_CLAIMS[name]}, {where} ({name}); {ADVICE}"


def _fallbacks(
    database: str, tables: list[StoredTable], indexes: list[StoredIndex]
) -> Iterator[Unit]:
    for table in tables:
        if table.catalog or table.title != table.subject:
            continue
        serving = [i for i in indexes if i.table_oid == table.oid and not i.why_exempt]
        smallest = min(serving, key=lambda index: index.size_bytes, default=None)
        yield Unit(
            id=f"{NAME}/{database}/{table.oid}",
            check=NAME,
            database=database,
            subject=table.subject,
            cost_bytes=2 * table.size_bytes if smallest else 0,
            claim=Claim.CONSISTENT,
            why=WITHOUT_TOOL if smallest else WITHOUT_INDEX,
            exempt=smallest is None,
            detail={"index": asdict(smallest)} if smallest else {},
        )


def _through_index(session: Session, index: StoredIndex, outcome: Outcome) -> None:
    count = sql.SQL("SELECT count(*) FROM ONLY {}").format(
        sql.Identifier(index.schema, index.table)
    )
    planner.steer(session, planner.BY_TABLE)
    (rows,) = session.row(count, action=f"counting {index.subject}")
    outcome.measured["rows"] = int(rows)
    plan = planner.forced(
        session,
        count,
        _is_index_only,
        planner.INDEX_ONLY,
        outcome,
        index=index.title,
        unasked="no index-only count was held against the rows of its table",
    )
    if plan is not None:
        action = f"counting {index.subject} by an index-only scan"
        (counted,) = session.row(count, action=action)
        if counted != rows:
            message = f"{counted:,} rows by an index-only scan, {rows:,} in the heap"
            outcome.wrong(f"{message}; {ADVICE}")
    lookups.find_each_row(session, index, outcome, ADVICE)


def _is_index_only(plan: planner.Plan) -> bool:
    """Any index will do: all of them trust the same map."""
    scans = planner.scans_of(plan)
    return [(n["Node Type"], "Filter" in n) for n in scans] == [("Index Only Scan", False)]


CHECK = Check(
    NAME,
    "no page is marked all-visible or all-frozen whose rows are not",
    plan,
    run,
    look,
)
