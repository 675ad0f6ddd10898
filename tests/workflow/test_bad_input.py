"""A bad input is refused before anything is created, with all its faults in one message."""

from typing import Any

import pytest

from local.cloud import SOURCE, Cloud

NOT_LENT = "before-move"
CREATING = {"rds.CreateDBSnapshot", "rds.RestoreDBInstanceFromDBSnapshot", "s3.PutObject"}


@pytest.fixture
def strangers(cloud: Cloud) -> Cloud:
    """An instance that is not PostgreSQL, a snapshot of another instance, one that nobody lent."""
    rds = cloud.client("rds")
    for name, engine in (("legacy-mysql", "mysql"), ("other-database", "postgres")):
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t4g.medium",
            Engine=engine,
            MasterUsername="admin",
            MasterUserPassword="not-a-secret",
        )
        cloud.rds.wait_until(name, "available")
    if "of-another" not in cloud.rds.database_snapshots:
        rds.create_db_snapshot(
            DBInstanceIdentifier="other-database", DBSnapshotIdentifier="of-another"
        )
        cloud.rds.wait_until("other-database", "available")
    if NOT_LENT not in cloud.rds.database_snapshots:
        rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier=NOT_LENT)
        cloud.rds.wait_until(SOURCE, "available")
    return cloud


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, ["db_instance_id: is missing"]),
        ([], ["must be a JSON object"]),
        ({"db_instance_id": SOURCE, "colour": 1}, ["colour: unknown field"]),
        ({"db_instance_id": 7}, ["db_instance_id: is of the wrong type"]),
        ({"db_instance_id": "-x-"}, ["db_instance_id: is not of the right form"]),
        ({"db_instance_id": "not-there"}, ["there is no instance not-there"]),
        (
            {"db_instance_id": "-bad", "mode": "snapshot", "baseline": "exact"},
            ["db_instance_id: is not of the right form", "baseline: mode snapshot"],
        ),
        (
            {"db_instance_id": "not-there", "recovery_point": {"snapshot_id": "never-made"}},
            ["there is no instance not-there", "there is no snapshot never-made"],
        ),
        ({"db_instance_id": "legacy-mysql"}, ["runs mysql"]),
        (
            {"db_instance_id": SOURCE, "restore": {"storage_type": "io1"}},
            ["restore.storage_type: the backup is on ", "io1 needs a number of IOPS"],
        ),
        (
            {
                "db_instance_id": SOURCE,
                "recovery_point": {"latest": "any"},
                "restore": {"storage_type": "io2"},
            },
            ["restore.storage_type: the backup is on ", "io2 needs a number of IOPS"],
        ),
        (
            {"db_instance_id": SOURCE, "recovery_point": {"snapshot_id": "of-another"}},
            ["recovery_point: of-another is a snapshot of other-database"],
        ),
        (
            {"db_instance_id": SOURCE, "recovery_point": {"snapshot_id": "never-made"}},
            ["there is no snapshot never-made"],
        ),
        (
            {"db_instance_id": SOURCE, "recovery_point": {"latest": "automated"}},
            ["has no available automated snapshot"],
        ),
        (
            {"db_instance_id": SOURCE, "recovery_point": {"snapshot_id": NOT_LENT}},
            [f"recovery_point: {NOT_LENT} is neither ours", "tag it time-machine:restorable = yes"],
        ),
        (
            {"db_instance_id": SOURCE, "recovery_point": {"latest": "any"}},
            [f"the newest is {NOT_LENT}, tag it time-machine:restorable = yes"],
        ),
        (
            {
                "db_instance_id": SOURCE,
                "restore": {"subnet_group": "default", "parameter_group": "default.postgres18"},
            },
            [
                "restore.subnet_group: its name must start with tm-quarantine-",
                "restore.parameter_group: its name must start with tm-quarantine-",
            ],
        ),
        (
            {"db_instance_id": "-bad", "restore": {"subnet_group": "default"}},
            ["db_instance_id: is not of the right form", "restore.subnet_group: its name"],
        ),
        (
            {
                "db_instance_id": SOURCE,
                "mode": "snapshot",
                "baseline": "exact",
                "recovery_point": {"latest": "any"},
                "retention_days": 3,
            },
            ["baseline: mode snapshot", "recovery_point: mode snapshot", "retention_days: is for"],
        ),
        (
            {"db_instance_id": "other-database", "baseline": "exact"},
            ["baseline: exact reads the source, and the deployment knows no secret"],
        ),
        (
            {
                "db_instance_id": SOURCE,
                "colour": 1,
                "retention_days": 0,
                "deadline_minutes": "soon",
                "tags": {"aws:x": "y"},
                "baseline": "perfect",
                "expectations": [{"name": "n"}],
                "restore": {"instance_class": "big"},
            },
            [
                "colour: unknown",
                "retention_days: is out of range",
                "deadline_minutes: is of the wrong type",
                "tags",
                "baseline: is not allowed",
                "expectations[0].sql: is missing",
                "restore.instance_class: is not of the right form",
            ],
        ),
        (
            {"db_instance_id": "not-there", "retention_days": -1, "mode": "x"},
            ["there is no instance", "retention_days", "mode"],
        ),
    ],
)
def test_it_is_refused(strangers: Cloud, cloud: Cloud, document: Any, said: list[str]) -> None:
    snapshots = sorted(cloud.rds.database_snapshots)
    instances = cloud.rds.names()
    ending = cloud.run(document)
    assert (ending.status, ending.error) == ("FAILED", "InvalidRequest")
    for part in said:
        assert part in ending.cause
    assert not CREATING & set(cloud.ledger.operations())
    assert sorted(cloud.rds.database_snapshots) == snapshots
    assert cloud.rds.names() == instances


def test_a_source_that_the_deployment_does_not_list_is_refused(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_SOURCES", "ledger,billing")
    ending = cloud.run({"db_instance_id": SOURCE, "mode": "snapshot"})
    assert (ending.status, ending.error) == ("FAILED", "InvalidRequest")
    assert f"db_instance_id: {SOURCE} is not among the deployment's sources" in ending.cause
    assert not CREATING & set(cloud.ledger.operations())


def test_a_copy_is_never_drilled(cloud: Cloud) -> None:
    """A nightly list that is too generous must not snapshot other drills' copies."""
    found: list[str] = []

    def look(state: str, event: Any) -> None:
        if state == "VerifyBatch":
            cloud.functions.before = None
            found.append(cloud.run({"db_instance_id": event["drill"]["copy_id"]}).cause)

    cloud.functions.before = look
    cloud.run({"db_instance_id": SOURCE})
    assert "is itself the copy of a drill" in found[0]
