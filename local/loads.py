"""Loads in the embedded cloud: the state machine, a bucket of CSV, a login that may write."""

import json
import os
from pathlib import Path

from moto.core import DEFAULT_ACCOUNT_ID

from local.cloud import INTEGRATIONS, REGION, SOURCE, STATE_MACHINES, Cloud
from local.rds import MASTER
from local.stepfunctions import fill_placeholders

CSV_BUCKET = "shop-exports"
MACHINE = STATE_MACHINES / "load.asl.json"


def deploy_loads(cloud: Cloud, name: str = SOURCE) -> str:
    """Make what a load into an instance needs; return the ARN of the state machine."""
    cloud.client("s3").create_bucket(
        Bucket=CSV_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    login = {"username": MASTER, "password": cloud.master_password(name)}
    answer = cloud.client("secretsmanager").create_secret(
        Name=f"{name}-writer", SecretString=json.dumps(login)
    )
    os.environ["TM_LOAD_SECRETS"] = json.dumps({name: answer["ARN"]})
    definition = MACHINE.read_text(encoding="utf-8")
    return str(
        cloud.client("stepfunctions").create_state_machine(
            name="time-machine-load",
            definition=fill_placeholders(
                definition, lambda state: INTEGRATIONS.get(state) or cloud.functions.arn(state)
            ),
            roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/time-machine",
        )["stateMachineArn"]
    )


def put(cloud: Cloud, key: str, file: Path) -> None:
    """Upload a file."""
    with file.open("rb") as body:
        cloud.client("s3").put_object(Bucket=CSV_BUCKET, Key=key, Body=body)
