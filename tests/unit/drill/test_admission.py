"""An input becomes a drill, or every fault that keeps it from becoming one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambdas.common.execution import Execution
from lambdas.drill.admission.admission import admit
from lambdas.settings import Settings

INSTANCE = {
    "DBInstanceIdentifier": "orders",
    "Engine": "postgres",
    "EngineVersion": "16.4",
    "DBInstanceClass": "db.r6g.large",
    "DBInstanceStatus": "available",
}
SNAPSHOT = {
    "DBSnapshotIdentifier": "rds:orders-2026-11-21-03-10",
    "DBInstanceIdentifier": "orders",
    "EngineVersion": "16.4",
    "Status": "available",
    "SnapshotType": "automated",
}


@dataclass
class Account:
    """What RDS knows; ``asked`` says of what it was asked."""

    instances: Mapping[str, Any] = field(default_factory=dict)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def find_instance(self, name: str) -> Any:
        self.asked.append(name)
        return self.instances.get(name)

    def find_snapshot(self, name: str) -> Any:
        found = (it for it in self.snapshots if it["DBSnapshotIdentifier"] == name)
        return next(found, None)

    def snapshots_of(self, source: str) -> Any:
        return [it for it in self.snapshots if it["DBInstanceIdentifier"] == source]


def test_a_good_input_becomes_a_drill_of_a_new_snapshot(
    settings: Settings, execution: Execution
) -> None:
    account = Account({"orders": INSTANCE})
    drill, faults = admit({"db_instance_id": "orders"}, execution, settings, account)
    assert faults == []
    assert drill is not None
    assert (drill.source, drill.snapshot_is_new, drill.baseline) == ("orders", True, "catalog")


@pytest.mark.parametrize(
    "point", [{"latest": "automated"}, {"snapshot_id": SNAPSHOT["DBSnapshotIdentifier"]}]
)
def test_an_existing_snapshot_is_the_one_that_is_restored(
    settings: Settings, execution: Execution, point: Mapping[str, str]
) -> None:
    account = Account({"orders": INSTANCE}, [SNAPSHOT])
    document = {"db_instance_id": "orders", "recovery_point": point}
    drill, faults = admit(document, execution, settings, account)
    assert faults == []
    assert drill is not None
    assert drill.snapshot_id == SNAPSHOT["DBSnapshotIdentifier"]
    assert not drill.snapshot_is_new


@pytest.mark.parametrize("document", [None, 7, [], {"db_instance_id": 7}])
def test_what_names_no_source_is_refused_and_nobody_is_asked(
    settings: Settings, execution: Execution, document: Any
) -> None:
    account = Account()
    drill, faults = admit(document, execution, settings, account)
    assert drill is None
    assert faults
    assert account.asked == []


def test_every_fault_is_named_at_once(settings: Settings, execution: Execution) -> None:
    document = {
        "db_instance_id": "billing",
        "recovery_point": {"snapshot_id": "gone"},
        "restore": {"parameter_group": "default.postgres16"},
    }
    drill, faults = admit(document, execution, settings, Account())
    assert drill is None
    assert sorted({fault.split(":")[0] for fault in faults}) == [
        "db_instance_id",
        "recovery_point",
        "restore.parameter_group",
    ]


def test_a_stranger_s_snapshot_that_was_not_lent_is_refused(
    settings: Settings, execution: Execution
) -> None:
    strange = {**SNAPSHOT, "DBSnapshotIdentifier": "before-move", "SnapshotType": "manual"}
    document = {"db_instance_id": "orders", "recovery_point": {"snapshot_id": "before-move"}}
    account = Account({"orders": INSTANCE}, [strange])
    drill, (fault,) = admit(document, execution, settings, account)
    assert drill is None
    assert fault.startswith("recovery_point: before-move")
