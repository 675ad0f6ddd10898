"""RereadSource: read one batch of the source again, after the snapshot."""

from typing import Any

from lambdas.common import document_names
from lambdas.drill.verification.source_batch import read_once
from lambdas.observability import Event, logged


@logged("RereadSource")
def handler(event: Event, context: Any) -> Any:
    """``{"batch", "units"}``; a retry of a finished batch keeps the first reading."""
    return read_once(event, context, document_names.read_after)
