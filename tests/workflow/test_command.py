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
    for options, said in (
        (["--damage", "fire"], "there is no fire; there are lost-table"),
        (["--sql", "not-there.sql"], "SQL: there is no file not-there.sql"),
        (["--input", str(broken)], "is not JSON"),
        (["--sql", str(garbage)], "SQL: nothing could be loaded"),
    ):
        done = drill(folder, *options)
        assert done.returncode == 2
        assert said in done.stdout.replace("\n", " ")
        assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


def test_the_damages_can_be_listed(folder: Path) -> None:
    done = drill(folder, "--damage", "list")
    assert done.returncode == 0
    assert "flipped-byte" in done.stdout


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
def test_an_interruption_leaves_nothing(
    folder: Path, small: str, kind: signal.Signals, moment: str
) -> None:
    reports = folder.with_name(folder.name + "-reports")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "local.drill", "--sql", small, "--reports", str(reports)],
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
