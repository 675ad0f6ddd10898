"""What of a database lies in files, for the checks that look into them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from psycopg2 import errorcodes

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.errors import QueryFailed

CATALOGS = "the system catalogs"
"""The subject of what is checked of all of a database's catalogs at once."""

GROUP_BYTES = 2**30
"""What a unit reads at most, if it can be cut: the small indexes of a table are one unit."""

ESTIMATE = "({0}.relpages::bigint * current_setting('block_size')::bigint)"
SIZE = "coalesce(pg_catalog.pg_relation_size({0}.oid), 0)"
"""The size of a relation, to be formatted with its alias; of one that is dropped meanwhile 0."""

NOT_TEMPORARY = """
{0}.relpersistence <> 't'
AND {0}.relnamespace NOT IN (
      SELECT oid FROM pg_catalog.pg_namespace
       WHERE nspname LIKE 'pg\\_temp\\_%' OR nspname LIKE 'pg\\_toast\\_temp\\_%')
"""

_INDEXES = """
SELECT i.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(i.relname), i.relname, a.amname,
       t.oid::bigint, n.nspname, t.relname,
       CASE WHEN o.oid IS NULL THEN quote_ident(n.nspname) || '.' || quote_ident(t.relname)
            ELSE quote_ident(m.nspname) || '.' || quote_ident(o.relname) END,
       i.relpersistence = 'u', x.indisvalid AND x.indisready AND x.indislive, x.indisunique,
       i.relisshared, t.oid < 16384, {index_size}::bigint, {table_size}::bigint
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_am a ON a.oid = i.relam
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_class o ON t.relkind = 't' AND o.reltoastrelid = t.oid
  LEFT JOIN pg_catalog.pg_namespace m ON m.oid = o.relnamespace
 WHERE i.relkind = 'i' AND (a.amname = 'btree') = {btrees} AND {permanent}
 ORDER BY 8, 2
"""


class Stored(Protocol):
    """What units are cut from; ``subject`` is the table as people write it."""

    @property
    def subject(self) -> str:
        """The table."""

    @property
    def catalog(self) -> bool:
        """Of a system catalog."""

    @property
    def shared(self) -> bool:
        """By all databases."""

    @property
    def cost_bytes(self) -> int:
        """What reading it comes to."""


Some = TypeVar("Some", bound=Stored)


_TABLES = """
SELECT t.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(t.relname),
       CASE WHEN o.oid IS NULL THEN quote_ident(n.nspname) || '.' || quote_ident(t.relname)
            ELSE quote_ident(m.nspname) || '.' || quote_ident(o.relname) END,
       t.relpersistence = 'u', t.relisshared, t.oid < 16384, {size}::bigint
  FROM pg_catalog.pg_class t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_class o ON t.relkind = 't' AND o.reltoastrelid = t.oid
  LEFT JOIN pg_catalog.pg_namespace m ON m.oid = o.relnamespace
 WHERE t.relkind IN ('r', 'm', 't') AND {permanent}
 ORDER BY 3, 2
"""


@dataclass(frozen=True)
class StoredTable:
    """A table, materialised view or TOAST table; ``title`` is its own name, as people write it."""

    oid: int
    title: str
    subject: str
    unlogged: bool
    shared: bool
    catalog: bool
    size_bytes: int

    @property
    def cost_bytes(self) -> int:
        """What reading it comes to."""
        return self.size_bytes


@dataclass(frozen=True)
class StoredIndex:
    """An index with a file of its own.

    Attributes:
        title: as people write it; ``name`` is the bare name.
        subject: the table as people write it; for an index of a TOAST table, the table it serves.
        usable: valid, ready and live; another one need not hold every row.
        catalog: of a system catalog; ``shared`` by all databases.
    """

    oid: int
    title: str
    name: str
    method: str
    table_oid: int
    schema: str
    table: str
    subject: str
    unlogged: bool
    usable: bool
    unique: bool
    shared: bool
    catalog: bool
    size_bytes: int
    table_bytes: int

    @property
    def cost_bytes(self) -> int:
        """What reading it beside its table comes to."""
        return self.size_bytes + self.table_bytes

    @property
    def of_toast(self) -> bool:
        """Whether its table is one of those that hold long values in chunks."""
        return self.schema == "pg_toast"

    @property
    def why_exempt(self) -> str:
        """Why it is not looked into, by its nature; empty when it is."""
        if self.unlogged:
            return "unlogged: a snapshot need not hold its rows"
        return "" if self.usable else "an index that is not valid holds not every row"


def list_tables(session: Session) -> list[StoredTable]:
    """Everything that has rows in blocks, by the table that it serves."""

    def query(size: str) -> str:
        return _TABLES.format(size=size.format("t"), permanent=NOT_TEMPORARY.format("t"))

    action = f"listing the tables of {session.database}"
    return [StoredTable(*row) for row in sized(session, query(SIZE), query(ESTIMATE), action)]


def list_indexes(session: Session, *, btrees: bool) -> list[StoredIndex]:
    """The indexes that are B-trees, or those that are none, by table and name."""

    def query(size: str) -> str:
        return _INDEXES.format(
            index_size=size.format("i"),
            table_size=size.format("t"),
            btrees="true" if btrees else "false",
            permanent=NOT_TEMPORARY.format("i"),
        )

    action = f"listing the indexes of {session.database}"
    return [StoredIndex(*row) for row in sized(session, query(SIZE), query(ESTIMATE), action)]


def sized(session: Session, query: str, estimating: str, action: str) -> list[tuple[Any, ...]]:
    """Rows with sizes; with estimates of them where a lock is held, as one that waits would be."""
    try:
        return session.rows(query, action=action)
    except QueryFailed as error:
        if error.sqlstate != errorcodes.LOCK_NOT_AVAILABLE:
            raise
        return session.rows(estimating, action=action)


def once(stored: Iterable[Some], database: str) -> Iterator[Some]:
    """Those of a database, but those that all databases share in one of them only."""
    for one in stored:
        if not one.shared or database == MAINTENANCE_DATABASE:
            yield one


def grouped(stored: Iterable[Some]) -> Iterator[list[Some]]:
    """Neighbours of one subject, up to :data:`GROUP_BYTES` together."""
    group: list[Some] = []
    cost_bytes = 0
    for one in stored:
        cost_bytes += one.cost_bytes
        if group and (cost_bytes > GROUP_BYTES or not _belong(group[0], one)):
            yield group
            group, cost_bytes = [], one.cost_bytes
        group.append(one)
    if group:
        yield group


def subject_of(group: Sequence[Stored]) -> str:
    """What a unit of the group is about."""
    return CATALOGS if group[0].catalog else group[0].subject


def cost_of(group: Iterable[Stored]) -> int:
    """What reading all of it comes to, in bytes."""
    return sum(one.cost_bytes for one in group)


def _belong(one: Stored, another: Stored) -> bool:
    return one.subject == another.subject or (one.catalog and another.catalog)
