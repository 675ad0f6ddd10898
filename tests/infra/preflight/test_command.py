"""``make preflight`` from the command line, over the embedded AWS."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws

from ops.preflight.__main__ import BLOCKED, UNUSABLE, main
from ops.preflight.calls import Calls, policy
from stacks.network import quarantine_parameters
from tests.infra.conftest import ROOT
from tests.infra.preflight.conftest import BOOTSTRAP, REGION, Clients

QUOTAS = (
    "ManualSnapshots",
    "DBInstances",
    "AllocatedStorage",
    "DBParameterGroups",
    "DBSubnetGroups",
)
PARAMETERS = [
    {"ParameterName": name, "IsModifiable": True} for name in quarantine_parameters(major=18)
]
SILENT: dict[str, Any] = {
    "DescribeAccountAttributes": {
        "AccountQuotas": [{"AccountQuotaName": n, "Used": 0, "Max": 10_000} for n in QUOTAS]
    },
    "DescribeEngineDefaultParameters": {"EngineDefaults": {"Parameters": PARAMETERS}},
    "GetAccountSettings": {
        "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    },
    "DescribeOrderableDBInstanceOptions": {
        "OrderableDBInstanceOptions": [{"StorageType": "gp2", "AvailabilityZones": []}]
    },
}
"""What moto does not answer, or (the offers) answers with a class or two."""


@pytest.fixture
def clients() -> Iterator[Clients]:
    """An account of moto's with a source, bootstrapped; what is asked of it is noted."""
    found = Clients(SILENT, otherwise=True)
    with mock_aws():
        boto3.client("ssm").put_parameter(Name=BOOTSTRAP, Value="21", Type="String")
        boto3.client("rds").create_db_instance(
            DBInstanceIdentifier="shop", DBInstanceClass="db.m7g.large", Engine="postgres",
            EngineVersion="16.4", AllocatedStorage=20, StorageType="gp2", MasterUsername="postgres",
            MasterUserPassword="not-a-secret", CACertificateIdentifier="rds-ca-rsa2048-g1",
            Port=5432, BackupRetentionPeriod=7,
        )  # fmt: skip
        with patch("botocore.handlers.BUILTIN_HANDLERS", [*BUILTIN_HANDLERS, *found.handlers]):
            yield found


@pytest.fixture
def context(tmp_path: Path) -> str:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"sources": [{"db_instance_id": "shop"}]}), encoding="utf-8")
    return str(file)


def test_an_account_that_has_it_all_is_not_blocked(
    clients: Clients, context: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["--context", context])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0, lines
    assert lines[-1].endswith("docs/first-deployment.md says what nobody can ask")
    assert "0 blocked" in lines[-1]
    assert all(line.split()[0] in ("ok", "warning", "->") for line in lines[:-1])
    allowed = {call.value.operation for call in Calls}
    assert {"DescribeDBInstances", "GetCallerIdentity"} <= set(clients.asked) <= allowed


def test_each_answer_is_in_the_json_and_what_is_blocked_in_the_status(
    clients: Clients, context: str, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("logs").create_log_group(logGroupName="/aws/lambda/tm-Sweep")
    assert main(["--context", context, "--json"]) == BLOCKED
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["counts"]["blocked"] == 1
    (blocked,) = [answer for answer in found["answers"] if answer["answer"] == "blocked"]
    assert blocked["subject"] == "names: Logs LogGroup"
    assert "/aws/lambda/tm-Sweep" in blocked["says"]
    assert "delete it" in blocked["remedy"]
    assert all(answer["remedy"] or answer["answer"] == "ok" for answer in found["answers"])


def test_the_policy_is_printed_without_an_account(capsys: pytest.CaptureFixture[str]) -> None:
    with patch.dict("os.environ", clear=True):
        assert main(["--policy"]) == 0
    assert json.loads(capsys.readouterr().out) == policy()


NOBODY = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
KEYS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (NOBODY, "no AWS credentials: set AWS_PROFILE"),
        ({**NOBODY, **KEYS}, "no AWS region: set AWS_REGION"),
        ({**NOBODY, "AWS_PROFILE": "nobody"}, "AWS credentials: "),
    ],
)
def test_without_credentials_or_region_one_line_says_so(
    environment: dict[str, str], said: str, context: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch.dict("os.environ", environment, clear=True):
        assert main(["--context", context]) == UNUSABLE
    found = capsys.readouterr()
    assert found.out == ""
    assert said in found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('{"sources": []}', "sources"),
        ('{"sorces": []}', "sources"),
        ("{", "is no JSON"),
    ],
)
def test_settings_that_can_not_be_used_are_refused_as_at_synth(
    document: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(document, encoding="utf-8")
    assert main(["--context", str(file)]) == UNUSABLE
    assert said in capsys.readouterr().err


def test_make_hands_the_settings_and_the_options_over() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.split("\npreflight: ")[1].split("\n\n")[0]
    assert "-m ops.preflight $(SETTINGS) $(ARGS)" in recipe
    assert REGION not in recipe
