"""Whatever fails, and wherever: the drill does not end green, the copy goes, the source stays."""

import json
from typing import Any

import pytest

from local.calls import Fault
from local.cloud import SOURCE, Cloud, Ending
from local.rds import Mishap
from tests.workflow.conftest import count_orders, leftovers

DRILL = {"db_instance_id": SOURCE, "baseline": "exact"}

STATES = [
    "PlanDrill",
    "CaptureBaseline",
    "ReadSource",
    "CreateSnapshot",
    "TagSnapshot",
    "CheckSnapshot",
    "CompleteBaseline",
    "RereadSource",
    "RestoreInstance",
    "CheckInstance",
    "SecureInstance",
    "PlanVerification",
    "VerifyBatch",
    "JudgeDrill",
    "DeleteInstance",
    "CheckDeletion",
    "PublishReport",
]
TEARDOWN = {"DeleteInstance", "CheckDeletion"}
KEEPING = [
    ("KeepInstance", "rds.DescribeDBInstances"),
    ("KeepInstance", "rds.AddTagsToResource"),
]
"""What mode restore does instead of the teardown."""

READING = (
    "PlanDrill",
    "CaptureBaseline",
    "ReadSource",
    "CheckSnapshot",
    "CompleteBaseline",
    "RereadSource",
    "CheckInstance",
)
"""States that find what there was before them, and leave no more of it."""

CALLS = [
    ("PlanDrill", "rds.DescribeDBInstances"),
    ("PlanDrill", "s3.PutObject"),
    ("CaptureBaseline", "s3.GetObject"),
    ("CaptureBaseline", "rds.DescribeDBInstances"),
    ("CaptureBaseline", "secretsmanager.GetSecretValue"),
    ("CaptureBaseline", "s3.PutObject"),
    ("ReadSource", "s3.GetObject"),
    ("ReadSource", "rds.DescribeDBInstances"),
    ("ReadSource", "secretsmanager.GetSecretValue"),
    ("ReadSource", "s3.PutObject"),
    ("CreateSnapshot", "rds.CreateDBSnapshot"),
    ("TagSnapshot", "rds.DescribeDBSnapshots"),
    ("TagSnapshot", "rds.AddTagsToResource"),
    ("CheckSnapshot", "rds.DescribeDBSnapshots"),
    ("CompleteBaseline", "s3.GetObject"),
    ("CompleteBaseline", "rds.DescribeDBInstances"),
    ("CompleteBaseline", "secretsmanager.GetSecretValue"),
    ("CompleteBaseline", "s3.PutObject"),
    ("RereadSource", "s3.GetObject"),
    ("RereadSource", "rds.DescribeDBInstances"),
    ("RereadSource", "secretsmanager.GetSecretValue"),
    ("RereadSource", "s3.PutObject"),
    ("RestoreInstance", "rds.RestoreDBInstanceFromDBSnapshot"),
    ("CheckInstance", "rds.DescribeDBInstances"),
    ("SecureInstance", "rds.DescribeDBInstances"),
    ("SecureInstance", "rds.ModifyDBInstance"),
    ("PlanVerification", "rds.DescribeDBInstances"),
    ("PlanVerification", "s3.GetObject"),
    ("PlanVerification", "secretsmanager.GetSecretValue"),
    ("PlanVerification", "s3.PutObject"),
    ("VerifyBatch", "s3.GetObject"),
    ("VerifyBatch", "secretsmanager.GetSecretValue"),
    ("VerifyBatch", "s3.PutObject"),
    ("JudgeDrill", "s3.GetObject"),
    ("JudgeDrill", "s3.PutObject"),
    ("DeleteInstance", "rds.DescribeDBInstances"),
    ("DeleteInstance", "rds.DeleteDBInstance"),
    ("CheckDeletion", "rds.DescribeDBInstances"),
    ("PublishReport", "s3.GetObject"),
    ("PublishReport", "rds.DescribeDBSnapshots"),
    ("PublishReport", "rds.AddTagsToResource"),
    ("PublishReport", "s3.PutObject"),
    *KEEPING,
]


TOLD = {
    ("PublishReport", "rds.DescribeDBSnapshots"),
    ("PublishReport", "rds.AddTagsToResource"),
}
"""What changes no verdict: the report warns of it."""


