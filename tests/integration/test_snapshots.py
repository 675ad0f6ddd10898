"""Snapshots of a source that is being written, as RDS and its storage take them."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from moto.rds.exceptions import RDSClientError

from local.cloud import SOURCE, Cloud
from local.postgres import PostgresServer
from tests.integration.observing import (
    ask,
    instance,
    processes_of,
    refused,
    server_of,
    take_snapshot,
    watch,
)

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

ROWS_OF_A_BATCH = 10


@pytest.fixture(scope="module", autouse=True)
def source(cloud: Cloud) -> PostgresServer:
    cloud.create_source(CopyTagsToSnapshot=True)
    server = server_of(cloud, SOURCE)
    with server.admin("shop") as cursor:
        cursor.execute("CREATE TABLE ledger (batch int, at timestamptz)")
        cursor.execute("CREATE UNLOGGED TABLE cache AS SELECT 1 AS n")
    return server


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns so often that a gap between a check and its change shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Writer:
    """Commits one batch of rows after the other, and notes when each was acknowledged."""

    def __init__(self, server: PostgresServer) -> None:
        self.acknowledged: list[datetime] = []
        self._server = server
        self._done = threading.Event()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        with self._server.admin("shop") as cursor:
            cursor.execute("TRUNCATE ledger")
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(self._write)
            try:
                self.wait_for_more()
                yield
            finally:
                self._done.set()
                writing.result()

    def wait_for_more(self) -> None:
        before = len(self.acknowledged)
        watch(lambda: len(self.acknowledged), lambda count: count > before + 2)

    def _write(self) -> None:
        with contextlib.closing(self._server.connect_as_admin("shop")) as connection:
            while not self._done.wait(0.002):
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO ledger SELECT %s, clock_timestamp()"
                        " FROM generate_series(1, %s)",
                        [len(self.acknowledged), ROWS_OF_A_BATCH],
                    )
                connection.commit()
                self.acknowledged.append(datetime.now(UTC))


@contextlib.contextmanager
def uncommitted(server: PostgresServer) -> Iterator[None]:
    """A transaction that stays open, with its rows in the data files already."""
    with contextlib.closing(server.connect_as_admin("shop")) as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger SELECT -1, clock_timestamp() FROM generate_series(1, 500)"
            )
        with server.admin("shop") as cursor:
            cursor.execute("CHECKPOINT")
        yield
        connection.rollback()


@pytest.mark.usefixtures("visible")
def test_a_snapshot_progresses_while_its_source_is_backing_up(rds: "RDSClient") -> None:
    def look() -> tuple[str, str, int]:
        source_status = instance(rds, SOURCE)["DBInstanceStatus"]
        found = rds.describe_db_snapshots(DBSnapshotIdentifier="watched")["DBSnapshots"][0]
        return source_status, found["Status"], found["PercentProgress"]

    answer = rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier="watched")
    assert answer["DBSnapshot"]["Status"] == "creating"
    seen = watch(look, lambda now: now[:2] == ("available", "available"))
    unfinished = [now for now in seen if now[2] < 100]
    assert {now[:2] for now in unfinished} == {("backing-up", "creating")}
    assert len({percent for _, _, percent in unfinished} - {0}) >= 2
    percents = [percent for _, _, percent in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100


@pytest.mark.usefixtures("visible")
def test_a_second_snapshot_is_refused_while_the_first_is_taken(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier="first")
    with refused("InvalidDBInstanceState"):
        rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier="second")
    with refused("DBSnapshotNotFound"):
        rds.describe_db_snapshots(DBSnapshotIdentifier="second")
    with refused("InvalidDBSnapshotState"):
        rds.delete_db_snapshot(DBSnapshotIdentifier="first")
    cloud.rds.wait_until(SOURCE, "available")


@pytest.mark.usefixtures("hasty_threads")
def test_of_snapshots_asked_for_at_once_one_is_taken(cloud: Cloud) -> None:
    together = threading.Barrier(8)

    def ask_for(name: str) -> str:
        together.wait()
        try:
            # Past the client, whose own work would keep the threads apart.
            cloud.rds.create_db_snapshot(SOURCE, name)
        except RDSClientError as error:
            return str(error.code)
        return "taken"

    for attempt in range(3):
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(ask_for, [f"rival-{attempt}-{number}" for number in range(8)])
        assert sorted(answers) == ["InvalidDBInstanceState"] * 7 + ["taken"]
        cloud.rds.wait_until(SOURCE, "available")


def test_the_copy_of_a_source_in_use_needs_crash_recovery_and_holds_what_was_committed(
    cloud: Cloud, rds: "RDSClient", source: PostgresServer
) -> None:
    writer = Writer(source)
    with writer.at_work(), uncommitted(source):
        before = len(writer.acknowledged)
        take_snapshot(cloud, SOURCE, "busy")
        writer.wait_for_more()
    snapshot = rds.describe_db_snapshots(DBSnapshotIdentifier="busy")["DBSnapshots"][0]

    control = [cloud.binaries.program("pg_controldata"), str(data_of(cloud, "busy"))]
    message = subprocess.run(
        control, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
    )
    (state,) = [line for line in message.stdout.splitlines() if "cluster state" in line]
    assert state.split(":")[1].strip() == "in production"

    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="recovered", DBSnapshotIdentifier="busy"
    )
    cloud.rds.wait_until("recovered", "available")
    copy = server_of(cloud, "recovered")
    with copy.admin("shop") as cursor:
        cursor.execute("SELECT batch, count(*), max(at) FROM ledger GROUP BY batch ORDER BY batch")
        batches: list[tuple[int, int, datetime]] = cursor.fetchall()
    count = len(batches)
    assert before <= count < len(writer.acknowledged)
    assert [(batch, rows) for batch, rows, _ in batches] == [
        (batch, ROWS_OF_A_BATCH) for batch in range(count)
    ]
    # SnapshotDatabaseTime is the time of the newest transaction in the snapshot.
    assert batches[-1][2] <= snapshot["SnapshotDatabaseTime"] <= writer.acknowledged[count]
    # Crash recovery resets what is not in the write-ahead log.
    assert ask(source, "SELECT count(*) FROM cache") == 1
    assert ask(copy, "SELECT count(*) FROM cache") == 0
    assert ask(copy, "SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'ledger'") == 0


def test_every_process_of_the_source_stands_still_while_its_files_are_copied(
    source: PostgresServer,
) -> None:
    def statuses() -> set[str]:
        return {process.status() for process in processes_of(source.data.parent)}

    with Writer(source).at_work(), source._suspended():
        assert statuses() == {psutil.STATUS_STOPPED}
    assert psutil.STATUS_STOPPED not in statuses()


def test_a_source_works_on_after_a_snapshot(cloud: Cloud, source: PostgresServer) -> None:
    take_snapshot(cloud, SOURCE, "passing")
    with source.admin("shop") as cursor:
        cursor.execute("CREATE TABLE written_after AS SELECT 1 AS n")
    assert not list(data_of(cloud, "passing").glob("postmaster.*"))


@pytest.mark.parametrize(
    ("copies", "options", "expected"),
    [
        (True, {}, [{"Key": "Environment", "Value": "production"}]),
        (True, {"Tags": [{"Key": "a", "Value": "b"}]}, [{"Key": "a", "Value": "b"}]),
        (False, {}, []),
    ],
    ids=["the source's", "its own and no others", "none"],
)
def test_a_snapshot_has_the_tags_that_rds_gives_it(
    cloud: Cloud,
    rds: "RDSClient",
    copies: bool,
    options: dict[str, Any],
    expected: list[dict[str, str]],
) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=SOURCE, CopyTagsToSnapshot=copies)
    name = f"tagged-{copies}-{len(options)}"
    rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier=name, **options)
    found = rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    assert found["TagList"] == expected
    assert found["DBSnapshotArn"].endswith(f":snapshot:{name.lower()}")
    cloud.rds.wait_until(SOURCE, "available")


def test_a_deleted_snapshot_is_gone_with_its_files(cloud: Cloud, rds: "RDSClient") -> None:
    take_snapshot(cloud, SOURCE, "unwanted")
    folder = data_of(cloud, "unwanted").parent
    assert folder.is_dir()
    rds.delete_db_snapshot(DBSnapshotIdentifier="unwanted")
    assert not folder.exists()
    with refused("DBSnapshotNotFound"):
        rds.delete_db_snapshot(DBSnapshotIdentifier="unwanted")


def data_of(cloud: Cloud, snapshot: str) -> Any:
    """The data folder of a snapshot."""
    return cloud.rds.database_snapshots[snapshot].folder / "data"
