"""Whether an input becomes a drill: every rule and their order, with every fault at once."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from lambdas.common.execution import Execution
from lambdas.drill.admission import limits
from lambdas.drill.admission import request as requests
from lambdas.drill.admission.copy_storage import storage_faults
from lambdas.drill.drill import Drill, decide, target_faults
from lambdas.settings import Settings

Described = Mapping[str, Any]
"""A ``DBInstance`` or a ``DBSnapshot`` of the RDS API."""


class Account(Protocol):
    """What is asked of RDS; :class:`lambdas.adapters.rds.Rds` answers."""

    def find_instance(self, name: str) -> Described | None:
        """The instance, or None where there is none."""
        ...

    def find_snapshot(self, name: str) -> Described | None:
        """The snapshot, or None where there is none."""
        ...

    def snapshots_of(self, source: str) -> Iterable[Described]:
        """Every snapshot of an instance."""
        ...


def admit(
    document: Any, execution: Execution, settings: Settings, account: Account
) -> tuple[Drill | None, list[str]]:
    """The drill that an input becomes, or else every fault that keeps it from becoming one.

    Args:
        document: the execution's input, whatever it is.

    Returns:
        A drill and no fault; or none, and at least one fault, each with its field and its remedy.
    """
    request, faults = requests.understood(document)
    if request is None:
        return None, faults
    faults += limits.quarantine_faults(request, settings)
    if request.source == requests.NAMELESS:
        return None, faults
    instance = account.find_instance(request.source)
    faults += limits.source_faults(request, settings)
    faults += requests.baseline_faults(request, settings.source_secrets)
    faults += requests.replica_faults(request, instance, settings.source_secrets)
    faults += requests.source_faults(request, instance)
    snapshot = _existing_snapshot(request, account, settings)
    if not request.takes_snapshot and (snapshot is None or instance is not None):
        faults += _snapshot_faults(request, snapshot, settings)
    if instance is not None:
        backup = snapshot or instance
        faults += target_faults(request, settings, backup["EngineVersion"])
        faults += storage_faults(request.restore.get("storage_type", ""), backup)
    if faults or instance is None:
        return None, faults
    return decide(request, instance, snapshot, settings, execution), []


def _existing_snapshot(
    request: requests.Request, account: Account, settings: Settings
) -> Described | None:
    point = request.recovery_point
    if point.kind == requests.RECOVERY_NAMED:
        return account.find_snapshot(point.value)
    if point.kind == requests.RECOVERY_LATEST:
        return limits.latest_restorable(account.snapshots_of(request.source), request, settings)
    return None


def _snapshot_faults(
    request: requests.Request, snapshot: Described | None, settings: Settings
) -> list[str]:
    faults = requests.snapshot_faults(request, snapshot)
    if faults or snapshot is None:
        return faults
    return limits.snapshot_faults(request, snapshot, settings)
