"""What the source holds, read just before and just after the snapshot, and only ever read.

One horizon holds for a whole drill; the first survey fixes it. What the survey cuts the source into
is read in batches, a few at a time, each of them once before the snapshot and once after it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.checks import catalog, collations, freshness, leftovers, sequences, standing
from lambdas.checks.shape import Relation
from lambdas.domain import readings
from lambdas.domain.catalog import YOUNG_WINDOW
from lambdas.domain.readings import SourceUnit
from lambdas.domain.request import BASELINE_EXACT
from lambdas.domain.units import RANGE_BYTES, batches, block_ranges
from lambdas.domain.write_counters import NAME as WRITE_COUNTERS
from lambdas.errors import DatabaseUnreachable, QueryFailed
from lambdas.observability import logger
from lambdas.verification import write_counters
from lambdas.verification.survey import list_databases

Connect = Callable[[str], AbstractContextManager[Session]]
SecondsLeft = Callable[[], float]

CHUNK_STATEMENT_SECONDS = 300
"""How long a statement on the source may take, and its lock on a table may last."""

LOSSES = 2
"""Connections that may be lost in a batch, until the rest of it is left alone."""

RANGES_SINCE_MAJOR = 14
"""PostgreSQL 14 brought the TID range scan; before it each range would read the whole table."""

ANEW = "the database was made anew on the source"
GAP = "too many transactions ran between the two readings"
NOT_DURABLE = "the source's log was not flushed in time, so what was read may not be on its disk"

_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NEWEST = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_IDENTITY = """
SELECT oid::bigint, xmin::text FROM pg_catalog.pg_database WHERE datname = current_database()
"""
_BLOCK_BYTES = "SELECT current_setting('block_size')::int"
_NAMED = """
SELECT c.oid::bigint, n.nspname, c.relname,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind, c.relpersistence,
       c.relispopulated, 0
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = ANY (%s::oid[])
"""
_BLOCKS = """
SELECT current_setting('block_size')::int,
       coalesce(pg_catalog.pg_relation_size(%s::oid), 0) / current_setting('block_size')::int
"""
_WRITTEN = "SELECT pg_current_wal_insert_lsn()::text"
_FLUSHED = """
SELECT b.lacking <= 0, b.lacking <= mod(b.position, b.page)
  FROM (SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_current_wal_flush_lsn()) AS lacking,
               %s::pg_lsn - '0/0'::pg_lsn AS position,
               current_setting('wal_block_size')::int AS page) b
"""
_WRITER_DELAY = """
SELECT setting::float / 1000 FROM pg_catalog.pg_settings WHERE name = 'wal_writer_delay'
"""
_FLUSH_MARGIN_SECONDS = 0.2
_STALL_SECONDS = 30.0
"""How long a log that is not flushed is waited for."""

_OF_THE_SERVER: dict[str, Callable[[Session], Any]] = {
    "position": freshness.read,
    "prepared": leftovers.read,
}
"""What a reading's head holds besides, by its name there."""

_OF_A_DATABASE: dict[str, Callable[[Session], Any]] = {
    collations.NAME: collations.read,
    sequences.NAME: sequences.read,
    WRITE_COUNTERS: write_counters.read,
}
"""What the reading of a database's catalog holds besides: ``read``, by the check's name."""


