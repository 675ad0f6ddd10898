"""Where the sequences of a database stand, read the same on the source and on the copy."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.shape import is_damage
from lambdas.errors import QueryFailed

CHUNK = 200
"""Sequences read by one query."""

NO_ROW = "its page is empty, so nextval fails: make it again, from where the source's stands"
RENAMED = "renamed or dropped at this moment"

SEQUENCES = """
SELECT c.oid::bigint, n.nspname, c.relname,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, s.xmin::text
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relpersistence = 'p'
 ORDER BY c.oid
"""
# The lock that reading takes keeps the file's number; a name may be another sequence's by now.
_STATE = """
SELECT tableoid::bigint, last_value, log_cnt, is_called,
       coalesce(pg_catalog.pg_relation_filenode(tableoid), 0)::bigint FROM {}
"""
_SNAPSHOT = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""
# A snapshot does not show what runs with an id beyond the last that ended; its lock does.
_RUNNING = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'transactionid'"


@dataclass(frozen=True)
class State:
    """A sequence as a reading holds it; ``version`` is that of its definition."""

    name: str
    last: int
    ahead: int
    called: bool
    file: int
    increment: int
    low: int
    high: int
    cycle: bool
    version: str

    @property
    def next(self) -> int:
        """What ``nextval`` gives next, if nothing was taken ahead."""
        if not self.called:
            return self.last
        value = self.last + self.increment
        if not self.cycle or self.low <= value <= self.high:
            return value
        return self.low if self.increment > 0 else self.high

    @property
    def is_exhausted(self) -> bool:
        """Whether ``nextval`` fails: it is at its end, and does not cycle."""
        return not self.cycle and not self.low <= self.next <= self.high

    def is_before(self, value: int, other: int) -> bool:
        """Whether one value comes before another in the sequence's direction."""
        return value < other if self.increment > 0 else value > other


def read(session: Session) -> dict[str, Any]:
    """What a reading holds: ``states``, ``begun`` and ``ended``.

    ``states``: every sequence of the session's database, by number; its state, or why it is unread
    and whether that is damage. ``begun``: the next transaction when it began, None if one with an
    id ran then. ``ended``: likewise when it had ended.
    """
    action = "reading the newest transaction"
    oldest, begun = session.row(_SNAPSHOT, action=action)
    states = _read_all(session)
    (running,) = session.row(_RUNNING, action="looking for running transactions")
    _, ended = session.row(_SNAPSHOT, action=action)
    return {
        "states": states,
        "begun": begun if oldest == begun else None,
        "ended": None if running else ended,
    }


def _read_all(session: Session) -> dict[str, list[Any]]:
    listed = session.rows(SEQUENCES, action=f"listing the sequences of {session.database}")
    found: dict[str, list[Any]] = {}
    for start in range(0, len(listed), CHUNK):
        found |= _read_some(session, listed[start : start + CHUNK])
    return found


def state_from(document: list[Any]) -> State | None:
    """The state that a reading holds; None where it holds why there is none."""
    return State(*document) if len(document) == len(fields(State)) else None


def _read_some(session: Session, listed: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """The states of some sequences; one by one where they can't all be read."""
    names = [sql.Identifier(schema, name) for _, schema, name, *_ in listed]
    query = sql.SQL(" UNION ALL ").join(sql.SQL(_STATE).format(name) for name in names)
    action = f"reading {listed[0][3]}" if len(listed) == 1 else "reading sequences"
    try:
        states = {row[0]: row[1:] for row in session.rows(query, action=action)}
    except QueryFailed as error:
        if len(listed) > 1:
            parts = [_read_some(session, [one]) for one in listed]
            return {oid: found for part in parts for oid, found in part.items()}
        return {str(listed[0][0]): [str(error), is_damage(error)]}
    without = [row for row in listed if row[0] not in states]
    return _without_rows(session, without) | {
        str(oid): [name, *states[oid], *definition]
        for oid, _, _, name, *definition in listed
        if oid in states
    }


def _without_rows(
    session: Session, listed: Sequence[tuple[Any, ...]]
) -> dict[str, list[str | bool]]:
    """Why sequences gave no row of their own: their names are others' by now, or it is damage."""
    if not listed:
        return {}
    action = f"listing the sequences of {session.database}"
    still = {row[0]: row for row in session.rows(SEQUENCES, action=action)}
    return {
        str(row[0]): [NO_ROW, True] if still.get(row[0]) == row else [RENAMED, False]
        for row in listed
    }


def read_these(session: Session, oids: Sequence[int]) -> dict[str, list[Any]]:
    """As ``states`` of :func:`read`, of the sequences with these numbers."""
    wanted = set(oids)
    listed = session.rows(SEQUENCES, action=f"listing the sequences of {session.database}")
    some = [row for row in listed if row[0] in wanted]
    return _read_some(session, some) if some else {}
