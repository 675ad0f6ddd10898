"""The measurement of the fingerprint runs, whatever it comes to."""

import re

import pytest

from bench.verification.__main__ import main
from bench.verification.ways import WAYS


@pytest.mark.thorough
def test_every_way_runs_and_every_goal_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """On a little data and in one round: a way that finds source and copy apart raises."""
    assert main(["--mib", "1", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    for way in WAYS:
        figures = re.search(rf"{re.escape(way.title)} +(\d+\.\d\d) ", printed)
        assert figures is not None, way.title
        assert float(figures[1]) > 0
    assert len(re.findall(r"\b(?:met|missed)\b", printed)) == 3
