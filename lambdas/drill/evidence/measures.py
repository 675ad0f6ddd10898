"""The metrics that a drill's report turns into, by name; alarms and the dashboard look at them."""

from collections.abc import Mapping
from typing import Any

from lambdas.drill.admission.request import MODE_SNAPSHOT
from lambdas.drill.verdict.verdict import Verdict

_PHASES = {
    "snapshot": "SnapshotSeconds",
    "restore": "RestoreSeconds",
    "verify": "VerifySeconds",
    "teardown": "TeardownSeconds",
    "total": "DrillSeconds",
}


def of_source(report: Mapping[str, Any]) -> dict[str, float]:
    """What a drill says of its source; only one that restored can have passed.

    Args:
        report: the manifest, see :mod:`lambdas.drill.evidence.manifest`.
    """
    restored = report["drill"]["mode"] != MODE_SNAPSHOT
    spent = report["durations_seconds"]
    rto_seconds = report["rto_seconds"]
    return {
        **{f"Drill{v.title()}": float(restored and report["verdict"] == v) for v in Verdict},
        "RowsVerified": float(report["totals"]["rows"]),
        **{name: float(spent[phase]) for phase, name in _PHASES.items() if phase in spent},
        **({} if rto_seconds is None else {"RtoSeconds": float(rto_seconds)}),
    }


def of_deployment(report: Mapping[str, Any]) -> dict[str, float]:
    """What pages somebody whichever source it was."""
    return {"CleanupFailed": float(not report["cleanup"]["done"])}
