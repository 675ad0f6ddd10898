"""The synthesised template itself, deployed into the embedded cloud, and a drill that runs in it.

State machine, functions, environments, groups, bucket and topic are those of the template; each
AWS call is allowed by the policies of the role that makes it, or it fails. One thing is not the
template's: ``TM_TLS_MODE`` is ``disable``, since the servers on loopback have no certificate.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.stub import Stubber
from moto.events.models import EventPattern

from lambdas.adapters.aws import client as lambda_client
from lambdas.common.ownership import EXPIRES_AT
from local.calls import Call
from local.cloud import REGION, SOURCE, Ending, SentNotice
from local.rds import Mishap
from stacks.spec import AUXILIARY, WORKFLOW
from tests.infra.authorisation import Answer, policies_of
from tests.infra.conftest import Template, synthesise
from tests.infra.deployment import STACK, USED_BY_AWS, Deployment, deployed
from tests.infra.resources import client
from tests.infra.simulation import Simulator
from tests.workflow.conftest import leftovers

NOT_OF_A_NIGHT: dict[str | tuple[str, str], str] = {
    **USED_BY_AWS,
    "KeepDeadLetter": "EventBridge Scheduler keeps what it could not start with the role",
    "RestoreAutomatedSnapshot": "for a recovery point that is a daily backup",
    "RestoreLentSnapshot": "for a recovery point that another team lends",
    ("CreateSnapshot", "DescribeSnapshots"): "for a second try that finds the first one's",
    ("RestoreInstance", "DescribeInstances"): "for a second try that finds the first one's",
    ("JudgeDrill", "MissEvidence"): "for findings that a batch never wrote",
}
"""What a role may do and a night that goes well does not, and why it is allowed all the same."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployed")
    with (
        Simulator() as simulator,
        deployed(folder, simulator, lambda it: synthesise(it, folder / "cdk.out")) as found,
    ):
        yield found


@pytest.fixture
def deployment(stack: Deployment) -> Iterator[Deployment]:
    cloud = stack.cloud
    cloud.rds.mishap = Mishap()
    cloud.functions.before = None
    cloud.functions.invocations.clear()
    cloud.ledger.calls.clear()
    stack.authoriser.answers.clear()
    yield stack
    cloud.functions.before = None
    for name in leftovers(cloud):
        if cloud.rds.instance(name).status != "deleting":
            client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    while leftovers(cloud):
        time.sleep(0.02)
    cloud.rds.wait_until(SOURCE, "available")


@dataclass(frozen=True)
class Schedule:
    """A drill as the schedule starts it, with all that it did; ``ran`` are its functions."""

    ending: Ending
    output: dict[str, Any]
    answers: list[Answer]
    calls: list[Call]
    ran: set[str]
    notices: list[SentNotice]


@pytest.fixture(scope="module")
def night(stack: Deployment) -> Schedule:
    cloud = stack.cloud
    stack.authoriser.answers.clear()
    cloud.ledger.calls.clear()
    cloud.functions.invocations.clear()
    told_before = len(cloud.notices())
    ending = stack.run_night()
    return Schedule(
        ending,
        ending.output or {},
        list(stack.authoriser.answers),
        list(cloud.ledger.calls),
        {state for state, _, _ in cloud.functions.invocations},
        cloud.notices()[told_before:],
    )


def test_the_schedule_of_the_template_starts_a_drill_that_passes(
    stack: Deployment, night: Schedule
) -> None:
    assert night.ending.status == "SUCCEEDED", night.ending.cause
    assert night.output["verdict"] == "PASSED"
    assert "2 counts are proven equal to the source" in night.output["headline"]
    assert [it.decision.detail for it in night.answers if not it.decision.allowed] == []
    assert leftovers(stack.cloud) == []


def test_every_function_of_the_workflow_ran_in_its_own_role(
    stack: Deployment, night: Schedule
) -> None:
    roles = {it.call.state: it.call.role_arn for it in night.answers if it.call.state}
    machine = {it.call.role_arn for it in night.answers if it.call.operation == "lambda.Invoke"}
    not_this_night = {"KeepInstance", "ExplainFailure"}
    assert night.ran == {f"tm-{spec.name}" for spec in WORKFLOW} - {
        f"tm-{name}" for name in not_this_night
    }
    assert roles == {function: role_of(function) for function in night.ran}
    assert len({*roles.values(), *machine}) == len(night.ran) + 1


