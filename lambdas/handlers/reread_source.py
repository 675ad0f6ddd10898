"""RereadSource: read one batch of the source again, after the snapshot."""

from typing import Any

from lambdas.domain import documents
from lambdas.observability import Event, logged
from lambdas.verification.source_batch import read_once


@logged("RereadSource")
def handler(event: Event, context: Any) -> Any:
    """``{"batch", "units"}``; a retry of a finished batch keeps the first reading."""
    return read_once(event, context, documents.read_after)
