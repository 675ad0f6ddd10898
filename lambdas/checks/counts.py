"""Exact row counts and contents, read from the heap, bounded by what the source held.

The sandwich: a row version that is visible before and after the snapshot was visible at every
instant between, and a storage snapshot keeps its ``xmin``. Counted are the *standing* rows: those
written by transactions that had ended before the first reading (older than its horizon). Such rows
can only vanish, so the copy must hold at least as many as the second reading saw, and at most as
many as the first. A storage snapshot keeps their ``ctid`` too, so this holds in each *bucket* of
neighbouring blocks, which keeps it sharp on a table that is being written. Where the standing rows
of a bucket are the same in both readings, count and content, they must be the same on the copy. No
tolerance is needed, and a quiet table is proven exactly. The content is a sum of hashes, made in
the same pass (see :mod:`lambdas.checks.fingerprint`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.checks.fingerprint import MODULUS, row_hash
from lambdas.checks.shape import Bench, Check, Relation, Survey, SurveyedDatabase, failed
from lambdas.domain.catalog import TRANSACTION_CIRCLE, YOUNG_WINDOW
from lambdas.domain.request import BASELINE_EXACT
from lambdas.domain.units import RANGE_BYTES, Claim, Measurement, Status, Unit, block_ranges
from lambdas.errors import DatabaseUnreachable, QueryFailed

NAME = "counts"

ROWS = "rows"
STANDING = "standing rows"
YOUNGER = "younger rows"

MIN_BUCKET_BLOCKS = 64
MAX_BUCKETS = 1024
FINDINGS_SHOWN = 5

COLUMNS_CHANGED = "its columns were changed around the snapshot; its content is not compared"

_WITHOUT_ROWS = {"f": "foreign: its rows are on another server"}

_RELATIONS = """
SELECT c.oid::bigint, n.nspname, c.relname,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind, c.relpersistence,
       c.relispopulated, {size}::bigint
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'f')
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   AND n.nspname NOT LIKE 'pg\\_temp\\_%'
   AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'
 ORDER BY n.nspname, c.relname
"""
# A table that is dropped at this moment has no size.
_SIZE = "coalesce(pg_catalog.pg_relation_size(c.oid), 0)"
_FILE = """
SELECT coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = %s::oid AND n.nspname = %s AND c.relname = %s
"""
_ESTIMATED_SIZE = "(c.relpages::bigint * current_setting('block_size')::bigint)"
_LOCK_NOT_AVAILABLE = "55P03"

# The 32-bit circle: the distance from the horizon on the way up, modulo 2^32, is small for a
# younger version only. age() of a frozen or bootstrap id is the largest integer: standing.
_YOUNGER = sql.SQL(
    "((pg_catalog.age({horizon}::xid)::bigint - pg_catalog.age(xmin)::bigint) & {mask}) < {window}"
)


def relations(session: Session) -> list[Relation]:
    """Every relation with rows of its own, by name. Sizes are estimates where a lock is held."""
    doing = f"listing the relations of {session.database}"
    try:
        rows = session.rows(_RELATIONS.format(size=_SIZE), doing=doing)
    except QueryFailed as error:
        if error.sqlstate != _LOCK_NOT_AVAILABLE:
            raise
        rows = session.rows(_RELATIONS.format(size=_ESTIMATED_SIZE), doing=doing)
    return [Relation(*row) for row in rows]


def why_exempt(relation: Relation) -> str:
    """Why a relation's rows are not counted, by its nature; empty when they are."""
    if relation.kind == "m" and not relation.populated:
        return "a materialised view that is not populated"
    if relation.persistence == "u":
        return "unlogged: a snapshot need not hold its rows"
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
    rows, _ = session.row(query, doing=f"reading {relation.name}")
    return {ROWS: rows}


