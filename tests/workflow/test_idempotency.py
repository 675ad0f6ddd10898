"""Every handler invoked twice with the same event gives the same answer and makes nothing twice."""

import json
from typing import Any

import pytest

from lambdas.adapters.rds import Rds
from lambdas.common import ownership
from lambdas.errors import TimeMachineError
from local.cloud import SOURCE, Cloud
from tests.workflow.conftest import leftovers

PUBLISHING = "PublishReport"
POLLS = {"CheckSnapshot", "CheckInstance", "CheckDeletion"}


@pytest.mark.parametrize("mode", ["drill", "snapshot"])
def test_twice_is_once(cloud: Cloud, mode: str) -> None:
    """A poll's answer is what RDS says at that moment; every other answer must be equal."""
    snapshots_before = len(cloud.rds.database_snapshots)
    first_answers: list[tuple[str, Any]] = []
    most_copies = 0

    def invoke_once_more(state: str, event: Any) -> None:
        nonlocal most_copies
        cloud.functions.before = None
        answer = cloud.functions.invoke(cloud.functions.arn(state), json.dumps(event).encode())
        cloud.functions.before = invoke_once_more
        most_copies = max(most_copies, len(leftovers(cloud)))
        first_answers.append((state, answer["Payload"]))
        cloud.functions.invocations.pop()

    cloud.functions.before = invoke_once_more
    document = {"db_instance_id": SOURCE, "mode": mode}
    if mode == "drill":
        document["baseline"] = "exact"
    ending = cloud.run(document)
    assert ending.status == "SUCCEEDED", ending.cause
    second_answers = [(state, answer) for state, _, answer in cloud.functions.invocations]
    assert [s for s, _ in first_answers] == [s for s, _ in second_answers]
    for (state, first), (_, second) in zip(first_answers, second_answers, strict=True):
        if state not in POLLS:
            assert first == second, state
    assert len(cloud.rds.database_snapshots) == snapshots_before + 1
    assert most_copies == (1 if mode == "drill" else 0)


def test_a_finished_drill_can_be_replayed_without_making_anything(cloud: Cloud) -> None:
    """Each event of a drill that is over is sent again: nothing is made, nothing else is harmed.

    A snapshot that was taken by someone else's hand in between is theirs, so RestoreInstance is
    left out: its replay after the teardown would rightly restore again.
    """
    cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    snapshots = sorted(cloud.rds.database_snapshots)
    events = [(state, event) for state, event, _ in cloud.functions.invocations]
    for state, event in events:
        if state != "RestoreInstance":
            cloud.functions.invoke(cloud.functions.arn(state), json.dumps(event).encode())
    assert sorted(cloud.rds.database_snapshots) == snapshots
    assert leftovers(cloud) == []


def test_a_report_whose_function_was_lost_still_gives_its_metrics(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The try that wrote it may end before it has measured; the dead man's switch would sound."""
    cloud.run({"db_instance_id": SOURCE})
    event = next(event for state, event, _ in cloud.functions.invocations if state == PUBLISHING)
    written = cloud.evidence()
    capsys.readouterr()
    cloud.functions.invoke(cloud.functions.arn(PUBLISHING), json.dumps(event).encode())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]
    assert [line["DrillPassed"] for line in lines if "DrillPassed" in line] == [[1.0]]
    assert [line["CleanupFailed"] for line in lines if "CleanupFailed" in line] == [[0.0]]
    assert cloud.evidence() == written


def test_a_copy_of_another_drill_is_not_touched(cloud: Cloud) -> None:
    """The four destructive handlers refuse a drill that did not make the thing."""
    made: dict[str, Any] = {}

    def remember(state: str, event: Any) -> None:
        if state == "VerifyBatch":
            made.update(event["drill"])
            for destructive in ("DeleteInstance", "KeepInstance", "SecureInstance", "TagSnapshot"):
                theirs = {**event["drill"], "execution": "arn:of:another"}
                cloud.functions.before = None
                payload = json.dumps({"drill": theirs, "now": theirs["started_at"]}).encode()
                answer = cloud.functions.invoke(cloud.functions.arn(destructive), payload)
                assert answer["Payload"]["errorType"] == "NotOurs", destructive
            cloud.functions.before = remember

    cloud.functions.before = remember
    ending = cloud.run({"db_instance_id": SOURCE})
    assert made
    assert ending.status == "SUCCEEDED", ending.cause


def test_the_source_is_refused_as_a_target_even_with_our_tags(cloud: Cloud) -> None:
    owner = ownership.Owner("embedded", "shop", "arn:x", SOURCE)
    tags = ownership.ownership_tags(owner, ownership.ROLE_COPY, cloud.rds.instance(SOURCE).created)
    rds = cloud.client("rds")
    arn = rds.describe_db_instances(DBInstanceIdentifier=SOURCE)["DBInstances"][0]["DBInstanceArn"]
    rds.add_tags_to_resource(
        ResourceName=arn, Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
    )
    try:
        for attempt in (Rds().delete_copy, Rds().manage_master_password):
            with pytest.raises(TimeMachineError, match="is the source"):
                attempt(owner, SOURCE)
    finally:
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=list(tags))
    assert cloud.rds.instance(SOURCE).status == "available"
