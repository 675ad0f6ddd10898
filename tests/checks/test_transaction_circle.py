"""Transaction ids are 32 bits wide and start again: a source whose counter is about to wrap."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2 import sql

from campaign.arena import Source, furnished, reset_log, taken
from lambdas.drill.checks.catalog.comparison import (
    FIRST_TRANSACTION,
    XID_MODULUS,
    YOUNG_WINDOW,
    is_young,
)
from lambdas.drill.checks.rows import stable_rows
from lambdas.drill.units import Claim
from lambdas.drill.verdict.verdict import Verdict
from local.postgres import Binaries, PostgresServer
from tests.checks.sandwich import assert_failed, results_of

pytestmark = pytest.mark.xdist_group("checks-transaction-circle")

NEXT_TRANSACTION = 2**32 - 250
TRANSACTIONS_PER_SEGMENT = 2**20
SEGMENT_BYTES = 2**18

_BURN = "DO $$BEGIN FOR i IN 1..400 LOOP PERFORM txid_current(); COMMIT; END LOOP; END$$"


@pytest.fixture(scope="module")
def late(binaries: Binaries, folder: Path) -> Iterator[Source]:
    """A server with a few transactions left before its counter wraps."""
    server = PostgresServer.create(binaries, folder / "late")
    try:
        # A table that was frozen more than half a circle ago is none that a server could have.
        for third in (1, 2, 3):
            _freeze_everything(server)
            _advance(server, NEXT_TRANSACTION * third // 3)
        with furnished(server, folder / "copies") as source:
            yield source
    finally:
        server.stop(immediate=True)


def _freeze_everything(server: PostgresServer) -> None:
    """Rows that are not frozen would come to lie in the future."""
    server.start()
    with server.admin() as cursor:
        cursor.execute("ALTER DATABASE template0 ALLOW_CONNECTIONS true")
    for database in ("template0", "template1", "postgres"):
        with server.admin(database) as cursor:
            cursor.execute("VACUUM (FREEZE)")
    server.stop()


def _advance(server: PostgresServer, transaction: int) -> None:
    segment = server.data / "pg_xact" / f"{transaction // TRANSACTIONS_PER_SEGMENT:04X}"
    segment.write_bytes(bytes(SEGMENT_BYTES))
    server.binaries.own(segment.parent)
    reset_log(server, f"--next-transaction-id={transaction}")


def test_rows_from_before_the_wrap_stand_and_those_written_across_it_are_younger(
    late: Source,
) -> None:
    late.run("postgres", "CREATE DATABASE tm")
    late.run(
        "tm",
        "CREATE TABLE t (id int)",
        "INSERT INTO t SELECT generate_series(1, 100)",
        "CREATE TABLE quiet (id int)",
        "INSERT INTO quiet SELECT generate_series(1, 70)",
    )

    def write() -> None:
        late.run("tm", "INSERT INTO t SELECT generate_series(1, 20)", "CREATE TABLE new_1 (id int)")
        late.run("tm", _BURN)
        late.run("tm", "INSERT INTO t SELECT generate_series(1, 30)", "CREATE TABLE new_2 (id int)")

    with taken(late, meanwhile=write) as found, found.restored() as copy:
        judgement = found.judged(copy)
        with copy.admin("tm") as cursor:
            cursor.execute("DELETE FROM t WHERE ctid = '(0,5)'")
        damaged = found.judged(copy)

    assert found.before["horizon"] < XID_MODULUS
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    counted = results_of(judgement, "counts", "tm")
    assert counted["public.quiet"].claim is Claim.PROVEN
    assert counted["public.t"].measured == {"rows": 150, "stable rows": 100, "younger rows": 50}
    (catalog,) = results_of(judgement, "catalog", "tm").values()
    assert not catalog.notes
    assert_failed(damaged, "tm: public.t", "99 stable rows")

    with taken(late) as found, found.restored() as copy:
        judgement = found.judged(copy)

    assert found.before["horizon"] > XID_MODULUS
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    counted = results_of(judgement, "counts", "tm")
    assert {result.claim for result in counted.values()} == {Claim.PROVEN}
    assert counted["public.t"].measured == {"rows": 150, "stable rows": 150, "younger rows": 0}


def test_the_server_and_we_agree_on_who_is_young(late: Source) -> None:
    """For horizons on both sides of the wrap, and for row versions too."""
    versions = [0, 1, 2, 3, 4, 1000, *(2**32 - n for n in range(1, 200, 7)), 2**31, 2**30]
    with late.server.admin() as cursor:
        cursor.execute("SELECT txid_snapshot_xmax(txid_current_snapshot())")
        (newest,) = cursor.fetchone()
        for behind in (0, 1, 145, 300, 2**20, YOUNG_WINDOW - 1, YOUNG_WINDOW + 500):
            horizon = newest - behind
            if horizon % XID_MODULUS < FIRST_TRANSACTION:
                horizon += FIRST_TRANSACTION
            query = sql.SQL("SELECT xmin, {} FROM unnest(%s::text[]::xid[]) v (xmin)").format(
                stable_rows.younger_than(horizon)
            )
            cursor.execute(query, [[str(version) for version in versions]])
            message = {int(version): young for version, young in cursor.fetchall()}
            assert message == {version: is_young(version, horizon) for version in versions}
