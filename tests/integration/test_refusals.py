"""What RDS refuses, with its own error codes: names, quotas, states, what is not there."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.adapters.rds import Rds
from local.cloud import SOURCE, Cloud
from local.rds import INSTANCE_QUOTA, MASTER, SNAPSHOT_QUOTA
from tests.integration.observing import names, refused, take_snapshot, wait_until_gone, watch

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

SNAPSHOT = "the-snapshot"
ILLEGAL = ["1st", "a--b", "a-", "-a", "a_b", "a.b", "a b", "ä"]


@pytest.fixture(scope="module", autouse=True)
def source(cloud: Cloud) -> None:
    cloud.create_source()
    take_snapshot(cloud, SOURCE, SNAPSHOT)


@pytest.fixture
def quotas(cloud: Cloud) -> Iterator[None]:
    """No room for anything more."""
    cloud.rds.instance_quota = len(cloud.rds.names())
    cloud.rds.snapshot_quota = len(cloud.rds.database_snapshots)
    yield
    cloud.rds.instance_quota, cloud.rds.snapshot_quota = INSTANCE_QUOTA, SNAPSHOT_QUOTA


def _create(rds: "RDSClient", name: str) -> None:
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=MASTER,
        MasterUserPassword="never-used-at-all",
    )


def _restore(rds: "RDSClient", name: str) -> None:
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name, DBSnapshotIdentifier=SNAPSHOT
    )


def _snapshot(rds: "RDSClient", name: str) -> None:
    rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier=name)


def _snapshots(rds: "RDSClient") -> list[str]:
    return [s["DBSnapshotIdentifier"] for s in rds.describe_db_snapshots()["DBSnapshots"]]


@pytest.mark.parametrize("make", [_create, _restore])
@pytest.mark.parametrize("name", [*ILLEGAL, "x" * 64])
def test_an_illegal_name_of_an_instance_is_refused(
    rds: "RDSClient", make: Callable[["RDSClient", str], None], name: str
) -> None:
    with refused("InvalidParameterValue"):
        make(rds, name)
    assert names(rds) == {SOURCE}


@pytest.mark.parametrize("name", [*ILLEGAL, "rds:automated", "x" * 256])
def test_an_illegal_name_of_a_snapshot_is_refused(rds: "RDSClient", name: str) -> None:
    with refused("InvalidParameterValue"):
        _snapshot(rds, name)
    assert _snapshots(rds) == [SNAPSHOT]


def test_the_longest_legal_names_are_taken_and_identifiers_are_lower_case(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    instance = "X" * 62 + "9"
    _restore(rds, instance)
    assert instance.lower() in names(rds)
    rds.delete_db_instance(DBInstanceIdentifier=instance, SkipFinalSnapshot=True)
    wait_until_gone(cloud, instance)
    snapshot = "s" * 255
    take_snapshot(cloud, SOURCE, snapshot)
    assert snapshot in _snapshots(rds)
    rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


@pytest.mark.parametrize("make", [_create, _restore])
@pytest.mark.parametrize("name", [SOURCE, SOURCE.upper()])
def test_a_name_that_is_taken_is_refused_in_any_case(
    rds: "RDSClient", make: Callable[["RDSClient", str], None], name: str
) -> None:
    with refused("DBInstanceAlreadyExists"):
        make(rds, name)


@pytest.mark.parametrize("name", [SNAPSHOT, SNAPSHOT.upper()])
def test_a_snapshots_name_that_is_taken_is_refused_in_any_case(rds: "RDSClient", name: str) -> None:
    with refused("DBSnapshotAlreadyExists"):
        _snapshot(rds, name)


@pytest.mark.usefixtures("quotas")
def test_what_exceeds_a_quota_is_refused(rds: "RDSClient") -> None:
    for make in (_create, _restore):
        with refused("InstanceQuotaExceeded"):
            make(rds, "one-too-many")
    with refused("SnapshotQuotaExceeded"):
        _snapshot(rds, "one-too-many")
    assert names(rds) == {SOURCE}
    assert _snapshots(rds) == [SNAPSHOT]


@pytest.mark.usefixtures("visible")
def test_an_instance_that_is_being_made_is_neither_changed_nor_saved(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    _restore(rds, "young")
    with refused("InvalidDBInstanceState"):
        rds.create_db_snapshot(DBInstanceIdentifier="young", DBSnapshotIdentifier="too-early")
    with refused("InvalidDBInstanceState"):
        rds.modify_db_instance(
            DBInstanceIdentifier="young", ManageMasterUserPassword=True, ApplyImmediately=True
        )
    with refused("DBInstanceAlreadyExists"):
        _restore(rds, "young")
    rds.delete_db_instance(DBInstanceIdentifier="young", SkipFinalSnapshot=True)
    wait_until_gone(cloud, "young")
    assert _snapshots(rds) == [SNAPSHOT]


NOT_THERE: dict[str, tuple[str, Callable[["RDSClient"], object]]] = {
    "describe an instance": (
        "DBInstanceNotFound",
        lambda rds: rds.describe_db_instances(DBInstanceIdentifier="nobody"),
    ),
    "modify an instance": (
        "DBInstanceNotFound",
        lambda rds: rds.modify_db_instance(DBInstanceIdentifier="nobody", MultiAZ=False),
    ),
    "delete an instance": (
        "DBInstanceNotFound",
        lambda rds: rds.delete_db_instance(DBInstanceIdentifier="nobody", SkipFinalSnapshot=True),
    ),
    "take a snapshot": (
        "DBInstanceNotFound",
        lambda rds: rds.create_db_snapshot(
            DBInstanceIdentifier="nobody", DBSnapshotIdentifier="of-nobody"
        ),
    ),
    "describe a snapshot": (
        "DBSnapshotNotFound",
        lambda rds: rds.describe_db_snapshots(DBSnapshotIdentifier="of-nobody"),
    ),
    "delete a snapshot": (
        "DBSnapshotNotFound",
        lambda rds: rds.delete_db_snapshot(DBSnapshotIdentifier="of-nobody"),
    ),
    "restore a snapshot": (
        "DBSnapshotNotFound",
        lambda rds: rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="copy", DBSnapshotIdentifier="of-nobody"
        ),
    ),
}


@pytest.mark.parametrize("what", NOT_THERE)
def test_what_is_not_there_is_not_found(rds: "RDSClient", what: str) -> None:
    code, call = NOT_THERE[what]
    with refused(code):
        call(rds)


def test_an_automated_snapshot_is_not_deleted_by_hand(cloud: Cloud, rds: "RDSClient") -> None:
    automated = cloud.take_automated_snapshot()
    try:
        with refused("InvalidDBSnapshotState"):
            rds.delete_db_snapshot(DBSnapshotIdentifier=automated)
        assert automated in _snapshots(rds)
    finally:
        del cloud.rds.database_snapshots[automated]


@pytest.mark.usefixtures("visible")
def test_a_snapshot_that_is_being_taken_is_not_deleted(cloud: Cloud, rds: "RDSClient") -> None:
    _snapshot(rds, "young")
    with refused("InvalidDBSnapshotState"):
        rds.delete_db_snapshot(DBSnapshotIdentifier="young")
    cloud.rds.wait_until(SOURCE, "available")
    watch(lambda: cloud.rds.database_snapshots["young"].status, lambda now: now == "available")
    rds.delete_db_snapshot(DBSnapshotIdentifier="young")
    assert _snapshots(rds) == [SNAPSHOT]


def test_snapshots_are_listed_in_pages_that_a_caller_may_make_smaller(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    for number in range(22):
        take_snapshot(cloud, SOURCE, f"page-{number:02d}")
    first = rds.describe_db_snapshots(MaxRecords=20)
    rest = rds.describe_db_snapshots(MaxRecords=20, Marker=first["Marker"])
    listed = [s["DBSnapshotIdentifier"] for s in first["DBSnapshots"] + rest["DBSnapshots"]]
    assert (len(first["DBSnapshots"]), "Marker" in rest) == (20, False)
    assert sorted(listed) == sorted(_snapshots(rds))
    for number in range(22):
        rds.delete_db_snapshot(DBSnapshotIdentifier=f"page-{number:02d}")


@pytest.mark.parametrize("name", ["rds:orders-2026-11-22-03-00", "awsbackup:job-1"])
def test_a_snapshot_that_is_not_manual_is_found_with_its_type_alone(
    cloud: Cloud, rds: "RDSClient", name: str
) -> None:
    """DescribeDBSnapshots: for an automated one "SnapshotType must also be specified"."""
    kind = "automated" if name.startswith("rds:") else "awsbackup"
    cloud.rds.create_db_snapshot(SOURCE, name, snapshot_type=kind)
    cloud.rds.wait_until(SOURCE, "available")
    with refused("DBSnapshotNotFound"):
        rds.describe_db_snapshots(DBSnapshotIdentifier=name)
    found = rds.describe_db_snapshots(DBSnapshotIdentifier=name, SnapshotType=kind)
    assert [it["DBSnapshotIdentifier"] for it in found["DBSnapshots"]] == [name]
    snapshot = Rds().snapshot(name)
    assert snapshot["SnapshotType"] == kind
    cloud.rds.drop_snapshot(name)


def test_a_snapshot_of_such_a_name_that_is_not_there_is_none() -> None:
    assert Rds().find_snapshot("rds:nobody-2026-11-22-03-00") is None
    assert Rds().find_snapshot("awsbackup:nobody") is None
    assert Rds().find_snapshot("nobody") is None


@pytest.mark.parametrize(
    "wish",
    [
        {"StorageType": "io1"},
        {"StorageType": "io2"},
        {"StorageType": "gp3", "Iops": 3000},
    ],
)
def test_a_storage_type_that_lacks_its_iops_or_has_some_it_can_not_have_is_refused(
    rds: "RDSClient", wish: dict[str, Any]
) -> None:
    with refused("InvalidParameterCombination"):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="fast", DBSnapshotIdentifier=SNAPSHOT, **wish
        )