def drill_with(state: str) -> dict[str, Any]:
    """One that passes through a state."""
    return {**DRILL, "mode": "restore"} if state == "KeepInstance" else DRILL


def source_is_unharmed(cloud: Cloud) -> bool:
    """Only read and snapshotted, never the target of anything else, and answering as before."""
    aimed = {
        call.operation
        for call in cloud.ledger.calls
        if call.operation.startswith("rds.")
        and call.parameters.get("DBInstanceIdentifier") == SOURCE
    }
    harmless = {"rds.DescribeDBInstances", "rds.DescribeDBSnapshots", "rds.CreateDBSnapshot"}
    return aimed <= harmless and count_orders(cloud) == 20000


def is_loud(ending: Ending) -> bool:
    """Not green, and the cause says why in one line."""
    return ending.status == "FAILED" and bool(ending.cause) and "\n" not in ending.cause


def break_state(cloud: Cloud, broken: str, times: int = 1_000_000) -> None:
    left = {"times": times}

    def before(state: str, _event: Any) -> None:
        if state == broken and left["times"] > 0:
            left["times"] -= 1
            raise RuntimeError("a broken function")

    cloud.functions.before = before


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(it, marks=pytest.mark.thorough)
        if it in READING
        or it in ("CreateSnapshot", "TagSnapshot", "PlanVerification", "JudgeDrill")
        else it
        for it in [*(it for it in STATES if it not in TEARDOWN), "KeepInstance"]
    ],
)
def test_a_state_that_always_fails_never_leaves_a_copy(cloud: Cloud, state: str) -> None:
    break_state(cloud, state)
    ending = cloud.run(drill_with(state))
    assert is_loud(ending)
    assert ending.error == "DrillInconclusive"
    assert leftovers(cloud) == []
    assert source_is_unharmed(cloud)


@pytest.mark.parametrize("state", sorted(TEARDOWN))
def test_a_teardown_that_stumbles_is_tried_again(cloud: Cloud, state: str) -> None:
    break_state(cloud, state, times=3)
    ending = cloud.run(DRILL)
    assert ending.status == "SUCCEEDED", ending.cause
    assert leftovers(cloud) == []


def test_a_copy_that_can_not_be_deleted_is_a_failed_drill_loudly(cloud: Cloud) -> None:
    cloud.ledger.faults.append(Fault("rds.DeleteDBInstance", "AccessDenied"))
    ending = cloud.run(DRILL)
    assert is_loud(ending)
    assert "may still cost money" in ending.cause
    assert "AccessDenied" in ending.cause
    assert len(leftovers(cloud)) == 1


def test_the_list_of_calls_is_complete(cloud: Cloud) -> None:
    """Whoever adds a call to a function adds it to the injections below."""
    cloud.run(DRILL)
    made = {(call.state, call.operation) for call in cloud.ledger.calls}
    assert made == set(CALLS) - set(KEEPING)
    cloud.ledger.calls.clear()
    cloud.run(drill_with("KeepInstance"))
    kept = {(call.state, call.operation) for call in cloud.ledger.calls}
    assert kept == {(state, call) for state, call in CALLS if state not in TEARDOWN}


def one_of_each_operation() -> list[tuple[str, str]]:
    """The first state's of each: what many states call goes through the same lines."""
    return list({operation: (state, operation) for state, operation in reversed(CALLS)}.values())


@pytest.mark.parametrize(
    ("state", "operation"),
    [
        call if call in one_of_each_operation() else pytest.param(*call, marks=pytest.mark.thorough)
        for call in CALLS
        if call not in TOLD
    ],
)
def test_a_denied_call_never_leaves_a_copy(cloud: Cloud, state: str, operation: str) -> None:
    cloud.ledger.faults.append(Fault(operation, "AccessDenied", state=state))
    ending = cloud.run(drill_with(state))
    assert is_loud(ending)
    assert source_is_unharmed(cloud)
    cloud.ledger.faults.clear()
    if state not in TEARDOWN:
        assert leftovers(cloud) == []


def one_of_each_state() -> list[list[tuple[str, str]]]:
    """All calls, in groups that a single drill can meet: no state has two of one group."""
    groups: list[list[tuple[str, str]]] = []
    for call in CALLS:
        for group in groups:
            fits = drill_with(call[0]) == drill_with(group[0][0])
            if fits and call[0] not in dict(group):
                group.append(call)
                break
        else:
            groups.append([call])
    return groups


