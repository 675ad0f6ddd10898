"""How each type of resource is made: by the API call that CloudFormation itself would make.

Properties go to boto3 under their own names wherever those are the API's too, so that one which
is unknown or of the wrong type is refused by botocore's model of the service.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from local.cloud import REGION
from local.stepfunctions import fill_placeholders

Properties = dict[str, Any]

ROLE_NAME_LENGTH = 64


@dataclass(frozen=True)
class Made:
    """What ``Ref`` and ``Fn::GetAtt`` give for a resource."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


Maker = Callable[[str, Properties], Made]
Updater = Callable[[Made, Properties], None]


@cache
def client(service: str) -> Any:
    """A client of the embedded AWS, made once: that takes longer than most calls."""
    return boto3.client(service, region_name=REGION)


def _role(name: str, given: Properties) -> Made:
    iam, policies = client("iam"), given.pop("Policies", [])
    trust = json.dumps(given.pop("AssumeRolePolicyDocument"))
    name = given.pop("RoleName", name[-ROLE_NAME_LENGTH:].lstrip("-"))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **given)["Role"]["Arn"]
    for policy in policies:
        _put_policy(name, policy)
    return Made(name, {"Arn": arn})


def _update_role(role: Made, given: Properties) -> None:
    iam = client("iam")
    for name in iam.list_role_policies(RoleName=role.ref)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role.ref, PolicyName=name)
    for policy in given["Policies"]:
        _put_policy(role.ref, policy)


def _policy(name: str, given: Properties) -> Made:
    for role in given.pop("Roles"):
        _put_policy(role, given)
    return Made(name)


def _put_policy(role: str, policy: Properties) -> None:
    document = json.dumps(policy["PolicyDocument"])
    client("iam").put_role_policy(RoleName=role, **{**policy, "PolicyDocument": document})


def _function(name: str, given: Properties) -> Made:
    functions = client("lambda")
    concurrency = given.pop("ReservedConcurrentExecutions", None)
    name = given.pop("FunctionName", name)
    tags = _by_key(given.pop("Tags", []))
    arn = functions.create_function(FunctionName=name, Tags=tags, **given)["FunctionArn"]
    if concurrency is not None:
        functions.put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=concurrency
        )
    return Made(name, {"Arn": arn})


def _update_function(function: Made, given: Properties) -> None:
    for fixed in ("Architectures", "Code", "FunctionName", "ReservedConcurrentExecutions", "Tags"):
        given.pop(fixed, None)
    client("lambda").update_function_configuration(FunctionName=function.ref, **given)


def _layer(name: str, given: Properties) -> Made:
    made = client("lambda").publish_layer_version(LayerName=name, **given)
    return Made(made["LayerVersionArn"])


def _invocation_permission(name: str, given: Properties) -> Made:
    client("lambda").add_permission(StatementId=name, **given)
    return Made(name)


def _state_machine(_: str, given: Properties) -> Made:
    definition, values = given.pop("DefinitionString"), given.pop("DefinitionSubstitutions")
    name = given.pop("StateMachineName")
    made = client("stepfunctions").create_state_machine(
        name=name,
        # A placeholder without a value fails the deployment.
        definition=fill_placeholders(definition, values.__getitem__),
        **_small(given),
    )
    return Made(made["stateMachineArn"], {"Arn": made["stateMachineArn"], "Name": name})


def _schedule(name: str, given: Properties) -> Made:
    made = client("scheduler").create_schedule(Name=given.pop("Name", name), **given)
    return Made(name, {"Arn": made["ScheduleArn"]})


def _rule(name: str, given: Properties) -> Made:
    events, targets = client("events"), given.pop("Targets")
    pattern = json.dumps(given.pop("EventPattern"))
    arn = events.put_rule(Name=name, EventPattern=pattern, **given)["RuleArn"]
    events.put_targets(Rule=name, Targets=targets)
    return Made(name, {"Arn": arn})


def _log_group(name: str, given: Properties) -> Made:
    logs, name = client("logs"), given.pop("LogGroupName", name)
    days = given.pop("RetentionInDays")
    logs.create_log_group(logGroupName=name, tags=_by_key(given.pop("Tags", [])), **given)
    logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    account = client("sts").get_caller_identity()["Account"]
    return Made(name, {"Arn": f"arn:aws:logs:{REGION}:{account}:log-group:{name}:*"})


def _alarm(name: str, given: Properties) -> Made:
    name = given.pop("AlarmName", name)
    client("cloudwatch").put_metric_alarm(AlarmName=name, **given)
    (alarm,) = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return Made(name, {"Arn": alarm["AlarmArn"]})


def _dashboard(_: str, given: Properties) -> Made:
    given.pop("Tags")  # newer in CloudFormation than in botocore's PutDashboard
    client("cloudwatch").put_dashboard(**given)
    return Made(given["DashboardName"])


def _bucket(name: str, given: Properties) -> Made:
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, value in given.items():
        call, options = _OF_BUCKETS[key](value)
        getattr(s3, call)(Bucket=name, **options)
    return Made(name, {"Arn": f"arn:aws:s3:::{name}"})


