"""Mode restore: a copy that PASSED is kept, may be loaded into, and goes when its time is over."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.common.ownership import EXPIRES_AT, KEPT, expiry_of, tags_of
from local.calls import Fault
from local.cloud import SOURCE, Cloud
from local.loads import CSV_BUCKET, deploy_loads
from tests.workflow.conftest import leftovers
from tests.workflow.test_drill import report_of
from tests.workflow.test_failures import source_is_unharmed
from tests.workflow.test_sweeping import stop_at, sweep

RESTORE = {"db_instance_id": SOURCE, "baseline": "exact", "mode": "restore", "keep_hours": 2}
WRONG = {"name": "n", "database": "shop", "sql": "SELECT 1", "expect": "= 2"}
ROWS = b"id,note\n100001,late\n100002,later\n"


@pytest.fixture(scope="module")
def load_machine(module_cloud: tuple[Cloud, Any]) -> str:
    return deploy_loads(module_cloud[0])


def described(cloud: Cloud, name: str) -> dict[str, Any]:
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=name)
    return dict(found["DBInstances"][0])


def load_into(cloud: Cloud, machine: str, name: str) -> Any:
    cloud.client("s3").put_object(Bucket=CSV_BUCKET, Key="late.csv", Body=ROWS)
    document = {
        "bucket": CSV_BUCKET,
        "key": "late.csv",
        "target": {"db_instance_id": name.upper(), "database": "shop"},
        "table": "sales.orders",
    }
    return cloud.run(document, machine=machine)


def keep_again(cloud: Cloud) -> Any:
    """As a try whose answer was lost is repeated."""
    event = next(it for state, it, _ in cloud.functions.invocations if state == "KeepInstance")
    arn = cloud.functions.arn("KeepInstance")
    return cloud.functions.invoke(arn, json.dumps(event).encode())["Payload"]


def sweep_after_its_time(cloud: Cloud, name: str) -> None:
    past = [{"Key": EXPIRES_AT, "Value": "2026-01-01T00:00:00Z"}]
    arn = described(cloud, name)["DBInstanceArn"]
    cloud.client("rds").add_tags_to_resource(ResourceName=arn, Tags=past)
    assert [entry["name"] for entry in sweep(cloud)["deleted"]] == [name]
    while leftovers(cloud):
        time.sleep(0.02)


def test_a_copy_that_passed_is_kept_loaded_into_and_swept_when_its_time_is_over(
    cloud: Cloud, load_machine: str
) -> None:
    began_at = datetime.now(UTC)
    ending = cloud.run(RESTORE)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.output is not None
    (copy,) = leftovers(cloud)
    instance, kept = described(cloud, copy), ending.output["kept"]
    assert kept == {
        "copy_id": copy,
        "host": instance["Endpoint"]["Address"],
        "port": instance["Endpoint"]["Port"],
        "secret_arn": instance["MasterUserSecret"]["SecretArn"],
        "expires_at": tags_of(instance)[EXPIRES_AT],
    }
    expires_at = expiry_of(tags_of(instance))
    assert expires_at is not None
    two_hours = timedelta(hours=2)
    assert began_at + two_hours <= expires_at + timedelta(seconds=1)
    assert expires_at <= datetime.now(UTC) + two_hours
    report = report_of(cloud)
    assert (report["verdict"], report["kept"]) == ("PASSED", kept)
    until = f"{copy} is kept until {kept['expires_at']}; then the sweeper deletes it"
    assert report["cleanup"] == {"done": True, "detail": until}
    page = next(b for k, b in cloud.evidence().items() if k.endswith("report.html")).decode()
    message = cloud.notices()[-1].message
    for detail in (until, f"{kept['host']}:{kept['port']}", kept["secret_arn"]):
        assert detail in page
        assert detail in message

    loaded = load_into(cloud, load_machine, copy)
    assert loaded.status == "SUCCEEDED", loaded.cause
    assert loaded.output["rows"] == 2
    server = cloud.rds.instance(copy).server
    assert server is not None
    with server.admin("shop") as cursor:
        cursor.execute("SELECT count(*) FROM sales.orders")
        assert cursor.fetchone() == (20002,)
    assert source_is_unharmed(cloud)

    assert keep_again(cloud)["kept"] == kept
    answer = sweep(cloud)
    assert answer["deleted"] == []
    kept_because = {
        entry["name"]: entry["reason"] for entry in answer["left"] if entry["kind"] == "copy"
    }
    assert kept_because == {copy: f"is kept until {kept['expires_at']}"}
    assert leftovers(cloud) == [copy]
    sweep_after_its_time(cloud, copy)


@pytest.mark.parametrize(
    ("expectations", "denied", "error"),
    [
        ([WRONG], "", "DrillFailed"),
        ([], "secretsmanager.GetSecretValue", "DrillInconclusive"),
    ],
)
def test_a_copy_that_did_not_pass_is_not_kept(
    cloud: Cloud, expectations: list[dict[str, str]], denied: str, error: str
) -> None:
    cloud.ledger.faults += [Fault(denied, "AccessDenied")] if denied else []
    ending = cloud.run({**RESTORE, "baseline": "none", "expectations": expectations})
    assert (ending.status, ending.error) == ("FAILED", error)
    assert leftovers(cloud) == []
    assert "KeepInstance" not in {state for state, _, _ in cloud.functions.invocations}


def test_a_copy_that_can_not_be_kept_is_torn_down_and_told(cloud: Cloud) -> None:
    """Lost after it was tagged, and again on each try: what was kept is deleted all the same."""

    def before(state: str, event: Any) -> None:
        if state == "KeepInstance":
            arn = described(cloud, event["drill"]["copy_id"])["DBInstanceArn"]
            kept = [{"Key": KEPT, "Value": "yes"}]
            cloud.client("rds").add_tags_to_resource(ResourceName=arn, Tags=kept)
            raise RuntimeError("lost")

    cloud.functions.before = before
    ending = cloud.run(RESTORE)
    assert ending.error == "DrillInconclusive"
    assert "the copy was verified and could not be kept: KeepInstance" in ending.cause
    assert leftovers(cloud) == []
    assert report_of(cloud)["kept"] is None


def test_a_drill_that_is_stopped_while_it_keeps_leaves_a_copy_for_as_long_as_was_asked(
    cloud: Cloud,
) -> None:
    stop_at(cloud, "KeepInstance", drill=RESTORE)
    (copy,) = leftovers(cloud)
    assert sweep(cloud)["deleted"] == []
    sweep_after_its_time(cloud, copy)


def test_a_copy_that_a_drill_is_using_is_not_loaded_into(cloud: Cloud, load_machine: str) -> None:
    causes: list[str] = []

    def before(state: str, event: Any) -> None:
        if state == "JudgeDrill" and not causes:
            causes.append(load_into(cloud, load_machine, event["drill"]["copy_id"]).cause)

    cloud.functions.before = before
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    assert ending.status == "SUCCEEDED", ending.cause
    assert "is a drill's copy that is not kept" in causes[0]
    assert "mode restore" in causes[0]
