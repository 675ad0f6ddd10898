"""Names of the template that the account has already."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.preflight.account import Account
from ops.preflight.answers import Answer, Level
from ops.preflight.names import judge, judge_instances, questions, subject_of
from ops.preflight.plan import NAMED, Plan
from tests.infra.preflight.conftest import REGION, Clients, plan
from tests.infra.test_template import DEPLOYMENTS, Synthesised

NAMES = {
    "AWS::CloudWatch::Alarm": "tm-DrillFailed",
    "AWS::CloudWatch::Dashboard": "tm-time-machine",
    "AWS::Lambda::Function": "tm-Sweep",
    "AWS::Logs::LogGroup": "/aws/lambda/tm-Sweep",
    "AWS::RDS::DBParameterGroup": "tm-quarantine-16",
    "AWS::RDS::DBSubnetGroup": "tm-quarantine-abcdef",
    "AWS::StepFunctions::StateMachine": "tm-drill",
}
FIELDS = {"Family": "postgres16", "Parameters": {}}


def of_names() -> Plan:
    resources = {
        f"R{number}": {"Type": kind, "Properties": {NAMED[kind]: name, **FIELDS}}
        for number, (kind, name) in enumerate(NAMES.items())
    }
    return plan({"Resources": resources})


def _function(name: str) -> None:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    boto3.client("lambda").create_function(
        FunctionName=name, Role=role["Role"]["Arn"], Code={"ZipFile": b""}, Handler="h",
        Runtime="python3.13",
    )  # fmt: skip


def _machine(name: str) -> None:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    definition = '{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}'
    boto3.client("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn=role["Role"]["Arn"]
    )


def _alarm(name: str) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold",
        MetricName="m", Namespace="n", Period=60, Statistic="Sum", Threshold=1,
    )  # fmt: skip


def _dashboard(name: str) -> None:
    boto3.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')


def _log_group(name: str) -> None:
    boto3.client("logs").create_log_group(logGroupName=name)


def _parameters(name: str) -> None:
    boto3.client("rds").create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="x"
    )


def _subnets(name: str) -> None:
    ec2 = boto3.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    boto3.client("rds").create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="x", SubnetIds=[subnet]
    )


MAKERS: dict[str, Callable[[str], None]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::Lambda::Function": _function,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::RDS::DBParameterGroup": _parameters,
    "AWS::RDS::DBSubnetGroup": _subnets,
    "AWS::StepFunctions::StateMachine": _machine,
}


def asked(of: Plan) -> dict[str, Answer]:
    found = Account(REGION, Clients({}, otherwise=True))
    return {a.subject: a for q in questions(of) for a in q.judge(q.ask(found))}


def test_an_empty_account_has_taken_no_name() -> None:
    with mock_aws():
        found = asked(of_names())
    assert [answer.level for answer in found.values()] == [Level.OK] * (len(NAMES) + 1)


@pytest.mark.parametrize("kind", list(NAMES))
def test_a_name_that_a_stranger_has_is_blocked(kind: str) -> None:
    with mock_aws():
        MAKERS[kind](NAMES[kind])
        found = asked(of_names())
    answer = found.pop(subject_of(kind))
    assert answer.level is Level.BLOCKED
    assert NAMES[kind] in answer.says
    assert "prefix" in answer.remedy
    assert {other.level for other in found.values()} == {Level.OK}


@pytest.mark.parametrize("kind", list(NAMES))
def test_a_name_that_is_only_like_ours_is_no_clash(kind: str) -> None:
    with mock_aws():
        MAKERS[kind](f"{NAMES[kind]}-2")
        found = asked(of_names())
    assert {answer.level for answer in found.values()} == {Level.OK}


def test_what_the_stack_itself_has_made_is_no_clash() -> None:
    group = {"DBParameterGroupName": "tm-quarantine-16", "Family": "postgres16", "Description": "x"}
    template: dict[str, Any] = {
        "Resources": {
            "L": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/x/tm-a"}},
            "P": {"Type": "AWS::RDS::DBParameterGroup", "Properties": group},
        }
    }
    of = plan(template)
    with mock_aws():
        boto3.client("cloudformation").create_stack(
            StackName=of.settings.stack, TemplateBody=json.dumps(template)
        )
        found = asked(of)
    assert {answer.level for answer in found.values()} == {Level.OK}
    assert "stack's own" in found[subject_of("AWS::Logs::LogGroup")].says


def test_a_state_machine_of_the_stack_is_known_by_its_arn() -> None:
    (answer,) = judge(
        {"There": {"tm-drill"}, "Ours": {"tm-drill"}},
        "AWS::StepFunctions::StateMachine",
        ["tm-drill"],
    )
    assert answer.level is Level.OK


def named(name: str, stack: str = "") -> dict[str, Any]:
    tags = [{"Key": "time-machine:stack", "Value": stack}] if stack else []
    return {"DBInstanceIdentifier": name, "TagList": tags}


@pytest.mark.parametrize(
    ("found", "level"),
    [
        ([], Level.OK),
        ([named("shop"), named("tmx-shop")], Level.OK),
        ([named("tm-shop-20250101-020000-0ff1ce", "tm-time-machine")], Level.OK),
        ([named("tm-production")], Level.WARNING),
        ([named("tm-shop-20250101-020000-0ff1ce", "other")], Level.WARNING),
    ],
)
def test_an_instance_that_looks_like_a_copy_is_a_warning(
    found: list[dict[str, Any]], level: Level
) -> None:
    (answer,) = judge_instances(found, "tm", "tm-time-machine")
    assert answer.level is level


@pytest.mark.parametrize("name", ["loading", "given-vpc-with-baselines"])
def test_every_name_in_a_template_is_asked_about(name: str, synthesised: Synthesised) -> None:
    template = synthesised(name, DEPLOYMENTS[name])
    # Not names of resources: what a metric or a topic is called for people.
    people = {"MetricName", "DisplayName", "ServiceName"}
    found = {
        (resource["Type"], key)
        for resource in template["Resources"].values()
        for key, value in resource.get("Properties", {}).items()
        if key.endswith("Name") and key not in people and isinstance(value, str)
    }
    assert found == set(NAMED.items())
