"""Whole drills that go well, and what they leave behind."""

import io
import json
import time
from typing import Any

import pytest
from rich.console import Console

from lambdas.common.ownership import RESTORABLE, RESTORABLE_YES
from lambdas.drill.verification import cost
from local.calls import Fault
from local.cloud import BUCKET, READER, SECURITY_GROUP, SOURCE, SUBNET_GROUP, Cloud
from local.view import show_report
from stacks.spec import WORKFLOW
from tests.workflow.conftest import count_orders, leftovers


def report_of(cloud: Cloud) -> dict[str, Any]:
    found = [body for key, body in cloud.evidence().items() if key.endswith("/report.json")]
    assert len(found) == 1
    report: dict[str, Any] = json.loads(found[0])
    return report


def tags_of(tag_list: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tag_list}


def lend_snapshot(cloud: Cloud) -> str:
    """A person's own snapshot of the source, with the tag that lends it."""
    cloud.client("rds").create_db_snapshot(
        DBInstanceIdentifier=SOURCE,
        DBSnapshotIdentifier="before-move",
        Tags=[{"Key": RESTORABLE, "Value": RESTORABLE_YES}],
    )
    cloud.rds.wait_until(SOURCE, "available")
    return "before-move"


def test_a_healthy_database_passes_and_the_copy_is_gone(cloud: Cloud) -> None:
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.output is not None
    assert ending.output["verdict"] == "PASSED"
    assert leftovers(cloud) == []
    claims = {
        r["subject"]: r["claim"] for r in report_of(cloud)["results"] if r["check"] == "counts"
    }
    assert claims == {"sales.orders": "proven", 'sales."Odd Näme"': "proven"}
    assert count_orders(cloud) == 20000


def test_the_output_tells_the_story(cloud: Cloud) -> None:
    output = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"}).output
    assert output is not None
    assert output["headline"].startswith(f"PASSED: {SOURCE} came back from tm-{SOURCE}-")
    assert output["report"].startswith(f"s3://{BUCKET}/drills/{SOURCE}/")
    assert output["rto_seconds"] > 0
    phases = list(output["durations_seconds"])
    assert phases[0] == "plan"
    assert phases[-2:] == ["teardown", "total"]


def test_a_person_types_one_line_and_gets_a_catalog_baseline(cloud: Cloud) -> None:
    ending = cloud.run({"db_instance_id": SOURCE})
    assert ending.status == "SUCCEEDED", ending.cause
    report = report_of(cloud)
    assert report["drill"]["baseline"] == "catalog"
    assert {r["check"] for r in report["results"]} >= {"catalog", "counts", "databases"}


def test_without_a_baseline_everything_is_read_and_nothing_compared(cloud: Cloud) -> None:
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "none"})
    assert ending.status == "SUCCEEDED", ending.cause
    counts = [r for r in report_of(cloud)["results"] if r["check"] == "counts"]
    assert {r["claim"] for r in counts} == {"not compared"}
    assert sum(r["measured"]["rows"] for r in counts) == 20010


def test_the_snapshot_carries_ownership_retention_and_verdict(cloud: Cloud) -> None:
    document = {"db_instance_id": SOURCE, "retention_days": 7, "tags": {"Team": "payments"}}
    ending = cloud.run(document)
    assert ending.output is not None
    found = cloud.client("rds").describe_db_snapshots(
        DBSnapshotIdentifier=ending.output["snapshot_id"]
    )["DBSnapshots"][0]
    tags = tags_of(found["TagList"])
    assert tags["time-machine:drill"] == ending.execution_arn
    assert tags["time-machine:role"] == "snapshot"
    assert tags["time-machine:verdict"] == "PASSED"
    assert tags["Retention"] == "7Days"
    assert tags["Purpose"] == "manual"
    assert tags["Team"] == "payments"
    assert "Environment" not in tags


def test_the_copy_is_quarantined_and_tagged_from_its_first_moment(cloud: Cloud) -> None:
    ending = cloud.run({"db_instance_id": SOURCE})
    (call,) = [
        c for c in cloud.ledger.calls if c.operation == "rds.RestoreDBInstanceFromDBSnapshot"
    ]
    asked = call.parameters
    assert asked["DBSubnetGroupName"] == SUBNET_GROUP
    assert asked["VpcSecurityGroupIds"] == [SECURITY_GROUP]
    assert asked["DBParameterGroupName"].startswith("tm-quarantine-")
    assert asked["PubliclyAccessible"] is False
    assert asked["DeletionProtection"] is False
    assert asked["BackupRetentionPeriod"] == 0
    tags = tags_of(asked["Tags"])
    assert tags["time-machine:role"] == "copy"
    assert tags["time-machine:drill"] == ending.execution_arn
    assert tags["time-machine:expires-at"] > "2026"