def test_the_table_of_calls_sets_no_condition_key_that_aws_does_not_set(
    night: Schedule,
) -> None:
    assert {key for it in night.answers for key in it.decision.ignored} == set()


def test_report_and_notice_go_to_the_bucket_and_the_topic_of_the_stack(
    stack: Deployment, night: Schedule
) -> None:
    bucket = stack.physical_id("AWS::S3::Bucket", "EvidenceBucket")
    assert bucket.startswith(STACK)
    assert night.output["report"].startswith(f"s3://{bucket}/drills/{SOURCE}/")
    assert any(key.endswith("/report.html") for key in stack.cloud.evidence())
    assert stack.cloud.verdict_topic_arn == stack.physical_id("AWS::SNS::Topic")
    assert [notice.attributes["verdict"] for notice in night.notices] == ["PASSED"]


def test_the_report_of_a_night_lists_the_snapshots_of_its_source(
    stack: Deployment, night: Schedule
) -> None:
    bucket, _, key = night.output["report"].removeprefix("s3://").partition("/")
    report = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert report["snapshots_missing"] == ""
    listed = {row["snapshot_id"]: row["verdict"] for row in report["snapshots"]}
    assert listed[night.output["snapshot_id"]] == "PASSED"


def test_the_copy_is_restored_into_the_quarantine_of_the_stack(
    stack: Deployment, night: Schedule
) -> None:
    (asked,) = (it.parameters for it in night.calls if "Restore" in it.operation)
    copies = stack.physical_id("AWS::EC2::SecurityGroup", "NetworkCopy")
    verifier = stack.physical_id("AWS::EC2::SecurityGroup", "NetworkVerifier")
    assert asked["VpcSecurityGroupIds"] == [copies]
    assert asked["DBSubnetGroupName"] == stack.physical_id("AWS::RDS::DBSubnetGroup")
    assert asked["DBParameterGroupName"] == stack.physical_id(
        "AWS::RDS::DBParameterGroup", "NetworkParameters18"
    )
    (group,) = client("ec2").describe_security_groups(GroupIds=[copies])["SecurityGroups"]
    (way_in,) = group["IpPermissions"]
    assert [pair["GroupId"] for pair in way_in["UserIdGroupPairs"]] == [verifier]
    assert (way_in["FromPort"], way_in["ToPort"], way_in["IpRanges"]) == (5432, 5432, [])
    ways_out = [out["CidrIp"] for it in group["IpPermissionsEgress"] for out in it["IpRanges"]]
    assert ways_out == ["255.255.255.255/32"]


def test_every_permission_is_needed_by_a_night_or_has_a_reason(
    stack: Deployment, night: Schedule
) -> None:
    """Each statement taken away in turn: the same calls are then no longer all allowed."""
    names = {role_of(f"tm-{spec.name}"): spec.name for spec in WORKFLOW}
    roles = {it.call.role_arn for it in night.answers}
    unneeded = {
        (names.get(role, ""), sid)
        for role in roles
        for sid in unneeded_by(stack, role, night.answers)
    }
    explained = {it for it in unneeded if it in NOT_OF_A_NIGHT or it[1] in NOT_OF_A_NIGHT}
    assert unneeded - explained == set()
    sids = {sid for _, sid in unneeded}
    assert {why for why in NOT_OF_A_NIGHT if why not in unneeded and why not in sids} == set()


def unneeded_by(stack: Deployment, role: str, answers: list[Answer]) -> Iterator[str]:
    """The statements of a role without which all its calls would have been allowed."""
    policies = policies_of(role)
    statements = [it for policy in policies for it in policy["Statement"]]
    mine = [it for it in answers if it.call.role_arn == role]
    for statement in statements:
        rest = [other for other in statements if other is not statement]
        policy = {"Version": "2012-10-17", "Statement": rest}
        allowed = (stack.authoriser.decide(it.call, it.asked, [policy]).allowed for it in mine)
        if statement["Effect"] == "Allow" and all(allowed):
            yield statement["Sid"]


