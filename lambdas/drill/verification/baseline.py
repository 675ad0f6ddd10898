"""What the source holds, read just before and just after the snapshot, and only ever read.

One horizon holds for a whole drill; the first survey fixes it. What the survey cuts the source into
is read in batches, a few at a time, each of them once before the snapshot and once after it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.common.budget import SecondsLeft
from lambdas.drill.admission.request import BASELINE_EXACT
from lambdas.drill.checks import freshness
from lambdas.drill.checks.catalog import catalog, leftovers
from lambdas.drill.checks.rows import read_pieces, stable_rows
from lambdas.drill.checks.rows.read_pieces import SourceUnit
from lambdas.drill.units import RANGE_BYTES, batches, block_ranges
from lambdas.drill.verification.durable import NOT_DURABLE, wait_until_durable
from lambdas.drill.verification.session_cache import Connect
from lambdas.drill.verification.source_reading import IDENTITY, gap_since
from lambdas.drill.verification.survey import list_databases, why_closed
from lambdas.errors import DatabaseUnreachable, QueryFailed

_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_TRANSACTIONS = """
SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,
       (SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'transactionid')
  FROM pg_current_snapshot() s
"""
_BLOCK_BYTES = "SELECT current_setting('block_size')::int"
_OF_THE_SERVER: dict[str, Callable[[Session], Any]] = {
    "position": freshness.read,
    "prepared": leftovers.read,
}
"""What a reading's head holds besides, by its name there."""


def survey_source(
    connect: Connect,
    kind: str,
    bytes_per_second: float = 0,
    seconds_left: SecondsLeft = lambda: math.inf,
) -> tuple[dict[str, Any], list[list[SourceUnit]]]:
    """The first survey: the horizon of the drill, what there is, and the work in batches.

    Args:
        connect: opens a session on a database of the source.
        kind: ``catalog`` or ``exact``.
        bytes_per_second: what a connection may read, 0 for no bound.
        seconds_left: for the wait until what was seen is on the source's disk.

    Returns:
        The head of the first reading: ``horizon`` (a 64-bit transaction id), ``gap`` (why nothing
        can be held against this reading, if so), ``transactions`` (when it began: the ``oldest``
        that was running, the ``newest`` that had ended and how many were ``running``, with the
        next of both; 64-bit ids), ``cluster`` and per
        database ``oid`` and ``version`` (the ``xmin`` of its row), ``closed`` (why it can't be
        read, if so), ``batch`` (which one reads its catalog) and ``ranges`` (by the relation's oid,
        the batch and the first block of each of its ranges; in the order of the batches).
        And the batches, to be numbered from 1.

    Raises:
        DatabaseUnreachable, QueryFailed: not even the maintenance database could be read.
    """
    with connect(MAINTENANCE_DATABASE) as session:
        (horizon,) = session.row(_HORIZON, action="reading the horizon")
        head = _head(session, kind, horizon)
        names = _database_names(session)
    units: list[SourceUnit] = []
    for name in names:
        found, cut = _survey_database(connect, name, kind, bytes_per_second)
        head["databases"][name] = found
        units += cut
    packed = batches(units, read_pieces.batch_bytes(bytes_per_second))
    note_batches(head, packed)
    with connect(MAINTENANCE_DATABASE) as session:
        head["gap"] = "" if wait_until_durable(session, seconds_left) else NOT_DURABLE
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
        head["gap"] = first["gap"] or gap_since(session, first["horizon"])
    head["lost"] = list(lost)
    for name in names:
        known = first["databases"].get(name, {})
        cut = {key: known[key] for key in ("batch", "ranges") if key in known}
        head["databases"][name] = {**_identify(connect, name), **cut}
    return head


def _head(session: Session, kind: str, horizon: int) -> dict[str, Any]:
    oldest, newest, running = session.row(_TRANSACTIONS, action="reading the newest transaction")
    head: dict[str, Any] = {"kind": kind, "horizon": horizon, "gap": "", "databases": {}}
    head["transactions"] = {"oldest": oldest, "newest": newest, "running": running}
    head |= {name: read(session) for name, read in _OF_THE_SERVER.items()}
    return {**head, "cluster": {"objects": catalog.cluster_objects(session)}}


def _database_names(session: Session) -> list[str]:
    return [database.name for database in list_databases(session) if not database.exempt]


def _identify(connect: Connect, name: str) -> dict[str, Any]:
    try:
        with connect(name) as session:
            number, version = session.row(IDENTITY, action="looking it up")
    except DatabaseUnreachable as error:
        return {"closed": f"the source could not be read: {why_closed(connect, name, error)}"}
    except QueryFailed as error:
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
    (block_bytes,) = session.row(_BLOCK_BYTES, action="reading the block size")
    most = read_pieces.range_bytes(bytes_per_second, RANGE_BYTES)
    for relation in stable_rows.relations(session):
        if stable_rows.why_exempt(relation):
            continue
        buckets = asdict(stable_rows.buckets_for(relation.size_bytes, block_bytes))
        for first, last in block_ranges(relation.size_bytes, block_bytes, most):
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
