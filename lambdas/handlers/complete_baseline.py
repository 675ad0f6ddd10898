"""CompleteBaseline: survey the source again, just after the snapshot."""

import os
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.adapters.source import source_sessions
from lambdas.budget import seconds_left_of
from lambdas.domain.documents import BASELINE_AFTER, BASELINE_BEFORE
from lambdas.domain.drill import drill_from
from lambdas.observability import Event, logged
from lambdas.settings import from_environment
from lambdas.verification.baseline import survey_again


@logged("CompleteBaseline")
def handler(event: Event, context: Any) -> Any:
    """``{"databases", "lost"}``; the batches are those of the first survey."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    head = evidence.find(BASELINE_AFTER)
    if head is None:
        first = evidence.read(BASELINE_BEFORE)
        connect = source_sessions(drill.source, settings, seconds_left_of(drill, context))
        head = survey_again(connect, first, event["lost"])
        evidence.write(BASELINE_AFTER, head)
    return {"databases": len(head["databases"]), "lost": len(head["lost"])}
