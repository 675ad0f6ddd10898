"""Every text of the template against what its service takes.

CloudFormation hands a text to the service as it stands; one character that the service does not
take fails the resource and rolls the whole stack back. cfn-lint, cdk-nag and emulators let most of
them pass. So each text has the rule of its service here, and a text without a rule is a failure.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.conftest import Template
from tests.infra.test_template import any_template, of_type

__all__ = ["any_template"]

Text = tuple[str, str, str]
"""The resource's type, the property's path, and the value."""

REFERENCES = {"Fn::GetAtt", "Fn::Join", "Fn::Sub", "Fn::GetAZs", "Fn::Select", "Ref"}
"""CDK and CloudFormation hold these."""

# Characters and lengths are those of each service's API reference, or of the botocore model of it.
_EC2_TEXT = r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}"
"""EC2, CreateSecurityGroup and IpRange, "Description"."""
_LAMBDA_TEXT = r"[ -~]{0,256}"
"""Lambda, "Description" of a function and a layer: 256; no set is given, so plain ASCII."""
_EVENTS_TEXT = r"[ -~]{0,512}"
"""EventBridge and EventBridge Scheduler, "Description": 512."""
_TAG_KEY = r"(?!aws:)[\w .:/=+\-@]{1,128}"
_TAG_VALUE = r"[\w .:/=+\-@]{0,256}"
"""What all services take: letters, digits, spaces and ``_ . : / = + - @``; S3 and RDS no more."""
_GROUP_NAME = r"(?!.*--)[a-zA-Z][a-zA-Z0-9\-]{0,253}[a-zA-Z0-9]"
"""RDS, CreateDBParameterGroup: letters, digits, hyphens; never two in a row or one last."""
_RDS_TEXT = r"[ -~]{1,255}"
"""RDS, descriptions of groups: no set is given, so plain ASCII."""
_DIMENSION = r"(?!:)[ -~]{1,255}"
"""CloudWatch, Dimension: ASCII; no colon at the start."""

TEXTS: dict[tuple[str, str], str] = {
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): r"[ -~]{0,1024}",
    ("AWS::CloudWatch::Alarm", "AlarmName"): r"[!-~]{1,255}",
    ("AWS::CloudWatch::Alarm", "Dimensions[].Name"): _DIMENSION,
    ("AWS::CloudWatch::Alarm", "Dimensions[].Value"): _DIMENSION,
    ("AWS::CloudWatch::Alarm", "MetricName"): r"[ -~]{1,255}",
    ("AWS::CloudWatch::Alarm", "Namespace"): r"[0-9a-zA-Z.\-_/#:]{1,255}",
    ("AWS::CloudWatch::Alarm", "Metrics[].Id"): r"[a-z][a-zA-Z0-9_]{0,254}",
    ("AWS::CloudWatch::Alarm", "Metrics[].Label"): r"[ -~]{1,255}",
    ("AWS::CloudWatch::Alarm", "Metrics[].Expression"): r"[ -~]{1,2048}",
    ("AWS::CloudWatch::Alarm", "Metrics[].MetricStat.Metric.Namespace"): r"[\w.\-/#:]{1,255}",
    ("AWS::CloudWatch::Alarm", "Metrics[].MetricStat.Metric.MetricName"): r"[ -~]{1,255}",
    ("AWS::CloudWatch::Alarm", "Metrics[].MetricStat.Metric.Dimensions[].Name"): _DIMENSION,
    ("AWS::CloudWatch::Alarm", "Metrics[].MetricStat.Metric.Dimensions[].Value"): _DIMENSION,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): r"[A-Za-z0-9_\-]{1,255}",
    ("AWS::EC2::SecurityGroup", "GroupDescription"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroup", "SecurityGroupEgress[].Description"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress[].Description"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroupEgress", "Description"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroupIngress", "Description"): _EC2_TEXT,
    ("AWS::Events::Rule", "Description"): _EVENTS_TEXT,
    ("AWS::Events::Rule", "Targets[].Id"): r"[.\-_A-Za-z0-9]{1,64}",
    ("AWS::KMS::Key", "Description"): r"[ -~]{0,8192}",
    ("AWS::Lambda::Function", "Description"): _LAMBDA_TEXT,
    ("AWS::Lambda::Function", "FunctionName"): r"[a-zA-Z0-9\-_]{1,64}",
    ("AWS::Lambda::Function", "Handler"): r"[^\s]{0,128}",
    ("AWS::Lambda::Function", "Environment.Variables.*"): r"[ -~]{0,4096}",
    ("AWS::Lambda::LayerVersion", "Description"): _LAMBDA_TEXT,
    ("AWS::Logs::LogGroup", "LogGroupName"): r"[.\-_/#A-Za-z0-9]{1,512}",
    ("AWS::RDS::DBParameterGroup", "DBParameterGroupName"): _GROUP_NAME,
    ("AWS::RDS::DBParameterGroup", "Description"): _RDS_TEXT,
    ("AWS::RDS::DBParameterGroup", "Family"): r"postgres1[4-8]",
    ("AWS::RDS::DBParameterGroup", "Parameters.*"): r"[ -~]+",
    # RDS keeps it in small letters; "default" is taken.
    ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName"): r"(?!default$)[a-z][a-z0-9._\- ]{0,254}",
    ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupDescription"): _RDS_TEXT,
    ("AWS::S3::Bucket", "LifecycleConfiguration.Rules[].Id"): r"[ -~]{1,255}",
    ("AWS::SNS::Subscription", "Endpoint"): r"[^\s@]{1,64}@[a-zA-Z0-9.\-]{1,255}",
    ("AWS::SNS::Topic", "DisplayName"): r"[ -~]{0,100}",
    ("AWS::Scheduler::Schedule", "Description"): _EVENTS_TEXT,
    # Singular with 1 and nowhere else.
    ("AWS::Scheduler::Schedule", "ScheduleExpression"): r"cron\((\S+ ){5}\S+\)"
    r"|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)",
    ("AWS::Scheduler::Schedule", "ScheduleExpressionTimezone"): r"[A-Za-z0-9_+\-/]{1,50}",
    ("AWS::Scheduler::Schedule", "Target.Input"): r"[\s\S]{1,262144}",
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): r"[0-9A-Za-z\-_]{1,80}",
    ("AWS::StepFunctions::StateMachine", "DefinitionString"): r"[\s\S]{1,1048576}",
}
"""By type and path: the whole text must match."""

VALUES = {
    "Action",
    "Architectures[]",
    "AvailabilityZone",
    "BucketEncryption.ServerSideEncryptionConfiguration[].ServerSideEncryptionByDefault.SSEAlgorithm",
    "CidrBlock",
    "CidrIp",
    "Code.S3Key",
    "ComparisonOperator",
    "CompatibleArchitectures[]",
    "CompatibleRuntimes[]",
    "Content.S3Key",
    "DestinationSecurityGroupId",
    "EventPattern.detail-type[]",
    "EventPattern.detail.status[]",
    "EventPattern.source[]",
    "FlexibleTimeWindow.Mode",
    "InstanceTenancy",
    "IpProtocol",
    "LifecycleConfiguration.Rules[].Status",
    "LogDestinationType",
    "LoggingConfig.LogFormat",
    "LoggingConfiguration.Level",
    "Metrics[].MetricStat.Stat",
    "OwnershipControls.Rules[].ObjectOwnership",
    "Principal",
    "Protocol",
    "ResourceType",
    "Runtime",
    "SecurityGroupEgress[].CidrIp",
    "SecurityGroupEgress[].IpProtocol",
    "State",
    "Statistic",
    "SubnetIds[]",
    "TracingConfig.Mode",
    "TrafficType",
    "TreatMissingData",
    "VersioningConfiguration.Status",
    "VpcConfig.SubnetIds[]",
    "VpcEndpointType",
    "VpcId",
}
"""Values of a service's own, which cfn-lint knows, and ids that the settings' schema holds."""

POLICIES = {"AssumeRolePolicyDocument", "KeyPolicy", "PolicyDocument", "Policies"}

_IAM_TEXT = r"[\u0009\u000A\u000D\u0020-\u00FF]+"
"""IAM, PutRolePolicy, "PolicyDocument"."""

_NAMED_FREELY = ("Environment.Variables", "Parameters", "DefinitionSubstitutions")


def texts(template: Template) -> Iterator[Text]:
    for resource in template["Resources"].values():
        for key, value in resource.get("Properties", {}).items():
            if key not in POLICIES:
                yield from _within(resource["Type"], key, value)


def _within(kind: str, path: str, value: Any) -> Iterator[Text]:
    if isinstance(value, str):
        yield kind, path, value
    elif isinstance(value, list):
        for entry in value:
            yield from _within(kind, f"{path}[]", entry)
    elif isinstance(value, dict) and not REFERENCES & set(value):
        for key, entry in value.items():
            yield from _within(kind, f"{path}.{'*' if path in _NAMED_FREELY else key}", entry)


def rule_of(kind: str, path: str) -> str | None:
    of_tags = {"Tags[].Key": _TAG_KEY, "Tags[].Value": _TAG_VALUE}
    return of_tags.get(path) or TEXTS.get((kind, path))


def faults(template: Template) -> list[str]:
    found = []
    for kind, path, text in texts(template):
        rule = rule_of(kind, path)
        if rule is None and path not in VALUES:
            found.append(f"{kind} {path} has no rule here: {text[:80]}")
        elif rule is not None and not re.fullmatch(rule, text):
            found.append(f"{kind} {path} is not taken by the service: {text[:80]}")
    return found


def test_every_text_is_one_that_its_service_takes(any_template: Template) -> None:
    assert faults(any_template) == []


def changed(template: Template, kind: str, path: str, text: str) -> Template:
    """The template with another text at each place of that kind and path."""
    found: Template = json.loads(json.dumps(template))
    for resource in found["Resources"].values():
        if resource["Type"] == kind:
            nodes = [resource["Properties"]]
            *ahead, last = path.split(".")
            for step in ahead:
                below = [node[step.removesuffix("[]")] for node in nodes]
                nodes = [entry for each in below for entry in each] if "[]" in step else below
            for node in nodes:
                node[last] = text
    return found


@pytest.mark.parametrize(
    ("kind", "path", "text"),
    [
        ("AWS::EC2::SecurityGroup", "GroupDescription", "the verifier's"),
        ("AWS::EC2::SecurityGroup", "GroupDescription", 'the "copies"'),
        ("AWS::EC2::SecurityGroup", "GroupDescription", "copies \u2013 no way out"),
        ("AWS::EC2::SecurityGroup", "GroupDescription", "x" * 256),
        ("AWS::EC2::SecurityGroup", "GroupDescription", "50% of it"),
        ("AWS::EC2::SecurityGroup", "GroupDescription", "a\nline"),
        ("AWS::EC2::SecurityGroupEgress", "Description", "<the copies>"),
        ("AWS::EC2::SecurityGroupIngress", "Description", "what? the verifier"),
        ("AWS::EC2::SecurityGroupIngress", "Description", "S3 and AWS's APIs"),
        ("AWS::Lambda::Function", "Description", "x" * 257),
        ("AWS::Lambda::Function", "FunctionName", "a" * 65),
        ("AWS::Lambda::Function", "FunctionName", "tm.PlanDrill"),
        ("AWS::Logs::LogGroup", "LogGroupName", "/aws/lambda/tm PlanDrill"),
        ("AWS::CloudWatch::Alarm", "AlarmDescription", "x" * 1025),
        ("AWS::CloudWatch::Alarm", "AlarmName", "tm-Fr\u00fch"),
        ("AWS::Events::Rule", "Description", "x" * 513),
        ("AWS::Scheduler::Schedule", "ScheduleExpression", "rate(1 hours)"),
        ("AWS::Scheduler::Schedule", "ScheduleExpression", "rate(2 hour)"),
        ("AWS::Scheduler::Schedule", "ScheduleExpression", "cron(0 3 * * *)"),
        ("AWS::RDS::DBParameterGroup", "DBParameterGroupName", "tm--quarantine"),
        ("AWS::RDS::DBParameterGroup", "DBParameterGroupName", "tm-quarantine-"),
        ("AWS::RDS::DBParameterGroup", "DBParameterGroupName", "tm_quarantine"),
        ("AWS::RDS::DBParameterGroup", "Family", "postgresql16"),
        ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName", "Tm-Quarantine"),
        ("AWS::StepFunctions::StateMachine", "StateMachineName", "tm drill"),
        ("AWS::StepFunctions::StateMachine", "StateMachineName", "x" * 81),
        ("AWS::KMS::Key", "Tags[].Value", "rds;time;machine"),
        ("AWS::KMS::Key", "Tags[].Key", "aws:created-by"),
        ("AWS::SNS::Topic", "DisplayName", "x" * 101),
        ("AWS::SNS::Topic", "SignatureNote", "a text of a property that is new here"),
    ],
)
def test_a_text_that_its_service_does_not_take_is_found(
    template: Template, kind: str, path: str, text: str
) -> None:
    assert faults(changed(template, kind, path, text))


def policies(template: Template) -> Iterator[tuple[str, Any]]:
    for name, resource in template["Resources"].items():
        given = resource.get("Properties", {})
        for key in sorted(POLICIES & set(given)):
            found = given[key] if key == "Policies" else [{"PolicyDocument": given[key]}]
            for policy in found:
                assert re.fullmatch(r"[\w+=,.@\-]{1,128}", policy.get("PolicyName", "x")), name
                yield name, policy["PolicyDocument"]


def test_policies_have_sids_that_iam_takes_once_each(any_template: Template) -> None:
    """IAM: letters and digits only, unlike S3 and SNS, and no Sid twice in a document."""
    for name, document in policies(any_template):
        assert re.fullmatch(_IAM_TEXT, json.dumps(document, ensure_ascii=False)), name
        sids = [entry["Sid"] for entry in document["Statement"] if "Sid" in entry]
        assert len(set(sids)) == len(sids), name
        for sid in sids:
            assert re.fullmatch(r"[A-Za-z0-9]+", sid), name


def test_a_functions_environment_is_within_4_kilobytes(any_template: Template) -> None:
    """Lambda counts names and values; names begin with a letter and have two characters or more.

    A reference stands for at most 63 characters here, the longest being a bucket's name.
    """
    for name, function in of_type(any_template, "AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        size = sum(
            len(key) + (len(value.encode()) if isinstance(value, str) else 63)
            for key, value in variables.items()
        )
        assert size <= 4096, name
        assert all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", key) for key in variables)


def test_what_cloudformation_itself_bounds_is_within(any_template: Template) -> None:
    """Its quotas: 500 resources, 200 outputs, a template of 1 MB, a description of 1,024 bytes."""
    assert len(any_template["Resources"]) <= 500
    assert len(any_template["Outputs"]) <= 200
    assert len(json.dumps(any_template).encode()) <= 1_000_000
    assert len(any_template["Description"].encode()) <= 1024
    for name in (*any_template["Resources"], *any_template["Outputs"]):
        assert re.fullmatch(r"[A-Za-z0-9]{1,255}", name)
