"""The template of new databases is looked at, and a copy that takes no writes is not passed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.arena import Source, Taken
from lambdas.drill.checks.catalog.databases import STANDBY, TEMPLATE
from lambdas.drill.units import Status
from tests.checks.physical import Damage, assert_wrong, examined, prepared, removed


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    with prepared(source, "any_database", ()) as (found, _):
        yield found


def emptied(path: str) -> Damage:
    """A file that reads as zeros."""

    def damage(data: Path) -> None:
        file = data / path
        file.write_bytes(bytes(file.stat().st_size))

    return damage


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(removed("base/1/PG_VERSION"), "can't be connected to", id="version"),
        pytest.param(removed("base/1/pg_filenode.map"), "can't be connected to", id="map"),
        pytest.param(emptied("base/1/1255"), "42883", id="functions"),
    ],
)
def test_a_damaged_template_is_found(copied: Taken, damage: Damage, words: str) -> None:
    with copied.restored(damage=damage) as copy:
        (result,) = examined(copied, copy, "databases", TEMPLATE).values()
    assert_wrong(result, words, "on the source")


def test_a_template_that_is_closed_or_another_is_no_damage(copied: Taken) -> None:
    with copied.restored() as copy, copy.admin() as cursor:
        (sound,) = examined(copied, copy, "databases", TEMPLATE).values()
        cursor.execute(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")
        (closed,) = examined(copied, copy, "databases", TEMPLATE).values()
        cursor.execute(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS true")
        cursor.execute(f"REVOKE CONNECT ON DATABASE {TEMPLATE} FROM PUBLIC")
        (kept_out,) = examined(copied, copy, "databases", TEMPLATE).values()
        cursor.execute(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE false")
        cursor.execute(f"ALTER DATABASE {TEMPLATE} RENAME TO former")
        (gone,) = examined(copied, copy, "databases", TEMPLATE).values()
    assert sound.status is Status.OK
    assert closed.status is Status.EXEMPT
    assert "datallowconn" in closed.notes[0]
    assert kept_out.status is Status.UNMEASURED
    assert "grant CONNECT" in kept_out.notes[0]
    assert gone.status is Status.EXEMPT


def test_a_copy_in_recovery_is_not_measured(copied: Taken) -> None:
    def sleep(data: Path) -> None:
        (data / "standby.signal").touch(0o644)

    with copied.restored(damage=sleep) as copy:
        (result,) = examined(copied, copy, "databases", "postgres").values()
    assert (result.status, result.notes) == (Status.UNMEASURED, (STANDBY,))
