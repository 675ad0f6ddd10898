"""Reading the source, a batch of units at a time: bounded in speed and time, and only ever read."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.common.budget import SecondsLeft
from lambdas.common.versions import read_as
from lambdas.drill.checks.catalog import catalog, collations, databases, extensions
from lambdas.drill.checks.catalog.comparison import YOUNG_WINDOW
from lambdas.drill.checks.refusals import explaining
from lambdas.drill.checks.rows import read_pieces, stable_rows
from lambdas.drill.checks.rows.read_pieces import SourceUnit
from lambdas.drill.checks.sequences import sequence_states, sequences
from lambdas.drill.checks.shape import Relation
from lambdas.drill.verification.durable import NOT_DURABLE, wait_until_durable
from lambdas.drill.verification.session_cache import Connect
from lambdas.drill.verification.unexpected import UNEXPECTED_ERRORS, describe
from lambdas.errors import DatabaseUnreachable, QueryFailed
from lambdas.observability import logger

MOST_STATEMENT_SECONDS = 300
"""How long a statement on the source may take, and its lock on a table may last."""

CLOSING_SECONDS = 40
"""What is left of a batch's time for the question whether what it saw is on the source's disk."""

LOSSES = 2
"""Connections that may be lost in a batch, until the rest of it is left alone."""

OUT_OF_TIME = (
    "out of time: the source gave too little to a connection, or the deadline came; more"
    " baseline_connections, a longer deadline_minutes, or the baseline catalog"
)
RECREATED = "the database was dropped and created again on the source"
GAP = "too many transactions ran between the two readings"

_NEWEST = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
IDENTITY = """
SELECT oid::bigint, xmin::text FROM pg_catalog.pg_database WHERE datname = current_database()
"""
"""The number of a session's database, and the version of its row."""

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
_OF_A_DATABASE: dict[str, Callable[[Session], Any]] = {
    databases.SETTINGS: databases.unsafe_settings,
    collations.NAME: collations.read,
    extensions.NAME: extensions.read,
    sequences.NAME: sequence_states.read,
}
"""What the reading of a database's catalog holds besides: ``read``, by the check's name."""


class Throttle:
    """Keeps a connection to a number of bytes a second, 0 for as fast as it goes.

    What it does not use earns it no more than one chunk's time.

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
        """Count what was read; waits until the connection may go on."""
        if not self.bytes_per_second:
            return
        now = self._now()
        earned_since = max(self._due, now - read_pieces.CHUNK_SECONDS)
        self._due = earned_since + read_bytes / self.bytes_per_second
        if self._due > now:
            self._sleep(self._due - now)


def read_units(
    connect: Connect,
    units: Sequence[SourceUnit],
    horizon: int,
    throttle: Throttle,
    seconds_left: SecondsLeft,
) -> dict[str, dict[str, Any]]:
    """Read a batch of the source.

    Returns:
        By the unit's id: a database's ``objects`` and what else its checks ``read``, or why it is
        ``closed``; a range's sums, ``file``, ``columns``, and ``standing`` and ``hashes`` by
        bucket, or why they are ``unread`` or ``absent`` (nothing to be read: dropped, say).

    What loses its connection is not tried again, nor is more than one connection after it: it may
    be what ended the server. A database that takes no connection is unread as a whole.
    """
    ordered = sorted(units, key=lambda unit: (unit.database, unit.relation, unit.blocks[0]))
    found: dict[str, dict[str, Any]] = {}
    losses = 0
    for database, same in groupby(ordered, key=lambda unit: unit.database):
        waiting = list(same)
        while waiting and losses < LOSSES:
            try:
                with connect(database) as session:
                    for result in _read_group(session, waiting, horizon, throttle, seconds_left):
                        found[waiting.pop(0).id] = result
            except DatabaseUnreachable as error:
                losses += error.lost or losses > 0
                over = waiting[:1] if error.lost else waiting
                found |= {unit.id: _unread(unit, str(error)) for unit in over}
                waiting = waiting[len(over) :]
            except (QueryFailed, *UNEXPECTED_ERRORS) as error:
                why = str(error) if isinstance(error, QueryFailed) else describe(error, database)
                found |= {unit.id: _unread(unit, why) for unit in waiting}
                waiting = []
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

    Where that can't be said, everything is unread: the log was not flushed in time, or the server
    is gone. It may have been ended by what was read, and nothing of that is read again.

    Raises:
        DatabaseUnreachable: before anything was read; a later try may find the server there.
    """
    with connect(MAINTENANCE_DATABASE):
        pass
    throttle = Throttle(bytes_per_second)
    found = read_units(connect, units, horizon, throttle, lambda: seconds_left() - CLOSING_SECONDS)
    try:
        gap, durable = _closing(connect, horizon, seconds_left)
    except (DatabaseUnreachable, QueryFailed) as error:
        return {unit.id: {**_unread(unit, str(error)), **_why(found[unit.id])} for unit in units}
    if not durable:
        return {unit.id: _unread(unit, NOT_DURABLE) for unit in units}
    if gap:
        found |= {unit.id: {"unread": gap} for unit in units if unit.relation}
    return found


