"""A drill: everything that was decided before anything is created, carried from state to state."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.common import naming, ownership
from lambdas.common.budget import SecondsLeft, seconds_left
from lambdas.common.execution import Execution, moment
from lambdas.common.ownership import Owner
from lambdas.common.versions import known_fields
from lambdas.drill.admission.copy_storage import storage_of_copy
from lambdas.drill.admission.request import (
    BASELINE_NONE,
    MODE_DRILL,
    MODE_SNAPSHOT,
    Request,
    effective_baseline,
)
from lambdas.settings import Settings


@dataclass(frozen=True)
class Drill:
    """What the states pass on. Times are UTC text; ``target`` is where the copy is restored.

    A field without a default is what the teardown needs, so that a drill which another version
    planned is always torn down (see :mod:`lambdas.common.versions`). A new field gets a default.

    Attributes:
        copy_expires_at: of a copy that is not kept: when the sweeper ends what is left of it.
        keep_hours: of one that is, from its verdict on; 0 in a mode that keeps none.
    """

    id: str
    execution: str
    source: str
    stack: str
    prefix: str
    started_at: str
    deadline_at: str
    evidence: str
    snapshot_id: str
    copy_id: str
    mode: str = MODE_DRILL
    purpose: str = "manual"
    baseline: str = BASELINE_NONE
    teardown_minutes: float = 240.0
    snapshot_is_new: bool = False
    snapshot_expires_at: str = ""
    retention_days: int = 0
    copy_expires_at: str = ""
    keep_hours: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    engine_version: str = ""

    @property
    def owner(self) -> Owner:
        """Who owns what this drill makes."""
        return Owner(self.stack, self.prefix, self.execution, self.source)

    def seconds_left(self, now: datetime) -> float:
        """Until the deadline."""
        return (moment(self.deadline_at) - now).total_seconds()

    def ownership_tags(self, role: str) -> dict[str, str]:
        """The tags that go in with a create call."""
        is_copy = role == ownership.ROLE_COPY
        expires_at = self.copy_expires_at if is_copy else self.snapshot_expires_at
        return ownership.ownership_tags(self.owner, role, moment(expires_at))

    def people_tags(self) -> dict[str, str]:
        """The tags of the snapshot that are for people and retention rules."""
        return {
            **self.tags,
            "Purpose": self.purpose,
            "Retention": f"{self.retention_days}Days",
            "CreatedBy": "rds-time-machine",
        }


def decide(
    request: Request,
    instance: Mapping[str, Any],
    snapshot: Mapping[str, Any] | None,
    settings: Settings,
    execution: Execution,
) -> Drill:
    """The drill of a request without faults.

    Args:
        instance: the source's ``DBInstance``.
        snapshot: the existing ``DBSnapshot`` to restore, None for a new one.
    """
    name = naming.drill_name(settings.prefix, request.source, execution.id, execution.started_at)
    deadline_minutes = request.deadline_minutes or settings.deadline_minutes
    deadline_at = execution.started_at + timedelta(minutes=deadline_minutes)
    retention_days = request.retention_days or settings.retention_days
    engine_version = (snapshot or instance)["EngineVersion"]
    return Drill(
        id=name,
        execution=execution.id,
        source=request.source,
        stack=settings.stack,
        prefix=settings.prefix,
        mode=request.mode,
        purpose=request.purpose,
        baseline=effective_baseline(request, settings.source_secrets),
        started_at=_text(execution.started_at),
        deadline_at=_text(deadline_at),
        teardown_minutes=settings.teardown_minutes,
        evidence=naming.evidence_folder(request.source, execution.started_at, name),
        snapshot_id=snapshot["DBSnapshotIdentifier"] if snapshot else name,
        snapshot_is_new=snapshot is None,
        snapshot_expires_at=ownership.utc_text(
            ownership.snapshot_expiry(execution.started_at, retention_days)
        ),
        retention_days=retention_days,
        copy_id=name,
        copy_expires_at=ownership.utc_text(
            deadline_at + timedelta(minutes=settings.teardown_minutes)
        ),
        keep_hours=request.keep_hours,
        tags=dict(request.tags),
        target=_target(request, instance, snapshot or instance, settings),
        engine_version=engine_version,
    )


def target_faults(request: Request, settings: Settings, engine_version: str) -> list[str]:
    """A copy without a quarantine parameter group would wake up with the source's jobs."""
    if request.mode == MODE_SNAPSHOT or request.restore.get("parameter_group"):
        return []
    if settings.parameter_group(engine_version):
        return []
    major = engine_version.split(".", maxsplit=1)[0]
    return [
        f"restore.parameter_group: the deployment has no quarantine group for PostgreSQL {major}; "
        f"add {major} to the setting postgres_majors, or name a group here"
    ]


def drill_from(event: Mapping[str, Any]) -> Drill:
    """The drill of a state's event, whichever version planned it."""
    return Drill(**known_fields(Drill, event["drill"]))


def to_document(drill: Drill) -> dict[str, Any]:
    """For the workflow's variable ``$drill``."""
    return asdict(drill)


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _target(
    request: Request, instance: Mapping[str, Any], backup: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    wish, engine_version = request.restore, backup["EngineVersion"]
    instance_class = settings.copy_instance_class or instance["DBInstanceClass"]
    return {
        "instance_class": wish.get("instance_class", instance_class),
        "subnet_group": wish.get("subnet_group", settings.copy_subnet_group),
        "security_group_ids": list(
            wish.get("security_group_ids", settings.copy_security_group_ids)
        ),
        "parameter_group": wish.get("parameter_group", settings.parameter_group(engine_version)),
        **storage_of_copy(wish.get("storage_type", ""), backup),
    }


def seconds_left_of(drill: Drill, context: Any) -> SecondsLeft:
    """Asks again and again: until the work has to end, for the function or for the drill."""
    return lambda: min(seconds_left(context), drill.seconds_left(datetime.now(UTC)))
