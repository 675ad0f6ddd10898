"""Scripted faults: they hit the calls that functions make, those that the script means."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local.calls import Call, Fault
from local.cloud import Cloud
from tests.integration.observing import names

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

DESCRIBE = "rds.DescribeDBInstances"
INPUT = {"db_instance_id": "nobody"}


@pytest.fixture(autouse=True)
def clean_ledger(cloud: Cloud) -> Iterator[None]:
    cloud.ledger.calls.clear()
    yield
    cloud.ledger.faults.clear()


def _plan(cloud: Cloud) -> Any:
    """What the function answers that looks the source up: a refusal, or the error's class."""
    event = {
        "execution": {"id": "arn:x:1", "name": "1", "started_at": "2026-11-22T09:44:33Z"},
        "input": INPUT,
    }
    answer = cloud.functions.invoke(cloud.functions.arn("PlanDrill"), json.dumps(event).encode())
    return answer["Payload"].get("errorType", "answered")


def test_the_call_of_a_function_is_refused_with_the_code_of_the_script(cloud: Cloud) -> None:
    assert _plan(cloud) == "answered"
    cloud.ledger.faults.append(Fault(DESCRIBE, "Throttling"))
    assert _plan(cloud) == "Throttled"
    cloud.ledger.faults[:] = [Fault(DESCRIBE, "AccessDenied")]
    assert _plan(cloud) == "AccessDenied"


def test_a_call_from_outside_a_function_is_neither_refused_nor_noted(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    cloud.ledger.faults.append(Fault(DESCRIBE, "Throttling", times=1))
    assert names(rds) == set()
    assert cloud.ledger.calls == []
    assert _plan(cloud) == "Throttled"
    assert names(rds) == set()
    # A function that failed is left all the same.
    assert cloud.ledger.calls == [Call("PlanDrill", DESCRIBE, {"DBInstanceIdentifier": "nobody"})]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("rds.DescribeDBSnapshots", "Throttling"),
        Fault(DESCRIBE, "Throttling", state="CheckInstance"),
        Fault("DescribeDBInstances", "Throttling"),
        Fault(DESCRIBE, "Throttling", times=0),
    ],
    ids=["another operation", "another state", "no service", "no time"],
)
def test_a_fault_hits_nothing_else(cloud: Cloud, fault: Fault) -> None:
    cloud.ledger.faults.append(fault)
    assert _plan(cloud) == "answered"


def test_a_fault_hits_as_often_as_it_says_after_letting_some_through(cloud: Cloud) -> None:
    cloud.ledger.faults.append(Fault(DESCRIBE, "Throttling", times=2, skip=1, state="PlanDrill"))
    assert [_plan(cloud) for _ in range(5)] == [
        "answered",
        "Throttled",
        "Throttled",
        "answered",
        "answered",
    ]
