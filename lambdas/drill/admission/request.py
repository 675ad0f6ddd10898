"""The execution input: parsed, checked against the schema and against what AWS knows.

``statemachine/input.schema.json`` is the contract. Every fault names its field and what would be
right; none quotes a value, since an input may hold a user's SQL.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from lambdas.common import ownership, schema
from lambdas.drill.recovery_point.rpo import taken_at

SCHEMA_FILE = Path(__file__).parents[3] / "statemachine" / "input.schema.json"

MODE_DRILL = "drill"
MODE_SNAPSHOT = "snapshot"
MODE_RESTORE = "restore"

DEFAULT_KEEP_HOURS = 8.0

BASELINE_NONE = "none"
BASELINE_CATALOG = "catalog"
BASELINE_EXACT = "exact"

RECOVERY_NEW = "new"
RECOVERY_NAMED = "named"
RECOVERY_LATEST = "latest"

NAMELESS = ""
"""The source of a request whose input names none that is legal."""

_WHOLE = 'the input must be a JSON object such as {"db_instance_id": "my-database"}'

_REPLICA_OF = ("ReadReplicaSourceDBInstanceIdentifier", "ReadReplicaSourceDBClusterIdentifier")

_NO_NEW_SNAPSHOT = frozenset({"stopped", "stopping", "deleting", "failed", "restore-error"})


@dataclass(frozen=True)
class RecoveryPoint:
    """``kind`` is new, named or latest; ``value`` is the snapshot's name or the type wanted."""

    kind: str
    value: str = ""


@dataclass(frozen=True)
class Request:
    """A legal input; None stands for "the deployment's default"; only mode restore keeps."""

    source: str
    purpose: str
    mode: str
    recovery_point: RecoveryPoint
    retention_days: int | None
    tags: Mapping[str, str]
    restore: Mapping[str, Any]
    keep_hours: float
    baseline: str | None
    expectations: Sequence[Mapping[str, str]]
    deadline_minutes: float | None
    given: frozenset[str] = field(default_factory=frozenset)

    @property
    def takes_snapshot(self) -> bool:
        """Whether the drill makes its own recovery point."""
        return self.recovery_point.kind == RECOVERY_NEW


def structural_faults(document: Any) -> list[str]:
    """Every fault that the schema finds, in words."""
    return schema.faults(_validator(), document, _WHOLE)


def understood(document: Any) -> tuple[Request | None, list[str]]:
    """What of an input is legal as a request, and every fault that shows without asking AWS.

    A field at fault is left out, so that the others are looked at all the same. None is what is no
    object at all; one without a legal ``db_instance_id`` has a source that nobody has.
    """
    faults = structural_faults(document)
    if not isinstance(document, dict):
        return None, faults
    legal = {key: value for key, value in document.items() if not _at_fault(key, faults)}
    request = parse({"db_instance_id": NAMELESS, **legal})
    return request, faults + contradictions(request)


def _at_fault(name: str, faults: Iterable[str]) -> bool:
    return any(fault.startswith((f"{name}:", f"{name}.", f"{name}[")) for fault in faults)


def parse(document: Mapping[str, Any]) -> Request:
    """A request from an input in which :func:`structural_faults` found nothing."""
    days = document.get("retention_days")
    return Request(
        source=document["db_instance_id"].lower(),
        purpose=document.get("purpose", "manual"),
        mode=document.get("mode", MODE_DRILL),
        recovery_point=_recovery_point(document.get("recovery_point", "new")),
        # 30.0 is an integer to JSON Schema.
        retention_days=int(days) if days is not None else None,
        tags=document.get("tags", {}),
        restore=document.get("restore", {}),
        keep_hours=_keep_hours(document),
        baseline=document.get("baseline"),
        expectations=document.get("expectations", []),
        deadline_minutes=document.get("deadline_minutes"),
        given=frozenset(document),
    )


def contradictions(request: Request) -> list[str]:
    """Options that can't go together."""
    faults = []
    if request.mode != MODE_RESTORE and "keep_hours" in request.given:
        faults.append("keep_hours: only mode restore keeps the copy; leave it out, or use restore")
    if request.mode == MODE_SNAPSHOT:
        for name in ("restore", "expectations", "baseline"):
            if name in request.given:
                faults.append(f"{name}: mode snapshot restores nothing; leave it out, or use drill")
        if not request.takes_snapshot:
            faults.append(
                'recovery_point: mode snapshot takes a new one; leave it out or say "new"'
            )
    if not request.takes_snapshot:
        for name in ("retention_days", "tags"):
            if name in request.given:
                faults.append(f"{name}: is for a new snapshot; leave it out for an existing one")
        if request.baseline not in (None, BASELINE_NONE):
            faults.append(
                "baseline: compares with the source as it is around a new snapshot; "
                "give none for an existing one"
            )
    return faults