@pytest.mark.parametrize("calls", one_of_each_state(), ids=lambda calls: calls[0][1])
def test_a_throttled_call_is_tried_again_until_it_passes(
    cloud: Cloud, calls: list[tuple[str, str]]
) -> None:
    faults = [Fault(operation, "Throttling", times=3, state=state) for state, operation in calls]
    cloud.ledger.faults += faults
    ending = cloud.run(drill_with(calls[0][0]))
    assert ending.status == "SUCCEEDED", ending.cause
    assert [fault for fault in faults if fault.times > 0] == []
    assert len(leftovers(cloud)) == (calls[0][0] == "KeepInstance")
    assert source_is_unharmed(cloud)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("rds.CreateDBSnapshot", "InvalidDBInstanceState"),
        ("rds.RestoreDBInstanceFromDBSnapshot", "InstanceQuotaExceeded"),
        *(
            pytest.param(operation, code, marks=pytest.mark.thorough)
            for operation, code in (
                ("rds.RestoreDBInstanceFromDBSnapshot", "InsufficientDBInstanceCapacity"),
                ("rds.RestoreDBInstanceFromDBSnapshot", "InvalidDBSnapshotState"),
                ("rds.ModifyDBInstance", "InvalidDBInstanceState"),
            )
        ),
        ("rds.DeleteDBInstance", "InvalidDBInstanceState"),
    ],
)
def test_what_may_free_itself_is_waited_for(cloud: Cloud, operation: str, code: str) -> None:
    cloud.ledger.faults.append(Fault(operation, code, times=5))
    ending = cloud.run(DRILL)
    assert ending.status == "SUCCEEDED", ending.cause
    assert leftovers(cloud) == []


def test_what_waiting_does_not_mend_is_told_at_once(cloud: Cloud) -> None:
    code = "KMSKeyNotAccessibleFault"
    cloud.ledger.faults.append(Fault("rds.RestoreDBInstanceFromDBSnapshot", code))
    ending = cloud.run(DRILL)
    tries = [c for c in cloud.ledger.calls if c.operation == "rds.RestoreDBInstanceFromDBSnapshot"]
    assert len(tries) == 1
    assert code in ending.cause


def test_a_failed_restore_is_inconclusive_and_torn_down(cloud: Cloud) -> None:
    cloud.rds.mishap = Mishap(restore_ends_as="incompatible-restore")
    ending = cloud.run(DRILL)
    assert ending.error == "DrillInconclusive"
    assert "incompatible-restore" in ending.cause
    assert leftovers(cloud) == []


def test_a_restore_that_never_ends_is_given_up_at_the_deadline(cloud: Cloud) -> None:
    cloud.rds.mishap = Mishap(restore_never_ends=True)
    ending = cloud.run({**DRILL, "deadline_minutes": 0.1})
    assert ending.error == "DrillInconclusive"
    assert "by the deadline" in ending.cause
    assert leftovers(cloud) == []


@pytest.mark.parametrize("status", ["failed-to-apply", "pending-database-upgrade"])
def test_a_copy_without_its_parameters_is_not_read(cloud: Cloud, status: str) -> None:
    """The quarantine rests on them: without them the source's jobs may be awake."""
    cloud.rds.mishap = Mishap(parameters_stay=status)
    ending = cloud.run(DRILL)
    assert ending.error == "DrillInconclusive"
    assert status in ending.cause
    assert "its quarantine does not hold" in ending.cause
    states = {state for state, _, _ in cloud.functions.invocations}
    assert not {"PlanVerification", "VerifyBatch"} & states
    assert leftovers(cloud) == []


