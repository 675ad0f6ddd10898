"""CaptureBaseline: what the source holds, just before the snapshot."""

import os
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.adapters.source import source_sessions
from lambdas.budget import seconds_left
from lambdas.domain.documents import BASELINE_BEFORE
from lambdas.domain.drill import drill_from
from lambdas.observability import Event, logged
from lambdas.settings import from_environment
from lambdas.verification.baseline import read_source, totals


@logged("CaptureBaseline")
def handler(event: Event, context: Any) -> Any:
    """The totals of the reading; a retry finds the first reading and keeps it."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    reading = evidence.find(BASELINE_BEFORE)
    if reading is None:
        seconds = seconds_left(context)
        reading = read_source(source_sessions(drill.source, settings), drill.baseline, seconds)
        evidence.write(BASELINE_BEFORE, reading)
    return totals(reading)
