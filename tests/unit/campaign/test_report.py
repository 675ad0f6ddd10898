"""What a campaign prints of the outcomes that it has."""

import json

from rich.table import Table

from campaign.damage import Damage, Expected
from campaign.report import COUNTS, LETTERS, USERS, Campaign, document, matrix, totals
from campaign.trial import Outcome
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.verdict.verdict import Verdict

FLIPPED = Outcome(
    Damage("flipped", "heap", "a bit is flipped", ("public.users",)),
    Expected.FAILED,
    Verdict.FAILED,
    wrong=("counts", "heap"),
    unmeasured=("forks",),
    reasons=("shop: public.users: wrong",),
    usual=False,
    counts=True,
)
MISSED = Outcome(
    Damage("missed", "rows", "a row is gone", ("public.users",)),
    Expected.FAILED,
    Verdict.PASSED,
    usual=False,
    counts=False,
)
STOPPED = Outcome(Damage("stopped", "log", "there is no log"), Expected.STOPPED)
HARMLESS = Outcome(
    Damage("harmless", "forks", "a map is gone"),
    Expected.HARMLESS,
    Verdict.PASSED,
    usual=False,
    counts=False,
)
LATER = Outcome(
    Damage("later", "indexes", "a list ends early"),
    Expected.LATER,
    Verdict.PASSED,
    usual=False,
    counts=False,
)
CAMPAIGN = Campaign("PostgreSQL 18", 7, [FLIPPED, MISSED, STOPPED, HARMLESS, LATER])


def rows_of(table: Table) -> dict[str, list[str]]:
    """What stands behind the first cell of each row."""
    rows = zip(*(column.cells for column in table.columns), strict=True)
    return {str(first): [str(cell) for cell in rest] for first, *rest in rows}


def test_no_letter_of_the_matrix_means_two_things() -> None:
    letters = [*LETTERS.values(), USERS, COUNTS]
    assert len(set(letters)) == len(letters) == len(CHECKS) + 2


def test_the_matrix_marks_each_check_below_its_letter() -> None:
    table = matrix(CAMPAIGN)
    heading = [str(column.header) for column in table.columns]

    assert heading == ["damage", "expected", "verdict", "".join(LETTERS.values()), USERS, COUNTS]
    expected, verdict, marks, users, counts = rows_of(table)["flipped"]
    assert (expected, verdict, users, counts) == ("failed", "FAILED", "·", "●")
    assert {name: mark for name, mark in zip(CHECKS, marks, strict=True) if mark != "·"} == {
        "counts": "●",
        "heap": "●",
        "forks": "?",
    }
    for name, letter in LETTERS.items():
        assert f"{letter} {name}" in str(table.title)


def test_only_broken_promises_are_red() -> None:
    styles = [row.style for row in matrix(CAMPAIGN).rows]
    assert styles == [None, "red", None, None, None]


def test_the_totals_count_what_could_be_noticed() -> None:
    """Not what keeps the server from starting, nor what changes no answer."""
    found = {name.strip(): message for name, (message,) in rows_of(totals([CAMPAIGN])).items()}

    assert found["SELECT COUNT(*) FROM users"] == "0 of 2 (0 %)"
    assert found["exact counts of all tables"] == "1 of 2 (50 %)"
    assert found["this verification"] == "1 of 2 (50 %)"
    assert found["counts (alone)"] == "1 (0)"
    assert found["btrees (alone)"] == "0 (0)"
    assert found["the server does not start"] == "1"
    assert found["harmless, and PASSED"] == "1 of 1"
    assert found["unseen over SQL"] == "0"
    assert found["wrong later only, noticed"] == "0 of 1"
    assert found["promises broken"] == "1"


def test_the_totals_have_a_column_for_each_campaign() -> None:
    nothing = Campaign("PostgreSQL 15", 7, [HARMLESS])
    table = totals([CAMPAIGN, nothing])

    assert [str(column.header) for column in table.columns[1:]] == [CAMPAIGN.title, nothing.title]
    assert rows_of(table)["this verification"] == ["1 of 2 (50 %)", "-"]


def test_the_document_holds_every_outcome() -> None:
    (found,) = json.loads(document([CAMPAIGN]))

    assert (found["specimen"], found["seed"]) == ("PostgreSQL 18", 7)
    assert [outcome["damage"] for outcome in found["outcomes"]] == [
        "flipped",
        "missed",
        "stopped",
        "harmless",
        "later",
    ]
    flipped, missed, stopped, *_ = found["outcomes"]
    assert (flipped["wrong"], flipped["unmeasured"]) == (["counts", "heap"], ["forks"])
    assert (flipped["users"], flipped["all_counts"], flipped["broken"]) == (False, True, "")
    assert missed["broken"] == "PASSED instead of FAILED"
    assert stopped["verdict"] == "the server did not start"