def baseline_faults(request: Request, source_secrets: Mapping[str, str]) -> list[str]:
    """A baseline reads the source, and needs a login for it."""
    if request.baseline in (None, BASELINE_NONE) or request.source in source_secrets:
        return []
    return [
        f"baseline: {request.baseline} reads the source, and the deployment knows no secret of "
        f"{request.source}; add its secret_arn to the setting sources, or use none"
    ]


def effective_baseline(request: Request, source_secrets: Mapping[str, str]) -> str:
    """The baseline that a drill without faults takes."""
    if request.mode == MODE_SNAPSHOT:
        return BASELINE_NONE
    if request.baseline is not None:
        return request.baseline
    if request.takes_snapshot and request.source in source_secrets:
        return BASELINE_CATALOG
    return BASELINE_NONE


def source_faults(request: Request, instance: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with the source itself; ``instance`` is its ``DBInstance``, if there is one."""
    if instance is None:
        return [
            f"db_instance_id: there is no instance {request.source} in this region and account; see"
            " how it is written, and where the deployment is"
        ]
    faults = []
    if instance["Engine"] != "postgres":
        faults.append(
            f"db_instance_id: {request.source} runs {instance['Engine']}; "
            "only RDS for PostgreSQL (engine postgres) can be drilled"
        )
    elif instance.get("DBClusterIdentifier"):
        # Its engine is postgres too, and CreateDBSnapshot answers InvalidDBInstanceState.
        faults.append(
            f"db_instance_id: {request.source} is a member of the Multi-AZ DB cluster "
            f"{instance['DBClusterIdentifier']}, and RDS takes snapshots of the whole cluster only,"
            " which a drill can't restore; name an instance that is in no cluster"
        )
    tags = {tag["Key"]: tag.get("Value", "") for tag in instance.get("TagList", [])}
    if tags.get(ownership.ROLE) == ownership.ROLE_COPY:
        faults.append(
            f"db_instance_id: {request.source} is itself the copy of a drill; name its source"
        )
    status = instance["DBInstanceStatus"]
    if request.takes_snapshot and status in _NO_NEW_SNAPSHOT:
        faults.append(
            f"db_instance_id: {request.source} is {status}, no new snapshot can be taken; "
            'start it, or name an existing recovery_point such as {"latest": "any"}'
        )
    return faults


def replica_faults(
    request: Request, instance: Mapping[str, Any] | None, source_secrets: Mapping[str, str]
) -> list[str]:
    """A baseline asks where the source's WAL ends, and a server in recovery refuses to say."""
    if instance is None or effective_baseline(request, source_secrets) == BASELINE_NONE:
        return []
    origin = next((instance[name] for name in _REPLICA_OF if instance.get(name)), "")
    if not origin:
        return []
    return [
        f"baseline: {request.source} is a read replica of {origin}, and PostgreSQL tells the end of"
        " its WAL only where it is written; give the baseline none, or drill the instance that it"
        " replicates"
    ]


def snapshot_faults(request: Request, snapshot: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with the existing snapshot that the request names or found."""
    point = request.recovery_point
    if snapshot is None:
        if point.kind == RECOVERY_LATEST:
            wanted = "" if point.value == "any" else f"{point.value} "
            return [
                f"recovery_point: {request.source} has no available {wanted}snapshot; take one, or"
                ' leave it out for a "new" one'
            ]
        return [
            f"recovery_point: there is no snapshot {point.value} in this region and account; see"
            " how it is written"
        ]
    if snapshot["DBInstanceIdentifier"] != request.source:
        return [
            f"recovery_point: {point.value} is a snapshot of {snapshot['DBInstanceIdentifier']}, "
            f"not of {request.source}; name that instance, or a snapshot of this one"
        ]
    if snapshot["Status"] not in ("available", "creating"):
        return [f"recovery_point: {point.value} is {snapshot['Status']}; it must be available"]
    return []


def latest(snapshots: Iterable[Mapping[str, Any]], wanted: str) -> Mapping[str, Any] | None:
    """The newest available snapshot of a type (``any`` takes all)."""
    fitting = [
        snapshot
        for snapshot in snapshots
        if snapshot["Status"] == "available" and wanted in ("any", snapshot["SnapshotType"])
    ]
    return max(fitting, key=_taken_at, default=None)


def _taken_at(snapshot: Mapping[str, Any]) -> datetime:
    """By its data's time; one of which nothing is known is not the newest."""
    return taken_at(snapshot) or datetime.min.replace(tzinfo=UTC)


def _keep_hours(document: Mapping[str, Any]) -> float:
    kept = document.get("mode") == MODE_RESTORE
    return float(document.get("keep_hours", DEFAULT_KEEP_HOURS)) if kept else 0.0


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def _recovery_point(value: Any) -> RecoveryPoint:
    if value == "new":
        return RecoveryPoint(RECOVERY_NEW)
    if "snapshot_id" in value:
        return RecoveryPoint(RECOVERY_NAMED, value["snapshot_id"].lower())
    return RecoveryPoint(RECOVERY_LATEST, value["latest"])
