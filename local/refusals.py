"""What RDS refuses, with the error codes of its API reference."""

import re
from typing import Any

from moto.rds.exceptions import (
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import DBInstance, DBSnapshot, RDSBackend

INSTANCE_NAME_LENGTH = 63
GP3_STRIPED_GIB = 400
USABLE = frozenset({"available", "storage-optimization"})

_INSTANCE_NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_INSTANCE_CLASS = re.compile(
    r"db\.(?:(?:t3|t4g)\.(?:micro|small|medium|large|2?xlarge)"
    r"|(?:m5|m6g|m6i|m7g|m7i|r5|r6g|r6i|r7g|r8g)\.(?:large|\d*xlarge))"
)
_DELETABLE_WITHOUT_SNAPSHOT_ONLY = frozenset(
    {"failed", "incompatible-restore", "incompatible-network"}
)


def refuse_unusable(instance: DBInstance) -> None:
    """A change or a snapshot needs an instance that is at rest."""
    if instance.status not in USABLE:
        raise RDSClientError(
            "InvalidDBInstanceState",
            f"Instance {instance.db_instance_identifier} is not in a state that allows this:"
            f" {instance.status}.",
        )


def refuse_bad_instance(rds: RDSBackend, quota: int, name: str, wish: dict[str, Any]) -> None:
    """A new instance needs a legal name, room, and groups that are there."""
    if not _INSTANCE_NAME.fullmatch(name) or len(name) > INSTANCE_NAME_LENGTH:
        raise InvalidParameterValue(
            f"The parameter DBInstanceIdentifier is not a valid identifier: {name}"
        )
    if name in rds.databases:
        raise RDSClientError("DBInstanceAlreadyExists", "DB instance already exists")
    if len(rds.databases) >= quota:
        raise RDSClientError(
            "InstanceQuotaExceeded", "The quota of DB instances in this region is used up."
        )
    instance_class = wish.get("db_instance_class")
    if instance_class and not _INSTANCE_CLASS.fullmatch(instance_class):
        raise InvalidParameterValue(f"Invalid DB Instance class: {instance_class}")
    _refuse_missing_groups(rds, wish)


def refuse_bad_snapshot(rds: RDSBackend, quota: int, name: str, snapshot_type: str) -> None:
    """A new snapshot needs a free name, and a manual one room."""
    if name in rds.database_snapshots:
        raise RDSClientError(
            "DBSnapshotAlreadyExists",
            f"Cannot create the snapshot because one named {name} exists.",
        )
    manual = [s for s in rds.database_snapshots.values() if s.snapshot_type == "manual"]
    if snapshot_type == "manual" and len(manual) >= quota:
        raise RDSClientError(
            "SnapshotQuotaExceeded",
            "The request cannot be processed because it would exceed the maximum number of"
            " snapshots.",
        )


def refuse_restore(snapshot: DBSnapshot, wish: dict[str, Any]) -> None:
    """A restore needs a finished snapshot; the managed password is for Oracle only."""
    if wish.get("manage_master_user_password"):
        raise InvalidParameterCombination(
            "ManageMasterUserPassword isn't supported for the engine postgres on restore."
        )
    if snapshot.status != "available":
        raise RDSClientError(
            "InvalidDBSnapshotState",
            f"The snapshot {snapshot.db_snapshot_identifier} is not in the available state.",
        )
    if wish.get("storage_type"):
        _refuse_storage(snapshot.database, wish)


def refuse_untyped(
    instance: str | None,
    name: str | None = None,
    snapshot_type: str | None = None,
    _filters: Any = None,
) -> None:
    """The identifier of a snapshot that is not manual is none without its type."""
    del instance
    start = (name or "").rpartition(":snapshot:")[2].partition(":")[0]
    if start in ("rds", "awsbackup") and snapshot_type is None:
        raise RDSClientError("DBSnapshotNotFound", f"DBSnapshot {name} not found.")


def _refuse_storage(source: DBInstance, wish: dict[str, Any]) -> None:
    """A type alone takes the backup's IOPS over; io1 and io2 need some, gp3 only when striped."""
    kind, iops = wish["storage_type"], wish.get("iops") or source.iops
    if kind in ("io1", "io2") and not wish.get("iops"):
        raise InvalidParameterCombination(f"The storage type {kind} requires iops")
    striped = int(source.allocated_storage or 0) >= GP3_STRIPED_GIB
    if kind == "gp3" and bool(iops) != striped:
        raise InvalidParameterCombination(
            "You can't specify IOPS or storage throughput for engine postgres and a storage size"
            " less than 400."
            if iops
            else "The storage type gp3 requires iops"
        )
    if kind in ("gp2", "standard") and iops:
        raise InvalidParameterCombination(f"The storage type {kind} takes no iops")


def refuse_deletion(instance: DBInstance, *, skip_final: bool, final: str | None) -> None:
    """Protected or going already, or at odds about the final snapshot."""
    name = instance.db_instance_identifier
    if instance.deletion_protection:
        raise InvalidParameterCombination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    if not skip_final and not final:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )
    if skip_final and final:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier can't be specified with SkipFinalSnapshot."
        )
    if not skip_final and instance.status in _DELETABLE_WITHOUT_SNAPSHOT_ONLY:
        raise RDSClientError(
            "InvalidDBInstanceState",
            f"Instance {name} can only be deleted with SkipFinalSnapshot.",
        )
    if instance.status == "deleting":
        raise RDSClientError("InvalidDBInstanceState", f"Instance {name} is already being deleted.")


def refuse_snapshot_deletion(snapshot: DBSnapshot) -> None:
    """RDS deletes automated snapshots itself, and others only when they are finished."""
    if snapshot.snapshot_type != "manual":
        raise RDSClientError(
            "InvalidDBSnapshotState", f"{snapshot.snapshot_type} snapshots cannot be deleted."
        )
    if snapshot.status != "available":
        raise RDSClientError(
            "InvalidDBSnapshotState", f"The snapshot is in the {snapshot.status} state."
        )


def _refuse_missing_groups(rds: RDSBackend, wish: dict[str, Any]) -> None:
    subnets, parameters = wish.get("db_subnet_group_name"), wish.get("db_parameter_group_name")
    if subnets and subnets not in rds.subnet_groups:
        raise RDSClientError(
            "DBSubnetGroupNotFoundFault", f"DB subnet group {subnets} does not exist."
        )
    known = not parameters or parameters.startswith("default.")
    if not known and parameters not in rds.db_parameter_groups:
        raise RDSClientError(
            "DBParameterGroupNotFound", f"DBParameterGroup not found: {parameters}"
        )
