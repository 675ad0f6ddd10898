"""What an execution ends with: never PASSED without a report, and with what to do."""

from typing import Any

import pytest

from lambdas.drill.drill import Drill
from lambdas.drill.evidence import outcome

FAILURE = {"state": "PublishReport", "error": "Throttled", "cause": "S3 was busy"}
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:d:1"
CLEANED = {"done": True, "detail": "deleted"}
LEFT = {"done": False, "failure": FAILURE}


@pytest.mark.parametrize(
    ("document", "name"),
    [({"db_instance_id": "orders"}, "orders"), ({"db_instance_id": 7}, "unknown"), ([], "unknown")],
)
def test_a_refusal_names_its_faults_and_the_source_if_there_is_one(
    document: Any, name: str
) -> None:
    found = outcome.of_refusal(document, ["a: is wrong", "b: is missing"], EXECUTION)
    assert found["verdict"] == "REFUSED"
    assert found["headline"] == "The input was refused:\n- a: is wrong\n- b: is missing"
    assert found["notice"]["source"] == name


def test_what_could_not_be_planned_is_inconclusive_with_its_reason() -> None:
    failure = {"state": "PlanDrill", "error": "AccessDenied", "cause": "rds:DescribeDBInstances"}
    found = outcome.of_unplanned({"db_instance_id": "orders"}, failure, EXECUTION)
    assert found["verdict"] == found["notice"]["verdict"] == "INCONCLUSIVE"
    assert "PlanDrill: AccessDenied: rds:DescribeDBInstances" in found["headline"]
    assert "Nothing was made." in found["notice"]["message"]
    assert EXECUTION in found["notice"]["message"]


@pytest.mark.parametrize(
    ("judged", "verdict"),
    [("PASSED", "INCONCLUSIVE"), ("INCONCLUSIVE", "INCONCLUSIVE"), ("FAILED", "FAILED")],
)
def test_without_a_report_nothing_is_passed_and_a_failed_stays_so(
    drill: Drill, judged: str, verdict: str
) -> None:
    found = outcome.of_unreported(drill, judged, CLEANED, FAILURE)
    assert found["verdict"] == found["notice"]["verdict"] == verdict
    assert drill.evidence in found["headline"]
    assert "Cleanup: deleted" in found["notice"]["message"]


def test_a_copy_that_is_left_is_named(drill: Drill) -> None:
    message = outcome.of_unreported(drill, "PASSED", LEFT, FAILURE)["notice"]["message"]
    assert f"the copy {drill.copy_id} may still cost money. Runbook: CleanupFailed." in message


def test_a_headline_has_an_end() -> None:
    failure = {"state": "PlanDrill", "error": "X", "cause": "x" * 30_000}
    found = outcome.of_unplanned({}, failure, EXECUTION)
    assert len(found["headline"]) == outcome.HEADLINE_LENGTH
