"""VerifyBatch: measure one batch of units on the copy."""

import os
import time
from collections import Counter
from typing import Any

from lambdas.adapters.copy_server import CopyAddress, copy_sessions
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.common.versions import known_fields
from lambdas.drill.checks.shape import CheckContext
from lambdas.drill.drill import drill_from, seconds_left_of
from lambdas.drill.units import to_document, unit_from
from lambdas.drill.verification.batch import measure_batch
from lambdas.drill.verification.readings import readings_of
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("VerifyBatch")
def handler(event: Event, context: Any) -> Any:
    """``{"batch", "ok", "wrong", …}``; a retry of a finished batch finds its findings."""
    began = time.monotonic()
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    number = event["batch"]["number"]
    found = evidence.find(document_names.findings(number))
    if found is None:
        before, after = readings_of(drill, evidence)
        seconds = seconds_left_of(drill, context)
        bench = CheckContext(
            session=copy_sessions(
                CopyAddress(**known_fields(CopyAddress, event["copy"])), settings, seconds=seconds
            ),
            before=before,
            after=after,
        )
        units = [unit_from(document) for document in evidence.read(document_names.batch(number))]
        measured = [to_document(item) for item in measure_batch(units, bench, seconds)]
        found = {
            "measurements": measured,
            "seconds": round(time.monotonic() - began, 3),
            "memory_mib": int(context.memory_limit_in_mb),
        }
        evidence.write(document_names.findings(number), found)
    statuses = Counter(str(measurement["status"]) for measurement in found["measurements"])
    return {"batch": number, **statuses}
