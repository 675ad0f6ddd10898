"""The newest commits are on the copy, and how much of the source's log can be missing is told."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.drill.recovery_point.rpo import PROVEN_UNTIL, WINDOW_BYTES, WINDOW_SECONDS
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Result
from tests.checks.sandwich import assert_failed, results_of

pytestmark = pytest.mark.xdist_group("checks-logical")

NAME = "in_time"
SEGMENT_BYTES = 2**20


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        source.run(NAME, "CREATE TABLE t (a int)", "CHECKPOINT")
        write(source, 30)
        with (
            taken(source, "catalog", lambda: write(source, 5), lambda: write(source, 5)) as copied,
            copied.settled() as settled,
        ):
            yield settled
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


def write(source: Source, number: int) -> None:
    """Transactions that commit, and as many that roll back."""
    with source.server.admin(NAME) as cursor:
        for _ in range(number):
            cursor.execute("INSERT INTO t VALUES (1)")
            cursor.execute("BEGIN; INSERT INTO t VALUES (2); ROLLBACK")


def _result(judgement: Any) -> Result:
    return results_of(judgement, "freshness", "postgres")["newest commits"]


def test_a_good_copy_tells_what_may_be_missing(found: Taken) -> None:
    with found.restored() as copy:
        result = _result(found.judged(copy))
    assert result.status is Status.OK, result.findings
    window = found.after["position"]["position"] - found.before["position"]["position"]
    assert result.measured[WINDOW_BYTES] == window > 0
    assert result.measured[WINDOW_SECONDS] >= 1
    assert result.measured[PROVEN_UNTIL] == int(found.before["position"]["at"])
    assert result.measured["transactions asked about"] >= 60


def test_lost_transactions_are_found(found: Taken) -> None:
    """The page of the transaction status is one from before: its newest bits are not set."""

    def forget(data: Path) -> None:
        file = data / "pg_xact" / "0000"
        content = bytearray(file.read_bytes())
        last = (found.before["position"]["next"] - 1) // 4
        content[last - 4 : last + 1] = bytes(5)
        file.write_bytes(content)

    with found.restored(damage=forget) as copy:
        judgement = found.judged(copy)
    assert_failed(judgement, "newest commits", "aborted instead of committed")


def test_a_log_that_ends_too_early_is_found(found: Taken) -> None:
    later = {**found.before["position"]}
    later["position"] += 2**30
    later["next"] += 300
    later["endings"] += 299 * "c" + "i"
    ahead = replace(found, before={**found.before, "position": later})
    with ahead.restored() as copy:
        judgement = ahead.judged(copy)
        other = {**ahead.after["position"], "timeline": 7}
        failed_over = replace(ahead, after={**ahead.after, "position": other})
        after_failover = _result(failed_over.judged(copy))
    assert_failed(judgement, "bytes before the source's first reading")
    assert_failed(judgement, "of the newest", "aborted instead of committed")
    assert after_failover.status is Status.UNMEASURED


@pytest.mark.parametrize("ages", [-1, 1])
def test_a_copy_of_another_age_is_found(found: Taken, ages: int) -> None:
    """The readings are moved instead of the copy: what counts is how far they lie apart."""

    def moved(reading: Mapping[str, Any]) -> Mapping[str, Any]:
        position = reading["position"]
        return {**reading, "position": {**position, "next": position["next"] + ages * 2**32}}

    other = replace(found, before=moved(found.before), after=moved(found.after))
    with other.restored() as copy:
        assert_failed(other.judged(copy), "the copy's next transaction is", "the source's went")


def test_a_log_whose_end_is_gone_is_found(source: Source, database: str) -> None:
    """As if the last stretch of it were unreadable: recovery takes that for its end."""
    source.run(database, "CREATE TABLE t (a int)", "CHECKPOINT")
    with source.server.admin(database) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.execute("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
        (end,) = cursor.fetchone()
        for _ in range(40):
            cursor.execute("INSERT INTO t VALUES (1)")

    def cut(data: Path) -> None:
        segment, within = divmod(end, SEGMENT_BYTES)
        file = data / "pg_wal" / f"00000001{segment >> 12:08X}{segment & 0xFFF:08X}"
        content = file.read_bytes()
        file.write_bytes(content[:within] + bytes(SEGMENT_BYTES - within))

    with (
        taken(source, "catalog") as copied,
        copied.restored(damage=cut, last=True) as copy,
    ):
        assert_failed(copied.judged(copy), "newest commits", "of the newest")
