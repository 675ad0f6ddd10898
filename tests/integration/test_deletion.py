"""Deletions: what RDS wants to be told, and what is left."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud import Cloud
from local.rds import MASTER
from tests.integration.observing import (
    ask,
    instance,
    lives,
    processes_of,
    refused,
    server_of,
    wait_until_gone,
    watch,
)

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

Create = Callable[[str], None]


@pytest.fixture
def create(cloud: Cloud) -> Create:
    """Make a protected instance with one table."""

    def make(name: str) -> None:
        cloud.create_source(name)
        with server_of(cloud, name).admin("shop") as cursor:
            cursor.execute("CREATE TABLE goods AS SELECT generate_series(1, 100) AS n")

    return make


def _unprotect(rds: "RDSClient", name: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)


def test_an_instance_is_deleted_only_unprotected_and_with_a_word_on_its_final_snapshot(
    cloud: Cloud, rds: "RDSClient", create: Create
) -> None:
    create("guarded")
    with refused("InvalidParameterCombination"):
        rds.delete_db_instance(DBInstanceIdentifier="guarded", SkipFinalSnapshot=True)
    _unprotect(rds, "guarded")
    unclear: list[dict[str, Any]] = [
        {},
        {"SkipFinalSnapshot": False},
        {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "last"},
    ]
    for options in unclear:
        with refused("InvalidParameterCombination"):
            rds.delete_db_instance(DBInstanceIdentifier="guarded", **options)
    with refused("InvalidParameterValue"):
        rds.delete_db_instance(
            DBInstanceIdentifier="guarded", FinalDBSnapshotIdentifier="not--legal"
        )
    assert instance(rds, "guarded")["DBInstanceStatus"] == "available"
    assert ask(server_of(cloud, "guarded"), "SELECT count(*) FROM goods") == 100


@pytest.mark.usefixtures("visible")
def test_a_deletion_takes_its_time_and_leaves_neither_server_nor_folder(
    cloud: Cloud, rds: "RDSClient", create: Create
) -> None:
    create("leaving")
    _unprotect(rds, "leaving")
    folder = cloud.rds.instance("leaving").folder
    processes = processes_of(folder)
    assert len(processes) > 1
    answer = rds.delete_db_instance(DBInstanceIdentifier="leaving", SkipFinalSnapshot=True)
    assert answer["DBInstance"]["DBInstanceStatus"] == "deleting"
    assert instance(rds, "leaving")["DBInstanceStatus"] == "deleting"
    with refused("InvalidDBInstanceState"):
        rds.delete_db_instance(DBInstanceIdentifier="leaving", SkipFinalSnapshot=True)
    with refused("InvalidDBInstanceState"):
        rds.create_db_snapshot(DBInstanceIdentifier="leaving", DBSnapshotIdentifier="too-late")
    wait_until_gone(cloud, "leaving")
    with refused("DBInstanceNotFound"):
        rds.describe_db_instances(DBInstanceIdentifier="leaving")
    assert not folder.exists()
    assert not any(lives(process) for process in processes)


def test_a_snapshot_outlives_its_source_and_a_final_one_holds_its_last_state(
    cloud: Cloud, rds: "RDSClient", create: Create
) -> None:
    create("mortal")
    _unprotect(rds, "mortal")
    rds.delete_db_instance(DBInstanceIdentifier="mortal", FinalDBSnapshotIdentifier="last-words")
    wait_until_gone(cloud, "mortal")
    (found,) = rds.describe_db_snapshots(DBInstanceIdentifier="mortal")["DBSnapshots"]
    assert (found["DBSnapshotIdentifier"], found["Status"]) == ("last-words", "available")
    # The name is free again, and the new instance is another one.
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="mortal", DBSnapshotIdentifier="last-words"
    )
    cloud.rds.wait_until("mortal", "available")
    assert instance(rds, "mortal")["DbiResourceId"] != found["DbiResourceId"]
    assert ask(server_of(cloud, "mortal"), "SELECT count(*) FROM goods") == 100


@pytest.mark.usefixtures("visible")
def test_an_instance_that_is_still_being_made_is_deleting_until_it_is_gone(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    def look() -> str:
        found = rds.describe_db_instances()["DBInstances"]
        statuses = {now["DBInstanceIdentifier"]: now["DBInstanceStatus"] for now in found}
        return statuses.get("unborn", "gone")

    rds.create_db_instance(
        DBInstanceIdentifier="unborn",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=MASTER,
        MasterUserPassword="never-used-at-all",
    )
    folder = cloud.rds.instance("unborn").folder
    rds.delete_db_instance(DBInstanceIdentifier="unborn", SkipFinalSnapshot=True)
    assert watch(look, lambda now: now == "gone") == ["deleting", "gone"]
    assert not folder.exists()
    assert not processes_of(folder)
