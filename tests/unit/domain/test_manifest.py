"""The manifest: durations, totals and one sentence."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambdas.drill.drill import Drill
from lambdas.drill.evidence.manifest import PHASES, build, durations, headline
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Judgement, Result, Verdict
from lambdas.version import VERSION

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
MARKS = {
    "RestoreInstance": "2026-11-22T09:50:00Z",
    "PlanDrill": "2026-11-22T09:44:30.500Z",
    "CreateSnapshot": "2026-11-22T09:44:33Z",
    "CheckSnapshot": "2026-11-22T09:44:40Z",
    "SecureInstance": "2026-11-22T09:55:00Z",
}


def _result(check: str, status: Status, claim: Claim, rows: int = 0) -> Result:
    return Result(check, "shop", f"t{rows}", status, claim, {"rows": rows})


RESULTS = (
    _result("databases", Status.OK, Claim.PROVEN),
    _result("databases", Status.OK, Claim.PROVEN),
    _result("databases", Status.UNMEASURED, Claim.NOT_COMPARED),
    _result("counts", Status.OK, Claim.PROVEN, 1000),
    _result("counts", Status.OK, Claim.CONSISTENT, 234),
    _result("counts", Status.EXEMPT, Claim.NOT_COMPARED),
    _result("counts", Status.WRONG, Claim.NOT_COMPARED, 1),
    _result("catalog", Status.OK, Claim.PROVEN, 99),
)
PASSED = Judgement(Verdict.PASSED, (), RESULTS)


def _build(drill: Drill, judgement: Judgement, marks: dict[str, str]) -> dict[str, Any]:
    return build(drill, judgement, marks, None, {"done": True, "detail": "gone"}, None, NOW)


def test_the_manifest_says_which_version_judged(drill: Drill) -> None:
    assert _build(drill, PASSED, MARKS)["version"] == VERSION


def test_a_phase_lasts_until_the_next_one_begins() -> None:
    assert durations(MARKS, NOW) == {
        "plan": 2.5,
        "snapshot": 327.0,
        "restore": 300.0,
        "secure": 300.0,
        "total": 929.5,
    }


def test_the_phases_come_in_the_order_in_which_they_began() -> None:
    assert list(durations(MARKS, NOW)) == ["plan", "snapshot", "restore", "secure", "total"]


def test_the_phases_add_up_to_the_total() -> None:
    spent = durations(MARKS, NOW)
    total = spent.pop("total")
    assert sum(spent.values()) == pytest.approx(total)


def test_the_recovery_time_is_the_restores_once_it_has_succeeded(drill: Drill) -> None:
    assert _build(drill, PASSED, MARKS)["rto_seconds"] == 300


def test_a_restore_that_did_not_succeed_has_no_recovery_time(drill: Drill) -> None:
    marks = {state: at for state, at in MARKS.items() if state != "SecureInstance"}
    report = _build(drill, PASSED, marks)
    assert report["rto_seconds"] is None
    assert report["durations_seconds"]["restore"] == 600


def test_the_totals_count_what_was_measured(drill: Drill) -> None:
    assert _build(drill, PASSED, MARKS)["totals"] == {
        "databases": 2,
        "relations": 3,
        "rows": 1235,
        "proven": 1,
        "consistent": 1,
        "not compared": 1,
        "left out": 1,
        "wrong": 1,
        "not measured": 2,
    }


def test_the_manifest_is_json_with_the_drill_and_every_result(drill: Drill) -> None:
    report = json.loads(json.dumps(_build(drill, PASSED, MARKS)))
    assert report["verdict"] == "PASSED"
    assert report["drill"]["copy_id"] == drill.copy_id
    assert len(report["results"]) == len(RESULTS)
    assert report["cleanup"] == {"done": True, "detail": "gone"}
    assert report["finished_at"] == "2026-11-22T10:00:00.000Z"


def test_a_passed_headline_tells_source_snapshot_and_rows(drill: Drill) -> None:
    message = headline(drill, PASSED)
    assert message.startswith(f"PASSED: orders came back from {drill.snapshot_id}: 1,235 rows")


@pytest.mark.parametrize(
    ("exempt", "said"),
    [
        (0, "1,000 rows in 1 relations of 1 databases were read, 1 counts are proven equal"),
        (1, " 1 relation was not read, by its nature"),
        (9, " 9 relations were not read, by their nature"),
    ],
)
def test_a_headline_counts_only_what_was_read(drill: Drill, exempt: int, said: str) -> None:
    """An unlogged or a foreign table is neither read nor "not compared"."""
    results = (
        _result("databases", Status.OK, Claim.PROVEN),
        _result("counts", Status.OK, Claim.PROVEN, 1000),
        *(_result("counts", Status.EXEMPT, Claim.NOT_COMPARED) for _ in range(exempt)),
    )
    message = headline(drill, Judgement(Verdict.PASSED, (), results))
    assert said in message
    assert "1,000 rows in 1 relations" in message
    assert " 0 not compared." in message


def test_the_phases_are_those_that_the_machine_marks() -> None:
    """A state that marks its beginning and is not here would be a phase without a word of ours."""
    machine = (Path(__file__).parents[3] / "statemachine" / "drill.asl.json").read_text("utf-8")
    marked = set(re.findall(r"'(\w+)': \$states\.context\.State\.EnteredTime", machine))
    first = json.loads(machine)["States"]["PlanDrill"]["Assign"]["marks"]
    assert marked | set(first) == set(PHASES)


def test_a_mark_that_is_not_known_is_a_phase_of_its_own_name() -> None:
    marks = {**MARKS, "WeighCopy": "2026-11-22T09:57:00Z"}
    spent = durations(marks, NOW)
    assert (spent["secure"], spent["WeighCopy"], spent["total"]) == (120.0, 180.0, 929.5)


def test_a_passed_restore_tells_until_when_its_copy_is_kept(drill: Drill) -> None:
    kept = {"copy_id": drill.copy_id, "expires_at": "2026-11-22T18:00:00Z"}
    report = build(drill, PASSED, MARKS, None, {"done": True, "detail": ""}, kept, NOW)
    assert report["kept"] == kept
    message = f" The copy {drill.copy_id} is kept until 2026-11-22T18:00:00Z."
    assert report["headline"] == headline(drill, PASSED) + message


def test_a_passed_snapshot_never_claims_a_verification(drill: Drill) -> None:
    message = headline(replace(drill, mode="snapshot"), Judgement(Verdict.PASSED, ()))
    assert "nothing was restored or verified" in message
    assert "came back" not in message


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.INCONCLUSIVE])
@pytest.mark.parametrize("mode", ["drill", "snapshot"])
def test_a_bad_headline_begins_with_the_verdict_and_its_first_reason(
    drill: Drill, verdict: Verdict, mode: str
) -> None:
    judgement = Judgement(verdict, ("one", "two", "three"))
    message = headline(replace(drill, mode=mode), judgement)
    assert message == f"{verdict}: orders: one (and 2 more)."


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_headline_has_its_warnings_on_a_line_of_their_own(
    drill: Drill, verdict: Verdict
) -> None:
    judgement = Judgement(verdict, ("one",), warnings=("an orphan; delete it", "another"))
    first, second = headline(drill, judgement).split("\n")
    assert first == headline(drill, replace(judgement, warnings=()))
    assert second == "Warning: an orphan; delete it (and 1 more)."


def test_a_single_reason_has_no_more(drill: Drill) -> None:
    assert headline(drill, Judgement(Verdict.FAILED, ("one",))) == "FAILED: orders: one."


def test_a_headline_without_a_reason_says_so(drill: Drill) -> None:
    message = headline(drill, Judgement(Verdict.INCONCLUSIVE, ()))
    assert message == "INCONCLUSIVE: orders: no reason was recorded."
