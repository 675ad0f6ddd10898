"""CompleteBaseline: survey the source again, just after the snapshot."""

import os
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.source_server import source_sessions
from lambdas.common.document_names import BASELINE_AFTER, BASELINE_BEFORE
from lambdas.drill.drill import drill_from, seconds_left_of
from lambdas.drill.verification.baseline import survey_again
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


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
