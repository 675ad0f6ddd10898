"""The master password that RDS keeps: reset on the real server, told only when it is active."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.rds import MASTER
from tests.integration.conftest import VISIBLE
from tests.integration.observing import (
    instance,
    logs_in,
    refused,
    server_of,
    wait_until_gone,
    watch,
)
from tests.workflow.conftest import FAST

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_rds.type_defs import DBInstanceTypeDef

NAME = "kept"
OLD_PASSWORD = "chosen-by-a-person"


@pytest.fixture(scope="module", autouse=True)
def resets(cloud: Cloud, rds: "RDSClient") -> list[tuple[str, str]]:
    """Status and secret's status, as they were seen during a reset that was asked for twice."""
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=MASTER,
        MasterUserPassword=OLD_PASSWORD,
    )
    cloud.rds.wait_until(NAME, "available")
    assert logs_in(server_of(cloud, NAME), OLD_PASSWORD)
    cloud.rds.tempo = VISIBLE
    try:
        for _ in range(2):
            _manage(rds)
        return watch(lambda: _statuses(instance(rds, NAME)), lambda now: now[1] == "active")
    finally:
        cloud.rds.tempo = FAST


def _manage(rds: "RDSClient") -> None:
    rds.modify_db_instance(
        DBInstanceIdentifier=NAME, ManageMasterUserPassword=True, ApplyImmediately=True
    )


def _statuses(found: "DBInstanceTypeDef") -> tuple[str, str]:
    secret = found.get("MasterUserSecret", {})
    return found["DBInstanceStatus"], secret.get("SecretStatus", "absent")


def _secrets(cloud: Cloud) -> list[str]:
    """Those that RDS keeps."""
    listed = cloud.client("secretsmanager").list_secrets()["SecretList"]
    return [secret["ARN"] for secret in listed if secret["Name"].startswith("rds!")]


def test_the_secret_is_active_only_after_the_reset(resets: list[tuple[str, str]]) -> None:
    begun, *later = resets
    assert begun == ("available", "absent")
    # A look may fall between the secret and the status, as it may at AWS.
    if later[0] == ("available", "creating"):
        del later[0]
    assert later == [
        ("resetting-master-credentials", "creating"),
        ("available", "creating"),
        ("available", "active"),
    ]


def test_the_active_secret_logs_in_and_the_old_password_does_not(
    cloud: Cloud, rds: "RDSClient"
) -> None:
    kept = instance(rds, NAME)["MasterUserSecret"]
    assert kept["KmsKeyId"]
    value = cloud.client("secretsmanager").get_secret_value(SecretId=kept["SecretArn"])
    secret: dict[str, Any] = json.loads(value["SecretString"])
    assert secret["username"] == MASTER
    assert logs_in(server_of(cloud, NAME), secret["password"])
    assert not logs_in(server_of(cloud, NAME), OLD_PASSWORD)


def test_a_second_request_makes_no_second_secret(cloud: Cloud, rds: "RDSClient") -> None:
    _manage(rds)
    busy = cloud.rds.instance(NAME).busy
    assert busy is not None
    busy.join()
    assert _secrets(cloud) == [instance(rds, NAME)["MasterUserSecret"]["SecretArn"]]
    assert _statuses(instance(rds, NAME)) == ("available", "active")


def test_the_master_user_is_no_superuser(cloud: Cloud) -> None:
    with server_of(cloud, NAME).admin() as cursor:
        cursor.execute(
            "SELECT rolsuper, pg_has_role(rolname, 'rds_superuser', 'MEMBER')"
            " FROM pg_roles WHERE rolname = %s",
            [MASTER],
        )
        assert cursor.fetchall() == [(False, True)]


@pytest.fixture
def busy(cloud: Cloud, rds: "RDSClient") -> Iterator[str]:
    """An instance in the middle of a reset."""
    cloud.rds.tempo = VISIBLE
    rds.create_db_instance(
        DBInstanceIdentifier="other",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=MASTER,
        MasterUserPassword=OLD_PASSWORD,
    )
    cloud.rds.wait_until("other", "available")
    rds.modify_db_instance(
        DBInstanceIdentifier="other", ManageMasterUserPassword=True, ApplyImmediately=True
    )
    cloud.rds.wait_until("other", "resetting-master-credentials")
    yield "other"
    cloud.rds.tempo = FAST


def test_during_the_reset_nothing_else_is_done_and_a_deletion_takes_the_secret_along(
    cloud: Cloud, rds: "RDSClient", busy: str
) -> None:
    with refused("InvalidDBInstanceState"):
        rds.create_db_snapshot(DBInstanceIdentifier=busy, DBSnapshotIdentifier="too-early")
    with refused("InvalidDBInstanceState"):
        rds.modify_db_instance(DBInstanceIdentifier=busy, BackupRetentionPeriod=3)
    secret = instance(rds, busy)["MasterUserSecret"]["SecretArn"]
    assert secret in _secrets(cloud)
    rds.delete_db_instance(DBInstanceIdentifier=busy, SkipFinalSnapshot=True)
    wait_until_gone(cloud, busy)
    assert secret not in _secrets(cloud)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloud.client("secretsmanager").get_secret_value(SecretId=secret)
