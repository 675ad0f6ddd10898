"""What IAM is asked for each AWS call of a drill, a load or the sweeper, and what it answers.

A call is one action or more, each on every resource that it touches, under condition keys that AWS
sets. The table is :data:`ASKED`; a call that is not in it is an error, never allowed.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from local.calls import Call
from local.cloud import REGION
from tests.infra.resources import client
from tests.infra.simulation import Decision, Simulator

ACCOUNT = "123456789012"

Parameters = Mapping[str, Any]
Context = dict[str, str | Sequence[str]]

ANY = "any-of-all"
"""A name that only a policy on all of them lets in: that is how RDS authorises a listing."""

_TLS: Context = {"s3:TlsVersion": "1.3"}


@dataclass(frozen=True)
class Asked:
    """One action on the resources that it touches.

    Attributes:
        resources: what is true of each, such as its tags, by ARN.
        context: what is true of the request.
    """

    action: str
    resources: Mapping[str, Context]
    context: Context = field(default_factory=dict)


def rds_arn(kind: str, name: str) -> str:
    """Of a ``db``, ``snapshot``, ``subgrp``, ``pg`` or ``og``."""
    return f"arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{name}"


def _describe_instances(given: Parameters) -> list[Asked]:
    name = given.get("DBInstanceIdentifier", ANY)
    return [Asked("rds:DescribeDBInstances", _as_tagged(rds_arn("db", name)))]


def _describe_snapshots(given: Parameters) -> list[Asked]:
    snapshot = rds_arn("snapshot", given.get("DBSnapshotIdentifier", ANY))
    named = given.get("DBInstanceIdentifier")
    arns = [snapshot, rds_arn("db", named)] if named else [snapshot]
    return [Asked("rds:DescribeDBSnapshots", _as_tagged(*arns))]


def _create_snapshot(given: Parameters) -> list[Asked]:
    snapshot = rds_arn("snapshot", given["DBSnapshotIdentifier"])
    source, tags = rds_arn("db", given["DBInstanceIdentifier"]), _as_requested(given)
    return [
        Asked("rds:CreateDBSnapshot", _as_tagged(source, snapshot), tags),
        Asked("rds:AddTagsToResource", _as_tagged(snapshot), tags),
    ]


def _add_tags(given: Parameters) -> list[Asked]:
    return [Asked("rds:AddTagsToResource", _as_tagged(given["ResourceName"]), _as_requested(given))]


def _restore(given: Parameters) -> list[Asked]:
    copy, tags = rds_arn("db", given["DBInstanceIdentifier"]), _as_requested(given)
    snapshot = rds_arn("snapshot", given["DBSnapshotIdentifier"])
    touched = _as_tagged(
        copy,
        snapshot,
        rds_arn("subgrp", given["DBSubnetGroupName"]),
        rds_arn("pg", given["DBParameterGroupName"]),
        rds_arn("og", f"default:postgres-{_major_version(given['DBSnapshotIdentifier'])}"),
    )
    said = {"rds:PubliclyAccessible": _truth(given["PubliclyAccessible"])}
    return [
        Asked("rds:RestoreDBInstanceFromDBSnapshot", touched, {**tags, **said}),
        Asked("rds:AddTagsToResource", _as_tagged(copy), tags),
    ]


def _modify(given: Parameters) -> list[Asked]:
    """A managed master password needs three more of the caller, which RDS asks in its name."""
    manages = given["ManageMasterUserPassword"]
    instance = _as_tagged(rds_arn("db", given["DBInstanceIdentifier"]))
    asked = [
        Asked("rds:ModifyDBInstance", instance, {"rds:ManageMasterUserPassword": _truth(manages)})
    ]
    if not manages:
        return asked
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-to-be-made"
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/aws-secretsmanager"
    by_rds: Context = {"aws:ViaAWSService": "true", "aws:CalledVia": ["rds.amazonaws.com"]}
    return [
        *asked,
        Asked("secretsmanager:CreateSecret", {secret: {}}, by_rds),
        Asked("secretsmanager:TagResource", {secret: {}}, by_rds),
        Asked("kms:DescribeKey", {key: {}}, {**by_rds, **_via("rds")}),
    ]


def _delete_instance(given: Parameters) -> list[Asked]:
    instance = rds_arn("db", given["DBInstanceIdentifier"])
    return [Asked("rds:DeleteDBInstance", _as_tagged(instance))]


def _delete_snapshot(given: Parameters) -> list[Asked]:
    snapshot = rds_arn("snapshot", given["DBSnapshotIdentifier"])
    return [Asked("rds:DeleteDBSnapshot", _as_tagged(snapshot))]


def _get_object(given: Parameters) -> list[Asked]:
    """S3 tells that a key is missing only to who may list the bucket."""
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    asked = [Asked("s3:GetObject", {f"{bucket}/{given['Key']}": {}}, _TLS)]
    if _is_there(given["Bucket"], given["Key"]):
        return asked
    return [*asked, Asked("s3:ListBucket", {bucket: {}}, _TLS)]


def _head_object(given: Parameters) -> list[Asked]:
    """S3 has no action of its own for it, and tells that a key is missing as GetObject does."""
    return _get_object(given)


def _list_objects(given: Parameters) -> list[Asked]:
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    said: Context = {"s3:prefix": given.get("Prefix", "")}
    return [Asked("s3:ListBucket", {bucket: {}}, {**_TLS, **said})]


def _put_object(given: Parameters) -> list[Asked]:
    arn = f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"
    return [Asked("s3:PutObject", {arn: {}}, _TLS)]


def _get_secret(given: Parameters) -> list[Asked]:
    found = client("secretsmanager").describe_secret(SecretId=given["SecretId"])
    tags = _tag_context(found.get("Tags", []))
    asked = [Asked("secretsmanager:GetSecretValue", {found["ARN"]: tags})]
    if "KmsKeyId" not in found:
        return asked
    return [*asked, Asked("kms:Decrypt", {found["KmsKeyId"]: {}}, _via("secretsmanager"))]


def _publish(given: Parameters) -> list[Asked]:
    """A message to an encrypted topic is encrypted in the name of who sends it."""
    topic = given["TopicArn"]
    found = client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    key = {found["KmsMasterKeyId"]: Context()} if "KmsMasterKeyId" in found else {}
    return [
        Asked("sns:Publish", {topic: {}}),
        *(Asked(f"kms:{it}", key, _via("sns")) for it in ("GenerateDataKey", "Decrypt") if key),
    ]


def _send_message(given: Parameters) -> list[Asked]:
    return [Asked("sqs:SendMessage", {_queue_attributes(given["QueueUrl"])["QueueArn"]: {}})]


ASKED: Mapping[str, Callable[[Parameters], Iterable[Asked]]] = {
    "rds.DescribeDBInstances": _describe_instances,
    "rds.DescribeDBSnapshots": _describe_snapshots,
    "rds.CreateDBSnapshot": _create_snapshot,
    "rds.AddTagsToResource": _add_tags,
    "rds.RestoreDBInstanceFromDBSnapshot": _restore,
    "rds.ModifyDBInstance": _modify,
    "rds.DeleteDBInstance": _delete_instance,
    "rds.DeleteDBSnapshot": _delete_snapshot,
    "s3.GetObject": _get_object,
    "s3.HeadObject": _head_object,
    "s3.ListObjectsV2": _list_objects,
    "s3.PutObject": _put_object,
    "secretsmanager.GetSecretValue": _get_secret,
    "sns.Publish": _publish,
    "sqs.SendMessage": _send_message,
    "codepipeline.PutJobSuccessResult": lambda _: [
        Asked("codepipeline:PutJobSuccessResult", {"*": {}})
    ],
    "lambda.Invoke": lambda given: [Asked("lambda:InvokeFunction", {given["FunctionName"]: {}})],
    "stepfunctions.StartExecution": lambda given: [
        Asked("states:StartExecution", {given["stateMachineArn"]: {}})
    ],
    "stepfunctions.DescribeExecution": lambda given: [
        Asked("states:DescribeExecution", {given["executionArn"]: {}})
    ],
}
"""What a call asks of IAM, by its operation."""


@dataclass(frozen=True)
class Answer:
    """What IAM was asked, and what it answered."""

    call: Call
    asked: Asked
    decision: Decision


class Authoriser:
    """Answers for IAM, with the policies that the roles have in the embedded AWS at that moment.

    Attributes:
        answers: in order.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.answers: list[Answer] = []

    def deny(self, call: Call) -> str:
        """Why a call is not allowed; empty when it is.

        Raises:
            NotImplementedError: nobody has written down what the call asks of IAM.
        """
        if call.operation not in ASKED:
            raise NotImplementedError(f"what {call.operation} asks of IAM")
        policies = policies_of(call.role_arn)
        for asked in ASKED[call.operation](call.parameters):
            decision = self.decide(call, asked, policies)
            self.answers.append(Answer(call, asked, decision))
            if not decision.allowed:
                return decision.detail
        return ""

    def decide(self, call: Call, asked: Asked, policies: Sequence[Mapping[str, Any]]) -> Decision:
        """What IAM answers when these are the policies of the call's role."""
        return self._simulator.authorize(
            [*policies, *(policy for arn in asked.resources for policy in _denials_of(arn))],
            call.role_arn,
            asked.action,
            asked.resources,
            {**_surroundings(call), **asked.context},
        )

    def denials(self) -> list[str]:
        """Each denial with who got it."""
        return [
            f"{it.call.state}: {it.decision.detail}"
            for it in self.answers
            if not it.decision.allowed
        ]


