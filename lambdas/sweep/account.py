"""Every instance and every manual snapshot of the account and region; and the sweeper's deletions.

A deletion is decided again on a fresh description, right before the call: between the listing and
the deletion a person may have put a hold on a snapshot, or taken a copy over.
"""

from collections.abc import Iterator
from typing import Any

from lambdas.adapters.aws import QUICK, client, translating_errors
from lambdas.drill.recovery_point.snapshots import MANUAL
from lambdas.errors import NotFound
from lambdas.sweep.retention import Action, Decision, Rules, decide_copy, decide_snapshots


class Inventory:
    """Listings come page by page; an error ends them where it happens.

    Args:
        attempts: of each call; see :mod:`lambdas.adapters.aws`.
    """

    def __init__(self, attempts: int = QUICK) -> None:
        self._client = client("rds", attempts)

    def instances(self) -> Iterator[dict[str, Any]]:
        """Every ``DBInstance``."""
        with translating_errors("listing the instances"):
            for page in self._client.get_paginator("describe_db_instances").paginate():
                yield from page["DBInstances"]

    def snapshots(self, source: str = "") -> Iterator[dict[str, Any]]:
        """Every manual ``DBSnapshot``; those of a source when one is given.

        A filter, because ``DBInstanceIdentifier`` must be that of an existing instance: the
        snapshots of a source that is gone would be missing.
        """
        wanted: dict[str, Any] = {"SnapshotType": MANUAL}
        if source:
            wanted["Filters"] = [{"Name": "db-instance-id", "Values": [source]}]
        with translating_errors(f"listing the snapshots of {source or 'every source'}"):
            for page in self._client.get_paginator("describe_db_snapshots").paginate(**wanted):
                yield from page["DBSnapshots"]

    def sweep_copy(self, rules: Rules, name: str) -> Decision | None:
        """Delete the copy if it is still to be deleted.

        Returns:
            What was decided now, and done if that is ``delete``; None when the copy is gone.
        """
        try:
            with translating_errors(f"describing the instance {name}"):
                found = self._client.describe_db_instances(DBInstanceIdentifier=name)
            decision = decide_copy(rules, found["DBInstances"][0])
            if decision.action is Action.DELETE:
                with translating_errors(f"deleting the copy {name}"):
                    self._client.delete_db_instance(
                        DBInstanceIdentifier=name,
                        SkipFinalSnapshot=True,
                        DeleteAutomatedBackups=True,
                    )
        except NotFound:
            return None
        return decision

    def sweep_snapshot(self, rules: Rules, name: str, source: str) -> Decision | None:
        """Delete the snapshot if it is still to be deleted, given its source's as they are by now.

        Returns:
            What was decided now, and done if that is ``delete``; None when the snapshot is gone.
        """
        found = list(self.snapshots(source))
        names = [snapshot["DBSnapshotIdentifier"] for snapshot in found]
        if name not in names:
            return None
        decision = decide_snapshots(rules, found)[names.index(name)]
        if decision.action is Action.DELETE:
            try:
                with translating_errors(f"deleting the snapshot {name}"):
                    self._client.delete_db_snapshot(DBSnapshotIdentifier=name)
            except NotFound:
                return None
        return decision
