"""The table that is loaded: resolved by PostgreSQL itself, its columns as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, InvalidRequest

_FIND = """
SELECT c.oid, n.nspname, c.relname, c.relkind
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s)
"""
_COLUMNS = """
SELECT a.attname, a.attgenerated <> '',
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid = a.attrelid AND NOT t.tgisinternal AND t.tgtype & 7 = 7
    )
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_KEY = """
SELECT a.attname
FROM pg_catalog.pg_index i
JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY k(attnum, place) ON true
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary AND k.place <= i.indnkeyatts
ORDER BY k.place
"""
_PARSE = "SELECT pg_catalog.parse_ident(%s)"
_SCHEMA = """
SELECT n.nspname FROM pg_catalog.pg_namespace n
WHERE n.nspname = coalesce(%s, pg_catalog.current_schema())
"""
_SCHEMA_AND_NAME = 2
LONGEST_NAME = 63
"""In bytes; PostgreSQL cuts a longer one without a word, and two of them may then be the same."""
SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
"""``SysAtt`` in PostgreSQL's heap.c; a column of such a name is refused (SQLSTATE 42701)."""
_LOADABLE = {"r": "table", "p": "partitioned table"}


@dataclass(frozen=True)
class Table:
    """A table in the target database.

    Attributes:
        columns: those that can be written, in order.
        generated: those that PostgreSQL computes.
        required: those that may not be NULL, where neither a default nor a trigger fills them.
        key: the primary key's columns, empty without one.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    generated: tuple[str, ...]
    required: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """For composing SQL."""
        return sql.Identifier(self.schema, self.name)

    def beside(self, name: str) -> sql.Identifier:
        """Another table of the same schema."""
        return sql.Identifier(self.schema, name)


def find(session: Session, name: str) -> Table | None:
    """The table of that name, None when there is none.

    Args:
        name: as in SQL: ``orders``, ``sales.orders``, ``sales."Odd Näme"``.

    Raises:
        BadData: it is no name, or not one of a table that can be loaded.
    """
    rows = session.rows(_FIND, [name], action=f"looking for the table {name}")
    if not rows:
        return None
    oid, schema, relation, kind = rows[0]
    if kind not in _LOADABLE:
        raise BadData(
            f"table: {name} is no table that rows can be loaded into; name a table, not a view"
        )
    columns = session.rows(_COLUMNS, [oid], action=f"reading the columns of {name}")
    key = session.rows(_KEY, [oid], action=f"reading the primary key of {name}")
    return Table(
        schema,
        relation,
        tuple(column for column, generated, _ in columns if not generated),
        tuple(column for column, generated, _ in columns if generated),
        tuple(column for column, _, required in columns if required),
        tuple(column for (column,) in key),
    )


def identifiers(names: Sequence[str]) -> sql.Composable:
    """A list of columns."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def refuse_long(session: Session, name: str, location: str) -> None:
    """Refuse a table's name that PostgreSQL would cut.

    Raises:
        InvalidRequest: tells the object that it is for.
        QueryFailed: it is no name.
    """
    parts = session.row(_PARSE, [name], action=f"reading the name {name}")[0]
    if long := [part for part in parts if is_long(part)]:
        message = (
            f"the name {long[0][:LONGEST_NAME]}… is longer than {LONGEST_NAME} bytes; shorten it"
        )
        raise InvalidRequest([f"{location}: table: {message}"])


def is_long(name: str) -> bool:
    """Whether PostgreSQL would cut the name."""
    return len(name.encode()) > LONGEST_NAME


def parsed(session: Session, name: str) -> tuple[str, str]:
    """Schema and name of a table that is yet to be made, as PostgreSQL reads them.

    Raises:
        InvalidRequest: it is no name, or its schema is not there.
    """
    parts = session.row(_PARSE, [name], action=f"reading the name {name}")[0]
    if len(parts) > _SCHEMA_AND_NAME:
        raise InvalidRequest([f"table: {name} has too many parts; it is schema.table"])
    schema = parts[0] if len(parts) == _SCHEMA_AND_NAME else None
    found = session.rows(_SCHEMA, [schema], action=f"looking for the schema of {name}")
    if not found or found[0][0] is None:
        raise InvalidRequest([f"table: the schema of {name} is not there; make it first"])
    return found[0][0], parts[-1]
