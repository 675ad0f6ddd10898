"""JudgeDrill: fold what was measured, and whatever went wrong, into a verdict."""

import os
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from lambdas.adapters.earlier_drills import last_passed
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.drill.drill import drill_from
from lambdas.drill.units import measurement_from, unit_from
from lambdas.drill.verdict.failure import in_words
from lambdas.drill.verdict.judging import judged
from lambdas.drill.verification import cost
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("JudgeDrill")
def handler(event: Event, _context: Any) -> Any:
    """``{"verdict", "reasons"}``; every result goes to the evidence."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    numbers = [item["number"] for item in evidence.find(document_names.PLAN) or []]
    batches = evidence.read_all(map(document_names.batch, numbers))
    units = [unit_from(document) for batch in batches for document in batch]
    runs = [found for found in evidence.find_all(map(document_names.findings, numbers)) if found]
    measurements = [measurement_from(each) for run in runs for each in run["measurements"]]
    earlier = partial(last_passed, settings.evidence_bucket, drill.evidence)
    judgement = judged(drill, in_words(event["failure"]), units, measurements, earlier)
    judgement = replace(judgement, cost=cost.of_batches(units, measurements, runs) if runs else {})
    evidence.write(document_names.JUDGEMENT, asdict(judgement))
    return {"verdict": judgement.verdict, "reasons": list(judgement.reasons)}
