"""Quotas of RDS, Lambda and VPC against what the deployment and its drills use."""

from typing import Any

import pytest

from ops.preflight.answers import Answer, Level
from ops.preflight.quotas import UNRESERVED, Need, judge_quota, questions
from stacks.settings import BadSettings, from_context
from tests.infra.preflight.conftest import Refusal, account, plan
from tests.infra.test_settings import GIVEN, night

NEED = Need("DBInstances", "DB instances", 1, 3, "list fewer sources")


@pytest.mark.parametrize(
    ("known", "level"),
    [
        ((0, 40), Level.OK),
        ((37, 40), Level.OK),
        ((38, 40), Level.WARNING),
        ((39, 40), Level.WARNING),
        ((40, 40), Level.BLOCKED),
        ((41, 40), Level.BLOCKED),
        (None, Level.WARNING),
    ],
)
def test_a_quota_is_held_against_the_least_and_the_most(
    known: tuple[int, int] | None, level: Level
) -> None:
    answer = judge_quota(NEED, known)
    assert answer.level is level
    assert answer.subject == "quota of DB instances"
    assert bool(answer.remedy) == (level is not Level.OK)


QUOTAS = {
    "ManualSnapshots": (10, 100),
    "DBInstances": (3, 40),
    "AllocatedStorage": (500, 100_000),
    "DBParameterGroups": (4, 50),
    "DBSubnetGroups": (2, 50),
}
TEMPLATE = {
    "Resources": {
        "P": {
            "Type": "AWS::RDS::DBParameterGroup",
            "Properties": {
                "DBParameterGroupName": "tm-quarantine-16",
                "Family": "postgres16",
                "Parameters": {},
            },
        },
        "S": {
            "Type": "AWS::RDS::DBSubnetGroup",
            "Properties": {"DBSubnetGroupName": "tm-quarantine-abcdef"},
        },
    }
}


def said(
    quotas: dict[str, tuple[int, int]], deployed: bool = False, **settings: Any
) -> dict[str, Answer]:
    """By quota."""
    question = next(iter(questions(plan(TEMPLATE, **settings))))
    resources = [("AWS::RDS::DBParameterGroup", "tm-quarantine-16")]
    found = account(
        DescribeAccountAttributes={
            "AccountQuotas": [
                {"AccountQuotaName": name, "Used": used, "Max": most}
                for name, (used, most) in quotas.items()
            ]
        },
        DescribeDBInstances={"DBInstances": [{"AllocatedStorage": 200}]},
        ListStackResources=_resources(resources) if deployed else Refusal("ValidationError"),
    )
    return {answer.subject: answer for answer in question.judge(question.ask(found))}


def _resources(found: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "StackResourceSummaries": [
            {
                "LogicalResourceId": f"R{number}",
                "PhysicalResourceId": name,
                "ResourceType": kind,
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": 0,
            }
            for number, (kind, name) in enumerate(found)
        ]
    }


def test_an_account_with_room_is_ok() -> None:
    found = said(QUOTAS, nightly=[night()])
    assert {answer.level for answer in found.values()} == {Level.OK}
    assert "33 more" in found["quota of manual snapshots"].says
    assert "200 more" in found["quota of GiB of storage"].says


@pytest.mark.parametrize(
    ("quota", "known", "subject", "level"),
    [
        ("ManualSnapshots", (80, 100), "manual snapshots", Level.WARNING),
        ("ManualSnapshots", (100, 100), "manual snapshots", Level.BLOCKED),
        ("DBInstances", (40, 40), "DB instances", Level.BLOCKED),
        ("AllocatedStorage", (99_900, 100_000), "GiB of storage", Level.BLOCKED),
        ("DBParameterGroups", (50, 50), "parameter groups", Level.BLOCKED),
        ("DBSubnetGroups", (50, 50), "subnet groups", Level.BLOCKED),
    ],
)
def test_a_quota_that_is_short_is_said(
    quota: str, known: tuple[int, int], subject: str, level: Level
) -> None:
    found = said({**QUOTAS, quota: known}, nightly=[night()])
    assert found[f"quota of {subject}"].level is level
    assert quota in found[f"quota of {subject}"].remedy


