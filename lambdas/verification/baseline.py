"""What the source holds, read just before and just after the snapshot, and only ever read."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.checks import catalog, counts
from lambdas.checks.shape import Relation
from lambdas.domain.catalog import YOUNG_WINDOW
from lambdas.domain.request import BASELINE_EXACT
from lambdas.errors import DatabaseUnreachable, QueryFailed
from lambdas.verification.survey import list_databases

Connect = Callable[[str], AbstractContextManager[Session]]

_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NEWEST = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_IDENTITY = """
SELECT oid::bigint, xmin::text FROM pg_catalog.pg_database WHERE datname = current_database()
"""
_WRITTEN = "SELECT pg_current_wal_insert_lsn()::text"
_FLUSHED = "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), %s::pg_lsn) >= 0"
_WRITER_DELAY = """
SELECT setting::float / 1000 FROM pg_catalog.pg_settings WHERE name = 'wal_writer_delay'
"""
_FLUSH_MARGIN_SECONDS = 0.2


def read_source(
    connect: Connect, kind: str, seconds: float, first: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One reading of the source.

    Args:
        connect: opens a session on a database of the source.
        kind: ``catalog`` or ``exact``.
        seconds: how long the reading may take; what is not counted by then is listed as unread.
        first: the first reading, when this is the second: its horizon and buckets are used.

    Returns:
        ``horizon`` (a 64-bit transaction id), ``cluster`` and per database ``oid``, ``version``
        (the ``xmin`` of its row) and ``objects``, and for ``exact`` by the relation's oid ``rows``
        (sums, and the standing rows by bucket) or ``unread`` (why not).
        ``gap`` says why nothing of the two readings can be compared, if so.

    Raises:
        DatabaseUnreachable, QueryFailed: not even the maintenance database could be read.
    """
    end = time.monotonic() + seconds
    with connect(MAINTENANCE_DATABASE) as session:
        if first is None:
            (horizon,) = session.row(_HORIZON, doing="reading the horizon")
        else:
            horizon = first["horizon"]
        reading: dict[str, Any] = {"kind": kind, "horizon": horizon, "gap": ""}
        reading["cluster"] = {"objects": catalog.cluster_objects(session)}
        names = [database.name for database in list_databases(session) if not database.exempt]
    reading["databases"] = {}
    for name in names:
        known = first["databases"].get(name, {}).get("rows", {}) if first else {}
        reading["databases"][name] = _read_database(connect, name, kind, horizon, known, end)
    with connect(MAINTENANCE_DATABASE) as session:
        (newest,) = session.row(_NEWEST, doing="reading the newest transaction")
        if newest - horizon >= YOUNG_WINDOW:
            reading["gap"] = "too many transactions ran between the two readings"
        if first is None:
            _wait_until_durable(session)
    return reading


def totals(reading: dict[str, Any]) -> dict[str, int]:
    """How much a reading holds, for the state's output."""
    databases = reading["databases"].values()
    return {
        "databases": len(databases),
        "objects": sum(len(database["objects"]) for database in databases),
        "relations_counted": sum(len(database["rows"]) for database in databases),
        "relations_unread": sum(len(database["unread"]) for database in databases),
        "rows": sum(
            row[counts.ROWS] for database in databases for row in database["rows"].values()
        ),
    }


def _read_database(
    connect: Connect, name: str, kind: str, horizon: int, known: dict[str, Any], end: float
) -> dict[str, Any]:
    found: dict[str, Any] = {"objects": [], "rows": {}, "unread": {}, "closed": ""}
    try:
        with connect(name) as session:
            found["oid"], found["version"] = session.row(_IDENTITY, doing="looking it up")
            try:
                found["objects"] = catalog.database_objects(session)
            except QueryFailed as error:
                found["closed"] = f"the source's catalog could not be read: {error}"
            if kind == BASELINE_EXACT:
                for oid, rows, reason in _count(session, horizon, known, end):
                    if reason:
                        found["unread"][oid] = reason
                    else:
                        found["rows"][oid] = rows
    except (DatabaseUnreachable, QueryFailed) as error:
        found["closed"] = f"the source could not be read: {error}"
    return found


def _count(
    session: Session, horizon: int, known: dict[str, Any], end: float
) -> Iterator[tuple[str, dict[str, Any], str]]:
    (block_bytes,) = session.row(
        "SELECT current_setting('block_size')::int", doing="reading the block size"
    )
    for relation in counts.relations(session):
        oid = str(relation.oid)
        if counts.why_exempt(relation):
            continue
        left = end - time.monotonic()
        if left < 1:
            yield oid, {}, "out of time"
            continue
        session.limit_statements(left)
        buckets = counts.buckets_for(relation.size_bytes, block_bytes)
        if oid in known:
            buckets = counts.Buckets(**known[oid]["buckets"])
        try:
            counted = _count_one(session, relation, horizon, buckets)
        except QueryFailed as error:
            yield oid, {}, str(error)
        else:
            yield oid, counted, "" if counted else "renamed or dropped at this moment"


def _count_one(
    session: Session, relation: Relation, horizon: int, buckets: counts.Buckets
) -> dict[str, Any]:
    """Counts by bucket hold for one file only: VACUUM FULL moves rows to other blocks."""
    with counts.held(session, relation) as file:
        if not file:
            return {}
        counted = counts.count_standing(session, relation, horizon, buckets)
    return {
        **counted.sums,
        "file": file,
        "buckets": asdict(buckets),
        "standing": counted.standing,
        "hashes": counted.hashes,
        "columns": counted.columns,
    }


def _wait_until_durable(session: Session) -> None:
    """Wait until what the first reading saw has reached the disk.

    With ``synchronous_commit = off`` a commit is visible before its WAL is flushed, and a snapshot
    taken in between would rightly not hold it. The WAL writer flushes such commits within three
    times ``wal_writer_delay`` (PostgreSQL manual, "Asynchronous Commit").
    """
    (delay_seconds,) = session.row(_WRITER_DELAY, doing="reading wal_writer_delay")
    (position,) = session.row(_WRITTEN, doing="reading the WAL position")
    end = time.monotonic() + 3 * delay_seconds + _FLUSH_MARGIN_SECONDS
    while time.monotonic() < end:
        (flushed,) = session.row(_FLUSHED, [position], doing="reading the flushed WAL position")
        if flushed:
            return
        time.sleep(_FLUSH_MARGIN_SECONDS / 4)
