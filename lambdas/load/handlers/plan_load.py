"""PlanLoad: check the input, look at objects and tables, cut the work into parts; load nothing."""

import os
from functools import partial
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common.budget import seconds_left
from lambdas.common.document_names import PARTS
from lambdas.common.execution import execution_from
from lambdas.errors import BadData, InvalidRequest, NotFound, QueryFailed
from lambdas.load import load_request, load_target
from lambdas.load.documents import LoadFolder
from lambdas.load.load import Load, first_of, load_folder, staging_prefix, to_document
from lambdas.load.plan import plan
from lambdas.load.target_server import target_sessions
from lambdas.observability import Event, logged, logger
from lambdas.settings import from_environment

_LONGEST_CAUSE = 32_768
"""Characters that Step Functions takes for the cause of a failure."""


@logged("PlanLoad")
def handler(event: Event, context: Any) -> Any:
    """``{"accepted", "cause", "load"}``; ``cause`` names the faults of a refused input."""
    settings = from_environment(os.environ)
    document, execution = event["input"], execution_from(event)
    faults = load_request.faults(document)
    if not faults:
        faults = load_target.login_faults(
            document["target"], settings.load_secrets, settings.prefix
        )
    if faults:
        return _refused(faults)
    request = load_request.parse(document)
    folder = load_folder(request.target, execution)
    evidence = Evidence(settings.evidence_bucket, folder)
    try:
        open_session = target_sessions(request.target, settings, partial(seconds_left, context))
        with open_session(request.database) as session:
            planned = plan(session, request, settings.load_part_bytes)
    except InvalidRequest as error:
        return _refused(error.faults)
    except (BadData, NotFound, QueryFailed) as error:
        return _refused([str(error)])
    LoadFolder(evidence).write_plan(document, planned)
    logger.info(
        "planned",
        parts=len(planned.parts),
        atomic=planned.atomic,
        columns_left_out=planned.columns_left_out,
    )
    load = Load(
        id=execution.id,
        evidence=folder,
        target=request.target,
        database=request.database,
        started_at=execution.started_at.isoformat(),
        bucket=settings.evidence_bucket,
        parts_key=evidence.key(PARTS),
        parts=len(planned.parts),
        streams=request.streams,
        to_survey=len({part.key for part in planned.parts}) < len(planned.parts),
        atomic=planned.atomic,
        staging=staging_prefix(execution.id),
    )
    return {"accepted": True, "cause": "", "load": to_document(load)}


def _refused(faults: list[str]) -> dict[str, Any]:
    cause = "The input was refused: " + "; ".join(first_of(faults))
    return {"accepted": False, "cause": cause[:_LONGEST_CAUSE], "load": None}
