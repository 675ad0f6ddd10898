"""ExplainFailure: put into words what kept an execution from a report."""

from typing import Any

from lambdas.drill.drill import drill_from
from lambdas.drill.evidence import outcome
from lambdas.observability import Event, logged


@logged("ExplainFailure")
def handler(event: Event, _context: Any) -> Any:
    """What the execution ends with; it asks nothing of AWS, so that little can keep it from it."""
    failure = event["failure"]
    if event["drill"] is None:
        return outcome.of_unplanned(event["input"], failure, event["execution"])
    return outcome.of_unreported(drill_from(event), event["verdict"], event["cleanup"], failure)
