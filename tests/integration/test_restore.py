"""Restores: what is left out means RDS's defaults, what is asked for is done or refused."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud import SECURITY_GROUP, SOURCE, SUBNET_GROUP, Cloud
from local.rds import Mishap
from tests.integration.conftest import VISIBLE
from tests.integration.observing import (
    ask,
    instance,
    names,
    refused,
    server_of,
    take_snapshot,
    wait_until_gone,
    watch,
)
from tests.workflow.conftest import FAST

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_rds.type_defs import DBInstanceTypeDef

SNAPSHOT = "the-snapshot"
GROUP = "quiet"
TAGS = [{"Key": "time-machine:role", "Value": "copy"}]


@pytest.fixture(scope="module", autouse=True)
def source(cloud: Cloud, rds: "RDSClient") -> "DBInstanceTypeDef":
    """The source, with a snapshot of it and a parameter group to restore with."""
    cloud.create_source()
    with server_of(cloud, SOURCE).admin("shop") as cursor:
        cursor.execute("CREATE TABLE goods AS SELECT generate_series(1, 100) AS n")
    take_snapshot(cloud, SOURCE, SNAPSHOT)
    rds.create_db_parameter_group(
        DBParameterGroupName=GROUP,
        DBParameterGroupFamily=f"postgres{cloud.binaries.major}",
        Description="quiet",
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName=GROUP,
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for name, value in (
                ("max_logical_replication_workers", "0"),
                ("work_mem", "7777"),
                # Has no library here; a server that was given it would not start.
                ("shared_preload_libraries", "pg_cron"),
            )
        ],
    )
    return instance(rds, SOURCE)


@pytest.fixture(scope="module")
def bare_copy(cloud: Cloud, rds: "RDSClient") -> list["DBInstanceTypeDef"]:
    """A copy for which nothing was asked, as it was seen from the call to ``available``."""
    return _restored(cloud, rds, "bare")


@pytest.fixture(scope="module")
def tailored_copy(cloud: Cloud, rds: "RDSClient") -> list["DBInstanceTypeDef"]:
    """A copy for which everything was asked, as it was seen from the call to ``available``."""
    return _restored(
        cloud,
        rds,
        "tailored",
        DBInstanceClass="db.r6g.large",
        DBParameterGroupName=GROUP,
        DBSubnetGroupName=SUBNET_GROUP,
        VpcSecurityGroupIds=[SECURITY_GROUP],
        PubliclyAccessible=True,
        DeletionProtection=True,
        BackupRetentionPeriod=0,
        MultiAZ=False,
        Tags=TAGS,
    )


def _restored(
    cloud: Cloud, rds: "RDSClient", name: str, **options: Any
) -> list["DBInstanceTypeDef"]:
    cloud.rds.tempo = VISIBLE
    try:
        answer = rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=SNAPSHOT, **options
        )
        seen = watch(
            lambda: instance(rds, name), lambda now: now["DBInstanceStatus"] == "available"
        )
    finally:
        cloud.rds.tempo = FAST
    return [answer["DBInstance"], *seen]


def _statuses(seen: list["DBInstanceTypeDef"]) -> list[str]:
    return list(dict.fromkeys(now["DBInstanceStatus"] for now in seen))


def test_a_copy_with_backups_passes_through_its_first_one(
    bare_copy: list["DBInstanceTypeDef"],
) -> None:
    assert _statuses(bare_copy) == ["creating", "backing-up", "available"]


def test_a_copy_without_backups_takes_none(tailored_copy: list["DBInstanceTypeDef"]) -> None:
    assert _statuses(tailored_copy) == ["creating", "available"]
    assert tailored_copy[-1]["BackupRetentionPeriod"] == 0


def test_there_is_no_endpoint_before_there_is_a_server(
    bare_copy: list["DBInstanceTypeDef"], source: "DBInstanceTypeDef"
) -> None:
    assert "Endpoint" not in bare_copy[0]
    assert bare_copy[-1]["Endpoint"]["Port"] != source["Endpoint"]["Port"]


def test_a_copy_is_another_resource_than_its_source(
    bare_copy: list["DBInstanceTypeDef"],
    tailored_copy: list["DBInstanceTypeDef"],
    source: "DBInstanceTypeDef",
) -> None:
    found = [copy["DbiResourceId"] for copy in (bare_copy[-1], tailored_copy[-1], source)]
    assert len(set(found)) == 3
    assert len({copy["DBInstanceArn"] for copy in (bare_copy[-1], tailored_copy[-1], source)}) == 3
    assert {copy["DbiResourceId"] for copy in bare_copy} == {found[0]}


def test_a_copy_without_tags_inherits_those_of_its_source(
    bare_copy: list["DBInstanceTypeDef"], source: "DBInstanceTypeDef"
) -> None:
    assert source["TagList"]
    assert {str(now["TagList"]) for now in bare_copy} == {str(source["TagList"])}


def test_a_copy_with_tags_has_those_and_no_others(
    tailored_copy: list["DBInstanceTypeDef"],
) -> None:
    assert {str(now["TagList"]) for now in tailored_copy} == {str(TAGS)}


def test_what_is_left_out_means_the_defaults(
    cloud: Cloud, bare_copy: list["DBInstanceTypeDef"], source: "DBInstanceTypeDef"
) -> None:
    copy = bare_copy[-1]
    (group,) = copy["DBParameterGroups"]
    assert group["DBParameterGroupName"] == f"default.postgres{cloud.binaries.major}"
    assert [found["VpcSecurityGroupId"] for found in copy["VpcSecurityGroups"]] == [
        found["VpcSecurityGroupId"] for found in source["VpcSecurityGroups"]
    ]
    assert copy["BackupRetentionPeriod"] == source["BackupRetentionPeriod"] == 7
    assert copy["DBInstanceClass"] == source["DBInstanceClass"]
    assert source["DeletionProtection"]
    assert not copy["DeletionProtection"]
    assert "MasterUserSecret" not in copy
    assert ask(server_of(cloud, "bare"), "SHOW work_mem") == "4MB"


def test_what_is_asked_for_is_done(cloud: Cloud, tailored_copy: list["DBInstanceTypeDef"]) -> None:
    copy = tailored_copy[-1]
    assert copy["DBInstanceClass"] == "db.r6g.large"
    assert copy["DBSubnetGroup"]["DBSubnetGroupName"] == SUBNET_GROUP
    assert [g["VpcSecurityGroupId"] for g in copy["VpcSecurityGroups"]] == [SECURITY_GROUP]
    assert copy["PubliclyAccessible"]
    assert copy["DeletionProtection"]
    assert [g["DBParameterGroupName"] for g in copy["DBParameterGroups"]] == [GROUP]


def test_the_parameters_of_the_group_reach_the_server(
    cloud: Cloud, tailored_copy: list["DBInstanceTypeDef"]
) -> None:
    server = server_of(cloud, tailored_copy[-1]["DBInstanceIdentifier"])
    assert ask(server, "SHOW work_mem") == "7777kB"
    assert ask(server, "SHOW max_logical_replication_workers") == "0"


def test_source_and_copy_do_not_share_a_file(
    cloud: Cloud, bare_copy: list["DBInstanceTypeDef"]
) -> None:
    copy = server_of(cloud, bare_copy[-1]["DBInstanceIdentifier"])
    with copy.admin("shop") as cursor:
        cursor.execute("DELETE FROM goods WHERE n > 50")
        cursor.execute("CHECKPOINT")
    assert ask(copy, "SELECT count(*) FROM goods") == 50
    assert ask(server_of(cloud, SOURCE), "SELECT count(*) FROM goods") == 100


def test_a_managed_password_on_restore_is_for_oracle_only(rds: "RDSClient") -> None:
    with refused("InvalidParameterCombination"):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="managed",
            DBSnapshotIdentifier=SNAPSHOT,
            ManageMasterUserPassword=True,
        )
    assert "managed" not in names(rds)


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("DBInstanceClass", "db.t4g.medum", "InvalidParameterValue"),
        ("DBInstanceClass", "t4g.medium", "InvalidParameterValue"),
        ("DBInstanceClass", "db.r6g.small", "InvalidParameterValue"),
        ("DBSubnetGroupName", "nowhere", "DBSubnetGroupNotFoundFault"),
        ("DBParameterGroupName", "nothing", "DBParameterGroupNotFound"),
        ("DBSnapshotIdentifier", "never-taken", "DBSnapshotNotFound"),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_is_made(
    rds: "RDSClient", option: str, value: str, code: str
) -> None:
    before = names(rds)
    options: dict[str, Any] = {"DBSnapshotIdentifier": SNAPSHOT, option: value}
    with refused(code):
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="unmade", **options)
    assert names(rds) == before


@pytest.mark.usefixtures("visible")
def test_a_snapshot_that_is_not_finished_is_not_restored(cloud: Cloud, rds: "RDSClient") -> None:
    rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier="half-way")
    with refused("InvalidDBSnapshotState"):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="early", DBSnapshotIdentifier="half-way"
        )
    cloud.rds.wait_until(SOURCE, "available")


def test_a_snapshot_is_restored_by_its_arn_too(cloud: Cloud, rds: "RDSClient") -> None:
    found = rds.describe_db_snapshots(DBSnapshotIdentifier=SNAPSHOT)["DBSnapshots"][0]
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="by-arn", DBSnapshotIdentifier=found["DBSnapshotArn"]
    )
    cloud.rds.wait_until("by-arn", "available")
    assert ask(server_of(cloud, "by-arn"), "SELECT count(*) FROM goods") == 100


@pytest.fixture
def mishap(cloud: Cloud) -> Iterator[Mishap]:
    """Of the restores of one test."""
    cloud.rds.mishap = Mishap()
    yield cloud.rds.mishap
    cloud.rds.mishap = Mishap()


def test_a_failed_copy_has_no_endpoint_and_goes_only_without_a_final_snapshot(
    cloud: Cloud, rds: "RDSClient", mishap: Mishap
) -> None:
    mishap.restore_ends_as = "incompatible-restore"
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="broken", DBSnapshotIdentifier=SNAPSHOT
    )
    cloud.rds.wait_until("broken", "incompatible-restore")
    assert "Endpoint" not in instance(rds, "broken")
    with refused("InvalidDBInstanceState"):
        rds.delete_db_instance(DBInstanceIdentifier="broken", FinalDBSnapshotIdentifier="last")
    rds.delete_db_instance(DBInstanceIdentifier="broken", SkipFinalSnapshot=True)
    wait_until_gone(cloud, "broken")


def test_files_that_no_server_starts_on_end_as_a_restore_error(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    take_snapshot(cloud, SOURCE, "headless")
    (cloud.rds.database_snapshots["headless"].folder / "data" / "global" / "pg_control").unlink()
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="headless", DBSnapshotIdentifier="headless"
    )
    seen = watch(
        lambda: instance(rds, "headless")["DBInstanceStatus"], lambda now: now != "creating"
    )
    assert seen[-1] == "restore-error"
