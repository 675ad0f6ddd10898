"""A horizon beyond the newest transaction is found where no row shows it."""

from collections.abc import Iterator

import pytest

from campaign.arena import Source, Taken
from lambdas.drill.units import Claim, Status
from tests.checks.physical import assert_wrong, examined, prepared

DATABASE = "horizons"
AHEAD = "3000000"

_SETUP = (
    "CREATE TABLE frozen (a int)",
    "INSERT INTO frozen SELECT generate_series(1, 100)",
    "CREATE VIEW seen AS TABLE frozen",
    "CREATE TABLE parted (a int) PARTITION BY LIST (a)",
    "CREATE UNLOGGED TABLE fleeting (a int)",
    "VACUUM (FREEZE)",
)


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    with prepared(source, DATABASE, _SETUP) as (found, _):
        yield found


def test_a_horizon_in_the_future_is_found_and_named(copied: Taken) -> None:
    """Also of tables that are being frozen at this very moment, nothing is said."""
    with copied.restored() as copy, copy.admin(DATABASE) as cursor:
        for _ in range(20):
            cursor.execute("SELECT pg_current_xact_id()")
        cursor.execute("VACUUM (FREEZE)")
        (sound,) = examined(copied, copy, "horizons", DATABASE).values()
        for column in ("relfrozenxid", "relminmxid"):
            cursor.execute(
                f"UPDATE pg_class SET {column} = '{AHEAD}' WHERE oid = 'frozen'::regclass"
            )
        cursor.execute(
            f"UPDATE pg_database SET datminmxid = '{AHEAD}' WHERE datname = '{DATABASE}'"
        )
        (of_tables,) = examined(copied, copy, "horizons", DATABASE).values()
        (of_databases,) = examined(copied, copy, "horizons", "postgres").values()
    assert (sound.status, sound.claim) == (Status.OK, Claim.PROVEN)
    assert_wrong(of_tables, "relfrozenxid", "public.frozen", AHEAD)
    assert_wrong(of_tables, "relminmxid", "public.frozen", AHEAD)
    assert_wrong(of_databases, "datminmxid", f"database {DATABASE}", AHEAD)
