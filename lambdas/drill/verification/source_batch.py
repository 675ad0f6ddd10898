"""One batch of a reading of the source, for the two handlers that read it."""

import os
from collections.abc import Callable
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.source_server import source_sessions
from lambdas.common import document_names
from lambdas.drill.checks.rows.read_pieces import source_unit_from
from lambdas.drill.drill import drill_from, seconds_left_of
from lambdas.drill.verification.source_reading import read_batch
from lambdas.observability import Event
from lambdas.settings import from_environment


def read_once(event: Event, context: Any, document: Callable[[int], str]) -> dict[str, int]:
    """Read a batch unless it has been read; ``{"batch", "units"}``.

    Its document is written once: a try that was given up may end only when others have gone on with
    another reading, and a first reading must not come from after the snapshot has begun.

    Args:
        document: the name of the reading's document, by the batch's number.
    """
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    number = event["batch"]["number"]
    found = evidence.find(document(number))
    if found is None:
        work = evidence.read(document_names.source_batch(event["batch"]["survey"], number))
        seconds = seconds_left_of(drill, context)
        found = read_batch(
            source_sessions(drill.source, settings, seconds),
            [source_unit_from(unit) for unit in work["units"]],
            work["horizon"],
            settings.baseline_bytes_per_second,
            seconds,
        )
        found = evidence.write_once(document(number), found)
    return {"batch": number, "units": len(found)}
