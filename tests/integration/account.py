"""An AWS account of plain moto, for the sweeper: it holds what the recipes say, and no servers."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.rds.models import rds_backends

from lambdas.adapters.aws import client
from local.calls import Ledger, note_calls
from local.functions import Functions
from local.paging import paged_snapshots
from tests.accounts import NOW, PREFIX, STACK, Instance, Snapshot

REGION = "eu-central-1"
BUCKET = "evidence"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "TM_STACK": STACK,
    "TM_PREFIX": PREFIX,
    "TM_EVIDENCE_BUCKET": BUCKET,
    "TM_COPY_SUBNET_GROUP": "isolated",
    "TM_COPY_SECURITY_GROUP_IDS": "sg-1",
}


@dataclass
class Account:
    """What a test fills and looks at."""

    ledger: Ledger = field(default_factory=Ledger)
    functions: Functions = field(default_factory=lambda: Functions(DEFAULT_ACCOUNT_ID, REGION))

    def __post_init__(self) -> None:
        self.rds = boto3.client("rds")
        self.states = boto3.client("stepfunctions")
        self._backend = rds_backends[DEFAULT_ACCOUNT_ID][REGION]

    def sweep(self, event: Any = None) -> dict[str, Any]:
        """Lambda's answer, or the document of the exception."""
        payload = json.dumps({} if event is None else event).encode()
        answer: dict[str, Any] = self.functions.invoke(self.functions.arn("Sweep"), payload)
        return dict(answer["Payload"])

    def add_source(self, name: str, tags: Iterable[dict[str, str]] = ()) -> None:
        """A production instance, unless it is there."""
        if name not in self._backend.databases:
            self._backend.create_db_instance(
                {
                    "db_instance_identifier": name,
                    "db_instance_class": "db.t4g.medium",
                    "engine": "postgres",
                    "allocated_storage": 20,
                    "master_username": "postgres",
                    "master_user_password": "never-used-at-all",
                    "tags": list(tags),
                }
            )

    def add_instance(self, instance: Instance) -> None:
        self.add_source(instance.made.name, instance.tag_list())
        made = self._backend.databases[instance.made.name]
        made.status, made.deletion_protection = instance.status, instance.protected
        arn = self._start(instance.made.execution)
        if instance.execution == "over":
            self.states.stop_execution(executionArn=arn)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        self.add_source(snapshot.of)
        name, tags = snapshot.made.name, snapshot.tag_list()
        made = self._backend.create_db_snapshot(snapshot.of, name, tags=tags)
        made.status, made.snapshot_type = snapshot.status, snapshot.kind
        made.original_snapshot_create_time = (NOW - snapshot.age).replace(tzinfo=None)

    def instances(self) -> set[str]:
        return set(self._backend.databases)

    def snapshots(self) -> set[str]:
        """Without the backups of an instance's own, which come and go with it."""
        return {name for name in self._backend.database_snapshots if not name.startswith("rds:")}

    def report(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The report in the bucket that an answer tells of."""
        key = answer["report"].removeprefix(f"s3://{BUCKET}/")
        body = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        report: dict[str, Any] = json.loads(body)
        return report

    def _start(self, execution: str) -> str:
        machine, name = execution.split(":")[-2:]
        found = self.states.list_state_machines()["stateMachines"]
        if not found:
            role = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/drill"
            definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
            self.states.create_state_machine(name=machine, definition=definition, roleArn=role)
            found = self.states.list_state_machines()["stateMachines"]
        arn = found[0]["stateMachineArn"]
        return str(self.states.start_execution(stateMachineArn=arn, name=name)["executionArn"])


@contextlib.contextmanager
def an_account() -> Iterator[Account]:
    """Empty at first, but for the bucket."""
    client.cache_clear()
    with patch.dict(os.environ, ENVIRONMENT), mock_aws(), paged_snapshots():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        account = Account()
        stop = note_calls(account.ledger)
        try:
            yield account
        finally:
            stop()
    client.cache_clear()
