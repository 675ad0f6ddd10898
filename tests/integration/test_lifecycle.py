"""What is left of an embedded cloud: nothing, however it ended."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import guardian
from local.cloud import SOURCE, Cloud, embedded_cloud
from local.postgres import PostgresServer, find_binaries
from local.rds import MASTER
from tests.integration.conftest import VISIBLE
from tests.integration.observing import lives, processes_of, watch
from tests.workflow.conftest import FAST

ROOT = Path(__file__).parents[2]

RUN = """
# One server works, another stands still as its files would be copied; or there is none yet.
import sys, time
from local.cloud import SOURCE, embedded_cloud

with embedded_cloud() as cloud:
    if sys.argv[1] == "initialising":
        print(cloud.folder, flush=True)
        cloud.create_source()
    cloud.create_source()
    cloud.create_source("second")
    with cloud.rds.instance(SOURCE).server._suspended():
        print(cloud.folder, flush=True)
        time.sleep(600)
"""


class Interrupted(Exception):
    """Of the body."""


def _nothing_is_left_of(folder: Path) -> None:
    assert processes_of(folder) == []
    assert not folder.exists()


def test_after_the_context_nothing_is_left() -> None:
    environment = dict(os.environ)
    with embedded_cloud(tempo=FAST) as cloud:
        cloud.create_source()
        assert len(processes_of(cloud.folder)) > 1
        assert environment != os.environ
    _nothing_is_left_of(cloud.folder)
    assert environment == os.environ


def test_after_a_body_that_raises_in_the_middle_of_work_nothing_is_left() -> None:
    environment = dict(os.environ)
    folders: list[Path] = []

    def body(cloud: Cloud) -> None:
        folders.append(cloud.folder)
        cloud.create_source()
        cloud.rds.tempo = VISIBLE
        cloud.client("rds").create_db_instance(
            DBInstanceIdentifier="second",
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername=MASTER,
            MasterUserPassword="never-used-at-all",
        )
        cloud.client("rds").create_db_snapshot(
            DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier="half-way"
        )
        statuses = {name: found.status for name, found in cloud.rds.databases.items()}
        assert statuses == {SOURCE: "backing-up", "second": "creating"}
        raise Interrupted

    with pytest.raises(Interrupted), embedded_cloud(tempo=FAST) as cloud:
        body(cloud)
    _nothing_is_left_of(folders[0])
    assert environment == os.environ


@pytest.mark.parametrize("moment", ["copying", "initialising"])
def test_a_run_that_was_killed_leaves_nothing(moment: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN, moment], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        message = run.stdout.readline().strip()
        assert message, "the run did not start"
        folder = Path(message)
        if moment == "initialising":
            watch((folder / "instance-1" / "data").exists, bool)
        servers = processes_of(folder)
        assert servers
        run.kill()
        killed_at = time.monotonic()
    watch(
        lambda: (processes_of(folder), folder.exists(), [p for p in servers if lives(p)]),
        lambda left: left == ([], False, []),
    )
    # None had to be ended by force.
    assert time.monotonic() - killed_at < guardian.GRACE_SECONDS


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the servers' user can reach."""
    with tempfile.TemporaryDirectory(prefix="time-machine-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_guardian_ends_only_the_servers_of_its_own_folder(folder: Path) -> None:
    own, neighbour = folder / "run", folder / "run-2"
    own.mkdir()
    neighbour.mkdir()
    binaries = find_binaries(folder)
    ours = PostgresServer.create(binaries, own / "instance-1")
    theirs = PostgresServer.create(binaries, neighbour / "instance-1")
    reader = [sys.executable, "-c", "input()", str(own / "instance-1" / "server.log")]
    with contextlib.ExitStack() as stack:
        stack.callback(theirs.stop, immediate=True)
        stack.callback(ours.stop, immediate=True)
        watching = stack.enter_context(subprocess.Popen(reader, stdin=subprocess.PIPE))
        ours.start()
        theirs.start()
        # A lock file whose number has been given to another process since.
        stale = own / "instance-2"
        stale.mkdir()
        (stale / "postmaster.pid").write_text(f"{watching.pid}\n", encoding="utf-8")
        guardian.clean(own)
        assert not ours.running
        assert not own.exists()
        assert theirs.running
        assert theirs.data.is_dir()
        assert watching.poll() is None


def test_the_guardian_of_a_run_that_ended_well_ends_too(folder: Path) -> None:
    watcher = guardian.start(folder / "gone")
    assert psutil.pid_exists(watcher.pid)
    watcher.communicate(timeout=30)
    assert watcher.returncode == 0
