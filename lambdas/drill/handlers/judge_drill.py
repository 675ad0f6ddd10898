"""JudgeDrill: fold what was measured, and whatever went wrong, into a verdict."""

import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from lambdas.adapters.earlier_drills import last_passed
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.drill.admission.request import BASELINE_CATALOG, BASELINE_EXACT, MODE_SNAPSHOT
from lambdas.drill.drill import Drill, drill_from
from lambdas.drill.units import Unit, measurement_from, unit_from
from lambdas.drill.verdict import history, write_counters
from lambdas.drill.verdict.failure import in_words
from lambdas.drill.verdict.verdict import Judgement, Verdict, fold, judge
from lambdas.drill.verification import cost
from lambdas.drill.verification.readings import readings_of
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("JudgeDrill")
def handler(event: Event, _context: Any) -> Any:
    """``{"verdict", "reasons"}``; every result goes to the evidence."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    judgement = _judge(drill, evidence, settings.evidence_bucket, in_words(event["failure"]))
    evidence.write(document_names.JUDGEMENT, asdict(judgement))
    return {"verdict": judgement.verdict, "reasons": list(judgement.reasons)}


def _judge(drill: Drill, evidence: Evidence, bucket: str, failure: str) -> Judgement:
    if drill.mode == MODE_SNAPSHOT and not failure:
        return Judgement(Verdict.PASSED, ())
    numbers = [item["number"] for item in evidence.find(document_names.PLAN) or []]
    units = list(_units(evidence, numbers))
    runs = [found for found in evidence.find_all(map(document_names.findings, numbers)) if found]
    measurements = [measurement_from(each) for run in runs for each in run["measurements"]]
    judgement = judge(
        fold(units, measurements), failure, rows_wanted=drill.baseline == BASELINE_EXACT
    )
    judgement = replace(judgement, cost=cost.of_batches(units, measurements, runs))
    if judgement.verdict is not Verdict.PASSED:
        return judgement
    return _with_history(drill, judgement, units, evidence, bucket)


def _with_history(
    drill: Drill, judgement: Judgement, units: list[Unit], evidence: Evidence, bucket: str
) -> Judgement:
    """Only where the drill is to pass: else nobody takes its word, and a verdict could be lost."""
    numbers = write_counters.numbers_of(units)
    now: dict[str, Any] = {}
    if drill.baseline == BASELINE_CATALOG:
        before, after = (reading["databases"] for reading in readings_of(drill, evidence))
        now = write_counters.record(before, after, judgement.results, numbers)
        evidence.write(document_names.COUNTERS, now)
    if not history.is_wanted(judgement.results, drill.baseline):
        return judgement
    earlier = last_passed(bucket, drill.evidence)
    if earlier is None:
        return judgement
    results, message = judgement.results, tuple[str, ...]()
    if drill.baseline == BASELINE_CATALOG:
        then = Evidence(bucket, earlier["drill"]["evidence"]).find(document_names.COUNTERS) or {}
        results, message = write_counters.compare(results, numbers, then, now)
    warnings = history.warnings(results, drill.baseline, earlier, message)
    return replace(judgement, results=results, warnings=(*judgement.warnings, *warnings))


def _units(evidence: Evidence, numbers: list[int]) -> Iterator[Unit]:
    for units in evidence.read_all(map(document_names.batch, numbers)):
        yield from map(unit_from, units)
