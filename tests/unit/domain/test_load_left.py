"""Where a load's staging tables are, told by a state's event or by EventBridge's."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from lambdas.errors import InvalidRequest
from lambdas.load.load import Load
from lambdas.load.load_cleanup import EXECUTION_ENDED, leftovers_of

ARN = "arn:aws:states:eu-central-1:123456789012:execution:tm-load:1"
FOLDER = "loads/shop-staging/2026/11/22/20261122-094433-9a9b07"
INPUT = {
    "bucket": "shop-exports",
    "key": "a.csv",
    "table": "t",
    "target": {"db_instance_id": "Shop-Staging", "database": "shop"},
}
DETAIL = {
    "executionArn": ARN,
    "name": "1",
    "status": "ABORTED",
    "startDate": 1795340673_999,
    "input": json.dumps(INPUT),
}


def ended(**more: Any) -> dict[str, Any]:
    return {"detail-type": EXECUTION_ENDED, "detail": {**DETAIL, **more}}


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_an_execution_that_ended_badly_may_have_left_tables(status: str) -> None:
    found = leftovers_of(ended(status=status))
    assert found is not None
    assert (found.id, found.target, found.database) == (ARN, "shop-staging", "shop")
    assert found.evidence.startswith("loads/shop-staging/2026/11/22/20261122-094433-")
    assert found.is_over


@pytest.mark.parametrize(
    ("output", "left"),
    [(None, False), ({}, False), ({"left": None}, False), ({"left": "tables may be left"}, True)],
)
def test_one_that_went_well_has_left_what_its_output_says(output: Any, left: bool) -> None:
    event = ended(status="SUCCEEDED", output=json.dumps(output) if output is not None else None)
    assert (leftovers_of(event) is not None) == left


@pytest.mark.parametrize("document", [{}, [], {**INPUT, "table": ""}])
def test_a_refused_input_made_no_table(document: Any) -> None:
    assert leftovers_of(ended(status="FAILED", input=json.dumps(document))) is None


def test_an_input_that_the_event_does_not_bring_is_an_error_that_somebody_sees() -> None:
    with pytest.raises(InvalidRequest, match="does not bring"):
        leftovers_of(ended(input=None))


def test_a_state_of_the_load_names_the_same_tables() -> None:
    load = Load(
        id=ARN,
        evidence=FOLDER,
        target="shop-staging",
        database="shop",
        started_at="2026-11-22T09:44:33+00:00",
        bucket="evidence",
        parts_key="x",
        parts=1,
        streams=4,
        to_survey=False,
        atomic=True,
        staging="time_machine_load_0_",
    )
    found = leftovers_of({"load": asdict(load)})
    assert found is not None
    assert (found.id, found.evidence, found.is_over) == (ARN, FOLDER, False)
