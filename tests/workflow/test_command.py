"""`make drill` as a person types it: exit status, what is printed, what is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import folders

ROOT = Path(__file__).parents[2]

SMALL = """
CREATE ROLE app NOLOGIN;
CREATE SCHEMA "Odd Schema" AUTHORIZATION app;
CREATE TABLE "Odd Schema"."Täble" AS SELECT n AS id FROM generate_series(1, 5000) n;
ALTER TABLE "Odd Schema"."Täble" OWNER TO some_owner_of_another_system;
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that the servers' user can reach, to be found empty afterwards."""
    path = Path(tempfile.mkdtemp(prefix="command-", dir=folders.reachable()))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def small(tmp_path: Path) -> str:
    file = tmp_path / "small.sql"
    file.write_text(SMALL, encoding="utf-8")
    return str(file)


def drill(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    reports = folder.with_name(folder.name + "-reports")
    return subprocess.run(
        [sys.executable, "-m", "local.drill", *options, "--reports", str(reports)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def reports_of(folder: Path) -> list[Path]:
    reports = folder.with_name(folder.name + "-reports")
    found = sorted(path.relative_to(reports) for path in reports.rglob("*") if path.is_file())
    shutil.rmtree(reports, ignore_errors=True)
    return found


def processes_of(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or []):
            found.append(process)
    return found


def test_a_dump_of_ones_own_passes_and_leaves_only_the_report(folder: Path, small: str) -> None:
    done = drill(folder, "--sql", small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RestoreInstance" in done.stdout
    assert '"Odd Schema"."Täble"' in done.stdout
    assert "5,000" in done.stdout
    assert [path.name for path in reports_of(folder)] == ["report.html", "report.json"]
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        # The next test sees a status of 1, through make.
        pytest.param("lost-rows", 1, marks=pytest.mark.thorough),
        ("restore-fails", 2),
    ],
)
def test_the_exit_status_is_the_verdict_and_keep_leaves_the_logs(
    folder: Path, small: str, damage: str, status: int
) -> None:
    done = drill(folder, "--sql", small, "--damage", damage, "--keep")
    assert done.returncode == status, done.stdout + done.stderr
    names = {path.name for path in reports_of(folder)}
    assert {"functions.log", "shop-production.log", "baseline-before.json"} <= names
    assert list(folder.iterdir()) == []


def test_make_passes_the_status_of_a_failed_drill_on(small: str) -> None:
    """A plain recipe would make it 2, as any failure."""
    if not (ROOT / ".venv" / "ready").exists():
        pytest.skip("the environment was not set up by make")
    command = ["make", "drill", f"SQL={small}", "DAMAGE=lost-table"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr


def test_an_unusable_option_says_what_would_be_right(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    garbage = tmp_path / "garbage.sql"
    garbage.write_text("this is not SQL;", encoding="utf-8")
    nothing = tmp_path / "nothing.sql"
    nothing.write_text("-- a dump of an empty database\nSELECT 1;\n", encoding="utf-8")
    (tmp_path / "empty.sql").touch()
    for options, said in (
        (["--damage", "fire"], "there is no fire; there are lost-table"),
        (["--sql", "not-there.sql"], "SQL: there is no file not-there.sql"),
        (["--input", str(broken)], "is not JSON"),
        (["--sql", str(garbage)], "SQL: nothing could be loaded"),
        (["--sql", str(nothing)], "SQL: nothing.sql makes nothing"),
        (["--sql", str(tmp_path / "empty.sql")], "empty.sql is empty; give a file"),
    ):
        done = drill(folder, *options)
        assert done.returncode == 2
        assert said in done.stdout.replace("\n", " ")
        assert "Traceback" not in done.stderr + done.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        (
            '{"db_instance_id": 7, "colour": 1, "mode": "snapshot", "baseline": "exact"}',
            ["colour: ", "db_instance_id: ", "baseline: "],
        ),
        ('{"db_instance_id": "mine"}', ["db_instance_id: make drill has one instance only"]),
        ("[]", ["the input must be a JSON object"]),
        (
            '{"db_instance_id": "shop-production", "restore": {"subnet_group": "default"},'
            ' "recovery_point": {"snapshot_id": "mine"}, "tags": {"a": "b"}}',
            ["tags: ", "restore.subnet_group: ", "recovery_point: make drill begins without"],
        ),
        (
            '{"db_instance_id": "shop-production", "recovery_point": {"latest": "manual"}}',
            ["recovery_point: make drill begins with no manual snapshot"],
        ),
        (
            '{"db_instance_id": "shop-production", "restore": {"storage_type": "io1"}}',
            ["restore.storage_type: the backup is on gp2; io1 needs a number of IOPS"],
        ),
    ],
)
def test_a_bad_input_is_told_one_fault_a_line_before_there_is_a_cloud(
    folder: Path, tmp_path: Path, document: str, faults: list[str]
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(document, encoding="utf-8")
    done = drill(folder, "--input", str(file))
    assert done.returncode == 2
    first, *message = done.stdout.splitlines()
    assert first == f"INPUT: {file} can't be used:"
    assert len(message) == len(faults)
    for line, begin in zip(message, faults, strict=True):
        assert line.startswith(f"- {begin}")
    assert "the embedded cloud is up" not in done.stdout


HARDENED = """
CREATE TABLE t AS SELECT 1 AS id;
ALTER ROLE ALL SET default_transaction_read_only = on;
ALTER ROLE ALL SET statement_timeout = 1;
ALTER ROLE ALL SET idle_session_timeout = 1;
"""
LOCKED_OUT = """
CREATE TABLE t AS SELECT 1 AS id;
ALTER ROLE rdsadmin NOLOGIN;
"""


@pytest.mark.parametrize(
    ("statements", "status", "said"),
    [
        pytest.param(HARDENED, 0, "PASSED", marks=pytest.mark.thorough),
        (LOCKED_OUT, 2, "SQL: mine.sql leaves a server that its own administrator can't use"),
    ],
)
def test_what_sql_does_to_every_role_is_no_traceback(
    folder: Path, tmp_path: Path, statements: str, status: int, said: str
) -> None:
    file = tmp_path / "mine.sql"
    file.write_text(statements, encoding="utf-8")
    done = drill(folder, "--sql", str(file))
    reports_of(folder)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_the_damages_can_be_listed(folder: Path) -> None:
    done = drill(folder, "--damage", "list")
    assert done.returncode == 0
    assert "flipped-byte" in done.stdout


def started_with(handler: str) -> list[str]:
    """Before a command: SIGINT ignored, as for what a shell starts with ``&``, or as usual."""
    code = (
        f"import os, signal, sys; signal.signal(signal.SIGINT, signal.{handler});"
        " os.execvp(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", code]


BACKGROUND = started_with("SIG_IGN")
FRONT = started_with("SIG_DFL")


@pytest.mark.parametrize(
    "kind",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough), signal.SIGKILL],
)
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("the embedded cloud is up", marks=pytest.mark.thorough),
        "WaitForInstance",
    ],
)
@pytest.mark.parametrize(
    "start",
    [BACKGROUND, pytest.param(FRONT, marks=pytest.mark.thorough)],
    ids=["background", "front"],
)
def test_an_interruption_leaves_nothing(
    folder: Path, small: str, kind: signal.Signals, moment: str, start: list[str]
) -> None:
    reports = folder.with_name(folder.name + "-reports")
    process = subprocess.Popen(
        [
            *start,
            sys.executable,
            "-u",
            "-m",
            "local.drill",
            "--sql",
            small,
            "--reports",
            str(reports),
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if moment in line:
            break
    process.send_signal(kind)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if kind == signal.SIGKILL else 130), errors
    end = time.monotonic() + 30
    while (processes_of(folder) != [] or any(folder.iterdir())) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes_of(folder) == []
    assert list(folder.iterdir()) == []
    assert "Traceback" not in errors


def test_an_end_of_make_ends_the_drill(folder: Path, small: str) -> None:
    """A signal to make alone, as `kill %1` or a supervisor sends it, reaches the drill."""
    if not (ROOT / ".venv" / "ready").exists():
        pytest.skip("the environment was not set up by make")
    with subprocess.Popen(
        [*BACKGROUND, "make", "drill", f"SQL={small}"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "WaitForInstance" in line:
                break
        process.terminate()
        process.communicate(timeout=60)
    end = time.monotonic() + 30
    while (processes_of(folder) != [] or any(folder.iterdir())) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes_of(folder) == []
    assert list(folder.iterdir()) == []