@pytest.mark.parametrize(
    ("role", "sid", "message", "denied"),
    [
        ("FunctionsDeleteInstanceRole", "DeleteCopy", "AccessDenied", "rds:DeleteDBInstance"),
        ("FunctionsVerifyBatchRole", "WriteEvidence", "its batch gave no result", "s3:PutObject"),
        pytest.param(
            "FunctionsRestoreInstanceRole",
            "TagNewCopy",
            "AccessDenied",
            "rds:AddTagsToResource",
            marks=pytest.mark.thorough,
        ),
        ("DrillRole", "InvokeStates", "nothing could put into words why", "lambda:InvokeFunction"),
    ],
)
def test_a_drill_whose_role_lacks_a_statement_does_not_pass(
    deployment: Deployment, role: str, sid: str, message: str, denied: str
) -> None:
    def without(properties: Template) -> None:
        document = properties["Policies"][0]["PolicyDocument"]
        document["Statement"] = [it for it in document["Statement"] if it["Sid"] != sid]

    with deployment.changed("AWS::IAM::Role", role, without):
        ending = deployment.run_night()
    assert ending.status == "FAILED"
    assert message in ending.cause
    assert all(denied in denial for denial in deployment.authoriser.denials())
    assert deployment.authoriser.denials() != []


@pytest.mark.parametrize(
    ("function", "variable", "message"),
    [
        pytest.param(
            "PlanDrill",
            "TM_COPY_SUBNET_GROUP",
            "TM_COPY_SUBNET_GROUP is not set",
            marks=pytest.mark.thorough,
        ),
        ("VerifyBatch", "TM_EVIDENCE_BUCKET", "its batch gave no result"),
    ],
)
def test_a_drill_whose_function_lacks_a_variable_does_not_pass(
    deployment: Deployment, function: str, variable: str, message: str
) -> None:
    def without(properties: Template) -> None:
        del properties["Environment"]["Variables"][variable]

    logical = f"Functions{function}"
    with deployment.changed("AWS::Lambda::Function", logical, without):
        ending = deployment.run_night()
    assert ending.status == "FAILED"
    assert message in ending.cause


def test_the_state_machine_may_invoke_no_function_but_its_own(deployment: Deployment) -> None:
    machine = client("stepfunctions").describe_state_machine(
        stateMachineArn=deployment.cloud.state_machine_arn
    )
    for spec in (*WORKFLOW, *AUXILIARY):
        function = f"arn:aws:lambda:{REGION}:123456789012:function:tm-{spec.name}"
        why = deployment.may(machine["roleArn"], "lambda.Invoke", {"FunctionName": function})
        assert (why == "") == (spec in WORKFLOW), spec.name


def test_a_role_trusts_the_one_service_that_it_is_for(deployment: Deployment) -> None:
    trusted = {}
    of_this_account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    for role in client("iam").list_roles()["Roles"]:
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        trusted[role["Arn"]] = service = statement["Principal"]["Service"]
        # Lambda sets no aws:SourceAccount when it assumes a role.
        condition = None if service == "lambda.amazonaws.com" else of_this_account
        assert statement.get("Condition") == condition, service
    functions = [f"tm-{spec.name}" for spec in (*WORKFLOW, *AUXILIARY)]
    roles = {role_of(name) for name in functions}
    assert len(roles) == len(functions)
    assert {trusted.pop(role) for role in roles} == {"lambda.amazonaws.com"}
    machine = client("stepfunctions").describe_state_machine(
        stateMachineArn=deployment.cloud.state_machine_arn
    )
    assert trusted.pop(machine["roleArn"]) == "states.amazonaws.com"
    schedules = client("scheduler").list_schedules()["Schedules"]
    targets = [client("scheduler").get_schedule(Name=it["Name"])["Target"] for it in schedules]
    assert {trusted.pop(it["RoleArn"]) for it in targets} == {"scheduler.amazonaws.com"}
    assert trusted == {}


def test_the_sweeper_ends_what_a_stopped_drill_left_when_its_event_comes(
    deployment: Deployment,
) -> None:
    event = _stop_before(deployment, "tm-SecureInstance")
    (copy_id,) = leftovers(deployment.cloud)
    # A drill's copy and its snapshot share their name; of this one the retention is over.
    snapshot = f"arn:aws:rds:{REGION}:123456789012:snapshot:{copy_id}"
    past = [{"Key": EXPIRES_AT, "Value": "2026-01-01T00:00:00Z"}]
    client("rds").add_tags_to_resource(ResourceName=snapshot, Tags=past)
    rule = client("events").describe_rule(
        Name=deployment.physical_id("AWS::Events::Rule", "Sweeping")
    )
    assert EventPattern.load(rule["EventPattern"]).matches_event(event)
    (target,) = client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert invokers(target["Arn"]) == [("events.amazonaws.com", rule["Arn"])]

    rehearsal = deployment.invoke(target["Arn"], {"dry_run": True})["Payload"]
    assert leftovers(deployment.cloud) == [copy_id]
    due = [it["name"] for it in rehearsal["left"] if "would be" in it["reason"]]
    assert due == [copy_id, copy_id]

    swept = deployment.invoke(target["Arn"], event)["Payload"]
    assert [(it["kind"], it["name"]) for it in swept["deleted"]] == [
        ("copy", copy_id),
        ("snapshot", copy_id),
    ]
    assert swept["failed"] == []
    assert deployment.authoriser.denials() == []
    deployment.cloud.rds.instance(SOURCE)