def test_what_a_deployment_has_made_is_not_counted_twice() -> None:
    full = {**QUOTAS, "DBParameterGroups": (50, 50), "ManualSnapshots": (80, 100)}
    found = said(full, deployed=True, nightly=[night()])
    assert found["quota of parameter groups"].level is Level.OK
    assert found["quota of manual snapshots"].level is Level.OK


def test_a_quota_that_is_claimed_and_not_had_is_a_warning() -> None:
    found = said(QUOTAS, snapshot_quota=400)
    assert found["setting snapshot_quota"].level is Level.WARNING
    assert "snapshot_quota to 100" in found["setting snapshot_quota"].remedy


@pytest.mark.parametrize("days", [40, 90, 365])
def test_the_snapshots_are_counted_as_the_settings_count_them(days: int) -> None:
    settings: dict[str, Any] = {
        "sources": [{"db_instance_id": "shop"}],
        "nightly": [
            night(cron="0 3,15 * * ? *"),
            night(input={"retention_days": 20}),
            night(input={"recovery_point": {"latest": "automated"}}),
        ],
        "retention_days": days,
    }
    with pytest.raises(BadSettings) as refusal:
        from_context({**settings, "snapshot_quota": 20, "snapshots_alarm": 9})
    count = plan(**{**settings, "snapshot_quota": 9_999}).kept_snapshots
    assert f"up to {count} snapshots" in str(refusal.value)


def of_lambda(limit: int, unreserved: int, wanted: int | None, had: int | None = None) -> Answer:
    properties: dict[str, Any] = {"FunctionName": "tm-Sweep"}
    if wanted is not None:
        properties["ReservedConcurrentExecutions"] = wanted
    template = {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}}
    question = list(questions(plan(template, network=GIVEN)))[1]
    found = account(
        GetAccountSettings={
            "AccountLimit": {
                "ConcurrentExecutions": limit,
                "UnreservedConcurrentExecutions": unreserved,
            }
        },
        GetFunctionConcurrency=Refusal("ResourceNotFoundException")
        if had is None
        else {"ReservedConcurrentExecutions": had},
    )
    (answer,) = question.judge(question.ask(found))
    return answer


@pytest.mark.parametrize(
    ("limit", "unreserved", "wanted", "had", "level"),
    [
        (1000, 1000, 1, None, Level.OK),
        (1000, UNRESERVED + 1, 1, None, Level.OK),
        (1000, UNRESERVED, 1, None, Level.BLOCKED),
        (10, 10, 1, None, Level.BLOCKED),
        (50, 50, 1, None, Level.BLOCKED),
        (10, 10, None, None, Level.WARNING),
        # What is reserved already by a deployment that is there is not asked for again.
        (1000, UNRESERVED, 1, 1, Level.OK),
        (1000, UNRESERVED, 4, 3, Level.BLOCKED),
        (1000, UNRESERVED, 2, 3, Level.OK),
    ],
)
def test_reservations_leave_lambda_its_hundred(
    limit: int, unreserved: int, wanted: int | None, had: int | None, level: Level
) -> None:
    answer = of_lambda(limit, unreserved, wanted, had)
    assert answer.level is level
    assert str(limit) in answer.says


@pytest.mark.parametrize(
    ("used", "quota", "deployed", "level"),
    [
        (2, 5.0, False, Level.OK),
        (4, 5.0, False, Level.WARNING),
        (5, 5.0, False, Level.BLOCKED),
        (5, 5.0, True, Level.WARNING),
        (5, None, False, Level.BLOCKED),
        (5, 20.0, False, Level.OK),
    ],
)
def test_a_network_of_our_own_needs_a_vpc_more(
    used: int, quota: float | None, deployed: bool, level: Level
) -> None:
    question = list(questions(plan()))[2]
    found = account(
        DescribeVpcs={"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(used)]},
        GetServiceQuota={"Quota": {"Value": quota}}
        if quota
        else Refusal("NoSuchResourceException"),
        ListStackResources=_resources([("AWS::EC2::VPC", "vpc-0")])
        if deployed
        else Refusal("ValidationError"),
    )
    (answer,) = question.judge(question.ask(found))
    assert answer.level is level


def test_a_given_network_needs_none() -> None:
    assert [q.subject for q in questions(plan(network=GIVEN))] == [
        "quotas of RDS",
        "concurrency of Lambda",
    ]
