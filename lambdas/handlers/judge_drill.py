"""JudgeDrill: fold what was measured, and whatever went wrong, into a verdict."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.domain import documents
from lambdas.domain.drill import Drill, drill_from
from lambdas.domain.failure import in_words
from lambdas.domain.request import BASELINE_EXACT, MODE_SNAPSHOT
from lambdas.domain.units import Measurement, Unit, measurement_from, unit_from
from lambdas.domain.verdict import Judgement, Verdict, fold, judge
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("JudgeDrill")
def handler(event: Event, _context: Any) -> Any:
    """``{"verdict", "reasons"}``; every result goes to the evidence."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    judgement = _judge(drill, evidence, in_words(event["failure"]))
    evidence.write(documents.JUDGEMENT, asdict(judgement))
    return {"verdict": judgement.verdict, "reasons": list(judgement.reasons)}


def _judge(drill: Drill, evidence: Evidence, failure: str) -> Judgement:
    if drill.mode == MODE_SNAPSHOT and not failure:
        return Judgement(Verdict.PASSED, ())
    numbers = [item["number"] for item in evidence.find(documents.PLAN) or []]
    units = list(_units(evidence, numbers))
    results = fold(units, _measurements(evidence, numbers))
    return judge(results, failure, rows_wanted=drill.baseline == BASELINE_EXACT)


def _units(evidence: Evidence, numbers: list[int]) -> Iterator[Unit]:
    for number in numbers:
        yield from map(unit_from, evidence.read(documents.batch(number)))


def _measurements(evidence: Evidence, numbers: list[int]) -> Iterator[Measurement]:
    for number in numbers:
        yield from map(measurement_from, evidence.find(documents.findings(number)) or [])