def test_the_sweepers_clock_may_start_it_and_an_hour_with_nothing_to_do_is_quiet(
    deployment: Deployment,
) -> None:
    schedule = deployment.physical_id("AWS::Scheduler::Schedule", "SweepingClock")
    target = client("scheduler").get_schedule(Name=schedule)["Target"]
    asked = {"FunctionName": target["Arn"]}
    assert deployment.may(target["RoleArn"], "lambda.Invoke", asked) == ""
    swept = deployment.invoke(target["Arn"], json.loads(target["Input"]))["Payload"]
    assert (swept["deleted"], swept["failed"]) == ([], [])
    assert deployment.authoriser.denials() == []


def test_each_schedule_may_keep_what_it_could_not_start(deployment: Deployment) -> None:
    """EventBridge Scheduler sends a dead letter with the schedule's own role."""
    sqs, scheduler = client("sqs"), client("scheduler")
    names = [it["Name"] for it in scheduler.list_schedules()["Schedules"]]
    assert len(names) == 2
    for target in (scheduler.get_schedule(Name=name)["Target"] for name in names):
        queue = target["DeadLetterConfig"]["Arn"].rpartition(":")[2]
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        assert deployment.may(target["RoleArn"], "sqs.SendMessage", {"QueueUrl": url}) == ""
    machine = client("stepfunctions").describe_state_machine(
        stateMachineArn=deployment.cloud.state_machine_arn
    )
    assert deployment.may(machine["roleArn"], "sqs.SendMessage", {"QueueUrl": url}) != ""


def test_the_verdict_is_exported_to_a_pipeline_under_its_own_role(
    deployment: Deployment, night: Schedule
) -> None:
    configuration = {"UserParameters": night.ending.execution_arn}
    job = {"id": "job", "data": {"actionConfiguration": {"configuration": configuration}}}
    function = f"arn:aws:lambda:{REGION}:123456789012:function:tm-ExportVerdict"
    # moto does not answer for CodePipeline; what is stubbed is not asked about, so it is here.
    with Stubber(lambda_client("codepipeline")) as pipeline:
        pipeline.add_response("put_job_success_result", {})
        answer = deployment.invoke(function, {"CodePipeline.job": job})
        pipeline.assert_no_pending_responses()
    assert "FunctionError" not in answer
    assert [it.asked.action for it in deployment.authoriser.answers] == ["states:DescribeExecution"]
    assert deployment.may(role_of(function), "codepipeline.PutJobSuccessResult", {}) == ""
    assert deployment.authoriser.denials() == []


def role_of(function: str) -> str:
    """The ARN of a function's role."""
    found = client("lambda").get_function_configuration(FunctionName=function)
    return str(found["Role"])


def invokers(function_arn: str) -> list[tuple[str, str]]:
    """Which service may invoke a function, and on whose behalf."""
    policy = json.loads(client("lambda").get_policy(FunctionName=function_arn)["Policy"])
    return [
        (it["Principal"]["Service"], it["Condition"]["ArnLike"]["AWS:SourceArn"])
        for it in policy["Statement"]
        if it["Action"] == "lambda:InvokeFunction"
    ]


def _stop_before(deployment: Deployment, function: str) -> dict[str, Any]:
    """A drill that a person stops; EventBridge's event about it, as its user guide shows it."""
    cloud, started = deployment.cloud, list[str]()

    def stop(state: str, _: Any) -> None:
        if state == function:
            cloud.stop(started[0])

    cloud.functions.before = stop
    started.append(cloud.start({"db_instance_id": SOURCE, "baseline": "none"}))
    assert cloud.wait(started[0]).status == "ABORTED"
    cloud.functions.before = None
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": started[0],
            "stateMachineArn": cloud.state_machine_arn,
            "name": started[0].rpartition(":")[2],
            "status": "ABORTED",
        },
    }
