"""PlanDrill: check the input, name everything, decide; create nothing."""

import os
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.rds import Rds
from lambdas.common import document_names
from lambdas.common.execution import execution_from
from lambdas.drill.admission import limits
from lambdas.drill.admission import request as requests
from lambdas.drill.admission.copy_storage import storage_faults
from lambdas.drill.drill import Drill, decide, target_faults, to_document
from lambdas.drill.evidence import notice
from lambdas.observability import Event, logged
from lambdas.settings import Settings, from_environment


@logged("PlanDrill")
def handler(event: Event, _context: Any) -> Any:
    """``{"accepted", "outcome", "drill"}``; a refused input's outcome names every fault."""
    settings = from_environment(os.environ)
    drill, faults = _plan(event, settings, Rds())
    if drill is None:
        return {"accepted": False, "outcome": _refusal(event, faults), "drill": None}
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    evidence.write(document_names.REQUEST, event["input"])
    return {"accepted": True, "outcome": None, "drill": to_document(drill)}


def _refusal(event: Event, faults: list[str]) -> dict[str, Any]:
    """What the execution ends with, in the shape that PublishReport would give it."""
    document = event["input"]
    source = document.get("db_instance_id") if isinstance(document, dict) else None
    message = notice.of_refusal(source, faults, event["execution"]["id"])
    return {
        "verdict": notice.REFUSED,
        "mode": "",
        "headline": "\n- ".join(["The input was refused:", *faults]),
        "notice": message.document(),
    }


def _plan(event: Event, settings: Settings, rds: Rds) -> tuple[Drill | None, list[str]]:
    request, faults = requests.understood(event["input"])
    if request is None:
        return None, faults
    faults += limits.quarantine_faults(request, settings)
    if request.source == requests.NAMELESS:
        return None, faults
    instance = rds.find_instance(request.source)
    faults += limits.source_faults(request, settings)
    faults += requests.baseline_faults(request, settings.source_secrets)
    faults += requests.replica_faults(request, instance, settings.source_secrets)
    faults += requests.source_faults(request, instance)
    snapshot = _existing_snapshot(request, rds, settings)
    if not request.takes_snapshot and (snapshot is None or instance is not None):
        faults += _snapshot_faults(request, snapshot, settings)
    if instance is not None:
        backup = snapshot or instance
        faults += target_faults(request, settings, backup["EngineVersion"])
        faults += storage_faults(request.restore.get("storage_type", ""), backup)
    if faults or instance is None:
        return None, faults
    return decide(request, instance, snapshot, settings, execution_from(event)), []


def _existing_snapshot(request: requests.Request, rds: Rds, settings: Settings) -> Any:
    point = request.recovery_point
    if point.kind == requests.RECOVERY_NAMED:
        return rds.find_snapshot(point.value)
    if point.kind == requests.RECOVERY_LATEST:
        return limits.latest_restorable(rds.snapshots_of(request.source), request, settings)
    return None


def _snapshot_faults(request: requests.Request, snapshot: Any, settings: Settings) -> list[str]:
    return requests.snapshot_faults(request, snapshot) or limits.snapshot_faults(
        request, snapshot, settings
    )
