"""What a pipeline reads of a drill: four texts, and only of a drill that ended well."""

from typing import Any

import pytest

from lambdas.drill.evidence.export import VALUE_LENGTH, variables
from lambdas.errors import RequestRefused

EXECUTION = {
    "executionArn": "arn:aws:states:eu-west-1:1:execution:tm-drill:x",
    "status": "SUCCEEDED",
}
OUTPUT = {
    "verdict": "PASSED",
    "headline": "PASSED: orders came back.",
    "snapshot_id": "tm-orders-1",
    "report": "s3://evidence/report.json",
    "rto_seconds": 12.5,
}


def test_the_four_variables_are_handed_over() -> None:
    assert variables(EXECUTION, OUTPUT) == {
        "snapshot_id": "tm-orders-1",
        "verdict": "PASSED",
        "headline": "PASSED: orders came back.",
        "report": "s3://evidence/report.json",
    }


def test_no_variable_is_longer_than_a_pipeline_takes() -> None:
    found = variables(EXECUTION, {**OUTPUT, "headline": "x" * 200_000})
    assert len(found["headline"]) == VALUE_LENGTH


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"])
def test_a_drill_that_did_not_end_well_hands_nothing_over(status: str) -> None:
    execution = {**EXECUTION, "status": status, "cause": "FAILED: orders: one"}
    with pytest.raises(RequestRefused, match=f"the drill x is {status}: FAILED: orders: one"):
        variables(execution, OUTPUT)


@pytest.mark.parametrize(
    ("ended", "message"),
    [({}, "no cause is given"), ({"error": "States.Timeout"}, "States.Timeout")],
)
def test_a_drill_without_a_cause_is_told_as_well_as_can_be(
    ended: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestRefused, match=message):
        variables({**EXECUTION, "status": "TIMED_OUT", **ended}, {})


@pytest.mark.parametrize("missing", ["verdict", "headline", "snapshot_id", "report"])
def test_an_execution_of_something_else_is_refused(missing: str) -> None:
    output = {key: value for key, value in OUTPUT.items() if key != missing}
    with pytest.raises(RequestRefused, match=f"gave no {missing}: is it a drill"):
        variables(EXECUTION, output)