def _closing(connect: Connect, horizon: int, seconds_left: SecondsLeft) -> tuple[str, bool]:
    with connect(MAINTENANCE_DATABASE) as session:
        return gap_since(session, horizon), wait_until_durable(session, seconds_left)


def _why(result: Mapping[str, Any]) -> dict[str, Any]:
    """Why a unit was not read, if it was not."""
    return {key: result[key] for key in ("unread", "closed") if result.get(key)}


def gap_since(session: Session, horizon: int) -> str:
    """Why nothing read now can be held against what was read by the horizon, if so."""
    (newest,) = session.row(_NEWEST, action="reading the newest transaction")
    return GAP if newest - horizon >= YOUNG_WINDOW else ""


def _read_group(
    session: Session,
    units: Sequence[SourceUnit],
    horizon: int,
    throttle: Throttle,
    seconds_left: SecondsLeft,
) -> Iterator[dict[str, Any]]:
    """The results of units of one database, one after the other."""
    number, _ = session.row(IDENTITY, action="looking it up")
    relations: dict[int, Relation] = {}
    if wanted := [unit.relation for unit in units if unit.relation]:
        rows = session.rows(_NAMED, [wanted], action=f"listing the relations of {session.database}")
        relations = {row[0]: Relation(*row) for row in rows}
    for unit in list(units):
        if number != unit.number:
            yield {"closed": RECREATED} if not unit.relation else {"absent": RECREATED}
        elif seconds_left() < 1:
            yield _unread(unit, OUT_OF_TIME)
        elif not unit.relation:
            yield _read_catalog(session, seconds_left)
        else:
            yield _read_range(session, unit, relations, horizon, throttle, seconds_left)


def _unread(unit: SourceUnit, why: str) -> dict[str, Any]:
    if unit.relation:
        return {"unread": why}
    return {"closed": f"the source's catalog could not be read: {why}"}


def _read_catalog(session: Session, seconds_left: SecondsLeft) -> dict[str, Any]:
    session.limit_statements(min(seconds_left(), MOST_STATEMENT_SECONDS))
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
    throttle: Throttle,
    seconds_left: SecondsLeft,
) -> dict[str, Any]:
    relation = relations.get(unit.relation)
    if relation is None:
        return {"absent": "not on the source"}
    if why := stable_rows.why_exempt(relation):
        return {"absent": why}
    pieces = []
    try:
        for blocks, size_bytes in _chunks(session, relation, unit, throttle):
            left = seconds_left()
            if left < 1:
                return {"unread": OUT_OF_TIME}
            limit_seconds = min(left, MOST_STATEMENT_SECONDS)
            if limit_seconds != session.statement_seconds:
                session.limit_statements(limit_seconds)
            piece = _read_chunk(session, relation, horizon, replace(unit, blocks=blocks))
            if not piece:
                return {"unread": "renamed or dropped at this moment"}
            pieces.append(piece)
            throttle.spent(size_bytes)
    except QueryFailed as error:
        return {"unread": str(error)}
    return read_pieces.fold(pieces)


def _chunks(
    session: Session, relation: Relation, unit: SourceUnit, throttle: Throttle
) -> Iterator[tuple[tuple[int, int | None], int]]:
    """The stretches of a unit that a statement reads each, with their bytes; the last is open."""
    action = f"looking at the size of {relation.name}"
    with explaining(session, relation):
        block_bytes, blocks = session.row(_BLOCKS, [unit.relation], action=action)
    each = read_pieces.chunk_blocks(throttle.bytes_per_second, block_bytes)
    first, last = unit.blocks
    end = blocks if last is None else last
    while first + each < end:
        yield (first, first + each), each * block_bytes
        first += each
    yield (first, last), max(0, end - first) * block_bytes


def _read_chunk(
    session: Session, relation: Relation, horizon: int, unit: SourceUnit
) -> dict[str, Any]:
    """Counts by bucket hold for one file only: VACUUM FULL moves rows to other blocks."""
    buckets = read_as(stable_rows.Buckets, unit.buckets)
    with stable_rows.held(session, relation) as file:
        if not file:
            return {}
        counted = stable_rows.count_stable_rows(session, relation, horizon, buckets, unit.blocks)
    return {
        **counted.sums,
        "blocks": list(unit.blocks),
        "file": file,
        "buckets": dict(unit.buckets),
        "standing": counted.standing,
        "hashes": counted.hashes,
        "columns": counted.columns,
    }
