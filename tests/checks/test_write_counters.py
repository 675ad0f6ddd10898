"""The read-only login sees a real server's write counters, and what disturbs them."""

import time
from typing import Any

import pytest

from campaign.arena import Source, sessions
from lambdas.drill.verdict.write_counters import Counters, allowed, why_unusable
from lambdas.drill.verification.write_counters import read

pytestmark = pytest.mark.xdist_group("checks-logical")


def _read(source: Source, database: str) -> dict[str, Any]:
    with sessions(source.server, source.reader)(database) as session:
        return read(session)


def _oid(source: Source, database: str, table: str) -> str:
    with source.server.admin(database) as cursor:
        cursor.execute("SELECT %s::regclass::oid::text", [table])
        ((oid,),) = cursor.fetchall()
    return str(oid)


def _when_inserted(source: Source, database: str, oid: str, rows: int) -> dict[str, Any]:
    """Counters come late."""
    for _ in range(100):
        reading = _read(source, database)
        if reading["relations"][oid][1] == rows:
            return reading
        time.sleep(0.1)
    raise AssertionError(reading)


def test_a_row_that_moves_to_another_partition_leaves_one_and_enters_the_other(
    source: Source, database: str
) -> None:
    source.run(
        database,
        "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE low PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE high PARTITION OF p FOR VALUES FROM (10) TO (20)",
        "INSERT INTO p SELECT generate_series(1, 9)",
    )
    low, high = (_oid(source, database, name) for name in ("low", "high"))
    before = _when_inserted(source, database, low, 9)
    source.run(
        database, "UPDATE p SET a = a + 10 WHERE a > 7", "ALTER TABLE p DETACH PARTITION low"
    )
    after = _when_inserted(source, database, high, 2)
    for oid, rows_before, rows_now in ((low, 9, 7), (high, 0, 2)):
        assert why_unusable([before, before, after, after], oid) == ""
        then, now = (Counters(*reading["relations"][oid]) for reading in (before, after))
        bounds = allowed(rows_before, [then, then, now, now])
        assert bounds.low == bounds.high == rows_now


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("VACUUM FULL t", "emptied or rewrote"),
        ("TRUNCATE t", "emptied or rewrote"),
        ("SELECT pg_stat_reset_single_table_counters('t'::regclass)", "began anew"),
        # A crash of a single process is told by these alone.
        ("SELECT pg_stat_reset_shared('bgwriter')", "began anew"),
        ("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_counts = off',"
         " current_database()); END $$", "switched off"),
        ("ALTER TABLE t SET UNLOGGED", "not of the same table"),
    ],
)  # fmt: skip
def test_what_disturbs_them_is_seen(
    source: Source, database: str, statement: str, words: str
) -> None:
    source.run(database, "CREATE TABLE t AS SELECT 1 AS a")
    oid = _oid(source, database, "t")
    before = _read(source, database)
    source.run(database, statement)
    assert words in why_unusable([before, before, before, _read(source, database)], oid)
