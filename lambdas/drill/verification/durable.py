"""Whether what a reading saw has reached the source's disk, where a snapshot finds it."""

import time

from lambdas.adapters.postgres import Session
from lambdas.common.budget import SecondsLeft

NOT_DURABLE = "the source's log was not flushed in time, so what was read may not be on its disk"

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


def wait_until_durable(session: Session, seconds_left: SecondsLeft) -> bool:
    """Wait until what a reading saw has reached the disk; whether it has in the time that is left.

    With ``synchronous_commit = off`` a commit is visible before its WAL is flushed, and a snapshot
    taken in between would rightly not hold it. The WAL writer flushes such commits within three
    times ``wal_writer_delay`` (PostgreSQL manual, "Asynchronous Commit").

    The last, partial page of the log is flushed for a commit only: on an idle server one that our
    own reading has begun stays as it is. So once that time has passed, the pages before suffice.
    """
    (delay_seconds,) = session.row(_WRITER_DELAY, action="reading wal_writer_delay")
    (position,) = session.row(_WRITTEN, action="reading the WAL position")
    promised = time.monotonic() + 3 * delay_seconds + _FLUSH_MARGIN_SECONDS
    end = min(promised + _STALL_SECONDS, time.monotonic() + seconds_left())
    while True:
        now = time.monotonic()
        parameters = [position, position]
        flushed, pages = session.row(
            _FLUSHED, parameters, action="reading the flushed WAL position"
        )
        if flushed or (pages and now >= promised):
            return True
        if now >= end:
            return False
        time.sleep(_FLUSH_MARGIN_SECONDS / 4)
