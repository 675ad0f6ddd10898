"""The policies of a deployment: from the data they are written in, or from the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stacks.permissions import FUNCTIONS, ROLES, Names, statements

REGION, ACCOUNT = "eu-central-1", "111122223333"
PREFIX, SOURCE = "tm", "shop-production"
OTHER_SOURCE = "orders-production"
KEPT_COPY = "tm-shop-20250101-020000-0ff1ce"
"""A source that was a copy once, with our prefix and the shape of our names."""

LOGIN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop-reader-Ab12Cd"
LOGIN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-1111-1111-1111-111111111111"
STORAGE_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/22222222-2222-2222-2222-222222222222"

TARGET, EXPORTS = "shop-staging", "shop-exports"
TARGET_LOGIN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop-writer-Ab12Cd"
TARGET_LOGIN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/44444444-4444-4444-4444-444444444444"
EXPORTS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/55555555-5555-5555-5555-555555555555"

SETTINGS: dict[str, Any] = {
    "prefix": PREFIX,
    "nightly": [
        {"sources": [SOURCE], "cron": "0 3 * * ? *", "time_zone": "UTC", "window_minutes": 0}
    ],
    "sources": [
        {
            "db_instance_id": SOURCE,
            "secret_arn": LOGIN,
            "secret_kms_key_arn": LOGIN_KEY,
            "kms_key_arn": STORAGE_KEY,
        },
        {"db_instance_id": OTHER_SOURCE},
    ],
    "network": {
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "source_security_group_ids": ["sg-0123456789abcdef0"],
    },
    "load": {
        "buckets": [EXPORTS],
        "bucket_key_arns": [EXPORTS_KEY],
        "targets": [
            {
                "db_instance_id": TARGET,
                "secret_arn": TARGET_LOGIN,
                "secret_kms_key_arn": TARGET_LOGIN_KEY,
            }
        ],
        "target_security_group_ids": ["sg-0123456789abcdef1"],
    },
}
"""The context of the template that the simulation is run over."""

OWN_NETWORK: dict[str, Any] = {"prefix": PREFIX, "sources": [{"db_instance_id": SOURCE}]}
"""The context of one with a network of its own, and so with the role of its flow log."""

NAMES = Names(
    partition="aws",
    region=REGION,
    account=ACCOUNT,
    url_suffix="amazonaws.com",
    prefix=PREFIX,
    stack="a-stack",
    bucket_arn="arn:aws:s3:::evidence",
    sources=(SOURCE, KEPT_COPY),
    source_secret_arns={SOURCE: LOGIN},
    source_secret_key_arns=(LOGIN_KEY,),
    kms_key_arns=(STORAGE_KEY,),
    state_machine_arn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{PREFIX}-drill",
    topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT}:verdicts",
    topic_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/33333333-3333-3333-3333-333333333333",
    dead_letters_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters",
    subnet_group=f"{PREFIX}-quarantine-*",
    parameter_groups=f"{PREFIX}-quarantine-*",
    load_buckets=(EXPORTS,),
    load_bucket_key_arns=(EXPORTS_KEY,),
    load_targets=(TARGET,),
    load_secret_arns=(TARGET_LOGIN,),
    load_secret_key_arns=(TARGET_LOGIN_KEY,),
    load_machine_arn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{PREFIX}-load",
    vpc=True,
)

Policies = list[dict[str, Any]]


@dataclass(frozen=True)
class Deployment:
    """``policies`` by role; ``words`` fill the braces of ``cases.md``."""

    policies: Mapping[str, Policies]
    words: Mapping[str, str]


def principal(role: str) -> str:
    """The role's ARN; no policy goes by it."""
    return f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{role}"