def policies_of(role_arn: str) -> list[dict[str, Any]]:
    """The policies of a role, whole documents."""
    iam, role = client("iam"), role_arn.rpartition("/")[2]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    if attached:
        raise NotImplementedError(f"managed policies of {role}")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = [iam.get_role_policy(RoleName=role, PolicyName=name) for name in names]
    return [_as_object(policy["PolicyDocument"]) for policy in found]


def _denials_of(arn: str) -> list[dict[str, Any]]:
    """What the policy of a bucket, topic or queue denies to everybody, as a role's policy would."""
    if arn.startswith("arn:aws:s3:::"):
        text = _policy_of_bucket(arn.removeprefix("arn:aws:s3:::").partition("/")[0])
    elif arn.startswith("arn:aws:sns:"):
        text = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    elif arn.startswith("arn:aws:sqs:"):
        queue = client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])
        text = _queue_attributes(queue["QueueUrl"])["Policy"]
    else:
        return []
    denials = [it for it in json.loads(text)["Statement"] if it["Effect"] == "Deny"]
    if any(denial.pop("Principal") not in ("*", {"AWS": "*"}) for denial in denials):
        raise NotImplementedError(f"a denial to some in the policy of {arn}")
    return [{"Version": "2012-10-17", "Statement": denials}] if denials else []


