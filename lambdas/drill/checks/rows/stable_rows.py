"""The stable rows of a relation, counted and hashed by bucket in one scan of the heap.

What :mod:`lambdas.drill.checks.rows.counts` compares: the source is read so before and after the
snapshot, the copy once.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.check_names import ROWS, STABLE_ROWS, YOUNGER_ROWS
from lambdas.drill.checks.catalog.comparison import XID_MODULUS, YOUNG_WINDOW
from lambdas.drill.checks.files.storage import ESTIMATE, SIZE, sized
from lambdas.drill.checks.refusals import explained
from lambdas.drill.checks.rows.fingerprint import row_hash
from lambdas.drill.checks.rows.read_pieces import MODULUS
from lambdas.drill.checks.shape import Relation
from lambdas.drill.units import RANGE_BYTES
from lambdas.errors import QueryFailed

BEYOND = "rows from beyond"
"""Of the younger ones, those of transactions that had not begun when the source was read last."""

MIN_BUCKET_BLOCKS = 64
MAX_BUCKETS = 1024

_WITHOUT_ROWS = {"f": "foreign: its rows are on another server; prove that one too"}

_RELATIONS = """
SELECT c.oid::bigint, n.nspname, c.relname,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind, c.relpersistence,
       c.relispopulated, {size}::bigint
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'f')
   AND c.relpersistence <> 't'
   AND (n.nspname <> 'pg_toast'
        -- Below are the numbers of what initdb makes.
        AND (n.nspname NOT IN ('pg_catalog', 'information_schema') OR c.oid >= 16384)
        AND n.nspname NOT LIKE 'pg\\_temp\\_%'
        AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'
        -- The pages of large objects are rows like any other.
        OR c.oid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass
           AND pg_catalog.pg_relation_size(c.oid) > 0 AND has_table_privilege(c.oid, 'SELECT'))
 ORDER BY n.nspname, c.relname
"""
_FILE = """
SELECT coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = %s::oid AND n.nspname = %s AND c.relname = %s
"""

# 32-bit transaction IDs wrap around: age() is the signed distance to the next transaction, and a
# younger version's is at most the horizon's. A frozen or bootstrap id's is the largest integer:
# stable. A frozen version of an earlier epoch may seem far in the future: stable as well.
_YOUNGER = sql.SQL(
    "(pg_catalog.age(xmin) <= (SELECT pg_catalog.age({horizon}::xid))"
    " AND pg_catalog.age(xmin) > (SELECT pg_catalog.age({horizon}::xid) - {window}))"
)

# Since PostgreSQL 18 a scan reads ahead in processes of their own. A bucket is over before that
# pays: a table in hundreds of them takes a quarter longer with it. Earlier versions read the heap
# without.
_ONE_READ_AFTER_THE_OTHER = "SET effective_io_concurrency = 0"

# A scan of its own for each bucket: to sort the rows into buckets costs more than to hash them.
# A table may be called like an alias, and would hide it; so it has an alias itself.
_BY_BUCKET = sql.SQL("""
SELECT "tm bucket".number - 1, "tm sums".rows, "tm sums".standing, "tm sums".content,
       "tm sums".beyond
  FROM unnest({low}::tid[], {high}::tid[]) WITH ORDINALITY AS "tm bucket" (low, high, number),
       LATERAL (SELECT count(*), count("tm row".hash), sum("tm row".hash),
                       {beyond}
                  FROM (SELECT CASE WHEN NOT {younger} THEN {row} END AS hash{version}
                          FROM ONLY {relation} AS "tm table"
                         WHERE ctid >= "tm bucket".low AND ctid < "tm bucket".high
                        OFFSET 0) AS "tm row") AS "tm sums" (rows, standing, content, beyond)
""")
_BEYOND = sql.SQL(
    'count(*) FILTER (WHERE "tm row".hash IS NULL'
    ' AND pg_catalog.age("tm row".version) <= (SELECT pg_catalog.age({}::xid)))'
)
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_END_BLOCK = 2**32 - 1


def relations(session: Session) -> list[Relation]:
    """Every relation with rows of its own, by name. Sizes are estimates where a lock is held."""
    action = f"listing the relations of {session.database}"
    exact, estimating = (_RELATIONS.format(size=size.format("c")) for size in (SIZE, ESTIMATE))
    return [Relation(*row) for row in sized(session, exact, estimating, action)]


def why_exempt(relation: Relation) -> str:
    """Why a relation's rows are not counted, by its nature; empty when they are."""
    if relation.kind == "m" and not relation.populated:
        return "a materialised view that is not populated"
    if relation.persistence == "u":
        return "unlogged: a snapshot need not hold its rows; SET LOGGED what must come back"
    return _WITHOUT_ROWS.get(relation.kind, "")