_OF_BUCKETS: dict[str, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    "BucketEncryption": lambda value: (
        "put_bucket_encryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [
                    {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
                    for rule in value["ServerSideEncryptionConfiguration"]
                ]
            }
        },
    ),
    "LifecycleConfiguration": lambda value: (
        "put_bucket_lifecycle_configuration",
        {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}},
    ),
    "LoggingConfiguration": lambda value: (
        "put_bucket_logging",
        {
            "BucketLoggingStatus": {
                "LoggingEnabled": {
                    "TargetBucket": value["DestinationBucketName"],
                    "TargetPrefix": value.get("LogFilePrefix", ""),
                }
            }
        },
    ),
    "OwnershipControls": lambda value: (
        "put_bucket_ownership_controls",
        {"OwnershipControls": value},
    ),
    "PublicAccessBlockConfiguration": lambda value: (
        "put_public_access_block",
        {"PublicAccessBlockConfiguration": value},
    ),
    "Tags": lambda value: ("put_bucket_tagging", {"Tagging": {"TagSet": value}}),
    "VersioningConfiguration": lambda value: (
        "put_bucket_versioning",
        {"VersioningConfiguration": value},
    ),
}


def _lifecycle_rule(rule: Properties) -> Properties:
    days = rule.pop("ExpirationInDays")
    return {"Filter": {"Prefix": ""}, "Expiration": {"Days": days}, **rule}


def _bucket_policy(name: str, given: Properties) -> Made:
    client("s3").put_bucket_policy(
        Bucket=given.pop("Bucket"), Policy=json.dumps(given.pop("PolicyDocument")), **given
    )
    return Made(name)


def _key(_: str, given: Properties) -> Made:
    kms, rotates = client("kms"), given.pop("EnableKeyRotation")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in given.pop("Tags", [])]
    policy = json.dumps(given.pop("KeyPolicy"))
    key = kms.create_key(Policy=policy, Tags=tags, **given)["KeyMetadata"]
    if rotates:
        kms.enable_key_rotation(KeyId=key["KeyId"])
    return Made(key["KeyId"], {"Arn": key["Arn"]})


def _topic(name: str, given: Properties) -> Made:
    tags = given.pop("Tags", [])
    made = client("sns").create_topic(Name=name, Tags=tags, Attributes=given)
    return Made(made["TopicArn"])


def _topic_policy(name: str, given: Properties) -> Made:
    for topic in given["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(given["PolicyDocument"]),
        )
    return Made(name)


def _subscription(_: str, given: Properties) -> Made:
    return Made(client("sns").subscribe(ReturnSubscriptionArn=True, **given)["SubscriptionArn"])


def _queue(name: str, given: Properties) -> Made:
    sqs, tags = client("sqs"), _by_key(given.pop("Tags", []))
    url = sqs.create_queue(QueueName=name, tags=tags, **given)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return Made(url, {"Arn": found["QueueArn"], "QueueName": name})


def _queue_policy(name: str, given: Properties) -> Made:
    for url in given["Queues"]:
        client("sqs").set_queue_attributes(
            QueueUrl=url, Attributes={"Policy": json.dumps(given["PolicyDocument"])}
        )
    return Made(name)


def _subnet_group(_: str, given: Properties) -> Made:
    client("rds").create_db_subnet_group(**given)
    return Made(given["DBSubnetGroupName"])


def _parameter_group(_: str, given: Properties) -> Made:
    rds, name = client("rds"), given.pop("DBParameterGroupName")
    parameters = [
        {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
        for key, value in given.pop("Parameters").items()
    ]
    family = given.pop("Family")
    rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=family, **given)
    rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=parameters)
    return Made(name)


def _security_group(name: str, given: Properties) -> Made:
    ec2 = client("ec2")
    tags = [{"ResourceType": "security-group", "Tags": given.pop("Tags", [])}]
    group = ec2.create_security_group(
        GroupName=name,
        Description=given.pop("GroupDescription"),
        VpcId=given.pop("VpcId"),
        TagSpecifications=tags,
    )["GroupId"]
    # EC2 opens every way out; a template that lists its own replaces that.
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everywhere])
    for rule in given.pop("SecurityGroupEgress"):
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[_permission(rule)])
    if given:
        raise NotImplementedError(f"properties of a security group: {', '.join(given)}")
    return Made(group, {"GroupId": group})


def _way_in(name: str, given: Properties) -> Made:
    group = given.pop("GroupId")
    client("ec2").authorize_security_group_ingress(
        GroupId=group, IpPermissions=[_permission(given)]
    )
    return Made(name)


def _way_out(name: str, given: Properties) -> Made:
    group = given.pop("GroupId")
    client("ec2").authorize_security_group_egress(GroupId=group, IpPermissions=[_permission(given)])
    return Made(name)


def _permission(rule: Properties) -> Properties:
    said = {"Description": rule.pop("Description")}
    if "CidrIp" in rule:
        return {"IpRanges": [{"CidrIp": rule.pop("CidrIp"), **said}], **rule}
    (other,) = (key for key in rule if key.endswith("SecurityGroupId"))
    return {"UserIdGroupPairs": [{"GroupId": rule.pop(other), **said}], **rule}


def _by_key(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _small(value: Any) -> Any:
    """Step Functions' API spells CloudFormation's properties with a small letter first."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _small(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_small(inner) for inner in value]
    return value


MAKERS: Mapping[str, Maker] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::EC2::SecurityGroupEgress": _way_out,
    "AWS::EC2::SecurityGroupIngress": _way_in,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::Policy": _policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::LayerVersion": _layer,
    "AWS::Lambda::Permission": _invocation_permission,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::RDS::DBParameterGroup": _parameter_group,
    "AWS::RDS::DBSubnetGroup": _subnet_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
"""By type; what is neither here nor in ``MOTOS`` can't be deployed."""

MOTOS = frozenset(
    {
        "AWS::EC2::FlowLog",
        "AWS::EC2::RouteTable",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
    }
)
"""Types that moto makes itself: the network of our own, through which nothing passes here."""

UPDATERS: Mapping[str, Updater] = {
    "AWS::IAM::Role": _update_role,
    "AWS::Lambda::Function": _update_function,
}
