"""CaptureBaseline: survey the source just before the snapshot, and cut the reading into batches."""

import os
from collections.abc import Sequence
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.rds import Rds
from lambdas.adapters.source_server import source_sessions
from lambdas.common import document_names
from lambdas.drill.checks.rows.read_pieces import SourceUnit, to_document
from lambdas.drill.drill import drill_from, seconds_left_of
from lambdas.drill.verification.baseline import survey_source
from lambdas.drill.verification.master_login import refuse_iam_master
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("CaptureBaseline")
def handler(event: Event, context: Any) -> Any:
    """``{"plan_bucket", "plan_key", "connections", "batches"}``; a retry keeps the first survey."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    head = evidence.find(document_names.BASELINE_BEFORE)
    if head is None:
        seconds = seconds_left_of(drill, context)
        connect = source_sessions(drill.source, settings, seconds)
        refuse_iam_master(connect, drill.source, Rds().instance(drill.source)["MasterUsername"])
        survey = survey_source(connect, drill.baseline, settings.baseline_bytes_per_second, seconds)
        head = _written(*survey, evidence, context.aws_request_id)
    return {
        "plan_bucket": settings.evidence_bucket,
        "plan_key": evidence.key(document_names.source_plan(head["survey"])),
        "connections": settings.baseline_connections,
        "batches": head["batches"],
    }


def _written(
    head: dict[str, Any],
    batches: Sequence[Sequence[SourceUnit]],
    evidence: Evidence,
    survey: str,
) -> dict[str, Any]:
    """The head is written last, and once: a try that was given up can't change it later."""
    items = []
    for number, batch in enumerate(batches, start=1):
        work = {"horizon": head["horizon"], "units": [to_document(unit) for unit in batch]}
        evidence.write(document_names.source_batch(survey, number), work)
        items.append({"number": number, "survey": survey})
    evidence.write(document_names.source_plan(survey), items)
    head |= {"survey": survey, "batches": len(items)}
    return dict(evidence.write_once(document_names.BASELINE_BEFORE, head))