class Pace:
    """Keeps a connection to a number of bytes a second, 0 for as fast as it goes.

    Args:
        now, sleep: the clock, in seconds.
    """

    def __init__(
        self,
        bytes_per_second: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.bytes_per_second = bytes_per_second
        self._now, self._sleep = now, sleep
        self._due = now()

    def spent(self, read_bytes: int) -> None:
        """Tell that so much was read; waits until it may go on."""
        if not self.bytes_per_second:
            return
        self._due += read_bytes / self.bytes_per_second
        wait_seconds = self._due - self._now()
        if wait_seconds > 0:
            self._sleep(wait_seconds)


def survey_source(
    connect: Connect, kind: str, bytes_per_second: float = 0
) -> tuple[dict[str, Any], list[list[SourceUnit]]]:
    """The first survey: the horizon of the drill, what there is, and the work in batches.

    Args:
        connect: opens a session on a database of the source.
        kind: ``catalog`` or ``exact``.
        bytes_per_second: what a connection may read, 0 for no bound.

    Returns:
        The head of the first reading: ``horizon`` (a 64-bit transaction id), ``gap`` (why nothing
        can be held against this reading, if so), ``cluster`` and per
        database ``oid`` and ``version`` (the ``xmin`` of its row), ``closed`` (why it can't be
        read, if so), ``batch`` (which one reads its catalog) and ``ranges`` (by the relation's oid,
        the batch and the first block of each of its ranges; in the order of the batches).
        And the batches, to be numbered from 1.

    Raises:
        DatabaseUnreachable, QueryFailed: not even the maintenance database could be read.
    """
    with connect(MAINTENANCE_DATABASE) as session:
        (horizon,) = session.row(_HORIZON, doing="reading the horizon")
        head = _head(session, kind, horizon)
        names = _database_names(session)
    units: list[SourceUnit] = []
    for name in names:
        found, cut = _survey_database(connect, name, kind, bytes_per_second)
        head["databases"][name] = found
        units += cut
    packed = batches(units, readings.batch_bytes(bytes_per_second))
    note_batches(head, packed)
    with connect(MAINTENANCE_DATABASE) as session:
        head["gap"] = "" if _wait_until_durable(session) else NOT_DURABLE
    return head, packed


def survey_again(connect: Connect, first: Mapping[str, Any], lost: Sequence[int]) -> dict[str, Any]:
    """The second survey: the head of the second reading, by the first one's horizon and cut.

    Args:
        first: the head of the first reading.
        lost: the batches that had given no first reading when the snapshot began. A document that
            such a one leaves behind later is not looked at.

    Returns:
        As :func:`survey_source`, with ``lost``; ``gap`` says why no rows of the two readings can be
        compared, if so.
    """
    with connect(MAINTENANCE_DATABASE) as session:
        head = _head(session, first["kind"], first["horizon"])
        names = _database_names(session)
        head["gap"] = first["gap"] or _gap(session, first["horizon"])
    head["lost"] = list(lost)
    for name in names:
        known = first["databases"].get(name, {})
        cut = {key: known[key] for key in ("batch", "ranges") if key in known}
        head["databases"][name] = {**_identify(connect, name), **cut}
    return head


def read_units(
    connect: Connect,
    units: Sequence[SourceUnit],
    horizon: int,
    pace: Pace,
    seconds_left: SecondsLeft,
) -> dict[str, dict[str, Any]]:
    """Read a batch of the source.

    Returns:
        By the unit's id: a database's ``objects`` and what else its checks ``read``, or why it is
        ``closed``; a range's sums,
        ``file``, ``columns``, and ``standing`` and ``hashes`` by bucket, or why they are ``unread``
        or ``absent`` (nothing to be read: dropped, say).

    Raises:
        DatabaseUnreachable: before anything was read. What loses a connection later is not tried
            again, nor is more than one connection after it: it may be what ended the server.
    """
    ordered = sorted(units, key=lambda unit: (unit.database, unit.relation, unit.blocks[0]))
    found: dict[str, dict[str, Any]] = {}
    losses = 0
    for database, same in groupby(ordered, key=lambda unit: unit.database):
        waiting = list(same)
        while waiting and losses < LOSSES:
            try:
                with connect(database) as session:
                    for result in _read_group(session, waiting, horizon, pace, seconds_left):
                        found[waiting.pop(0).id] = result
            except DatabaseUnreachable as error:
                if not found and not error.lost:
                    raise
                losses += 1
                unit = waiting.pop(0)
                found[unit.id] = _unread(unit, str(error))
        for unit in waiting:
            found[unit.id] = _unread(unit, "the connection to the source was lost before")
    return found


def read_batch(
    connect: Connect,
    units: Sequence[SourceUnit],
    horizon: int,
    bytes_per_second: float,
    seconds_left: SecondsLeft,
) -> dict[str, dict[str, Any]]:
    """Read a batch, see :func:`read_units`; what it saw has reached the disk when this returns.

    Where the log was not flushed in time, everything is unread.
    """
    found = read_units(connect, units, horizon, Pace(bytes_per_second), seconds_left)
    with connect(MAINTENANCE_DATABASE) as session:
        if gap := _gap(session, horizon):
            for unit in units:
                found[unit.id] = {"unread": gap} if unit.relation else found[unit.id]
        if not _wait_until_durable(session):
            return {unit.id: _unread(unit, NOT_DURABLE) for unit in units}
    return found


def _head(session: Session, kind: str, horizon: int) -> dict[str, Any]:
    head = {"kind": kind, "horizon": horizon, "gap": "", "databases": {}}
    head |= {name: read(session) for name, read in _OF_THE_SERVER.items()}
    return {**head, "cluster": {"objects": catalog.cluster_objects(session)}}


def _database_names(session: Session) -> list[str]:
    return [database.name for database in list_databases(session) if not database.exempt]


def _gap(session: Session, horizon: int) -> str:
    (newest,) = session.row(_NEWEST, doing="reading the newest transaction")
    return GAP if newest - horizon >= YOUNG_WINDOW else ""


def _identify(connect: Connect, name: str) -> dict[str, Any]:
    try:
        with connect(name) as session:
            number, version = session.row(_IDENTITY, doing="looking it up")
    except (DatabaseUnreachable, QueryFailed) as error:
        return {"closed": f"the source could not be read: {error}"}
    return {"oid": number, "version": version, "closed": ""}


def _survey_database(
    connect: Connect, name: str, kind: str, bytes_per_second: float
) -> tuple[dict[str, Any], list[SourceUnit]]:
    found = _identify(connect, name)
    if found["closed"]:
        return found, []
    units = [SourceUnit(name, found["oid"])]
    if kind == BASELINE_EXACT:
        try:
            with connect(name) as session:
                units += _cut(session, name, found["oid"], bytes_per_second)
        except (DatabaseUnreachable, QueryFailed) as error:
            found["closed"] = f"the source could not be read: {error}"
    return found, units


def _cut(session: Session, name: str, number: int, bytes_per_second: float) -> Iterator[SourceUnit]:
    (block_bytes,) = session.row(_BLOCK_BYTES, doing="reading the block size")
    most = readings.range_bytes(bytes_per_second, RANGE_BYTES)
    for relation in standing.relations(session):
        if standing.why_exempt(relation):
            continue
        ranges: list[tuple[int, int | None]] = [(0, None)]
        if session.server_major >= RANGES_SINCE_MAJOR:
            ranges = list(block_ranges(relation.size_bytes, block_bytes, most))
        buckets = asdict(standing.buckets_for(relation.size_bytes, block_bytes))
        for first, last in ranges:
            end_bytes = relation.size_bytes if last is None else last * block_bytes
            cost_bytes = max(0, end_bytes - first * block_bytes)
            yield SourceUnit(name, number, relation.oid, cost_bytes, (first, last), buckets)


def note_batches(head: dict[str, Any], packed: Sequence[Sequence[SourceUnit]]) -> None:
    """Note in a reading's head which batch reads what."""
    for number, batch in enumerate(packed, start=1):
        for unit in batch:
            database = head["databases"][unit.database]
            if not unit.relation:
                database["batch"] = number
                continue
            ranges = database.setdefault("ranges", {})
            ranges.setdefault(str(unit.relation), []).append([number, unit.blocks[0]])


def _read_group(
    session: Session,
    units: Sequence[SourceUnit],
    horizon: int,
    pace: Pace,
    seconds_left: SecondsLeft,
) -> Iterator[dict[str, Any]]:
    """The results of units of one database, one after the other."""
    number, _ = session.row(_IDENTITY, doing="looking it up")
    relations: dict[int, Relation] = {}
    if wanted := [unit.relation for unit in units if unit.relation]:
        rows = session.rows(_NAMED, [wanted], doing=f"listing the relations of {session.database}")
        relations = {row[0]: Relation(*row) for row in rows}
    for unit in list(units):
        if number != unit.number:
            yield {"closed": ANEW} if not unit.relation else {"absent": ANEW}
        elif seconds_left() < 1:
            yield _unread(unit, "out of time")
        elif not unit.relation:
            yield _read_catalog(session, seconds_left)
        else:
            yield _read_range(session, unit, relations, horizon, pace, seconds_left)


def _unread(unit: SourceUnit, why: str) -> dict[str, Any]:
    if unit.relation:
        return {"unread": why}
    return {"closed": f"the source's catalog could not be read: {why}"}


def _read_catalog(session: Session, seconds_left: SecondsLeft) -> dict[str, Any]:
    session.limit_statements(seconds_left())
    try:
        return {
            "objects": catalog.database_objects(session),
            "read": dict(_read_for_checks(session)),
        }
    except QueryFailed as error:
        return {"closed": f"the source's catalog could not be read: {error}"}


def _read_for_checks(session: Session) -> Iterator[tuple[str, Any]]:
    """What each check reads; what one of them can't read is its own loss."""
    for name, read in _OF_A_DATABASE.items():
        try:
            yield name, read(session)
        except QueryFailed as error:
            logger.warning("the source is unread for a check", check=name, reason=str(error))


def _read_range(
    session: Session,
    unit: SourceUnit,
    relations: Mapping[int, Relation],
    horizon: int,
    pace: Pace,
    seconds_left: SecondsLeft,
) -> dict[str, Any]:
    relation = relations.get(unit.relation)
    if relation is None:
        return {"absent": "not on the source"}
    if why := standing.why_exempt(relation):
        return {"absent": why}
    pieces = []
    try:
        for blocks, size_bytes in _chunks(session, unit, pace):
            left = seconds_left()
            if left < 1:
                return {"unread": "out of time"}
            limit_seconds = min(left, CHUNK_STATEMENT_SECONDS)
            if limit_seconds != session.statement_seconds:
                session.limit_statements(limit_seconds)
            piece = _read_chunk(session, relation, horizon, replace(unit, blocks=blocks))
            if not piece:
                return {"unread": "renamed or dropped at this moment"}
            pieces.append(piece)
            pace.spent(size_bytes)
    except QueryFailed as error:
        return {"unread": str(error)}
    return readings.fold(pieces)


def _chunks(
    session: Session, unit: SourceUnit, pace: Pace
) -> Iterator[tuple[tuple[int, int | None], int]]:
    """The stretches of a unit that a statement reads each, with their bytes; the last is open."""
    doing = f"looking at the size of relation {unit.relation}"
    block_bytes, blocks = session.row(_BLOCKS, [unit.relation], doing=doing)
    each = readings.chunk_blocks(pace.bytes_per_second, block_bytes)
    first, last = unit.blocks
    end = blocks if last is None else last
    if session.server_major < RANGES_SINCE_MAJOR:
        each = max(1, end - first)
    while first + each < end:
        yield (first, first + each), each * block_bytes
        first += each
    yield (first, last), max(0, end - first) * block_bytes


def _read_chunk(
    session: Session, relation: Relation, horizon: int, unit: SourceUnit
) -> dict[str, Any]:
    """Counts by bucket hold for one file only: VACUUM FULL moves rows to other blocks."""
    buckets = standing.Buckets(**unit.buckets)
    with standing.held(session, relation) as file:
        if not file:
            return {}
        counted = standing.count_standing(session, relation, horizon, buckets, unit.blocks)
    return {
        **counted.sums,
        "blocks": list(unit.blocks),
        "file": file,
        "buckets": dict(unit.buckets),
        "standing": counted.standing,
        "hashes": counted.hashes,
        "columns": counted.columns,
    }


def _wait_until_durable(session: Session) -> bool:
    """Wait until what a reading saw has reached the disk; whether it has.

    With ``synchronous_commit = off`` a commit is visible before its WAL is flushed, and a snapshot
    taken in between would rightly not hold it. The WAL writer flushes such commits within three
    times ``wal_writer_delay`` (PostgreSQL manual, "Asynchronous Commit").

    The last, partial page of the log is flushed for a commit only: on an idle server one that our
    own reading has begun stays as it is. So once that time has passed, the pages before suffice.
    """
    (delay_seconds,) = session.row(_WRITER_DELAY, doing="reading wal_writer_delay")
    (position,) = session.row(_WRITTEN, doing="reading the WAL position")
    promised = time.monotonic() + 3 * delay_seconds + _FLUSH_MARGIN_SECONDS
    end = promised + _STALL_SECONDS
    while (now := time.monotonic()) < end:
        parameters = [position, position]
        flushed, pages = session.row(_FLUSHED, parameters, doing="reading the flushed WAL position")
        if flushed or (pages and now >= promised):
            return True
        time.sleep(_FLUSH_MARGIN_SECONDS / 4)
    return False
