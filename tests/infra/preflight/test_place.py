"""Account, region, certificates, bootstrap and stack: ok, warning and blocked."""

import json
import re
from typing import Any

import pytest

from ops.preflight.answers import Level
from ops.preflight.place import (
    arns_of,
    ask_bootstrap,
    ask_stack,
    judge_authorities,
    judge_bootstrap,
    judge_caller,
    judge_stack,
    questions,
    trusted_authorities,
)
from tests.infra.preflight.conftest import ACCOUNT, BOOTSTRAP, REGION, Refusal, account, plan
from tests.infra.test_template import DEPLOYMENTS

ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/me"
HERE = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop-AbCdEf"


@pytest.mark.parametrize(
    ("arn", "arns", "level", "said"),
    [
        (ROLE, {}, Level.OK, f"{ACCOUNT} in {REGION}, as {ROLE}"),
        (ROLE, {"sources[0].secret_arn": HERE}, Level.OK, ROLE),
        (f"arn:aws:iam::{ACCOUNT}:root", {}, Level.WARNING, "the root user"),
        (ROLE, {"k": HERE.replace(REGION, "us-east-1")}, Level.BLOCKED, "k of the settings"),
        (ROLE, {"k": HERE.replace(ACCOUNT, "9" * 12)}, Level.BLOCKED, "another account or region"),
    ],
)
def test_the_caller_is_of_the_settings_account_and_region(
    arn: str, arns: dict[str, str], level: Level, said: str
) -> None:
    caller = {"Account": ACCOUNT, "Arn": arn, "UserId": "x"}
    asked = questions(plan())
    found = next(asked).ask(account(GetCallerIdentity=caller))
    (answer,) = judge_caller(found, arns)
    assert answer.level is level
    assert said in answer.says


def test_every_arn_of_the_settings_is_held_against_the_account() -> None:
    found = arns_of(plan(**DEPLOYMENTS["loading"]).settings)
    text = json.dumps(DEPLOYMENTS["loading"])
    assert set(found.values()) == set(re.findall(r"arn:aws:(?:kms|secretsmanager):[^\"]+", text))
    assert {"sources[0].secret_arn", "sources[1].kms_key_arn"} <= set(found)


def test_a_region_without_an_authority_in_the_bundle_is_blocked() -> None:
    (known,) = judge_authorities(REGION, trusted_authorities(REGION))
    assert known.level is Level.OK
    assert "rds-ca-rsa2048-g1" in known.says
    (unknown,) = judge_authorities("cn-north-1", trusted_authorities("cn-north-1"))
    assert unknown.level is Level.BLOCKED
    assert "make certificates" in unknown.remedy


@pytest.mark.parametrize(
    ("version", "status", "level", "said"),
    [
        ("6", "CREATE_COMPLETE", Level.OK, "version 6"),
        ("21", "", Level.OK, "version 21"),
        ("21", "UPDATE_ROLLBACK_COMPLETE", Level.WARNING, "UPDATE_ROLLBACK_COMPLETE"),
        ("5", "CREATE_COMPLETE", Level.BLOCKED, "version 5"),
        (None, "", Level.BLOCKED, "is not there"),
    ],
)
def test_the_bootstrap_is_there_and_new_enough(
    version: str | None, status: str, level: Level, said: str
) -> None:
    found = ask_bootstrap(
        account(
            GetParameter={"Parameter": {"Name": BOOTSTRAP, "Value": version}}
            if version
            else Refusal("ParameterNotFound"),
            DescribeStacks=_stacks("CDKToolkit", status),
        ),
        BOOTSTRAP,
    )
    (answer,) = judge_bootstrap(found, plan())
    assert answer.level is level
    assert said in answer.says


def _stacks(name: str, status: str) -> Any:
    if not status:
        return Refusal("ValidationError", f"Stack with id {name} does not exist")
    return {"Stacks": [{"StackName": name, "StackStatus": status, "CreationTime": 0}]}


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("", Level.OK),
        ("CREATE_COMPLETE", Level.OK),
        ("UPDATE_COMPLETE", Level.OK),
        ("UPDATE_IN_PROGRESS", Level.WARNING),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Level.WARNING),
        ("REVIEW_IN_PROGRESS", Level.WARNING),
        ("ROLLBACK_COMPLETE", Level.WARNING),
        ("UPDATE_ROLLBACK_COMPLETE", Level.WARNING),
        ("UPDATE_ROLLBACK_FAILED", Level.BLOCKED),
        ("ROLLBACK_FAILED", Level.BLOCKED),
        ("CREATE_FAILED", Level.BLOCKED),
        ("DELETE_FAILED", Level.BLOCKED),
    ],
)
def test_the_stack_can_be_deployed(status: str, level: Level) -> None:
    found = ask_stack(account(DescribeStacks=_stacks("tm", status)), "tm-time-machine")
    (answer,) = judge_stack(found, "tm-time-machine")
    assert answer.level is level
    assert "tm-time-machine" in answer.subject
    assert bool(answer.remedy) == (level is not Level.OK)
