"""The embedded cloud: the AWS that a drill needs, on one machine.

moto answers for the control plane, its interpreter executes ``statemachine/*.asl.json``, tasks run
the real handlers, and RDS is backed by real PostgreSQL servers (see ``local.rds``).
"""

import contextlib
import json
import logging
import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.rds.models import rds_backends
from moto.sns.models import sns_backends
from psycopg2 import sql

from local import folders
from local.calls import Ledger, note_calls
from local.dump import Loaded, load
from local.functions import Functions
from local.paging import paged_snapshots
from local.postgres import Binaries, find_binaries
from local.rds import MASTER, EmbeddedRds, Tempo
from local.stepfunctions import completed_interpreter, fill_placeholders

REGION = "eu-central-1"
PREFIX = "tm"
STACK = "embedded"
BUCKET = "time-machine-evidence"
VERDICT_TOPIC = "time-machine-verdicts"
SOURCE = "shop-production"
STORAGE = {"StorageType": "gp2", "AllocatedStorage": 20}
"""The source's, in the API's words."""

READER = "tm_reader"
SUBNET_GROUP = "tm-quarantine"
SECURITY_GROUP = "sg-0123456789abcdef0"
INTEGRATIONS = {
    "S3GetObject": "arn:aws:states:::s3:getObject",
    "SnsPublish": "arn:aws:states:::sns:publish",
}
"""Placeholders for what Step Functions calls itself; the partition differs between AWSs."""
STATE_MACHINES = Path(__file__).parents[1] / "statemachine"

FINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass
class Ending:
    """How an execution ended."""

    status: str
    output: dict[str, Any] | None
    error: str
    cause: str
    execution_arn: str


@dataclass(frozen=True)
class SentNotice:
    """A notice as the topic got it; ``attributes`` are what subscriptions filter by."""

    subject: str
    message: str
    attributes: dict[str, str]