def document(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Statements as a policy document."""
    return {"Version": "2012-10-17", "Statement": [dict(entry) for entry in found]}


def from_data(names: Names = NAMES) -> Deployment:
    """As ``stacks/permissions`` has it."""
    policies = {role: [document(statements(role, names))] for role in ROLES}
    return Deployment(
        policies,
        {
            "stack": names.stack,
            "bucket": names.bucket_arn.removeprefix("arn:aws:s3:::"),
            "topic": names.topic_arn,
            "topic key": names.topic_key_arn,
            "subnet group": f"{PREFIX}-quarantine-a1b2c3",
            "dead letters": names.dead_letters_arn,
            "other source": names.sources[-1],
            **_common(),
        },
    )


_MACHINES = {"drill": "StateMachine", "load": "LoadMachine"}


def from_template(template: Mapping[str, Any], own: Mapping[str, Any]) -> Deployment:
    """As CloudFormation would make it: all policies of each role, wherever they are attached.

    Args:
        own: the template of a network of its own; what only that has comes from there.
    """
    resources: Mapping[str, Any] = template["Resources"]
    functions = {
        entry["Properties"]["FunctionName"].removeprefix(f"{PREFIX}-"): entry["Properties"]
        for entry in _of_type(resources, "AWS::Lambda::Function").values()
        if "FunctionName" in entry["Properties"]
    }
    roles = {name: functions[name]["Role"] for name in FUNCTIONS}
    for entry in _of_type(resources, "AWS::StepFunctions::StateMachine").values():
        name = entry["Properties"]["StateMachineName"]
        roles[_MACHINES[name.removeprefix(f"{PREFIX}-")]] = entry["Properties"]["RoleArn"]
    for entry in _of_type(resources, "AWS::Scheduler::Schedule").values():
        target = entry["Properties"]["Target"]
        starts_drill = resolve(target["Arn"], resources).split(":")[2] == "states"
        roles["Scheduler" if starts_drill else "SweepClock"] = target["RoleArn"]
    variables = functions["PlanDrill"]["Environment"]["Variables"]
    ((topic_id, topic),) = _of_type(resources, "AWS::SNS::Topic").items()
    ((queue_id, _),) = _of_type(resources, "AWS::SQS::Queue").items()
    (flow_log,) = _of_type(own["Resources"], "AWS::EC2::FlowLog").values()
    flow_role = flow_log["Properties"]["DeliverLogsPermissionArn"]["Fn::GetAtt"][0]
    return Deployment(
        {
            **{role: _attached(arn["Fn::GetAtt"][0], resources) for role, arn in roles.items()},
            "FlowLog": _attached(flow_role, own["Resources"]),
        },
        {
            "stack": resolve(variables["TM_STACK"], resources),
            "bucket": resolve(variables["TM_EVIDENCE_BUCKET"], resources),
            "topic": resolve({"Ref": topic_id}, resources),
            "topic key": resolve(topic["Properties"]["KmsMasterKeyId"], resources),
            "subnet group": resolve(variables["TM_COPY_SUBNET_GROUP"], resources),
            "dead letters": _arn(queue_id, resources),
            "other source": OTHER_SOURCE,
            **_common(),
        },
    )


def resolve(value: Any, resources: Mapping[str, Any]) -> Any:
    """What CloudFormation would make of a value, with an ARN of our making for each resource."""
    if isinstance(value, list):
        return [resolve(entry, resources) for entry in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return _ref(value["Ref"], resources)
    if set(value) == {"Fn::GetAtt"}:
        logical_id, attribute = value["Fn::GetAtt"]
        return _arn(logical_id, resources) if attribute == "Arn" else f"{logical_id}.{attribute}"
    if set(value) == {"Fn::Join"}:
        glue, parts = value["Fn::Join"]
        return glue.join(str(resolve(part, resources)) for part in parts)
    assert not any(key.startswith("Fn::") for key in value), value
    return {key: resolve(entry, resources) for key, entry in value.items()}


def _common() -> dict[str, str]:
    return {
        "region": REGION,
        "account": ACCOUNT,
        "rds": f"arn:aws:rds:{REGION}:{ACCOUNT}",
        "lambda": f"arn:aws:lambda:{REGION}:{ACCOUNT}",
        "source login": LOGIN,
        "login key": LOGIN_KEY,
        "storage key": STORAGE_KEY,
        "target login": TARGET_LOGIN,
        "target login key": TARGET_LOGIN_KEY,
        "exports key": EXPORTS_KEY,
    }


def _of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {name: entry for name, entry in resources.items() if entry["Type"] == kind}


def _attached(role_id: str, resources: Mapping[str, Any]) -> Policies:
    """A role's own policies, and those that name the role."""
    role = resources[role_id]["Properties"]
    assert "ManagedPolicyArns" not in role, f"{role_id} has managed policies"
    inline = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    kinds = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy")
    others = [
        entry["Properties"]["PolicyDocument"]
        for entry in resources.values()
        if entry["Type"] in kinds and f"'{role_id}'" in str(entry["Properties"])
    ]
    return [resolve(found, resources) for found in (*inline, *others)]


def _ref(name: str, resources: Mapping[str, Any]) -> str:
    pseudo = {
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "AWS::URLSuffix": "amazonaws.com",
    }
    if name in pseudo:
        return pseudo[name]
    arns = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")
    if resources[name]["Type"] in arns:
        return _arn(name, resources)
    return str(_physical_name(name, resources))


def _arn(name: str, resources: Mapping[str, Any]) -> str:
    forms = {
        "AWS::S3::Bucket": "arn:aws:s3:::{}",
        "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{}}",
        "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}",
        "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
        "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
        "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}",
        "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*",
        "AWS::StepFunctions::StateMachine": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{{}}",
    }
    return forms[resources[name]["Type"]].format(_physical_name(name, resources))


def _physical_name(name: str, resources: Mapping[str, Any]) -> str:
    """The name given, else the logical id, as CloudFormation would make one of it."""
    given = ("FunctionName", "StateMachineName", "LogGroupName", "DBSubnetGroupName")
    properties = resources[name].get("Properties", {})
    found = next((properties[key] for key in given if key in properties), name.lower())
    return str(resolve(found, resources))
