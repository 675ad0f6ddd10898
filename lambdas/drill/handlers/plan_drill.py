"""PlanDrill: check the input, name everything, decide; create nothing."""

import os
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.rds import Rds
from lambdas.common import document_names
from lambdas.common.execution import execution_from
from lambdas.drill.admission.admission import admit
from lambdas.drill.drill import to_document
from lambdas.drill.evidence import outcome
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("PlanDrill")
def handler(event: Event, _context: Any) -> Any:
    """``{"accepted", "outcome", "drill"}``; a refused input's outcome names every fault."""
    settings, execution = from_environment(os.environ), execution_from(event)
    drill, faults = admit(event["input"], execution, settings, Rds())
    if drill is None:
        refusal = outcome.of_refusal(event["input"], faults, execution.id)
        return {"accepted": False, "outcome": refusal, "drill": None}
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    evidence.write(document_names.REQUEST, event["input"])
    return {"accepted": True, "outcome": None, "drill": to_document(drill)}