@pytest.mark.parametrize("through", ["", "developers"])
def test_a_master_user_that_no_password_lets_in_is_told_before_the_snapshot(
    cloud: Cloud, through: str
) -> None:
    """A member of rds_iam logs in by IAM alone, on the copy as well."""
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    roles = ["rds_iam", *([through] if through else [])]
    with server.admin() as cursor:
        for name in roles:
            cursor.execute(f"CREATE ROLE {name} NOLOGIN")
        if through:
            cursor.execute(f"GRANT rds_iam TO {through}")
        cursor.execute(f"GRANT {roles[-1]} TO postgres")
    try:
        ending = cloud.run(DRILL)
    finally:
        with server.admin() as cursor:
            for name in reversed(roles):
                cursor.execute(f"DROP ROLE {name}")
    assert ending.error == "DrillInconclusive"
    assert "REVOKE rds_iam FROM postgres on the source" in ending.cause
    assert "CreateSnapshot" not in {state for state, _, _ in cloud.functions.invocations}


def test_a_quota_of_snapshots_is_waited_for(cloud: Cloud) -> None:
    cloud.ledger.faults.append(Fault("rds.CreateDBSnapshot", "SnapshotQuotaExceeded", times=4))
    ending = cloud.run(DRILL)
    assert ending.status == "SUCCEEDED", ending.cause


def test_a_denial_tells_what_aws_said(cloud: Cloud) -> None:
    cloud.ledger.faults.append(Fault("rds.CreateDBSnapshot", "AccessDenied"))
    ending = cloud.run(DRILL)
    assert "AWS answered AccessDenied: scripted fault" in ending.cause


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("rds.AddTagsToResource", "InvalidDBSnapshotState"),
        ("rds.AddTagsToResource", "AccessDenied"),
        ("rds.DescribeDBSnapshots", "AccessDenied"),
        pytest.param("rds.AddTagsToResource", "Throttling", marks=pytest.mark.thorough),
    ],
)
def test_a_verdict_that_can_not_be_tagged_is_reported_at_once(
    cloud: Cloud, operation: str, code: str
) -> None:
    """Neither the report waits for a busy snapshot, nor is what was proven unproven by it."""
    cloud.ledger.faults.append(Fault(operation, code, state="PublishReport"))
    ending = cloud.run({"db_instance_id": SOURCE})
    assert ending.status == "SUCCEEDED", ending.cause
    states = [state for state, _, _ in cloud.functions.invocations]
    assert states.count("PublishReport") == 1
    report = next(b for k, b in cloud.evidence().items() if k.endswith("report.json"))
    (warning,) = json.loads(report)["warnings"]
    assert "add the tag time-machine:verdict = PASSED" in warning
    assert code in warning
    notice = cloud.notices()[-1]
    assert notice.subject.startswith("PASSED")
    assert warning[:100] in notice.message


def test_a_wrong_verdict_survives_a_lost_report(cloud: Cloud) -> None:
    wrong = {"name": "n", "database": "shop", "sql": "SELECT 1", "expect": "= 2"}
    break_state(cloud, "PublishReport")
    ending = cloud.run({"db_instance_id": SOURCE, "expectations": [wrong]})
    assert ending.error == "DrillFailed"


@pytest.mark.parametrize("stranger", ["snapshot", "instance"])
def test_a_name_that_a_stranger_took_is_refused_and_the_stranger_left_alone(
    cloud: Cloud, stranger: str
) -> None:
    rds = cloud.client("rds")
    taken: list[str] = []

    def before(state: str, event: Any) -> None:
        if state == "CreateSnapshot" and stranger == "snapshot" and not taken:
            taken.append(event["drill"]["snapshot_id"])
            rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier=taken[0])
            cloud.rds.wait_until(SOURCE, "available")
        if state == "RestoreInstance" and stranger == "instance" and not taken:
            taken.append(event["drill"]["copy_id"])
            rds.create_db_instance(
                DBInstanceIdentifier=taken[0],
                DBInstanceClass="db.t4g.medium",
                Engine="postgres",
                MasterUsername="postgres",
                MasterUserPassword="a-stranger's-own",
            )
            cloud.rds.wait_until(taken[0], "available")

    cloud.functions.before = before
    ending = cloud.run(DRILL)
    assert is_loud(ending)
    report = next(json.loads(b) for k, b in cloud.evidence().items() if k.endswith("report.json"))
    assert any("refused to adopt" in reason for reason in report["reasons"])
    if stranger == "instance":
        assert cloud.rds.databases[taken[0]].status == "available"
    else:
        found = rds.describe_db_snapshots(DBSnapshotIdentifier=taken[0])["DBSnapshots"][0]
        assert found["TagList"] == []