@dataclass
class Cloud:
    """One embedded cloud; made by :func:`embedded_cloud`."""

    folder: Path
    binaries: Binaries
    rds: EmbeddedRds
    functions: Functions
    ledger: Ledger
    state_machine_arn: str = ""
    verdict_topic_arn: str = ""
    bucket: str = BUCKET
    secrets: list[str] = field(default_factory=list)
    _master_passwords: dict[str, str] = field(default_factory=dict)
    source_secrets: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of the embedded AWS."""
        return boto3.client(service, region_name=REGION)

    def create_source(self, name: str = SOURCE, database: str = "shop", **options: Any) -> None:
        """A production instance with a read-only login for baselines; waits until it is there."""
        password = self._secret()
        self._master_passwords[name] = password
        self.client("rds").create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            DBName=database,
            MasterUsername=MASTER,
            MasterUserPassword=password,
            DeletionProtection=True,
            BackupRetentionPeriod=7,
            Tags=[{"Key": "Environment", "Value": "production"}],
            **STORAGE,
            **options,
        )
        self.rds.wait_until(name, "available")
        reader = self._secret()
        with self.rds.instance(name).server.admin() as cursor:  # type: ignore[union-attr]
            role = sql.Identifier(READER)
            cursor.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(reader))
            )
            cursor.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(role))
        answer = self.client("secretsmanager").create_secret(
            Name=f"{name}-reader", SecretString=json.dumps({"username": READER, "password": reader})
        )
        self.source_secrets[name] = str(answer["ARN"])
        os.environ["TM_SOURCE_SECRETS"] = json.dumps(self.source_secrets)

    def master_password(self, name: str) -> str:
        """Of an instance made by :meth:`create_source`."""
        return self._master_passwords[name]

    def take_automated_snapshot(self, name: str = SOURCE) -> str:
        """The daily backup that RDS would have taken of a source; waits until it is there."""
        snapshot_id = f"rds:{name}-{datetime.now(UTC):%Y-%m-%d-%H-%M}"
        self.rds.create_db_snapshot(name, snapshot_id, "automated")
        self.rds.wait_until(name, "available")
        return snapshot_id

    def load(self, file: Path, name: str = SOURCE, database: str = "shop") -> Loaded:
        """Load SQL or a ``pg_dump`` archive into a source."""
        server = self.rds.instance(name).server
        assert server is not None
        return load(server, file, database)

    def start(self, document: Any, name: str = "", machine: str = "") -> str:
        """Start a drill, or another machine's execution; return its ARN."""
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=machine or self.state_machine_arn,
            name=name or f"drill-{uuid.uuid4().hex[:12]}",
            input=json.dumps(document),
        )
        return str(answer["executionArn"])

    def wait(
        self, execution_arn: str, on_tick: Callable[[list[dict[str, Any]]], None] | None = None
    ) -> Ending:
        """Wait for an execution to end.

        Args:
            on_tick: called again and again with the history so far.
        """
        client = self.client("stepfunctions")
        while True:
            found = client.describe_execution(executionArn=execution_arn)
            if on_tick is not None:
                on_tick(self.history(execution_arn))
            if found["status"] in FINAL:
                return _ending(found)
            time.sleep(0.1)

    def stop(self, execution_arn: str) -> None:
        """Stop a drill where it stands; nothing of it runs any more, no teardown either."""
        self.client("stepfunctions").stop_execution(executionArn=execution_arn)

    def run(self, document: Any, name: str = "", machine: str = "") -> Ending:
        """Start a drill, or another machine's execution, and wait for its end."""
        return self.wait(self.start(document, name, machine))

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        """The events of an execution, all pages."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]
        ]

    def evidence(self) -> dict[str, bytes]:
        """Every document of the evidence bucket, by key."""
        client = self.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def notices(self) -> list[SentNotice]:
        """What was published to the topic of verdicts, in order."""
        topic = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[self.verdict_topic_arn]
        return [
            SentNotice(
                str(subject),
                message,
                {name: attribute["Value"] for name, attribute in attributes.items()},
            )
            for _, message, subject, attributes, _ in topic.sent_notifications
        ]

    def create_verdict_topic(self) -> None:
        """The topic of verdicts, as the state machine knows it."""
        answer = self.client("sns").create_topic(Name=VERDICT_TOPIC)
        self.verdict_topic_arn = str(answer["TopicArn"])

    def _secret(self) -> str:
        password = secrets.token_urlsafe(20)
        self.secrets.append(password)
        return password


@contextlib.contextmanager
def embedded_cloud(
    *,
    tempo: Tempo | None = None,
    retry_speed: float = 50,
    wait_speed: float = 1,
    on_snapshot: Callable[[Path], None] | None = None,
    checksums: bool = True,
    deploy: Callable[[Cloud], None] | None = None,
) -> Iterator[Cloud]:
    """The embedded cloud, deployed; stops every server and removes every file at the end.

    Args:
        deploy: makes everything that a drill needs; by default a deployment by hand, whose
            functions share the settings of :func:`deployment`.
        on_snapshot: called with the data folder of each snapshot taken, to damage it.
    """
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(folders.guarded("time-machine-"))
        environment = {
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "POWERTOOLS_SERVICE_NAME": "time-machine",
            **({} if deploy else deployment()),
        }
        stack.enter_context(_environment(environment))
        binaries = find_binaries(root)
        stack.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
        stack.enter_context(paged_snapshots())
        # The interpreter logs each failed state; the execution tells it too.
        logging.getLogger("moto").setLevel(logging.CRITICAL)
        functions = Functions(DEFAULT_ACCOUNT_ID, REGION)
        stack.enter_context(completed_interpreter(functions, retry_speed, wait_speed))
        ledger = Ledger()
        stack.callback(note_calls(ledger))
        rds = EmbeddedRds(REGION, DEFAULT_ACCOUNT_ID)
        rds.embed(binaries, root, tempo or Tempo(), on_snapshot, checksums)
        rds_backends[DEFAULT_ACCOUNT_ID][REGION] = rds
        stack.callback(rds.shut_down)
        cloud = Cloud(root, binaries, rds, functions, ledger)
        (deploy or _deploy)(cloud)
        yield cloud


def _ending(found: dict[str, Any]) -> Ending:
    output = json.loads(found["output"]) if "output" in found else None
    return Ending(
        found["status"],
        output,
        found.get("error", ""),
        found.get("cause", ""),
        found["executionArn"],
    )


def deployment() -> dict[str, str]:
    """The settings with which the functions are deployed here."""
    return {
        "TM_STACK": STACK,
        "TM_PREFIX": PREFIX,
        "TM_EVIDENCE_BUCKET": BUCKET,
        "TM_SOURCE_SECRETS": "{}",
        "TM_POLL_SECONDS": "1",
        "TM_COPY_SUBNET_GROUP": SUBNET_GROUP,
        "TM_COPY_SECURITY_GROUP_IDS": SECURITY_GROUP,
        # Servers on loopback without OpenSSL; at AWS the default, verify-full, holds.
        "TM_TLS_MODE": "disable",
    }


def _deploy(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    rds, ec2 = cloud.client("rds"), cloud.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    rds.create_db_subnet_group(
        DBSubnetGroupName=SUBNET_GROUP, DBSubnetGroupDescription="quarantine", SubnetIds=subnets
    )
    major = cloud.binaries.version.split(".")[0]
    group = f"{PREFIX}-quarantine-{major}"
    rds.create_db_parameter_group(
        DBParameterGroupName=group,
        DBParameterGroupFamily=f"postgres{major}",
        Description="no job runner, no logical-replication workers",
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName=group,
        Parameters=[
            {
                "ParameterName": "max_logical_replication_workers",
                "ParameterValue": "0",
                "ApplyMethod": "pending-reboot",
            }
        ],
    )
    os.environ["TM_COPY_PARAMETER_GROUPS"] = json.dumps({major: group})
    cloud.create_verdict_topic()
    definition = (STATE_MACHINES / "drill.asl.json").read_text(encoding="utf-8")
    known = {**INTEGRATIONS, "VerdictTopic": cloud.verdict_topic_arn}
    cloud.state_machine_arn = cloud.client("stepfunctions").create_state_machine(
        name="time-machine-drill",
        definition=fill_placeholders(
            definition, lambda name: known.get(name) or cloud.functions.arn(name)
        ),
        roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/time-machine",
    )["stateMachineArn"]


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("AWS_", "TM_COPY_"))]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