def _policy_of_bucket(bucket: str) -> str:
    """Of one that is not the stack's there may be none."""
    try:
        return str(client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        return '{"Statement": []}'


def _queue_attributes(url: str) -> dict[str, str]:
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(found["Attributes"])


def _surroundings(call: Call) -> Context:
    always: Context = {
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "aws:RequestedRegion": REGION,
    }
    if not call.state:
        return always
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{call.state}"
    return {**always, "lambda:SourceFunctionArn": function}


def _as_tagged(*arns: str) -> dict[str, Context]:
    return {arn: _tag_context(_rds_tags(arn)) for arn in arns}


def _rds_tags(arn: str) -> list[dict[str, str]]:
    """The tags of an RDS resource; none for one that is about to be made, or for all of them."""
    kind, _, name = arn.split(":", maxsplit=5)[5].partition(":")
    rds = client("rds")
    found: list[dict[str, Any]]
    if kind == "db":
        found = rds.describe_db_instances()["DBInstances"]
        tags = {it["DBInstanceIdentifier"]: it["TagList"] for it in found}
    elif kind == "snapshot":
        found = rds.describe_db_snapshots()["DBSnapshots"]
        tags = {it["DBSnapshotIdentifier"]: it["TagList"] for it in found}
    elif kind == "og":
        tags = {}
    else:
        tags = {name: rds.list_tags_for_resource(ResourceName=arn)["TagList"]}
    return list(tags.get(name, []))


def _tag_context(tags: list[dict[str, str]]) -> Context:
    return {f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in tags}


def _as_requested(given: Parameters) -> Context:
    tags = given["Tags"]
    return {
        **{f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags},
        "aws:TagKeys": [tag["Key"] for tag in tags],
    }


def _major_version(snapshot_id: str) -> str:
    (found,) = client("rds").describe_db_snapshots(DBSnapshotIdentifier=snapshot_id)["DBSnapshots"]
    return str(found["EngineVersion"]).partition(".")[0]


def _is_there(bucket: str, key: str) -> bool:
    found = client("s3").list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
    return any(entry["Key"] == key for entry in found)


def _via(service: str) -> Context:
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _as_object(document: Any) -> dict[str, Any]:
    return json.loads(document) if isinstance(document, str) else dict(document)