@dataclass(frozen=True)
class Buckets:
    """A relation's blocks in stretches of ``blocks_each`` (a power of two); the last is open."""

    blocks_each: int
    number: int

    def starts(self, first: int, last: int | None) -> list[int]:
        """The first blocks of the buckets that begin inside a range, but for the range's own."""
        end = self.blocks_each * self.number if last is None else last
        return list(range(first + self.blocks_each, end, self.blocks_each))

    def inside(self, first: int, last: int | None) -> slice:
        """The buckets of a range of blocks that begins and ends where buckets do."""
        start = min(first // self.blocks_each, self.number)
        return slice(start, None if last is None else last // self.blocks_each)


def buckets_for(size_bytes: int, block_bytes: int) -> Buckets:
    """Buckets for a relation: small ones for sharpness, at most a thousand or so of them."""
    blocks = max(1, -(-size_bytes // block_bytes))
    blocks_each = MIN_BUCKET_BLOCKS
    while blocks_each * MAX_BUCKETS < blocks and blocks_each < RANGE_BYTES // block_bytes:
        blocks_each *= 2
    return Buckets(blocks_each, -(-blocks // blocks_each))


def count_all(
    session: Session, relation: Relation, blocks: tuple[int, int | None] = (0, None)
) -> dict[str, int]:
    """Count a relation's own rows, those of partitions and children apart, in one heap scan.

    Their hashes are summed and forgotten: it is for the reading of every value, TOAST included.
    """
    query = sql.SQL("SELECT count(*), sum({}) FROM ONLY {}{}").format(
        row_hash(session, relation),
        sql.Identifier(relation.schema, relation.table),
        _where(blocks),
    )
    rows, _ = session.row(query, action=f"reading {relation.name}")
    return {ROWS: rows}


@dataclass(frozen=True)
class Counted:
    """A count of a range of blocks.

    Attributes:
        sums: rows, stable rows and younger rows, and those from beyond if asked for.
        standing: the stable rows of each bucket.
        hashes: the sum of their hashes, modulo 2**64.
        columns: a digest of what was hashed; sums of another digest can't be compared.
    """

    sums: dict[str, int]
    standing: list[int]
    hashes: list[int]
    columns: str


@contextmanager
def held(session: Session, relation: Relation) -> Iterator[int]:
    """Hold a relation's name and file until the count is done, and give the file's number.

    The number changes when the table is rewritten. It is 0 when the name is another relation's
    by now. Readers and writers are not hindered.
    """
    action = f"locking {relation.name}"
    name = sql.Identifier(relation.schema, relation.table)
    lock = sql.SQL("SELECT FROM ONLY {} LIMIT 0").format(name)
    with ExitStack() as planned:
        session.run(_BEGIN, action=action)
        try:
            try:
                session.run(lock, action=action)
            except QueryFailed as error:
                if not session.lacks_a_path(error):
                    raise
                session.run("ROLLBACK", action=action)
                planned.enter_context(session.planned(lock, action=action))
                session.run(_BEGIN, action=action)
                session.run(lock, action=action)
            parameters = [relation.oid, relation.schema, relation.table]
            found = session.looked_up(_FILE, parameters, action=action)
            yield int(found[0][0]) if found else 0
        except QueryFailed as error:
            session.run("ROLLBACK", action=action)
            raise explained(session, relation, error) from None
        finally:
            session.run("ROLLBACK", action=action)


def younger_than(horizon: int) -> sql.Composable:
    """In SQL, what :func:`~lambdas.drill.checks.catalog.comparison.is_young` is of ``xmin``."""
    return _YOUNGER.format(
        horizon=_xid(horizon),
        window=sql.Literal(YOUNG_WINDOW),
    )


def _xid(transaction: int) -> sql.Composable:
    return sql.Literal(str(transaction % XID_MODULUS))


def count_stable_rows(
    session: Session,
    relation: Relation,
    horizon: int,
    buckets: Buckets,
    blocks: tuple[int, int | None] = (0, None),
    beyond: int | None = None,
) -> Counted:
    """Count and hash a relation's own rows in one heap scan, the stable ones by bucket.

    Args:
        horizon: a 64-bit transaction id; versions older than it are stable.
        blocks: the half-open range of heap blocks; None as its end means all that follow.
        beyond: a 64-bit transaction id; of the younger versions, those that are not older are
            counted apart.
    """
    starts = [blocks[0], *buckets.starts(*blocks)]
    last = _END_BLOCK if blocks[1] is None else blocks[1]
    row = row_hash(session, relation)
    query = _BY_BUCKET.format(
        low=_places(starts),
        high=_places([*starts[1:], last]),
        younger=younger_than(horizon),
        beyond=sql.SQL("0") if beyond is None else _BEYOND.format(_xid(beyond)),
        version=sql.SQL("" if beyond is None else ", xmin AS version"),
        row=row,
        relation=sql.Identifier(relation.schema, relation.table),
    )
    standing, hashes = [0] * len(starts), [0] * len(starts)
    rows = strange = 0
    session.run(_ONE_READ_AFTER_THE_OTHER, action=f"preparing to read {relation.name}")
    for bucket, all_rows, stable_rows_there, content, beyond_rows in session.rows(
        query, action=f"reading {relation.name}"
    ):
        standing[bucket], hashes[bucket] = stable_rows_there, int(content or 0) % MODULUS
        rows, strange = rows + all_rows, strange + beyond_rows
    sums = {ROWS: rows, STABLE_ROWS: sum(standing), YOUNGER_ROWS: rows - sum(standing)}
    sums |= {} if beyond is None else {BEYOND: strange}
    return Counted(sums, standing, hashes, session.digest(row))


def _places(blocks: Sequence[int]) -> sql.Composable:
    return sql.Literal("{" + ",".join(f'"({block},0)"' for block in blocks) + "}")


def _where(blocks: tuple[int, int | None]) -> sql.Composable:
    first, last = blocks
    parts = []
    if first:
        parts.append(sql.SQL("ctid >= {}::tid").format(sql.Literal(f"({first},0)")))
    if last is not None:
        parts.append(sql.SQL("ctid < {}::tid").format(sql.Literal(f"({last},0)")))
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(parts) if parts else sql.SQL("")
