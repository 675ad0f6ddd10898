"""A source that is being written: what the writers did is never taken for damage."""

import os
import signal
import time
from dataclasses import replace

import pytest

from campaign import workload
from campaign.arena import Reading, Source, sessions, taken
from campaign.workload import writing
from lambdas.drill.checks.rows import stable_rows
from lambdas.drill.units import Claim
from lambdas.drill.verdict.verdict import Verdict
from lambdas.drill.verification import durable
from tests.checks.sandwich import assert_failed, assert_not_failed, results_of, sandwich

RUNS = 5
PAUSE_SECONDS = 0.15

_RELOAD = "SELECT pg_reload_conf()"


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, RUNS))]
)
def test_writes_during_the_sandwich_are_no_damage(source: Source, database: str, seed: int) -> None:
    source.run(database, *workload.SETUP)

    with writing(source, database, seed):
        judgement = sandwich(
            source,
            meanwhile=lambda: time.sleep(PAUSE_SECONDS),
            afterwards=lambda: time.sleep(PAUSE_SECONDS),
        )

    assert_not_failed(judgement)
    assert judgement.verdict is not Verdict.FAILED
    quiet = results_of(judgement, "counts", database)["public.quiet"]
    assert (quiet.claim, quiet.measured["rows"]) == (Claim.PROVEN, 3000)


def test_a_commit_that_is_not_yet_on_disk_is_waited_for(source: Source, database: str) -> None:
    """The first reading sees an asynchronous commit before a snapshot can hold it."""
    source.run(database, "CREATE TABLE t (id int)", "INSERT INTO t SELECT generate_series(1, 500)")
    source.run("postgres", "ALTER SYSTEM SET wal_writer_delay = '400ms'", _RELOAD)
    try:
        source.run(database, "SET synchronous_commit = off", "DELETE FROM t WHERE id > 100")
        judgement = sandwich(source)
    finally:
        source.run("postgres", "ALTER SYSTEM RESET wal_writer_delay", _RELOAD)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    assert results_of(judgement, "counts", database)["public.t"].measured["rows"] == 100


def test_what_is_not_flushed_in_time_is_held_against_nothing(
    source: Source, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's writer hangs over an asynchronous DELETE, and the snapshot does not hold it."""
    source.run(database, "CREATE TABLE t (id int)", "INSERT INTO t SELECT generate_series(1, 500)")
    source.run("postgres", "CHECKPOINT")
    monkeypatch.setattr(durable, "_STALL_SECONDS", 0.0)
    with source.server.admin() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
        (writer,) = cursor.fetchone()
    os.kill(writer, signal.SIGSTOP)
    try:
        source.run(database, "SET synchronous_commit = off", "DELETE FROM t WHERE id > 100")
        first = source.read()
    finally:
        os.kill(writer, signal.SIGCONT)
    source.run(database, "CREATE TABLE flushes ()")
    second = source.read(first=first)

    assert first.head["gap"] == second.head["gap"] == durable.NOT_DURABLE
    batches = [found for name, found in first.found.items() if name.startswith("before/")]
    assert all(durable.NOT_DURABLE in str(found) for found in batches[0].values())

    with taken(source) as found, found.restored(last=True) as copy:
        gap = {"gap": durable.NOT_DURABLE}
        late = replace(found, before={**found.before, **gap}, after={**found.after, **gap})
        judgement = late.judged(copy)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    unread = {result.check for result in judgement.results if durable.NOT_DURABLE in str(result)}
    assert unread >= {"catalog", "counts", "freshness"}


@pytest.mark.parametrize("statement", ["VACUUM FULL t", "CLUSTER t USING t_pkey"])
@pytest.mark.parametrize("before_the_copy", [True, False])
def test_rows_that_move_to_other_blocks_are_compared_as_a_whole(
    source: Source, database: str, statement: str, before_the_copy: bool
) -> None:
    source.run(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, body text)",
        "INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 9000) n",
        "DELETE FROM t WHERE id % 3 > 0 AND id < 6000",
    )

    def move() -> None:
        source.run(database, statement)

    around = taken(source, meanwhile=move) if before_the_copy else taken(source, afterwards=move)
    with around as found, found.restored() as copy:
        judgement = found.judged(copy)
        with copy.admin(database) as cursor:
            cursor.execute("DELETE FROM t WHERE id = 8000")
        damaged = found.judged(copy)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    result = results_of(judgement, "counts", database)["public.t"]
    assert (result.claim, result.measured["rows"]) == (Claim.CONSISTENT, 5000)
    assert_failed(damaged, f"{database}: public.t", "4,999 stable rows")


def test_tables_that_come_and_go_do_not_keep_the_source_from_being_read(
    source: Source, database: str
) -> None:
    """What is dropped while it is being listed or described is told by an error, or by NULL."""
    source.run(database, *workload.SETUP)
    login = sessions(source.server, source.reader)

    with writing(source, database, 0, works=[workload.PASSING]):
        readings = [source.read() for _ in range(8)]
        with login(database) as session:
            found = [stable_rows.relations(session) for _ in range(100)]

    assert not [text for reading in readings for text in _closed(reading)]
    assert all(relation.size_bytes >= 0 for relations in found for relation in relations)


def _closed(reading: Reading) -> list[str]:
    """Of its head and of its batches."""
    batches = [found for name, found in reading.found.items() if name.startswith("before/")]
    parts = [reading.head["databases"], *batches]
    return [found["closed"] for part in parts for found in part.values() if found.get("closed")]
