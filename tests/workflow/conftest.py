"""One embedded cloud for a module, with a small source; each test begins with a clean slate."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.cloud import BUCKET, SOURCE, Cloud, embedded_cloud
from local.rds import EmbeddedInstance, Mishap, Tempo

FAST = Tempo(
    creating=0.02,
    backing_up=0.02,
    snapshot=0.04,
    before_reset=0.02,
    resetting=0.02,
    before_active=0.02,
    deleting=0.02,
)

SMALL = """
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id int PRIMARY KEY, note text);
INSERT INTO sales.orders SELECT n, 'note ' || n FROM generate_series(1, 20000) n;
CREATE TABLE sales."Odd Näme" (what text);
INSERT INTO sales."Odd Näme" SELECT 'x' FROM generate_series(1, 10);
"""

Damager = Callable[[Path], None]


class Slot:
    """What a test does to the next snapshot's files."""

    damage: Damager | None = None

    def __call__(self, data: Path) -> None:
        if self.damage is not None:
            self.damage(data)


@pytest.fixture(scope="module")
def module_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Slot]]:
    slot = Slot()
    with embedded_cloud(tempo=FAST, retry_speed=2000, wait_speed=20, on_snapshot=slot) as cloud:
        cloud.create_source()
        file = tmp_path_factory.mktemp("source") / "small.sql"
        file.write_text(SMALL, encoding="utf-8")
        assert not cloud.load(file).complaints
        yield cloud, slot


@pytest.fixture
def cloud(module_cloud: tuple[Cloud, Slot]) -> Iterator[Cloud]:
    found, slot = module_cloud
    slot.damage = None
    found.rds.mishap = Mishap()
    found.ledger.calls.clear()
    found.ledger.faults.clear()
    found.functions.invocations.clear()
    found.functions.before = None
    client = found.client("s3")
    for key in found.evidence():
        client.delete_object(Bucket=BUCKET, Key=key)
    yield found
    found.ledger.faults.clear()
    found.functions.before = None
    for name in leftovers(found):
        found.client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    while leftovers(found):
        time.sleep(0.02)
    found.rds.wait_until(SOURCE, "available")
    for name in list(found.rds.database_snapshots):
        found.rds.drop_snapshot(name)


@pytest.fixture
def slot(module_cloud: tuple[Cloud, Slot], cloud: Cloud) -> Slot:
    return module_cloud[1]


def leftovers(cloud: Cloud) -> list[str]:
    """Every instance but the source."""
    return [name for name in cloud.rds.names() if name != SOURCE]


def count_orders(cloud: Cloud) -> int:
    """What the source answers."""
    instance: EmbeddedInstance = cloud.rds.instance(SOURCE)
    assert instance.server is not None
    with instance.server.admin("shop") as cursor:
        cursor.execute("SELECT count(*) FROM sales.orders")
        return int(cursor.fetchone()[0])
