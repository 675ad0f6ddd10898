"""What the deployment's roles are bounded to, said before anything is created.

IAM has the last word; without this, a drill would hear it only after its snapshot was taken.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from lambdas.common import ownership
from lambdas.common.naming import drill_name_pattern
from lambdas.drill.admission.request import RECOVERY_LATEST, Request, latest
from lambdas.settings import Settings

Snapshot = Mapping[str, Any]

_LEND = f"tag it {ownership.RESTORABLE} = {ownership.RESTORABLE_YES}"


def source_faults(request: Request, settings: Settings) -> list[str]:
    """Only the deployment's sources may be snapshotted."""
    if not settings.sources or request.source in settings.sources:
        return []
    return [
        f"db_instance_id: {request.source} is not among the deployment's sources; "
        "add it to the setting sources"
    ]


def quarantine_faults(request: Request, settings: Settings) -> list[str]:
    """A copy is restored into groups of the quarantine's names only."""
    own = {
        "subnet_group": [settings.copy_subnet_group],
        "parameter_group": list(settings.copy_parameter_groups.values()),
    }
    start = f"{settings.prefix}-quarantine-"
    return [
        f"restore.{field}: its name must start with {start}, since the role that restores is "
        "bounded to these names; name the group so, or leave it out for the deployment's own"
        for field, known in own.items()
        if field in request.restore
        and request.restore[field] not in known
        and not request.restore[field].startswith(start)
    ]


def snapshot_faults(request: Request, snapshot: Snapshot, settings: Settings) -> list[str]:
    """A snapshot of the source that somebody else took must have been lent."""
    if may_restore(snapshot, request.source, settings):
        return []
    name, point = snapshot["DBSnapshotIdentifier"], request.recovery_point
    if point.kind == RECOVERY_LATEST:
        wanted = "" if point.value == "any" else f"{point.value} "
        return [
            f"recovery_point: {request.source} has no available {wanted}snapshot that may be "
            f"restored; the newest is {name}, {_LEND}"
        ]
    return [
        f"recovery_point: {name} is neither ours nor a daily backup of {request.source}, "
        f"and nobody lent it; {_LEND}"
    ]


def latest_restorable(
    snapshots: Iterable[Snapshot], request: Request, settings: Settings
) -> Snapshot | None:
    """The newest of the wanted type that may be restored; with none such, the newest of all."""
    of_source, wanted = list(snapshots), request.recovery_point.value
    fitting = [it for it in of_source if may_restore(it, request.source, settings)]
    return latest(fitting, wanted) or latest(of_source, wanted)


def may_restore(snapshot: Snapshot, source: str, settings: Settings) -> bool:
    """Whether it is ours, the source's daily backup, or lent by its owner."""
    name, tags = snapshot["DBSnapshotIdentifier"].lower(), ownership.tags_of(snapshot)
    ours = (
        tags.get(ownership.STACK) == settings.stack
        and tags.get(ownership.ROLE) == ownership.ROLE_SNAPSHOT
        and fnmatchcase(name, drill_name_pattern(settings.prefix))
    )
    daily = fnmatchcase(name, f"rds:{source}-????-??-??-??-??")
    return ours or daily or tags.get(ownership.RESTORABLE) == ownership.RESTORABLE_YES
