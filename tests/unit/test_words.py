"""Words that are gone: a reader of PostgreSQL's and AWS's documentation does not know them.

Over names, docstrings, comments, messages and documents alike; what to say instead stands beside
each.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHERE = (
    *("lambdas", "stacks", "ops", "local", "statemachine", "docs"),
    *("README.md", "CONTRIBUTING.md", "Makefile"),
)
ENDINGS = (".py", ".md", ".json", ".j2", "Makefile")

INSTEAD = {
    r"\btold\b": "reported, named, said",
    r"\banew\b": "again; created again",
    r"\bghosts?\b": "dangling index entries",
    r"\bcircles?\b(?! polygons|,\s+polygons)": "transaction ID epoch, wraparound",
    r"\b(lender|lending|borrower)\b": "session cache, owner",
    r"\bnonsense\b": "unexpected",
    r"\bstanding (rows?|ones|versions?)\b": "stable rows",
    r"\bwhither\b": "where to",
    r"\bsmall letters\b": "lower case",
    r"\bdoing=": "action=",
    r"\bself-?find\b": "index look-ups",
}
"""A pattern, and what to say instead."""

KEPT = {
    ("lambdas/drill/units.py", "standing rows"): "version 0.4 wrote it into documents",
    ("docs/checks.md", "circles"): "PostgreSQL's type",
}
"""Where a word stays, and why."""


def _files() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", *WHERE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in names.stdout.splitlines() if name.endswith(ENDINGS)]


FILES = _files()


@pytest.mark.parametrize("pattern", INSTEAD)
def test_a_word_that_is_gone_stays_away(pattern: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}; say: {INSTEAD[pattern]}"
        for file in FILES
        for match in re.finditer(pattern, file.read_text(encoding="utf-8"), re.IGNORECASE)
        if (str(file.relative_to(ROOT)), match[0]) not in KEPT
    ]
    assert found == []


@pytest.mark.parametrize(("file", "word"), KEPT)
def test_a_word_that_is_kept_is_still_there(file: str, word: str) -> None:
    assert word in (ROOT / file).read_text(encoding="utf-8")


def test_the_files_are_found() -> None:
    assert len(FILES) > 250
