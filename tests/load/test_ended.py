"""An execution that ended without its teardown leaves no table: its event brings TidyLoad."""

import json
from typing import Any

import psycopg2
import pytest

from lambdas.load.load import staging_prefix
from lambdas.load.load_cleanup import EXECUTION_ENDED
from local.cloud import Cloud, Ending
from tests.load.conftest import PART_MIB, Loads
from tests.load.test_kills import ALL, BODY, OLD, ROWS, content, fail_before, lost_session, paths

ANOTHER = "time_machine_load_0123456789_00001"


@pytest.fixture
def table(loads: Loads, monkeypatch: pytest.MonkeyPatch, path: str) -> Loads:
    """A table with one row, an object to load, and a staging table of somebody else's load."""
    if path:
        monkeypatch.setenv(PART_MIB, path)
    loads.make(f"CREATE TABLE t (id int); INSERT INTO t VALUES (-1); CREATE TABLE {ANOTHER} ()")
    loads.put(BODY)
    return loads


def stop_at_work(loads: Loads) -> tuple[Ending, dict[str, Any]]:
    """A load that a person stops while its parts are at work, which they finish, as at AWS.

    How it ended, and its ``$load``.
    """
    found: dict[str, Any] = {}

    def before(state: str, event: Any) -> None:
        assert state in ("PlanLoad", "SurveyPart", "LoadPart")
        if state == "LoadPart" and not found:
            found.update(event["load"])
            loads.cloud.stop(found["id"])

    loads.cloud.functions.before = before
    ending = loads.run()
    loads.cloud.functions.before = None
    assert ending.status == "ABORTED"
    return ending, found


def event_of(cloud: Cloud, execution_arn: str) -> dict[str, Any]:
    """What EventBridge tells of an execution, by the Step Functions developer guide."""
    client = cloud.client("stepfunctions")
    found = client.describe_execution(executionArn=execution_arn)
    return {
        "source": "aws.states",
        "detail-type": EXECUTION_ENDED,
        "detail": {
            "executionArn": found["executionArn"],
            "stateMachineArn": found["stateMachineArn"],
            "name": found["name"],
            "status": found["status"],
            "startDate": int(found["startDate"].timestamp() * 1000),
            "input": found["input"],
            "output": found.get("output"),
        },
    }


@paths
def test_a_stopped_load_is_tidied_by_its_event_and_no_other_load_is_touched(
    table: Loads, path: str
) -> None:
    """As often as the event comes, and while another load runs."""
    ending, load = stop_at_work(table)
    kept = OLD if path else ALL
    assert len(table.staging()) > 1
    at_work = lost_session(table, f"{staging_prefix(load['id'])}00099")
    answers = []

    def before(state: str, _event: Any) -> None:
        if state == "FinishLoad":
            table.cloud.functions.before = None
            answers.append(table.call("TidyLoad", **event_of(table.cloud, ending.execution_arn)))

    table.cloud.functions.before = before
    second = table.run()
    assert second.status == "SUCCEEDED", second.cause
    answers.append(table.call("TidyLoad", **event_of(table.cloud, ending.execution_arn)))
    assert table.staging() == [ANOTHER]
    assert content(table) == (kept[0] + ROWS, kept[1] + ALL[1] + 1)
    assert answers[0] == answers[1]
    assert (answers[0]["loaded"] is not None) == (kept == ALL)
    with pytest.raises(psycopg2.Error):
        at_work.commit()


@paths
def test_nothing_of_a_load_that_is_over_begins_again(table: Loads, path: str) -> None:
    """A function still at work when it was stopped, or a redrive: no table, no row twice."""
    ending, load = stop_at_work(table)
    kept = content(table)
    table.call("TidyLoad", **event_of(table.cloud, ending.execution_arn))
    answer = table.call("LoadPart", load=load, part={"number": 1})
    assert "start a new one" in answer["fault"]
    assert table.call("FinishLoad", load=load)["errorType"] in ("BadData", "LoadOver")
    assert table.staging() == [ANOTHER]
    assert content(table) == kept


@pytest.mark.parametrize("path", [""], ids=["at once"])
@pytest.mark.parametrize("stopped", ["PlanLoad", "refused"])
def test_what_ended_before_there_was_a_table_has_nothing_to_tidy(
    table: Loads, path: str, stopped: str
) -> None:
    if stopped == "PlanLoad":
        table.cloud.functions.before = lambda _state, event: table.cloud.stop(
            event["execution"]["id"]
        )
        ending = table.run()
    else:
        ending = table.run(max_errors=-1)
    table.cloud.functions.before = None
    event = event_of(table.cloud, ending.execution_arn)
    event["detail"]["startDate"] += 3_600_000  # as if the plan had not been written yet
    assert table.call("TidyLoad", **event) == {"dropped": 0, "loaded": None}


@paths
def test_a_good_load_says_what_is_left_and_its_event_removes_it(table: Loads, path: str) -> None:
    well = table.run()
    fail_before(table, "TidyLoad")
    ending = table.run()
    table.cloud.functions.before = None
    assert (well.output or {})["left"] is None
    assert table.call("TidyLoad", **event_of(table.cloud, well.execution_arn))["dropped"] == 0
    assert ending.status == "SUCCEEDED"
    left = (ending.output or {})["left"]
    assert f"database shop, tables {staging_prefix(ending.execution_arn)}*" in left
    assert "DatabaseUnreachable" in left
    assert "docs/runbook.md, What a load leaves behind" in left
    assert len(table.staging()) > 1
    assert (
        table.call("TidyLoad", **event_of(table.cloud, ending.execution_arn))["loaded"]["rows"]
        == ROWS
    )
    assert table.staging() == [ANOTHER]
    assert json.loads(json.dumps(ending.output))["rows"] == ROWS
