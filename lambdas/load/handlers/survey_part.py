"""SurveyPart: read a part's bytes once, to find where its rows begin whatever stands before it."""

import os
from dataclasses import asdict
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.errors import AccessDenied, ObjectChanged, ServiceUnavailable, Throttled
from lambdas.load.documents import LoadFolder
from lambdas.load.load import load_from
from lambdas.load.reading import s3_objects
from lambdas.load.reading.rows import survey
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("SurveyPart")
def handler(event: Event, _context: Any) -> Any:
    """``{"part"}``; what it says goes to the evidence folder, which a retry finds."""
    settings, load, number = from_environment(os.environ), load_from(event), event["part"]["number"]
    folder = LoadFolder(Evidence(settings.evidence_bucket, load.evidence))
    try:
        if folder.evidence.find(document_names.stretch(number)) is None:
            _survey(folder, number)
    except (ServiceUnavailable, Throttled) as error:
        folder.write_fault(number, f"{type(error).__name__}: {error}", lost=True)
        raise
    return {"part": number}


def _survey(folder: LoadFolder, number: int) -> None:
    part, form = folder.plan().parts[number - 1], folder.request().form
    try:
        stretch = survey(
            s3_objects.chunks(s3_objects.version_of(part), part.first, part.end), form.cut_quote
        )
    except (ObjectChanged, AccessDenied) as error:
        folder.write_fault(number, str(error))
    else:
        folder.evidence.write(document_names.stretch(number), asdict(stretch))
