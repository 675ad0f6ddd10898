"""VerifyBatch: measure one batch of units on the copy."""

import os
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from lambdas.adapters.copy import CopyAddress, copy_sessions
from lambdas.adapters.evidence import Evidence
from lambdas.budget import seconds_left
from lambdas.checks.shape import Bench
from lambdas.domain import documents
from lambdas.domain.drill import drill_from
from lambdas.domain.request import BASELINE_NONE
from lambdas.domain.units import to_document, unit_from
from lambdas.observability import Event, logged
from lambdas.settings import from_environment
from lambdas.verification.batch import measure_batch


@logged("VerifyBatch")
def handler(event: Event, context: Any) -> Any:
    """``{"batch", "ok", "wrong", …}``; a retry of a finished batch finds its findings."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    number = event["batch"]["number"]
    found = evidence.find(documents.findings(number))
    if found is None:
        with_baseline = drill.baseline != BASELINE_NONE

        def seconds() -> float:
            return min(seconds_left(context), drill.seconds_left(datetime.now(UTC)))

        bench = Bench(
            session=copy_sessions(CopyAddress(**event["copy"]), settings, seconds=seconds),
            before=evidence.read(documents.BASELINE_BEFORE) if with_baseline else {},
            after=evidence.read(documents.BASELINE_AFTER) if with_baseline else {},
        )
        units = [unit_from(document) for document in evidence.read(documents.batch(number))]
        found = [to_document(item) for item in measure_batch(units, bench, seconds)]
        evidence.write(documents.findings(number), found)
    return {"batch": number, **Counter(str(measurement["status"]) for measurement in found)}