@dataclass(frozen=True)
class Counted:
    """A count of a range of blocks.

    Attributes:
        sums: rows, standing rows and younger rows.
        standing: the standing rows of each bucket.
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
    doing = f"locking {relation.name}"
    name = sql.Identifier(relation.schema, relation.table)
    session.run("BEGIN ISOLATION LEVEL READ COMMITTED", doing=doing)
    try:
        session.run(sql.SQL("SELECT FROM ONLY {} LIMIT 0").format(name), doing=doing)
        parameters = [relation.oid, relation.schema, relation.table]
        found = session.rows(_FILE, parameters, doing=doing)
        yield int(found[0][0]) if found else 0
    finally:
        session.run("ROLLBACK", doing=doing)


def younger_than(horizon: int) -> sql.Composable:
    """The condition on ``xmin`` that :func:`~lambdas.domain.catalog.is_young` is in Python."""
    return _YOUNGER.format(
        horizon=sql.Literal(str(horizon % TRANSACTION_CIRCLE)),
        mask=sql.Literal(TRANSACTION_CIRCLE - 1),
        window=sql.Literal(YOUNG_WINDOW),
    )


def count_standing(
    session: Session,
    relation: Relation,
    horizon: int,
    buckets: Buckets,
    blocks: tuple[int, int | None] = (0, None),
) -> Counted:
    """Count and hash a relation's own rows in one heap scan, the standing ones by bucket.

    Args:
        horizon: a 64-bit transaction id; versions older than it are standing.
        blocks: the half-open range of heap blocks; None as its end means all that follow.
    """
    starts = buckets.starts(*blocks)
    row = row_hash(session, relation)
    query = sql.SQL(
        "SELECT {bucket}, count(*), count(*) FILTER (WHERE {younger}),"
        " sum({row}) FILTER (WHERE NOT {younger})"
        " FROM ONLY {relation}{where} GROUP BY 1"
    ).format(
        bucket=_bucket(starts),
        younger=younger_than(horizon),
        row=row,
        relation=sql.Identifier(relation.schema, relation.table),
        where=_where(blocks),
    )
    standing, hashes = [0] * (len(starts) + 1), [0] * (len(starts) + 1)
    rows = young = 0
    for bucket, all_rows, young_rows, content in session.rows(
        query, doing=f"reading {relation.name}"
    ):
        standing[bucket], hashes[bucket] = all_rows - young_rows, int(content or 0) % MODULUS
        rows, young = rows + all_rows, young + young_rows
    sums = {ROWS: rows, STANDING: rows - young, YOUNGER: young}
    return Counted(sums, standing, hashes, session.digest(row))


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each relation, or for each block range of a large one."""
    for database in survey.databases:
        for relation in database.relations:
            exempt = why_exempt(relation)
            if exempt:
                yield _unit(survey, database.name, relation, (0, None), exempt=exempt)
                continue
            ranges = list(block_ranges(relation.size_bytes, survey.block_bytes))
            bounded = _within(_bounded(survey, database, relation), ranges)
            for blocks in ranges:
                yield _unit(survey, database.name, relation, blocks, bounded)


def run(unit: Unit, bench: Bench) -> Measurement:
    """Count on the copy, and hold each bucket against the source's two readings."""
    first, last = unit.detail["blocks"]
    relation = Relation(**unit.detail["relation"])
    try:
        with bench.session(unit.database) as session:
            if not unit.bounds:
                measured = count_all(session, relation, (first, last))
                return _uncompared(unit, measured)
            buckets = Buckets(**unit.detail["buckets"])
            counted = count_standing(
                session, relation, unit.detail["horizon"], buckets, (first, last)
            )
    except (QueryFailed, DatabaseUnreachable) as error:
        return failed(unit, error)
    bounds = [Bound(*bound) for bound in unit.detail["standing"]]
    measured = counted.sums
    notes: tuple[str, ...] = ()
    if counted.columns != unit.detail["columns"]:
        bounds = [Bound(bound.low, bound.high) for bound in bounds]
        # Nothing of its content is compared, so the claim is that of rows without a counterpart.
        measured, notes = {**measured, YOUNGER: measured[ROWS]}, (COLUMNS_CHANGED,)
    findings = _findings(counted, bounds, first, buckets)
    status = Status.WRONG if findings else Status.OK
    return Measurement(unit.id, status, measured, findings, notes)


def _uncompared(unit: Unit, measured: dict[str, int]) -> Measurement:
    """Rows that were to be compared, and that the source's reader could not read, prove nothing."""
    if unit.detail["unread"]:
        return Measurement(unit.id, Status.UNMEASURED, measured, notes=(unit.why,))
    return Measurement(unit.id, Status.OK, measured)


@dataclass(frozen=True)
class Bound:
    """What a bucket's standing rows can be; ``content`` is None where they did not stand still."""

    low: int
    high: int
    content: int | None = None


@dataclass(frozen=True)
class _Bounded:
    """What the two readings say of a relation; ``why`` says why no more can be claimed.

    ``each`` bounds the standing rows of each bucket, empty where rows have moved between blocks.
    """

    why: str
    claim: Claim = Claim.NOT_COMPARED
    total: tuple[int, int] | None = None
    buckets: Buckets | None = None
    each: Sequence[Bound] = ()
    columns: str = ""
    horizon: int | None = None
    unread: bool = False


def _unit(
    survey: Survey,
    database: str,
    relation: Relation,
    blocks: tuple[int, int | None],
    bounded: _Bounded | None = None,
    exempt: str = "",
) -> Unit:
    unread = bounded is not None and bounded.unread
    detail: dict[str, Any] = {
        "relation": asdict(relation),
        "blocks": list(blocks),
        "unread": unread,
    }
    bounds = {}
    if bounded is not None and bounded.total is not None and bounded.buckets is not None:
        bounds = {STANDING: bounded.total}
        detail["buckets"] = asdict(bounded.buckets)
        detail["horizon"] = bounded.horizon
        detail["columns"] = bounded.columns
        inside = bounded.each[bounded.buckets.inside(*blocks)]
        detail["standing"] = [astuple(bound) for bound in inside]
    return Unit(
        id=f"{NAME}/{database}/{relation.oid}/{blocks[0]}",
        check=NAME,
        database=database,
        subject=relation.name,
        cost_bytes=0 if exempt else _cost(relation, survey, *blocks),
        bounds=bounds,
        claim=bounded.claim if bounded else Claim.NOT_COMPARED,
        why=bounded.why if bounded else exempt,
        exempt=bool(exempt),
        detail=detail,
    )


