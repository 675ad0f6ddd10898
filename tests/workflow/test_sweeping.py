"""An execution that is stopped, wherever it is, leaves nothing once the sweeper has run."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.calls import Fault
from local.cloud import SOURCE, Cloud
from tests.workflow.conftest import leftovers
from tests.workflow.test_drill import report_of
from tests.workflow.test_failures import STATES, source_is_unharmed

DRILL = {"db_instance_id": SOURCE, "baseline": "exact"}
BOUND_SECONDS = 30

WITH_A_COPY = {
    "RestoreInstance",
    "CheckInstance",
    "SecureInstance",
    "PlanVerification",
    "VerifyBatch",
    "JudgeDrill",
}
"""From the restore to the moment before its deletion is asked for."""


def sweep(cloud: Cloud, event: dict[str, Any] | None = None) -> dict[str, Any]:
    payload = json.dumps(event or {}).encode()
    answer = cloud.functions.invoke(cloud.functions.arn("Sweep"), payload)
    assert "FunctionError" not in answer, answer
    return dict(answer["Payload"])


def stop_at(
    cloud: Cloud,
    state: str,
    meanwhile: Callable[[], object] = lambda: None,
    drill: Mapping[str, Any] = DRILL,
) -> str:
    """Start a drill and stop it while the function of a state runs; return its ARN.

    The function goes on to its end, as Lambda's does: stopping an execution stops no function.

    Args:
        meanwhile: done when the execution is over and the function not yet.
    """
    reached, stopped = threading.Event(), threading.Event()

    def hold(entered: str, _event: Any) -> None:
        if entered == state and not stopped.is_set():
            reached.set()
            stopped.wait(BOUND_SECONDS)

    cloud.functions.before = hold
    execution = cloud.start(drill)
    assert reached.wait(BOUND_SECONDS), f"{state} was never entered"
    cloud.stop(execution)
    meanwhile()
    stopped.set()
    wait_for_the_function(cloud, state)
    return execution


def wait_for_the_function(cloud: Cloud, state: str) -> None:
    end = time.monotonic() + BOUND_SECONDS
    while state not in [name for name, _, _ in cloud.functions.invocations]:
        assert time.monotonic() < end, f"{state} never ended"
        time.sleep(0.02)


def sweep_until_nothing_is_left(cloud: Cloud) -> list[dict[str, Any]]:
    """Sweep as the schedule does, again and again: RDS may be busy with a copy at first."""
    answers = [sweep(cloud)]
    end = time.monotonic() + BOUND_SECONDS
    while leftovers(cloud):
        assert time.monotonic() < end, leftovers(cloud)
        time.sleep(0.1)
        answers.append(sweep(cloud))
    return answers


LEAVING = {"CreateSnapshot", "RestoreInstance", "VerifyBatch", "PublishReport"}
"""A snapshot without a copy, a copy without a verdict, a verdict without a report, and the end."""


@pytest.mark.parametrize(
    "state",
    [
        state if state in LEAVING else pytest.param(state, marks=pytest.mark.thorough)
        for state in STATES
    ],
)
def test_an_execution_stopped_at_a_state_leaves_nothing_once_swept(
    cloud: Cloud, state: str
) -> None:
    snapshots_before = set(cloud.rds.database_snapshots)
    execution = stop_at(cloud, state)
    ending = cloud.wait(execution)
    assert ending.status == "ABORTED"
    taken = set(cloud.rds.database_snapshots) - snapshots_before
    copies = leftovers(cloud) if state in WITH_A_COPY else []
    assert len(copies) == (state in WITH_A_COPY)
    answers = sweep_until_nothing_is_left(cloud)
    assert [entry for answer in answers for entry in answer["failed"]] == []
    assert [entry["name"] for answer in answers for entry in answer["deleted"]] == copies
    assert set(cloud.rds.database_snapshots) - snapshots_before == taken
    assert source_is_unharmed(cloud)


def test_a_copy_that_appears_after_the_sweep_goes_with_the_next_one(cloud: Cloud) -> None:
    """The event of the stop is faster than the function that restores."""
    swept: list[dict[str, Any]] = []
    stop_at(cloud, "RestoreInstance", lambda: swept.append(sweep(cloud)))
    assert [answer["deleted"] for answer in swept] == [[]]
    (copy,) = leftovers(cloud)
    assert [entry["name"] for entry in sweep_until_nothing_is_left(cloud)[0]["deleted"]] == [copy]


def test_a_drill_that_runs_is_left_in_peace(cloud: Cloud) -> None:
    answers = []

    def meanwhile(state: str, _event: Any) -> None:
        if state == "VerifyBatch":
            cloud.functions.before = None
            answers.append(sweep(cloud))

    cloud.functions.before = meanwhile
    ending = cloud.run(DRILL)
    assert ending.status == "SUCCEEDED", ending.cause
    (answer,) = answers
    assert answer["deleted"] == []
    message = {entry["kind"]: entry["reason"] for entry in answer["left"]}
    assert message["copy"].startswith("its execution is running; expires ")


def test_a_copy_that_its_drill_could_not_delete_goes_with_the_next_sweep(cloud: Cloud) -> None:
    cloud.ledger.faults.append(
        Fault("rds.DeleteDBInstance", "AccessDenied", state="DeleteInstance")
    )
    ending = cloud.run(DRILL)
    (copy,) = leftovers(cloud)
    event = {
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"executionArn": ending.execution_arn, "status": ending.status},
    }
    assert [entry["name"] for entry in sweep(cloud, event)["deleted"]] == [copy]
    while leftovers(cloud):
        time.sleep(0.02)
    assert sweep(cloud)["deleted"] == []


def test_an_instance_without_our_tags_is_never_swept(cloud: Cloud) -> None:
    """The source itself, and one of another team with our prefix in its name."""
    stranger = "tm-of-another-team"
    cloud.client("rds").create_db_instance(
        DBInstanceIdentifier=stranger,
        DBInstanceClass="db.t4g.medium",
        Engine="mysql",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword="a-stranger's-own",
    )
    answer = sweep(cloud)
    assert leftovers(cloud) == [stranger]
    assert [entry["name"] for entry in answer["left"] if entry["kind"] == "copy"] == [stranger]


# What the report tells of the source's snapshots


def test_the_report_lists_the_snapshots_of_the_source_with_the_new_one_first(cloud: Cloud) -> None:
    cloud.run({"db_instance_id": SOURCE, "mode": "snapshot"})
    cloud.take_automated_snapshot()
    for key in cloud.evidence():
        cloud.client("s3").delete_object(Bucket="time-machine-evidence", Key=key)
    ending = cloud.run({"db_instance_id": SOURCE, "retention_days": 7})
    assert ending.output is not None
    report = report_of(cloud)
    first, second = report["snapshots"][:2]
    assert first["snapshot_id"] == ending.output["snapshot_id"]
    assert (first["verdict"], first["status"], first["size_gib"]) == ("PASSED", "available", 20)
    assert first["expires_at"] == report["drill"]["snapshot_expires_at"]
    assert (second["verdict"], second["hold"]) == ("", False)
    assert second["taken_at"] < first["taken_at"]
    assert not any(s["snapshot_id"].startswith("rds:") for s in report["snapshots"])
    page = next(b for k, b in cloud.evidence().items() if k.endswith("report.html")).decode()
    assert f"Snapshots of {SOURCE}" in page
    assert second["snapshot_id"] in page
    assert "not drilled" in page


def test_snapshots_that_can_not_be_listed_change_no_verdict_and_are_told(cloud: Cloud) -> None:
    denied = Fault("rds.DescribeDBSnapshots", "AccessDenied", state="PublishReport")
    cloud.ledger.faults.append(denied)
    ending = cloud.run({"db_instance_id": SOURCE, "mode": "snapshot"})
    assert ending.status == "SUCCEEDED", ending.cause
    report = report_of(cloud)
    assert (report["verdict"], report["snapshots"]) == ("PASSED", [])
    assert "AWS answered AccessDenied" in report["snapshots_missing"]
    page = next(b for k, b in cloud.evidence().items() if k.endswith("report.html")).decode()
    assert "They could not be listed" in page
