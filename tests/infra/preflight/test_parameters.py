"""RDS lets the quarantine groups set what they set, or says that it does not."""

from typing import Any

import pytest

from ops.preflight.answers import Answer, Level
from ops.preflight.parameters import questions
from stacks.network import quarantine_parameters
from tests.infra.preflight.conftest import Refusal, account, plan

LISTED = {
    "max_logical_replication_workers": "0-262143",
    "max_prepared_transactions": "0-262143",
    "rds.force_ssl": "0,1",
    "shared_preload_libraries": "auto_explain,pg_cron,pg_stat_statements,pgaudit",
    "event_triggers": "0,1",
}


def said(listed: dict[str, Any] | None, major: int = 17) -> list[Answer]:
    """Of the group of a major version, when RDS lists these parameters with these values."""
    properties = {
        "DBParameterGroupName": f"tm-quarantine-{major}",
        "Family": f"postgres{major}",
        "Parameters": quarantine_parameters(major),
    }
    resource = {"Type": "AWS::RDS::DBParameterGroup", "Properties": properties}
    (question,) = questions(plan({"Resources": {"P": resource}}))
    assert question.subject == f"parameter group tm-quarantine-{major}"
    reply = (
        Refusal("InvalidParameterValue")
        if listed is None
        else {"EngineDefaults": {"Parameters": [_parameter(*pair) for pair in listed.items()]}}
    )
    found = account(DescribeEngineDefaultParameters=reply)
    return list(question.judge(question.ask(found)))


def _parameter(name: str, allowed: str) -> dict[str, Any]:
    fixed = allowed == "fixed"
    found: dict[str, Any] = {"ParameterName": name, "IsModifiable": not fixed}
    return found if fixed or not allowed else {**found, "AllowedValues": allowed}


@pytest.mark.parametrize("major", [14, 18])
def test_a_group_that_rds_takes_is_ok(major: int) -> None:
    (answer,) = said(LISTED, major)
    assert answer.level is Level.OK
    assert all(name in answer.says for name in quarantine_parameters(major))


def test_a_parameter_without_allowed_values_is_ok() -> None:
    (answer,) = said({**LISTED, "shared_preload_libraries": ""})
    assert answer.level is Level.OK


@pytest.mark.parametrize("name", list(LISTED))
@pytest.mark.parametrize("missing", [True, False])
def test_a_parameter_that_can_not_be_set_is_blocked(name: str, missing: bool) -> None:
    rest = {key: value for key, value in LISTED.items() if key != name}
    (answer,) = said(rest if missing else {**LISTED, name: "fixed"})
    assert answer.level is Level.BLOCKED
    assert f"let {name} be set in postgres17" in answer.says
    assert "postgres_majors" in answer.remedy


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("max_prepared_transactions", "0-500"),
        ("rds.force_ssl", "0"),
        ("shared_preload_libraries", "pgaudit,pg_cron"),
    ],
)
def test_a_value_that_is_not_allowed_is_blocked(name: str, allowed: str) -> None:
    (answer,) = said({**LISTED, name: allowed})
    assert answer.level is Level.BLOCKED
    assert name in answer.says
    assert allowed in answer.says


def test_a_range_that_can_not_be_read_is_a_warning() -> None:
    (answer,) = said({**LISTED, "max_prepared_transactions": "{DBInstanceClassMemory/1}"})
    assert answer.level is Level.WARNING
    assert "max_prepared_transactions" in answer.says


@pytest.mark.parametrize("listed", [None, {}])
def test_a_family_that_rds_does_not_know_is_blocked(listed: dict[str, Any] | None) -> None:
    (answer,) = said(listed)
    assert answer.level is Level.BLOCKED
    assert "postgres17" in answer.says