def _bounded(survey: Survey, database: SurveyedDatabase, relation: Relation) -> _Bounded:
    if survey.baseline != BASELINE_EXACT:
        return _Bounded(f"the baseline ({survey.baseline}) holds no rows")
    if survey.after["gap"]:
        return _Bounded(str(survey.after["gap"]))
    key = str(relation.oid)
    for moment, reading in (("before", survey.before), ("after", survey.after)):
        found: Mapping[str, Any] = reading["databases"].get(database.name, {})
        if key not in found.get("rows", {}):
            reason = found.get("unread", {}).get(key) or found.get("closed")
            why = f"{reason or 'not on the source'} ({moment} the snapshot)"
            return _Bounded(why, unread=bool(reason))
    if not survey.read_twice(database):
        return _Bounded("the database was made anew on the source meanwhile")
    before = survey.before["databases"][database.name]["rows"][key]
    after = survey.after["databases"][database.name]["rows"][key]
    return _compared(before, after, survey.before["horizon"])


def _within(bounded: _Bounded, ranges: Sequence[tuple[int, int | None]]) -> _Bounded:
    """Without bounds by bucket where the copy's ranges reach beyond the source's buckets.

    The last bucket is open. Where the source's size was an estimate (a lock was held) it may span
    several ranges of the copy, and none of them could be held against it.
    """
    buckets = bounded.buckets
    if buckets is None or ranges[-1][0] < buckets.blocks_each * buckets.number:
        return bounded
    why = "the table grew beyond what the first reading expected; its rows are compared as a whole"
    return replace(bounded, why=why, claim=Claim.CONSISTENT, each=())


def _compared(before: Mapping[str, Any], after: Mapping[str, Any], horizon: int) -> _Bounded:
    high, low = before["standing"], after["standing"]
    total, buckets = (sum(low), sum(high)), Buckets(**before["buckets"])
    if before["file"] != after["file"] or not before["file"]:
        why = "the table was rewritten on the source meanwhile; its rows are compared as a whole"
        return _Bounded(why, Claim.CONSISTENT, total, buckets, (), before["columns"], horizon)
    each = _bounds(before, after)
    still = sum(bound.content is not None for bound in each)
    if still == len(each):
        why = "rows written around the snapshot are not compared"
        return _Bounded(why, Claim.PROVEN, total, buckets, each, before["columns"], horizon)
    why = (
        f"{total[1] - total[0]:,} standing rows were changed or deleted on the source meanwhile; "
        f"{still:,} of {len(each):,} buckets stood still"
    )
    return _Bounded(why, Claim.CONSISTENT, total, buckets, each, before["columns"], horizon)


def _bounds(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Bound]:
    """By bucket; content bounds only what both readings hashed alike, column by column."""
    comparable = before["columns"] == after["columns"]
    return [
        Bound(low, high, content if comparable and low == high and content == still else None)
        for low, high, content, still in zip(
            after["standing"], before["standing"], before["hashes"], after["hashes"], strict=True
        )
    ]


def _findings(
    counted: Counted, bounds: Sequence[Bound], first: int, buckets: Buckets
) -> tuple[str, ...]:
    found = []
    for number, (value, content, bound) in enumerate(
        zip(counted.standing, counted.hashes, bounds, strict=False)
    ):
        start = first + number * buckets.blocks_each
        where = f"in blocks {start:,} to {start + buckets.blocks_each - 1:,}"
        if not bound.low <= value <= bound.high:
            exact = bound.low == bound.high
            wanted = f"{bound.low:,}" if exact else f"{bound.low:,} to {bound.high:,}"
            found.append(f"{value:,} standing rows {where} where the source held {wanted}")
        elif bound.content not in (None, content):
            found.append(f"{value:,} standing rows {where} have another content than on the source")
    if len(found) > FINDINGS_SHOWN:
        return (*found[:FINDINGS_SHOWN], f"and {len(found) - FINDINGS_SHOWN} more such stretches")
    return tuple(found)


def _bucket(starts: Sequence[int]) -> sql.Composable:
    if not starts:
        return sql.SQL("0")
    # width_bucket takes any type with an order, and a tuple id has one.
    array = "{" + ",".join(f'"({start},0)"' for start in starts) + "}"
    return sql.SQL("width_bucket(ctid, {}::tid[])").format(sql.Literal(array))


def _cost(relation: Relation, survey: Survey, first: int, last: int | None) -> int:
    start = first * survey.block_bytes
    end = relation.size_bytes if last is None else last * survey.block_bytes
    return max(0, end - start)


def _where(blocks: tuple[int, int | None]) -> sql.Composable:
    first, last = blocks
    parts = []
    if first:
        parts.append(sql.SQL("ctid >= {}::tid").format(sql.Literal(f"({first},0)")))
    if last is not None:
        parts.append(sql.SQL("ctid < {}::tid").format(sql.Literal(f"({last},0)")))
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(parts) if parts else sql.SQL("")


CHECK = Check(NAME, "exact row counts and contents against the source", plan, run)
