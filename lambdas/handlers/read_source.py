"""ReadSource: read one batch of the source before the snapshot."""

from typing import Any

from lambdas.domain import documents
from lambdas.observability import Event, logged
from lambdas.verification.source_batch import read_once


@logged("ReadSource")
def handler(event: Event, context: Any) -> Any:
    """``{"batch", "units"}``; a retry of a finished batch keeps the first reading."""
    return read_once(event, context, documents.read_before)
