"""People are told of every end, and a notice that can't be sent changes none."""

from typing import Any

import pytest

from local.calls import Fault
from local.cloud import SOURCE, Cloud, SentNotice
from tests.workflow.test_failures import break_state

WRONG = [{"name": "n", "database": "shop", "sql": "SELECT 1", "expect": "= 2"}]

ENDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "passed": ({}, "PASSED", f"PASSED: {SOURCE} came back."),
    "snapshot": ({"mode": "snapshot"}, "PASSED", "nothing was restored or verified"),
    "failed": ({"expectations": WRONG}, "FAILED", f"what came back of {SOURCE} is wrong"),
    "overdue": ({"deadline_minutes": 0.1}, "INCONCLUSIVE", "is not known"),
    "refused": ({"retention_days": 0}, "REFUSED", "retention_days"),
}


def message(cloud: Cloud, document: dict[str, Any]) -> tuple[Any, SentNotice]:
    """How a drill ended and the one notice that was sent of it."""
    before = len(cloud.notices())
    ending = cloud.run({"db_instance_id": SOURCE, **document})
    (sent,) = cloud.notices()[before:]
    return ending, sent


@pytest.mark.parametrize("name", ENDS)
def test_every_end_is_told_once(cloud: Cloud, name: str) -> None:
    document, verdict, said = ENDS[name]
    if name == "overdue":
        cloud.rds.mishap.restore_never_ends = True
    ending, sent = message(cloud, document)
    assert sent.subject.startswith(f"{verdict}: {SOURCE}")
    assert sent.attributes == {"verdict": verdict, "source": SOURCE}
    assert sent.message.startswith(f"{verdict}: ")
    assert said in sent.message
    assert ending.execution_arn in sent.message
    assert (ending.status == "SUCCEEDED") == (verdict == "PASSED")


def test_a_drill_that_could_not_be_planned_is_told_too(cloud: Cloud) -> None:
    cloud.ledger.faults.append(Fault("rds.DescribeDBInstances", "AccessDenied"))
    ending, sent = message(cloud, {})
    assert ending.error == "DrillInconclusive"
    assert sent.subject == "INCONCLUSIVE: a drill could not be planned"
    assert "could not be planned: AccessDenied" in sent.message
    assert "Nothing was made." in sent.message
    assert ending.execution_arn in sent.message
    assert sent.attributes == {"verdict": "INCONCLUSIVE", "source": SOURCE}


@pytest.mark.parametrize(
    "source", [pytest.param(7, marks=pytest.mark.thorough), "", None, {"a": 1}]
)
def test_an_unusable_source_is_called_unknown(cloud: Cloud, source: Any) -> None:
    """An attribute of a message may be neither empty nor null."""
    cloud.ledger.faults.append(Fault("rds.DescribeDBInstances", "AccessDenied"))
    _, sent = message(cloud, {"db_instance_id": source})
    assert sent.attributes["source"] == "unknown"
    break_state(cloud, "PlanDrill")
    _, sent = message(cloud, {"db_instance_id": source})
    assert sent.attributes["source"] == "unknown"


@pytest.mark.parametrize(
    ("document", "verdict", "said"),
    [
        pytest.param(
            {},
            "INCONCLUSIVE",
            f"INCONCLUSIVE: {SOURCE}; the report could not be published",
            marks=pytest.mark.thorough,
        ),
        ({"expectations": WRONG}, "FAILED", f"FAILED: what came back of {SOURCE} is wrong"),
    ],
)
def test_a_lost_report_is_told_with_the_verdict_that_is_known(
    cloud: Cloud, document: dict[str, Any], verdict: str, said: str
) -> None:
    break_state(cloud, "PublishReport")
    ending, sent = message(cloud, document)
    assert ending.status == "FAILED"
    assert sent.attributes == {"verdict": verdict, "source": SOURCE}
    assert sent.subject == f"{verdict}: {SOURCE} (no report)"
    assert sent.message.startswith(said)
    assert "Cleanup: deleted" in sent.message
    assert ending.execution_arn in sent.message


@pytest.mark.parametrize(
    ("document", "verdict", "error"),
    [
        ({"mode": "snapshot"}, "INCONCLUSIVE", "DrillInconclusive"),
        ({"expectations": WRONG}, "FAILED", "DrillFailed"),
    ],
)
def test_where_no_function_can_say_why_people_are_notified_still(
    cloud: Cloud, document: dict[str, Any], verdict: str, error: str
) -> None:
    def before(state: str, _event: Any) -> None:
        if state in ("PublishReport", "ExplainFailure"):
            raise RuntimeError("a broken function")

    cloud.functions.before = before
    ending, sent = message(cloud, document)
    assert (ending.status, ending.error) == ("FAILED", error)
    assert sent.attributes == {"verdict": verdict, "source": "unknown"}
    assert f"{verdict}: a drill ended without a report" in sent.message
    assert "PublishReport: RuntimeError, then RuntimeError" in sent.message
    assert ending.execution_arn in sent.message


def test_a_copy_that_is_still_there_is_what_people_hear_of_first(cloud: Cloud) -> None:
    cloud.ledger.faults.append(Fault("rds.DeleteDBInstance", "AccessDenied"))
    _, sent = message(cloud, {})
    assert "may still cost money" in sent.message.splitlines()[1]
    assert "Runbook: CleanupFailed" in sent.message
    break_state(cloud, "PublishReport")
    _, sent = message(cloud, {})
    assert "may still cost money" in sent.message


@pytest.mark.parametrize(
    "name", ["passed", pytest.param("failed", marks=pytest.mark.thorough), "refused"]
)
def test_a_notice_that_can_not_be_sent_changes_no_verdict_and_is_not_silent(
    cloud: Cloud, name: str
) -> None:
    document, verdict, _ = ENDS[name]
    cloud.client("sns").delete_topic(TopicArn=cloud.verdict_topic_arn)
    try:
        ending = cloud.run({"db_instance_id": SOURCE, **document})
    finally:
        cloud.create_verdict_topic()
    errors = {"passed": "", "failed": "DrillFailed", "refused": "InvalidRequest"}
    assert ending.error == errors[name]
    if verdict == "PASSED":
        assert ending.output is not None
        assert ending.output["verdict"] == "PASSED"
        assert ending.output["notice_failed"].startswith("SNS.")
        said = ending.output["headline"]
    else:
        said = ending.cause
    assert "No notice of this was sent: SNS." in said
    tries = [
        event
        for event in cloud.history(ending.execution_arn)
        if event["type"] == "TaskFailed"
        and event["taskFailedEventDetails"]["resourceType"] == "sns"
    ]
    assert len(tries) == 6
