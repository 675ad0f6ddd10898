"""Preflight only reads, and its policy allows just what it calls."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.credentials import Unusable
from ops.preflight.account import Account, NotKnown
from ops.preflight.calls import Calls, policy
from ops.preflight.run import SUBJECTS, answers_of
from tests.infra.conftest import ROOT
from tests.infra.preflight.conftest import REGION, Clients, Refusal, account, plan
from tests.infra.simulation import Simulator
from tests.infra.test_settings import KEY, SECRET

FOLDER = ROOT / "ops" / "preflight"
FILES = sorted(FOLDER.glob("*.py"))
READS = re.compile(r"(Describe|Get|List)[A-Z]\w+")
SECRETIVE = ("GetSecretValue", "GetParameters", "GetParametersByPath", "GetFunction", "GetObject")


def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("call", list(Calls))
def test_each_call_is_one_of_the_api_and_only_reads(call: Calls) -> None:
    model = boto3.client(call.value.service, region_name=REGION).meta.service_model
    assert call.value.operation in model.operation_names
    assert READS.fullmatch(call.value.operation)
    assert call.value.operation not in SECRETIVE


def test_a_value_is_read_of_nothing_but_the_bootstrap_version() -> None:
    (value,) = [call.value for call in Calls if call.value.operation == "GetParameter"]
    assert value.resource.endswith(":parameter/cdk-bootstrap/*")
    assert {call.value.resource for call in Calls} == {"*", value.resource}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as found:
        yield found


@pytest.mark.parametrize("call", list(Calls))
def test_to_aws_each_permission_reads_or_lists(call: Calls, simulator: Simulator) -> None:
    """By AWS's service authorisation reference, which also says that there is such an action."""
    assert simulator.access_level(call.value.permission) in ("Read", "List")


VERSION = "arn:aws:ssm:eu-central-1:123456789012:parameter/cdk-bootstrap/hnb659fds/version"


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("ssm:GetParameter", VERSION, True),
        ("ssm:GetParameter", VERSION.replace("cdk-bootstrap", "shop"), False),
        ("ssm:PutParameter", VERSION, False),
        ("rds:DescribeAccountAttributes", "*", True),
        ("rds:DeleteDBInstance", "arn:aws:rds:eu-central-1:123456789012:db:shop", False),
        ("secretsmanager:DescribeSecret", SECRET, True),
        ("secretsmanager:GetSecretValue", SECRET, False),
        ("kms:DescribeKey", KEY, True),
        ("kms:Decrypt", KEY, False),
    ],
)
def test_the_policy_lets_its_holder_look_and_no_more(
    action: str, resource: str, allowed: bool, simulator: Simulator
) -> None:
    me = "arn:aws:iam::123456789012:user/me"
    assert simulator.decide([policy()], me, action, resource, {}).allowed is allowed


def test_the_policy_is_each_call_and_nothing_else() -> None:
    allowed = [action for s in policy()["Statement"] for action in s["Action"]]
    assert sorted(allowed) == sorted(call.value.permission for call in Calls)
    assert all(statement["Effect"] == "Allow" for statement in policy()["Statement"])
    assert not any("*" in action for action in allowed)


def test_each_call_of_the_policy_is_made() -> None:
    used = {
        node.attr
        for file in FILES
        if file.name != "calls.py"
        for node in nodes(file)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Calls"
    }
    assert used == {call.name for call in Calls}


def test_aws_is_called_in_one_place() -> None:
    """Only ``Account`` holds clients, and only by ``Calls``."""
    for file in FILES:
        for node in nodes(file):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None), *(alias.name for alias in node.names)]
                assert "boto3" not in names, file
            if isinstance(node, ast.Attribute):
                assert file.name in ("account.py", "__main__.py") or node.attr not in (
                    "client",
                    "_client",
                    "get_paginator",
                ), file


def test_every_subject_of_the_folder_is_asked() -> None:
    asking = {
        file.stem
        for file in FILES
        if any(isinstance(n, ast.FunctionDef) and n.name == "questions" for n in nodes(file))
    }
    assert {module.__name__.rpartition(".")[2] for module in SUBJECTS} == asking


CALLER = {"Account": "1" * 12, "Arn": "arn:aws:iam::1:user/me", "UserId": "x"}


def test_a_call_is_made_once() -> None:
    clients = Clients({"GetCallerIdentity": CALLER})
    found = Account(REGION, clients)
    assert found.ask(Calls.CALLER) == found.ask(Calls.CALLER)
    assert clients.asked == ["GetCallerIdentity"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (Calls.INSTANCES, "AccessDenied"),
        (Calls.SECRET, "AccessDeniedException"),
        (Calls.VPCS, "UnauthorizedOperation"),
    ],
)
def test_a_denial_names_the_permission_and_what_aws_said(call: Calls, code: str) -> None:
    refusal = Refusal(code, "no identity-based policy allows it")
    with pytest.raises(NotKnown) as unknown:
        account(**{call.value.operation: refusal}).ask(call, **_parameters(call))
    assert call.value.permission in unknown.value.says
    assert "no identity-based policy allows it" in unknown.value.says
    assert f"allow {call.value.permission}" in unknown.value.remedy


def _parameters(call: Calls) -> dict[str, Any]:
    return {"SecretId": "x"} if call is Calls.SECRET else {}


def test_another_error_is_not_known_either() -> None:
    with pytest.raises(NotKnown, match=r"rds:DescribeDBInstances answered Throttling"):
        account(DescribeDBInstances=Refusal("Throttling")).ask(Calls.INSTANCES)


@pytest.mark.parametrize(
    ("code", "absent"), [("DBInstanceNotFoundFault", True), ("DBInstanceNotFound", True)]
)
def test_an_error_that_says_there_is_none_is_an_answer(code: str, absent: bool) -> None:
    found = account(DescribeDBInstances=Refusal(code)).ask(Calls.INSTANCES)
    assert (found is None) is absent


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "AuthFailure"])
def test_without_credentials_nothing_is_asked(code: str) -> None:
    with pytest.raises(Unusable, match=code):
        answers_of(account(GetCallerIdentity=Refusal(code)), plan())


def test_where_nobody_answers_nothing_is_asked() -> None:
    with pytest.raises(Unusable, match="AWS can't be asked"):
        answers_of(account(GetCallerIdentity=Refusal("ServiceUnavailable")), plan())


def test_one_denial_keeps_no_other_question_waiting() -> None:
    """Whoever may do nothing is told, for each question, which permission is missing."""
    denied: dict[str, Any] = {call.value.operation: Refusal("AccessDenied") for call in Calls}
    found = answers_of(account(**{**denied, "GetCallerIdentity": CALLER}), plan())
    unknown = [answer for answer in found if answer.says.startswith("not known")]
    assert {answer.subject for answer in found} > {"account", "source shop", "quota of VPCs"}
    assert len(found) - len(unknown) == len(["account", "certificates"])
    for answer in unknown:
        assert answer.level == "warning"
        assert re.search(r"allow \w+:\w+ ", answer.remedy)
