"""The tables beside the table: one for each part, made once, whatever is tried again.

A staging table and the note on it (its comment) are made in the transaction that copies the part,
into it or elsewhere; elsewhere it is empty, and only a mark. So a retry that finds one knows that
the part is done, and how many rows it brought.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.common.versions import known_fields
from lambdas.load.load import Target, staging_name
from lambdas.load.writing.table import identifiers

_NOTES = """
SELECT c.relname, pg_catalog.obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = ANY(%s)
"""


@dataclass(frozen=True)
class Staged:
    """What a staging table says of itself.

    Attributes:
        rows: that were put into it, or into the table itself when ``moved``.
        rejected: bad rows that were left out.
        size_bytes: of the data, in UTF-8.
        moved: whether the rows are in the table; the staging table is then only a mark.
        first, end, first_line: of the part's rows within their object.
        row_is_line: whether each row, and the header, is one line, and none was left out.
        widened: columns of a new table that have another type than its first rows suggest, and
            what is said of each.
    """

    load: str
    rows: int
    rejected: int = 0
    size_bytes: int = 0
    moved: bool = False
    first: int = 0
    end: int = 0
    first_line: int = 1
    row_is_line: bool = False
    widened: Mapping[str, str] = field(default_factory=dict)


def find(session: Session, load_id: str, target: Target, number: int) -> Staged | None:
    """What an earlier try of this part has done; None when nothing."""
    return find_all(session, load_id, target, [number]).get(number)


def find_all(
    session: Session, load_id: str, target: Target, numbers: Sequence[int]
) -> dict[int, Staged]:
    """The notes on those of a target's parts that are done."""
    names = {staging_name(load_id, number): number for number in numbers}
    rows = session.rows(_NOTES, [target.schema, list(names)], action="looking for staging tables")
    return {names[name]: _staged(json.loads(note)) for name, note in rows if note}


def _staged(noted: Mapping[str, Any]) -> Staged:
    """A note outlives the version that wrote it."""
    return Staged(**known_fields(Staged, noted))


def make(session: Session, load_id: str, target: Target, number: int) -> sql.Identifier:
    """Make the staging table of a part; return it."""
    table = identifier(load_id, target, number)
    session.run(_creation(table, target), action="making a staging table")
    return table


def mark(session: Session, load_id: str, target: Target, number: int) -> None:
    """An empty table to carry a note, where the rows go elsewhere."""
    query = sql.SQL("CREATE TABLE {} ()").format(identifier(load_id, target, number))
    session.run(query, action="making a mark")


def note(session: Session, load_id: str, target: Target, number: int, staged: Staged) -> None:
    """Write down what was done, in the transaction in which it is done."""
    query = sql.SQL("COMMENT ON TABLE {} IS {}").format(
        identifier(load_id, target, number), sql.Literal(json.dumps(asdict(staged)))
    )
    session.run(query, action="noting what was done")


def drop(session: Session, load_id: str, target: Target, number: int) -> None:
    """Remove a staging table; one that is not there is fine."""
    table = identifier(load_id, target, number)
    session.run(sql.SQL("DROP TABLE IF EXISTS {}").format(table), action="dropping a staging table")


def rows_of(load_id: str, target: Target, number: int) -> sql.Composable:
    """The rows of a part with their order, for a query over all of them."""
    part, place = order_names(target)
    return sql.SQL("SELECT {columns}, {number} AS {part}, ctid AS {place} FROM {table}").format(
        columns=identifiers(target.columns),
        part=sql.Identifier(part),
        place=sql.Identifier(place),
        number=sql.Literal(number),
        table=identifier(load_id, target, number),
    )


def order_names(target: Target) -> tuple[str, str]:
    """Two names, for the part and the place within it, that no column of the data has."""
    free = (name for name in map("order_{}".format, count()) if name not in target.columns)
    return next(free), next(free)


def identifier(load_id: str, target: Target, number: int) -> sql.Identifier:
    """The staging table of a part."""
    return sql.Identifier(target.schema, staging_name(load_id, number))


def _creation(table: sql.Identifier, target: Target) -> sql.Composable:
    """The columns that the data bring, with the checks that can be made on them alone.

    What PostgreSQL refuses here it refuses with its line; keys and references are left for the
    move. The columns that the data do not bring are dropped, and with them what needs them.
    """
    others = [name for name in target.all_columns if name not in target.columns]
    drops = sql.SQL("").join(
        sql.SQL("; ALTER TABLE {} DROP COLUMN {}").format(table, sql.Identifier(name))
        for name in others
    )
    like = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS)").format(
        table, sql.Identifier(target.schema, target.table)
    )
    return like + drops
