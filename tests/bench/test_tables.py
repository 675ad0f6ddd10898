"""The measurement of what a drill over many tables carries runs, and its limits hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
def test_a_drill_over_a_few_tables_is_measured_and_a_small_plan() -> None:
    """In a process of its own: it keeps its standard output to itself."""
    command = [sys.executable, "-m", "bench.tables", "--tables", "20", "--tib", "1"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "20 tables: SUCCEEDED" in ended.stdout
    assert re.search(r"^events of the execution: [\d,]+ of 25,000$", ended.stdout, re.MULTILINE)
    assert "| VerifyBatch | 1 |" in ended.stdout
    for planned in ("1,000 tables of 1 GiB", "one table of 1 TiB"):
        assert re.search(rf"^{planned}: .* peak \d+ MiB$", ended.stdout, re.MULTILINE)
