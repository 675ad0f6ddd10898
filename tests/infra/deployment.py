"""The synthesised template, deployed into the embedded cloud with its permissions enforced."""

import contextlib
import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from local import calls
from local.calls import Call
from local.cloud import REGION, SOURCE, Cloud, Ending, embedded_cloud
from local.functions import Function
from local.loads import CSV_BUCKET
from ops.build import ROOT
from tests.infra import cloudformation
from tests.infra.authorisation import Authoriser
from tests.infra.resources import client
from tests.infra.simulation import Simulator
from tests.workflow.conftest import FAST, SMALL

STACK = "tm-time-machine"
OVERRIDES = {"TM_TLS_MODE": "disable", "TM_LOAD_PART_MIB": "0.01"}
"""What is not the template's: the servers on loopback have no certificate, files here are small."""

LOADER_SECRET = "shop-loader"
GRANTS = ROOT / "docs" / "security.md"

USED_BY_AWS: dict[str | tuple[str, str], str] = {
    "WriteLog": "Lambda writes the log with the role, not the code",
    "Trace": "Lambda and Step Functions trace with the role, not the code",
    "DeliverLog": "Step Functions delivers its log with the role",
    "LetLambdaJoinNetwork": "Lambda makes network interfaces with the role",
    "LetLambdaKeepInterface": "Lambda looks after network interfaces with the role",
    "LetLambdaLookAtNetwork": "Lambda looks at the network with the role",
    "FollowMapRun": "Step Functions follows the children of its own map run",
}
"""What a role may do and no code ever does."""

Template = dict[str, Any]
Synthesise = Callable[[Mapping[str, Any]], Template]


@dataclass
class Deployment:
    """A deployed stack, its cloud and the one who answers for IAM there."""

    cloud: Cloud
    template: Template
    authoriser: Authoriser

    def resource(self, kind: str, start: str = "") -> str:
        """The logical id of the one resource of a type whose id starts so."""
        found: list[str] = [
            logical
            for logical, it in self.template["Resources"].items()
            if it["Type"] == kind and logical.startswith(start)
        ]
        assert len(found) == 1, found
        return found[0]

    def physical_id(self, kind: str, start: str = "") -> str:
        """What AWS calls that resource."""
        return cloudformation.physical_id(STACK, self.resource(kind, start))

    def run_night(self) -> Ending:
        """What EventBridge Scheduler does at night: the target of the schedule, with its role."""
        schedule = self.physical_id("AWS::Scheduler::Schedule", "NightsNight1")
        target = client("scheduler").get_schedule(Name=schedule)["Target"]
        asked = {"stateMachineArn": target["Arn"]}
        assert not self.may(target["RoleArn"], "stepfunctions.StartExecution", asked)
        assert target["Arn"] == self.cloud.state_machine_arn
        return self.cloud.run(json.loads(target["Input"]))

    def may(self, role_arn: str, operation: str, parameters: Mapping[str, Any]) -> str:
        """Why a service may not do that with a role; empty when it may."""
        return self.authoriser.deny(Call("", operation, dict(parameters), role_arn))

    def invoke(self, function_arn: str, event: Any) -> dict[str, Any]:
        """Lambda's answer."""
        return self.cloud.functions.invoke(function_arn, json.dumps(event).encode())

    @contextlib.contextmanager
    def changed(self, kind: str, start: str, change: Callable[[Template], None]) -> Iterator[None]:
        """The stack updated to a template in which one resource's properties are changed."""
        template = copy.deepcopy(self.template)
        change(template["Resources"][self.resource(kind, start)]["Properties"])
        assert template != self.template
        cloudformation.update(STACK, template)
        try:
            yield
        finally:
            cloudformation.update(STACK, self.template)


