"""What is said of a source, and of the copy that RDS would have to offer."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ops.preflight import offers, sources
from ops.preflight.account import NotKnown
from ops.preflight.answers import Answer, Level
from ops.preflight.plan import Plan
from stacks import settings
from tests.infra.preflight.conftest import Refusal, account, plan
from tests.infra.test_settings import GIVEN, SECRET

GROUPS = {
    "Resources": {
        f"P{major}": {
            "Type": "AWS::RDS::DBParameterGroup",
            "Properties": {
                "DBParameterGroupName": f"tm-quarantine-{major}",
                "Family": f"postgres{major}",
                "Parameters": {"rds.force_ssl": "1"},
            },
        }
        for major in (16, 17)
    }
}
SHOP: dict[str, Any] = {
    "DBInstanceIdentifier": "shop",
    "Engine": "postgres",
    "EngineVersion": "16.4",
    "DBInstanceClass": "db.m7g.large",
    "DBInstanceStatus": "available",
    "AllocatedStorage": 100,
    "StorageType": "gp3",
    "StorageEncrypted": True,
    "BackupRetentionPeriod": 7,
    "MasterUsername": "postgres",
    "IAMDatabaseAuthenticationEnabled": False,
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "Endpoint": {"Address": "shop.example.org", "Port": 5432},
    "DBSubnetGroup": {"VpcId": GIVEN["vpc_id"]},
    "VpcSecurityGroups": [{"VpcSecurityGroupId": GIVEN["source_security_group_ids"][0]}],
}
PLAIN = plan(GROUPS)
READ = plan(GROUPS, sources=[{"db_instance_id": "shop", "secret_arn": SECRET}], network=GIVEN)


def said(of: Plan, found: dict[str, Any] | None) -> list[Answer]:
    """All that is said of the source ``shop``, with RDS's answer in the API's shape."""
    reply = Refusal("DBInstanceNotFound") if found is None else {"DBInstances": [found]}
    (question,) = sources.questions(of)
    return list(question.judge(question.ask(account(DescribeDBInstances=reply))))


@pytest.mark.parametrize("of", [PLAIN, READ])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"DBInstanceStatus": "storage-optimization"},
        {"EngineVersion": "17.1"},
        {"MultiAZ": True},
        {"ReadReplicaDBInstanceIdentifiers": ["shop-replica"]},
    ],
)
def test_a_source_that_drills_can_restore_is_ok(of: Plan, change: dict[str, Any]) -> None:
    (answer,) = said(of, {**SHOP, **change})
    assert answer.level is Level.OK, answer
    assert "100 GiB of gp3" in answer.says


CASES: list[tuple[Plan, dict[str, Any] | None, Level, str, str]] = [
    (PLAIN, None, Level.BLOCKED, "no such DB instance", "db_instance_id"),
    (PLAIN, {"Engine": "aurora-postgresql"}, Level.BLOCKED, "aurora-postgresql", "take it out"),
    (PLAIN, {"Engine": "mysql"}, Level.BLOCKED, "mysql", "take it out"),
    (PLAIN, {"DBClusterIdentifier": "shops"}, Level.BLOCKED, "Multi-AZ DB cluster shops", ""),
    (PLAIN, {"EngineVersion": "15.8"}, Level.BLOCKED, "groups for 16, 17", "add 15"),
    (PLAIN, {"EngineVersion": "13.12"}, Level.BLOCKED, "13.12", "upgrade it to 14 or later"),
    (PLAIN, {"EngineVersion": "9.6.24"}, Level.BLOCKED, "9.6.24", "or take it out of sources"),
    (PLAIN, {"EngineVersion": "19.1"}, Level.BLOCKED, "19.1", "take it out of sources"),
    (PLAIN, {"DBInstanceStatus": "stopped"}, Level.BLOCKED, "stopped", "start"),
    (PLAIN, {"DBInstanceStatus": "storage-full"}, Level.BLOCKED, "storage-full", "repair"),
    (PLAIN, {"DBInstanceStatus": "backing-up"}, Level.WARNING, "backing-up", "wait"),
    (PLAIN, {"DBInstanceStatus": "upgrading"}, Level.WARNING, "upgrading", "wait"),
    (PLAIN, {"BackupRetentionPeriod": 0}, Level.WARNING, "automated backups", "1 to 35"),
    (PLAIN, {"IAMDatabaseAuthenticationEnabled": True}, Level.WARNING, "rds_iam", "REVOKE"),
    (
        PLAIN,
        {"ReadReplicaSourceDBInstanceIdentifier": "main"},
        Level.WARNING,
        "replica of main",
        "list main",
    ),
    (
        READ,
        {"ReadReplicaSourceDBInstanceIdentifier": "main"},
        Level.BLOCKED,
        "baseline",
        "list main",
    ),
    (PLAIN, {"CACertificateIdentifier": "rds-ca-2019"}, Level.WARNING, "rds-ca-2019", "bundle"),
    (READ, {"CACertificateIdentifier": "rds-ca-rsa9-g2"}, Level.BLOCKED, "rsa9", "bundle"),
    (PLAIN, {"Endpoint": {"Port": 6432}}, Level.BLOCKED, "port 6432", '"port": 6432'),
    (READ, {"DBSubnetGroup": {"VpcId": "vpc-1"}}, Level.WARNING, "vpc-1", "peered"),
    (READ, {"VpcSecurityGroups": []}, Level.BLOCKED, "no security group", "VerifierSecurity"),
    (
        READ,
        {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-9"}]},
        Level.BLOCKED,
        "sg-9",
        "list one",
    ),
]


@pytest.mark.parametrize(("of", "change", "level", "says", "remedy"), CASES)
def test_what_a_drill_would_meet_is_said_of_the_source(
    of: Plan, change: dict[str, Any] | None, level: Level, says: str, remedy: str
) -> None:
    (answer,) = said(of, None if change is None else {**SHOP, **change})
    assert answer.level is level
    assert answer.subject == "source shop"
    assert says in answer.says
    assert remedy in answer.remedy
    assert answer.remedy


def night(**given: Any) -> dict[str, Any]:
    return {"sources": ["shop"], "cron": "0 3 * * ? *", "input": given}


GROUP_NAMED = night(restore={"parameter_group": "shop-15"})
SNAPSHOT = night(mode="snapshot")


@pytest.mark.parametrize(
    ("nights", "level"),
    [
        ([SNAPSHOT], Level.WARNING),
        ([GROUP_NAMED], Level.WARNING),
        ([SNAPSHOT, GROUP_NAMED], Level.WARNING),
        ([night()], Level.BLOCKED),
        ([SNAPSHOT, night()], Level.BLOCKED),
        ([night(restore={"instance_class": "db.m7g.large"})], Level.BLOCKED),
    ],
)
@pytest.mark.parametrize("version", ["15.8", "13.12"])
def test_a_major_without_a_group_blocks_only_what_needs_one(
    nights: list[dict[str, Any]], level: Level, version: str
) -> None:
    of = plan(GROUPS, nightly=[{**it, "cron": f"{n} 3 * * ? *"} for n, it in enumerate(nights)])
    (answer,) = said(of, {**SHOP, "EngineVersion": version})
    assert answer.level is level, answer
    assert "groups for 16, 17" in answer.says


def test_no_remedy_asks_for_a_major_that_the_settings_refuse() -> None:
    file = Path(settings.__file__).with_name("settings.schema.json")
    majors = json.loads(file.read_text(encoding="utf-8"))["properties"]["postgres_majors"]["items"]
    assert (majors["minimum"], majors["maximum"]) == (sources.OLDEST, sources.NEWEST)
    for major in (9, sources.OLDEST - 1, sources.NEWEST + 1):
        (answer,) = said(PLAIN, {**SHOP, "EngineVersion": f"{major}.1"})
        assert "add" not in answer.remedy


def test_what_else_is_to_be_said_of_a_source_is_said_beside_its_major() -> None:
    change = {"EngineVersion": "15.8", "BackupRetentionPeriod": 0}
    levels = [answer.level for answer in said(PLAIN, {**SHOP, **change})]
    assert levels == [Level.BLOCKED, Level.WARNING]


def test_a_source_without_a_secret_may_be_in_any_network() -> None:
    (answer,) = said(PLAIN, {**SHOP, "DBSubnetGroup": {"VpcId": "vpc-1"}, "VpcSecurityGroups": []})
    assert answer.level is Level.OK


def test_several_things_are_each_said() -> None:
    change = {"BackupRetentionPeriod": 0, "DBInstanceStatus": "rebooting", "Endpoint": {"Port": 1}}
    levels = [answer.level for answer in said(PLAIN, {**SHOP, **change})]
    assert levels == [Level.WARNING, Level.WARNING, Level.BLOCKED]


OFFER: dict[str, Any] = {
    "Engine": "postgres",
    "EngineVersion": "16.4",
    "DBInstanceClass": "db.m7g.large",
    "StorageType": "gp3",
    "MinStorageSize": 20,
    "MaxStorageSize": 65536,
    "SupportsStorageEncryption": True,
    "AvailabilityZones": [{"Name": "eu-central-1a"}, {"Name": "eu-central-1b"}],
}


OTHER = {**OFFER, "DBInstanceClass": "db.r8g.large"}


def zone(letter: str) -> dict[str, Any]:
    return {"SubnetId": f"subnet-{letter}", "AvailabilityZone": f"eu-central-1{letter}"}


def offered(
    of: Plan,
    listed: list[dict[str, Any]],
    zones: str = "",
    of_version: Sequence[dict[str, Any]] = (OTHER,),
) -> list[Answer]:
    """What is said of the copy.

    Args:
        listed: RDS's offers of the source's version and class.
        of_version: those of any class of that version.
    """
    (question,) = offers.questions(of)
    found = account(
        DescribeDBInstances={"DBInstances": [SHOP]},
        DescribeOrderableDBInstanceOptions=lambda asked: {
            "OrderableDBInstanceOptions": listed if "DBInstanceClass" in asked else list(of_version)
        },
        DescribeSubnets={"Subnets": [zone(letter) for letter in zones]},
    )
    return list(question.judge(question.ask(found)))


IO1 = {**OFFER, "StorageType": "io1"}


@pytest.mark.parametrize(
    ("of", "listed", "zones", "level", "says"),
    [
        (PLAIN, [IO1, OFFER], "", Level.OK, "db.m7g.large with 16.4"),
        (READ, [OFFER], "ab", Level.OK, "offers"),
        (READ, [OFFER], "abc", Level.WARNING, "not in eu-central-1c"),
        (READ, [OFFER], "cd", Level.BLOCKED, "none of the subnets' zones"),
        (PLAIN, [], "", Level.BLOCKED, "offers no db.m7g.large"),
        (PLAIN, [IO1], "", Level.BLOCKED, "not with 100 GiB of gp3, encrypted"),
        (PLAIN, [{**OFFER, "MaxStorageSize": 50}], "", Level.BLOCKED, "100 GiB"),
        (PLAIN, [{**OFFER, "SupportsStorageEncryption": False}], "", Level.BLOCKED, "encrypted"),
    ],
)
def test_the_copy_is_offered_with_the_storage_of_the_source(
    of: Plan, listed: list[dict[str, Any]], zones: str, level: Level, says: str
) -> None:
    (answer,) = offered(of, listed, zones)
    assert answer.level is level
    assert answer.subject == "copy of shop"
    assert says in answer.says
    assert bool(answer.remedy) == (level is not Level.OK)


def test_a_version_that_rds_has_retired_is_no_fault_of_the_class() -> None:
    """Another class would change nothing, and a restore of such a backup may well work."""
    (answer,) = offered(PLAIN, [], of_version=[])
    assert answer.level is Level.WARNING
    assert "no longer offers PostgreSQL 16.4" in answer.says
    assert "upgrade the source" in answer.remedy
    assert "copy_instance_class" not in answer.remedy


def test_each_class_that_a_copy_may_have_is_asked_about() -> None:
    other = night(restore={"instance_class": "db.r8g.large"})
    asked = [q.subject for q in offers.questions(plan(GROUPS, nightly=[other]))]
    assert asked == ["copy of shop", "copy of shop as db.r8g.large"]
    (chosen,) = offers.questions(plan(GROUPS, copy_instance_class="db.m7g.large"))
    assert chosen.subject == "copy of shop as db.m7g.large"


def test_no_offer_is_asked_for_where_there_is_no_source() -> None:
    (question,) = offers.questions(PLAIN)
    with pytest.raises(NotKnown, match="no RDS for PostgreSQL instance"):
        question.ask(account(DescribeDBInstances=Refusal("DBInstanceNotFoundFault")))