def test_mode_snapshot_takes_a_snapshot_and_restores_nothing(cloud: Cloud) -> None:
    ending = cloud.run({"db_instance_id": SOURCE, "mode": "snapshot", "purpose": "pre-deploy"})
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.output is not None
    assert "nothing was restored or verified" in ending.output["headline"]
    assert "rds.RestoreDBInstanceFromDBSnapshot" not in cloud.ledger.operations()
    found = cloud.client("rds").describe_db_snapshots(
        DBSnapshotIdentifier=ending.output["snapshot_id"]
    )["DBSnapshots"][0]
    assert found["Status"] == "available"
    assert "time-machine:verdict" not in tags_of(found["TagList"])


@pytest.mark.parametrize("point", ["named", "latest", "lent"])
def test_an_existing_snapshot_is_drilled_without_a_new_one(cloud: Cloud, point: str) -> None:
    first = cloud.run({"db_instance_id": SOURCE, "mode": "snapshot"}).output
    assert first is not None
    wanted = first["snapshot_id"]
    recovery_point = {"snapshot_id": wanted}
    if point == "latest":
        wanted = cloud.take_automated_snapshot()
        recovery_point = {"latest": "automated"}
    if point == "lent":
        wanted = lend_snapshot(cloud)
        recovery_point = {"snapshot_id": wanted}
    cloud.ledger.calls.clear()
    ending = cloud.run({"db_instance_id": SOURCE, "recovery_point": recovery_point})
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.output is not None
    assert ending.output["snapshot_id"] == wanted
    assert "rds.CreateDBSnapshot" not in cloud.ledger.operations()
    assert leftovers(cloud) == []


def test_expectations_decide_too(cloud: Cloud) -> None:
    def run(expect: str) -> str:
        expectation = {
            "name": "orders",
            "database": "shop",
            "sql": "SELECT count(*) FROM sales.orders WHERE note LIKE 'note 1%'",
            "expect": expect,
        }
        return cloud.run({"db_instance_id": SOURCE, "expectations": [expectation]}).error

    assert run("> 100") == ""
    assert run("< 100") == "DrillFailed"


def test_a_table_that_the_reader_may_not_read_is_named_and_proves_nothing(cloud: Cloud) -> None:
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    with server.admin("shop") as cursor:
        cursor.execute("ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY")
    try:
        ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    finally:
        with server.admin("shop") as cursor:
            cursor.execute("ALTER TABLE sales.orders DISABLE ROW LEVEL SECURITY")
    assert ending.error == "DrillInconclusive"
    assert "sales.orders" in ending.cause
    assert "42501" in ending.cause
    counts = {r["subject"]: r for r in report_of(cloud)["results"] if r["check"] == "counts"}
    assert counts["sales.orders"]["claim"] == "not compared"
    assert counts['sales."Odd Näme"']["claim"] == "proven"


def test_a_reader_that_can_compare_nothing_leaves_it_inconclusive(cloud: Cloud) -> None:
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    with server.admin() as cursor:
        cursor.execute(f"REVOKE pg_read_all_data FROM {READER}")
    try:
        ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    finally:
        with server.admin() as cursor:
            cursor.execute(f"GRANT pg_read_all_data TO {READER}")
    assert ending.error == "DrillInconclusive"
    assert "42501" in ending.cause


def test_without_a_baseline_the_last_drill_that_passed_tells_what_was_lost(cloud: Cloud) -> None:
    """A warning, no more: the source may have dropped the table on purpose."""
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    drill = {"db_instance_id": SOURCE, "baseline": "none"}
    with server.admin("shop") as cursor:
        cursor.execute("CREATE TABLE public.passing (id int)")
    first = cloud.run(drill)
    assert first.output is not None
    assert "Warning" not in first.output["headline"]
    with server.admin("shop") as cursor:
        cursor.execute("DROP TABLE public.passing")
    time.sleep(1)  # the names of drills are in the order of their seconds
    second = cloud.run(drill)
    assert second.status == "SUCCEEDED", second.cause
    assert second.output is not None
    assert "Warning: shop: public.passing has vanished" in second.output["headline"]
    assert "- warning: shop: public.passing has vanished" in cloud.notices()[-1].message


def test_a_pass_that_could_not_look_at_the_last_one_is_no_pass(cloud: Cloud) -> None:
    fault = Fault("s3.ListObjectsV2", "AccessDenied", state="JudgeDrill")
    cloud.ledger.faults.append(fault)
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "none"})
    assert ending.error == "DrillInconclusive"
    assert leftovers(cloud) == []


def test_the_verifier_tells_what_it_costs(cloud: Cloud) -> None:
    cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    report = report_of(cloud)
    found = report["cost"]
    assert found["batches"] >= 1
    assert found["bytes_planned"] > 20000 * 20
    (memory_mib,) = [spec.memory_mib for spec in WORKFLOW if spec.name == "VerifyBatch"]
    assert found["gb_seconds"] == pytest.approx(found["seconds"] * memory_mib / 1024, rel=0.01)
    assert found["lambda_usd"] > 0
    (page,) = [body for key, body in cloud.evidence().items() if key.endswith("report.html")]
    assert cost.in_words(found) in page.decode()
    screen = io.StringIO()
    show_report(Console(file=screen, width=200), report)
    assert cost.in_words(found) in screen.getvalue()