@contextlib.contextmanager
def deployed(
    folder: Path, simulator: Simulator, synthesise: Synthesise, *, loads: bool = False
) -> Iterator[Deployment]:
    """A production source with a reader's secret, and the stack beside it in the same VPC.

    Args:
        loads: whether the source is a target of loads too, with a login of its own for them.
    """
    authoriser, made = Authoriser(simulator), list[Template]()

    def deploy(cloud: Cloud) -> None:
        cloud.create_source()
        file = folder / "small.sql"
        file.write_text(SMALL, encoding="utf-8")
        assert not cloud.load(file).complaints
        settings = _settings(cloud)
        if loads:
            group = settings["network"]["source_security_group_ids"]
            settings["load"] = {
                "buckets": [CSV_BUCKET],
                "targets": [{"db_instance_id": SOURCE, "secret_arn": _create_loader(cloud)}],
                "target_security_group_ids": group,
            }
        template = synthesise(settings)
        cloudformation.bootstrap(template)
        outputs = cloudformation.deploy(STACK, template)
        cloud.state_machine_arn = outputs["DrillMachine"]
        cloud.verdict_topic_arn = outputs["VerdictTopic"]
        cloud.bucket = outputs["EvidenceBucket"]
        cloud.functions.find = _find_function
        cloud.ledger.deny = authoriser.deny
        made.append(template)

    with (
        # moto takes a denial whose condition does not hold for one that does; here the authoriser
        # answers for the policies of buckets too.
        patch.object(FakeBucket, "get_permission", return_value=PermissionResult.NEUTRAL),
        patch.object(threading.Thread, "start", _start_as_function),
        embedded_cloud(tempo=FAST, retry_speed=5000, wait_speed=300, deploy=deploy) as cloud,
    ):
        yield Deployment(cloud, made[0], authoriser)


_start = threading.Thread.start


def _start_as_function(thread: threading.Thread) -> None:
    """At AWS a thread that a function starts has the function's role; here it has to be told."""
    state, role_arn = calls.inside()
    if state:
        run = thread.run

        def run_as_function() -> None:
            calls.enter_function(state, role_arn)
            run()

        thread.run = run_as_function  # type: ignore[method-assign]
    _start(thread)


def _create_loader(cloud: Cloud) -> str:
    """The login that the documentation tells people to make, with its grants; its secret's ARN."""
    client("s3").create_bucket(
        Bucket=CSV_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    text = GRANTS.read_text(encoding="utf-8").split("## What a load's target gives")[1]
    statements = text.split("```sql\n")[1].split("```")[0]
    file = cloud.folder / "loader.sql"
    file.write_text(statements.replace("'…'", "'of-the-loader'"), encoding="utf-8")
    assert not cloud.load(file).complaints
    login = {"username": "time_machine_loader", "password": "of-the-loader"}
    answer = client("secretsmanager").create_secret(
        Name=LOADER_SECRET, SecretString=json.dumps(login)
    )
    return str(answer["ARN"])


def _settings(cloud: Cloud) -> dict[str, Any]:
    """One source, drilled every night with an exact baseline, in the VPC where it stands."""
    ec2 = client("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    group = ec2.create_security_group(
        GroupName="databases", Description="production", VpcId=vpc["VpcId"]
    )
    night = {
        "sources": [SOURCE],
        "cron": "0 3 * * ? *",
        "time_zone": "Europe/Berlin",
        "input": {"baseline": "exact"},
    }
    return {
        "prefix": "tm",
        "sources": [{"db_instance_id": SOURCE, "secret_arn": cloud.source_secrets[SOURCE]}],
        "nightly": [night],
        "network": {
            "vpc_id": vpc["VpcId"],
            "subnet_ids": [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]],
            "source_security_group_ids": [group["GroupId"]],
        },
        "postgres_majors": [17, 18],
        "notify_emails": ["dba@example.com"],
    }


def _find_function(arn: str) -> Function:
    """As Lambda has it: handler, environment, time-out and role of the template."""
    found = client("lambda").get_function_configuration(FunctionName=arn)
    return Function(
        arn=found["FunctionArn"],
        name=found["FunctionName"],
        handler=found["Handler"],
        timeout_seconds=found["Timeout"],
        memory_mib=found["MemorySize"],
        environment={**found["Environment"]["Variables"], **OVERRIDES},
        role_arn=found["Role"],
    )
