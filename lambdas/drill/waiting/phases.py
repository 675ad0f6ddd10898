"""What an RDS status means for a drill: pure functions of what ``describe`` returned.

The statuses are those of the RDS user guide ("Viewing DB instance status"). The SDK's own waiter
knows only five of the failures, and takes every other one for "not yet".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lambdas.remedies import in_status

USABLE = frozenset({"available", "storage-optimization"})

FAILED = frozenset(
    {
        "failed",
        "restore-error",
        "incompatible-restore",
        "incompatible-network",
        "incompatible-parameters",
        "incompatible-option-group",
        "incompatible-create",
        "insufficient-capacity",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "storage-full",
        "upgrade-failed",
    }
)

HALTED = frozenset({"stopped", "stopping", "deleting", "delete-precheck"})
"""Not a failure of RDS, but nothing that waiting mends: somebody stopped or deleted it."""

DELETING = frozenset({"deleting", "delete-precheck"})

PARAMETERS_SECONDS = 900
"""How long a copy is given to be in sync with its parameter group, from SecureInstance's entry.

That comes right after the first look that finds the restored copy usable. The new password, for
which it is unusable again, falls into this time: RDS applies the group when it restores, so that no
more than what is left of it should be needed.
"""

_NOT_YET = frozenset({"applying", "pending-reboot"})

GOAL_RESTORED = "restored"
GOAL_SECURED = "secured"


class Phase(StrEnum):
    """The answer of one look."""

    READY = "ready"
    WAIT = "wait"
    FAILED = "failed"
    OVERDUE = "overdue"
    REPEAT_DELETE = "again"


@dataclass(frozen=True)
class Observation:
    """A phase and, in words, what was seen."""

    phase: Phase
    detail: str


def classify_snapshot(snapshot: Mapping[str, Any]) -> Observation:
    """``snapshot`` is a ``DBSnapshot`` of the RDS API."""
    status = snapshot.get("Status", "unknown")
    if status == "available":
        return Observation(Phase.READY, "available")
    if status == "creating":
        return Observation(Phase.WAIT, f"creating, {snapshot.get('PercentProgress', 0)} %")
    if status == "copying":
        return Observation(Phase.WAIT, "copying")
    return Observation(Phase.FAILED, f"the snapshot is {in_status(status)}")


def classify_instance(instance: Mapping[str, Any], goal: str) -> Observation:
    """``instance`` is a ``DBInstance`` of the RDS API; ``goal`` is ``restored`` or ``secured``.

    ``secured`` needs the active secret as well as the status: after the modification the status
    still reads ``available`` for a while before it turns to ``resetting-master-credentials``.
    """
    status = instance.get("DBInstanceStatus", "unknown")
    if status in FAILED or status in HALTED:
        return Observation(Phase.FAILED, f"the copy is {in_status(status)}")
    if status not in USABLE:
        return Observation(Phase.WAIT, status)
    if goal == GOAL_RESTORED:
        return Observation(Phase.READY, status)
    secret = (instance.get("MasterUserSecret") or {}).get("SecretStatus", "not yet created")
    if secret == "impaired":
        return Observation(
            Phase.FAILED,
            "the copy's master secret is impaired: RDS can't use it or its KMS key; see whether"
            " somebody has changed the secret, the key or its policy",
        )
    if secret != "active":
        return Observation(Phase.WAIT, f"{status}, its secret is {secret}")
    return Observation(Phase.READY, f"{status}, its secret is active")


def classify_parameters(
    instance: Mapping[str, Any], group: str, elapsed_seconds: float
) -> Observation:
    """Whether the copy runs with its quarantine's parameters: else the source's jobs may be awake.

    ``ParameterApplyStatus`` is one of ``in-sync``, ``applying``, ``pending-reboot``,
    ``pending-database-upgrade`` and ``failed-to-apply`` (RDS API, DBParameterGroupStatus).

    Args:
        group: the name of the parameter group that the copy was restored with.
        elapsed_seconds: since SecureInstance began, see ``PARAMETERS_SECONDS``.
    """
    found = {it["DBParameterGroupName"]: it for it in instance.get("DBParameterGroups", [])}
    group = group.lower()  # as RDS keeps it
    if group not in found:
        others = ", ".join(found) or "none"
        return Observation(
            Phase.FAILED,
            f"the copy has not the parameter group {group} but {others}, so its quarantine does not"
            " hold; has somebody modified the copy? Drill again",
        )
    status = found[group].get("ParameterApplyStatus", "unknown")
    if status == "in-sync":
        return Observation(Phase.READY, status)
    if status in _NOT_YET and elapsed_seconds < PARAMETERS_SECONDS:
        return Observation(Phase.WAIT, f"its parameter group {group} is {status}")
    return Observation(
        Phase.FAILED,
        f"the parameter group {group} of the copy is {status}, so its quarantine does not hold, and"
        " nothing was read; see that nobody changes the group while a drill runs and that RDS takes"
        " its values (runbook, The quarantine's parameters), then drill again",
    )


def classify_deletion(instance: Mapping[str, Any] | None) -> Observation:
    """``None`` means that RDS no longer knows the instance: it is gone."""
    if instance is None:
        return Observation(Phase.READY, "gone")
    status = instance.get("DBInstanceStatus", "unknown")
    if status in DELETING:
        return Observation(Phase.WAIT, status)
    return Observation(Phase.REPEAT_DELETE, f"still {status}")
