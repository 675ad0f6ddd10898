"""When an earlier drill is asked for its word, and what becomes of it."""

from dataclasses import replace
from typing import Any

import pytest

from lambdas.drill.drill import Drill
from lambdas.drill.units import Claim, Measurement, Status, Unit
from lambdas.drill.verdict.judging import judged
from lambdas.drill.verdict.verdict import Verdict

EARLIER: dict[str, Any] = {
    "finished_at": "2026-11-20T03:00:00Z",
    "results": [
        {
            "check": "counts",
            "status": "ok",
            "database": "shop",
            "subject": "public.gone",
            "measured": {"rows": 500},
        }
    ],
}


def _unit(check: str, subject: str) -> Unit:
    return Unit(f"{check}/{subject}", check, "shop", subject, claim=Claim.NOT_COMPARED)


UNITS = [_unit("databases", ""), _unit("counts", "public.orders")]
MEASURED = [
    Measurement("databases/", Status.OK),
    Measurement("counts/public.orders", Status.OK, measured={"rows": 3}),
]


def test_a_drill_that_passes_without_a_baseline_is_held_against_the_last(drill: Drill) -> None:
    found = judged(replace(drill, baseline="none"), "", UNITS, MEASURED, lambda: EARLIER)
    assert found.verdict is Verdict.PASSED
    assert any("public.gone has vanished" in warning for warning in found.warnings)


def test_without_an_earlier_one_there_is_nothing_to_say(drill: Drill) -> None:
    found = judged(replace(drill, baseline="none"), "", UNITS, MEASURED, lambda: None)
    assert (found.verdict, found.warnings) == (Verdict.PASSED, ())


@pytest.mark.parametrize(
    ("failure", "measured"), [("RestoreInstance: Throttled", MEASURED), ("", MEASURED[:1])]
)
def test_of_a_drill_that_does_not_pass_the_last_is_not_asked(
    drill: Drill, failure: str, measured: list[Measurement]
) -> None:
    def never() -> None:
        raise AssertionError

    found = judged(replace(drill, baseline="none"), failure, UNITS, measured, never)
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_snapshot_alone_measures_nothing(drill: Drill) -> None:
    found = judged(replace(drill, mode="snapshot"), "", [], [], lambda: EARLIER)
    assert (found.verdict, found.results) == (Verdict.PASSED, ())
