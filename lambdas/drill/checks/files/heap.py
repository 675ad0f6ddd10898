"""Every row of every table lies whole in its block: its line pointer, header and attributes.

A line pointer that is too short, or a header that begins its data elsewhere, may give no error when
rows are read, and lose them when they are written again. amcheck's verify_heapam looks at both. Its
messages hold lengths, offsets and transactions, and no value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.common.versions import read_as
from lambdas.drill.checks.files.storage import (
    StoredTable,
    cost_of,
    grouped,
    list_tables,
    once,
    subject_of,
)
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey, is_damage
from lambdas.drill.checks.tool_functions import Functions, callable_of, called
from lambdas.drill.checks.tool_names import AMCHECK
from lambdas.drill.units import RANGE_BYTES, Claim, Measurement, Unit, block_ranges
from lambdas.errors import QueryFailed

NAME = "heap"

ADVICE = (
    "run verify_heapam on the source's; if that one is sound, take another snapshot, else copy"
    " what can be read of it into a new table"
)
WITHOUT_TOOL = (
    "amcheck's verify_heapam can't be used here: what reading every row does not show was not"
    " looked for"
)
OTHER_METHOD = (
    "{}: it is kept by another access method than heap, whose rows amcheck does not know; check it"
    " by that method's own tools"
)
NONE_LOOKED_AT = "none of these tables could be looked at"
SHOWN = 3
"""Findings of one table that are named; the others are counted."""

TOAST_BYTES = 64 * 2**20
"""Up to this size the chunks of each long value are followed from its row. Beyond it reading the
values does that: each costs a descent of the TOAST table's index."""

_FUNCTION = "verify_heapam"
_TYPES = ("regclass", "boolean", "boolean", "text", "bigint", "bigint")
_NO_HEAP = (errorcodes.FEATURE_NOT_SUPPORTED, errorcodes.WRONG_OBJECT_TYPE)
"""What amcheck says of a table that another access method keeps."""


@dataclass(frozen=True)
class _Part:
    """A table from a block to another, the last one included; None is its end."""

    oid: int
    title: str
    toast: bool
    first: int | None = None
    last: int | None = None


def look(session: Session) -> dict[str, Any]:
    """``{"functions", "tables"}`` of a database."""
    return {
        "functions": callable_of(session, AMCHECK, [(_FUNCTION, _TYPES)]),
        "tables": [asdict(table) for table in list_tables(session)],
    }


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for a table with its TOAST table, for each range of a large one, for the catalogs."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        if seen is None or not seen.found:
            continue
        functions = seen.found["functions"]
        if not functions:
            yield _left_out(database.name)
            continue
        listed = [StoredTable(**table) for table in seen.found["tables"]]
        tables = [table for table in once(listed, database.name) if not table.unlogged]
        for group in grouped(sorted(tables, key=lambda table: not table.catalog)):
            for number, (parts, cost_bytes) in enumerate(_cut(group, tables, survey.block_bytes)):
                yield Unit(
                    id=f"{NAME}/{database.name}/{group[0].oid}/{number}",
                    check=NAME,
                    database=database.name,
                    subject=subject_of(group),
                    cost_bytes=cost_bytes,
                    claim=Claim.PROVEN,
                    detail={"functions": functions, "parts": [asdict(part) for part in parts]},
                )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Look at all at once; only where that tells something, at one after the other."""
    parts = [read_as(_Part, part) for part in unit.detail["parts"]]
    functions = unit.detail["functions"]
    outcome = Outcome()
    with context.session(unit.database) as session:
        if not _all_sound(session, unit.subject, parts, functions):
            looked_at = [_one(session, part, functions, outcome) for part in parts]
            if not any(looked_at):
                outcome.not_asked(NONE_LOOKED_AT, Claim.NOT_COMPARED)
    return outcome.measurement(unit)


def _cut(
    group: Sequence[StoredTable], tables: Sequence[StoredTable], block_bytes: int
) -> Iterator[tuple[list[_Part], int]]:
    """The group's tables with their bytes; a large one, alone in its group, is cut into ranges."""
    chunks = {table.subject: table.size_bytes for table in tables if table.title != table.subject}

    def part(table: StoredTable, first: int | None = None, last: int | None = None) -> _Part:
        cheap = chunks.get(table.title, 0) <= TOAST_BYTES
        return _Part(table.oid, table.title, cheap, first, last)

    if len(group) > 1 or group[0].size_bytes <= RANGE_BYTES:
        yield [part(table) for table in group], cost_of(group)
        return
    (table,) = group
    for first, end in block_ranges(table.size_bytes, block_bytes, RANGE_BYTES):
        end_bytes = table.size_bytes if end is None else end * block_bytes
        last = None if end is None else end - 1
        yield [part(table, first, last)], end_bytes - first * block_bytes


def _all_sound(
    session: Session, subject: str, parts: Sequence[_Part], functions: Functions
) -> bool:
    try:
        return not _ask(session, subject, parts, functions)
    except QueryFailed as error:
        if is_damage(error) or error.sqlstate in _NO_HEAP:
            return False
        raise


def _one(session: Session, part: _Part, functions: Functions, outcome: Outcome) -> bool:
    """Whether it was looked at."""
    try:
        rows = _ask(session, part.title, [part], functions)
    except QueryFailed as error:
        if is_damage(error):
            outcome.wrong(f"{error}; {ADVICE}")
            return True
        if error.sqlstate in _NO_HEAP:
            outcome.not_asked(OTHER_METHOD.format(part.title))
            return False
        raise
    for row in rows:
        outcome.wrong(f"{_told(part, *row)}; {ADVICE}")
    return True


def _told(
    part: _Part, block: int, tuple_number: int | None, attribute: int | None, text: str, number: int
) -> str:
    where = f"block {block:,}" if tuple_number is None else f"block {block:,}, tuple {tuple_number}"
    if attribute is not None:
        where += f", attribute {attribute}"
    return f"{part.title}: {where}: {text} (one of {number:,} findings)"


def _ask(
    session: Session, what: str, parts: Sequence[_Part], functions: Functions
) -> list[tuple[Any, ...]]:
    """The first findings in each of them: block, tuple, attribute, text, and how many there are."""
    query = sql.SQL(
        "SELECT a.blkno, a.offnum, a.attnum, a.msg, a.number FROM ("
        "SELECT f.blkno, f.offnum, f.attnum, f.msg, count(*) OVER (PARTITION BY p.oid) AS number,"
        " row_number() OVER (PARTITION BY p.oid ORDER BY f.blkno, f.offnum, f.attnum) AS place"
        " FROM unnest({}::oid[], {}::boolean[], {}::bigint[], {}::bigint[])"
        " AS p(oid, toast, first, last)"
        " CROSS JOIN LATERAL {}(p.oid::regclass, false, p.toast, 'none', p.first, p.last) AS f"
        ") AS a WHERE a.place <= {} ORDER BY a.blkno, a.offnum, a.attnum"
    ).format(
        *(
            sql.Literal([getattr(part, name) for part in parts])
            for name in ("oid", "toast", "first", "last")
        ),
        called(functions, _FUNCTION, _TYPES),
        sql.Literal(SHOWN),
    )
    return session.rows(query, action=f"looking at every row of {what}")


def _left_out(database: str) -> Unit:
    return Unit(
        id=f"{NAME}/{database}",
        check=NAME,
        database=database,
        subject="",
        why=WITHOUT_TOOL,
        exempt=True,
    )


CHECK = Check(
    NAME,
    "every row, those of TOAST and of the system catalogs too, lies whole in its block: line"
    " pointer, header, transactions, attributes",
    plan,
    run,
    look,
)
