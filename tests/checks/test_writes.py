"""A source that is being written: what the writers did is never taken for damage."""

import time

import pytest

from lambdas.domain.units import Claim
from lambdas.domain.verdict import Verdict
from tests.checks import workload
from tests.checks.sandwich import Source, assert_not_failed, results_of, sandwich
from tests.checks.workload import writing

RUNS = 12
PAUSE_SECONDS = 0.15

_RELOAD = "SELECT pg_reload_conf()"


@pytest.mark.parametrize("seed", range(RUNS))
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
