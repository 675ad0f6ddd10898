"""Amazon RDS, as far as a drill needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.adapters.aws import client, translating_errors
from lambdas.common import ownership
from lambdas.common.ownership import Owner, tags_of
from lambdas.drill.waiting.phases import DELETING
from lambdas.errors import NameTaken, NotFound, RequestRefused

Tags = Mapping[str, str]

_TYPES = {"rds": "automated", "awsbackup": "awsbackup"}
"""The type of a snapshot by how its name begins; nobody else can give such a name."""


@dataclass(frozen=True)
class RestoreTarget:
    """Where and how a copy is restored."""

    instance_class: str
    subnet_group: str
    security_group_ids: Sequence[str]
    parameter_group: str
    storage_type: str = ""
    iops: int = 0
    storage_throughput: int = 0

    def storage(self) -> dict[str, Any]:
        """The parameters of the call; what is left out is the backup's."""
        wish = {
            "StorageType": self.storage_type,
            "Iops": self.iops,
            "StorageThroughput": self.storage_throughput,
        }
        return {name: value for name, value in wish.items() if value}


class Rds:
    """Each change is guarded by :mod:`lambdas.common.ownership`, right before the call."""

    def __init__(self) -> None:
        self._client = client("rds")

    def find_instance(self, instance_id: str) -> dict[str, Any] | None:
        """The ``DBInstance``, or None when RDS does not know it."""
        with translating_errors(f"describing the instance {instance_id}"):
            try:
                answer = self._client.describe_db_instances(DBInstanceIdentifier=instance_id)
            except self._client.exceptions.DBInstanceNotFoundFault:
                return None
        return dict(answer["DBInstances"][0])

    def instance(self, instance_id: str) -> dict[str, Any]:
        """The ``DBInstance``.

        Raises:
            NotFound: RDS does not know it.
        """
        found = self.find_instance(instance_id)
        if found is None:
            raise NotFound(f"the instance {instance_id} does not exist")
        return found

    def find_snapshot(self, snapshot_id: str) -> dict[str, Any] | None:
        """The ``DBSnapshot``, or None when RDS does not know it."""
        with translating_errors(f"describing the snapshot {snapshot_id}"):
            try:
                answer = self._client.describe_db_snapshots(
                    DBSnapshotIdentifier=snapshot_id, **_type_of(snapshot_id)
                )
            except self._client.exceptions.DBSnapshotNotFoundFault:
                return None
        return dict(answer["DBSnapshots"][0])

    def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """The ``DBSnapshot``.

        Raises:
            NotFound: RDS does not know it.
        """
        found = self.find_snapshot(snapshot_id)
        if found is None:
            raise NotFound(f"the snapshot {snapshot_id} does not exist")
        return found

    def snapshots_of(self, instance_id: str) -> list[dict[str, Any]]:
        """Every snapshot of an instance, through all pages."""
        with translating_errors(f"listing the snapshots of {instance_id}"):
            pages = self._client.get_paginator("describe_db_snapshots").paginate(
                DBInstanceIdentifier=instance_id
            )
            return [dict(snapshot) for page in pages for snapshot in page["DBSnapshots"]]

    def create_snapshot(self, owner: Owner, snapshot_id: str, tags: Tags) -> dict[str, Any]:
        """Snapshot the source; a snapshot that an earlier try of this drill made is taken over.

        Raises:
            NameTaken: the name exists, and this drill did not make it.
        """
        try:
            with translating_errors(f"creating the snapshot {snapshot_id} of {owner.source}"):
                answer = self._client.create_db_snapshot(
                    DBInstanceIdentifier=owner.source,
                    DBSnapshotIdentifier=snapshot_id,
                    Tags=_tag_list(tags),
                )
                return dict(answer["DBSnapshot"])
        except NameTaken:
            snapshot = self.snapshot(snapshot_id)
            ownership.require_adoptable(
                owner, ownership.ROLE_SNAPSHOT, snapshot_id, tags_of(snapshot)
            )
            return snapshot

    def tag_snapshot(self, owner: Owner, snapshot_id: str, tags: Tags) -> None:
        """Add tags to a snapshot of this drill.

        Raises:
            NotOurs: another made it.
        """
        snapshot = self.snapshot(snapshot_id)
        ownership.require_ours(owner, ownership.ROLE_SNAPSHOT, snapshot_id, tags_of(snapshot))
        with translating_errors(f"tagging the snapshot {snapshot_id}"):
            self._client.add_tags_to_resource(
                ResourceName=snapshot["DBSnapshotArn"], Tags=_tag_list(tags)
            )

    def restore(
        self, owner: Owner, snapshot_id: str, copy_id: str, target: RestoreTarget, tags: Tags
    ) -> dict[str, Any]:
        """Restore into a quarantined copy; one that an earlier try made is taken over.

        Tags are always passed: without them the copy inherits the source's, and tag-driven
        schedulers and backup plans pick it up. No backups of its own (``BackupRetentionPeriod``
        of 0), no public address, no deletion protection.

        Raises:
            NameTaken: the name exists, and this drill did not make it.
        """
        if copy_id.lower() == owner.source.lower():
            raise NameTaken(f"refused to restore over the source {owner.source}")
        try:
            with translating_errors(f"restoring {snapshot_id} into {copy_id}"):
                answer = self._client.restore_db_instance_from_db_snapshot(
                    DBInstanceIdentifier=copy_id,
                    DBSnapshotIdentifier=snapshot_id,
                    DBInstanceClass=target.instance_class,
                    DBSubnetGroupName=target.subnet_group,
                    VpcSecurityGroupIds=list(target.security_group_ids),
                    DBParameterGroupName=target.parameter_group,
                    PubliclyAccessible=False,
                    MultiAZ=False,
                    DeletionProtection=False,
                    AutoMinorVersionUpgrade=False,
                    CopyTagsToSnapshot=False,
                    BackupRetentionPeriod=0,
                    Tags=_tag_list(tags),
                    **target.storage(),
                )
                return dict(answer["DBInstance"])
        except NameTaken:
            instance = self.instance(copy_id)
            ownership.require_adoptable(owner, ownership.ROLE_COPY, copy_id, tags_of(instance))
            return instance

    def manage_master_password(self, owner: Owner, copy_id: str) -> None:
        """Give the copy a master secret of its own, kept by RDS and deleted with the copy.

        A second call changes nothing. ``ManageMasterUserPassword`` on the restore itself is for
        RDS for Oracle only.

        Raises:
            NotOurs: another made the instance.
        """
        instance = self.instance(copy_id)
        ownership.require_ours(owner, ownership.ROLE_COPY, copy_id, tags_of(instance))
        if instance.get("MasterUserSecret"):
            return
        with translating_errors(f"giving {copy_id} a master secret of its own"):
            self._client.modify_db_instance(
                DBInstanceIdentifier=copy_id,
                ManageMasterUserPassword=True,
                ApplyImmediately=True,
            )

    def keep_copy(self, owner: Owner, copy_id: str, tags: Tags) -> dict[str, Any]:
        """Tag the copy so that it outlives its drill; a second call changes nothing.

        Returns:
            The ``DBInstance`` as it stands after that.

        Raises:
            NotOurs: another made the instance.
            RequestRefused: it can't be kept: it is going, or has no master secret of its own.
        """
        instance = self.instance(copy_id)
        ownership.require_ours(owner, ownership.ROLE_COPY, copy_id, tags_of(instance))
        with translating_errors(f"keeping the copy {copy_id}"):
            self._client.add_tags_to_resource(
                ResourceName=instance["DBInstanceArn"], Tags=_tag_list(tags)
            )
        kept = self.instance(copy_id)
        if kept["DBInstanceStatus"] in DELETING or not kept.get("MasterUserSecret"):
            raise RequestRefused(
                f"the copy {copy_id} is {kept['DBInstanceStatus']} or has no master secret of its"
                " own, so it can't be kept; see in CloudTrail who changed it"
            )
        return kept

    def delete_copy(self, owner: Owner, copy_id: str) -> None:
        """Ask RDS to delete the copy; one that is gone or going is left alone.

        Raises:
            NotOurs: another made the instance.
        """
        instance = self.find_instance(copy_id)
        if instance is None or instance["DBInstanceStatus"] in DELETING:
            return
        ownership.require_ours(owner, ownership.ROLE_COPY, copy_id, tags_of(instance))
        try:
            with translating_errors(f"deleting the copy {copy_id}"):
                self._client.delete_db_instance(
                    DBInstanceIdentifier=copy_id,
                    SkipFinalSnapshot=True,
                    DeleteAutomatedBackups=True,
                )
        except NotFound:
            return


def _type_of(snapshot_id: str) -> dict[str, str]:
    """RDS wants the type named of a snapshot that is not manual, and such a name tells it.

    DescribeDBSnapshots: "If this identifier is for an automated snapshot, the SnapshotType
    parameter must also be specified"; those of AWS Backup are no answer without it either.
    """
    start, colon, _ = snapshot_id.partition(":")
    return {"SnapshotType": _TYPES[start]} if colon and start in _TYPES else {}


def _tag_list(tags: Tags) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
