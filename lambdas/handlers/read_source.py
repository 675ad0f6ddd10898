"""ReadSource: read one batch of the source before the snapshot."""

import os
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.adapters.source import source_sessions
from lambdas.budget import seconds_left_of
from lambdas.domain import documents
from lambdas.domain.drill import drill_from
from lambdas.domain.readings import source_unit_from
from lambdas.observability import Event, logged
from lambdas.settings import from_environment
from lambdas.verification.baseline import read_batch


@logged("ReadSource")
def handler(event: Event, context: Any) -> Any:
    """``{"batch", "units"}``; a retry of a finished batch keeps the first reading.

    Written once: a try that was given up may end only after the snapshot has begun, and its reading
    would be no first one any more.
    """
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    number = event["batch"]["number"]
    found = evidence.find(documents.read_before(number))
    if found is None:
        work = evidence.read(documents.source_batch(event["batch"]["survey"], number))
        found = read_batch(
            source_sessions(drill.source, settings),
            [source_unit_from(unit) for unit in work["units"]],
            work["horizon"],
            settings.baseline_bytes_per_second,
            seconds_left_of(drill, context),
        )
        found = evidence.write_once(documents.read_before(number), found)
    return {"batch": number, "units": len(found)}
