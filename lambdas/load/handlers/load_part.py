"""LoadPart: copy one part, in one transaction, into the table that the plan names."""

import os
import time
from dataclasses import asdict
from functools import partial
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.postgres import Session
from lambdas.common import document_names
from lambdas.common.budget import seconds_left
from lambdas.errors import (
    AccessDenied,
    BadData,
    DatabaseBusy,
    DatabaseUnreachable,
    InvalidRequest,
    LoadOver,
    NotFound,
    ObjectChanged,
    QueryFailed,
    ServiceUnavailable,
    Throttled,
)
from lambdas.load.documents import LoadFolder
from lambdas.load.load import Load, Part, load_from, staging_name
from lambdas.load.target_server import target_sessions
from lambdas.load.writing.parts import Reach, load_part, reach
from lambdas.load.writing.stale_sessions import end_others
from lambdas.observability import Event, logged, logger
from lambdas.settings import from_environment

_FINAL = (
    BadData,
    ObjectChanged,
    QueryFailed,
    AccessDenied,
    NotFound,
    InvalidRequest,
    LoadOver,
)
"""No retry mends them."""

_ONLY_FOR_NOW = (DatabaseBusy, DatabaseUnreachable, ServiceUnavailable, Throttled)
"""The state machine tries again; after the last try, what it said is why there is no result."""


@logged("LoadPart")
def handler(event: Event, context: Any) -> Any:
    """``{"part", "fault"}``: what no retry mends is an answer, and the load's end tells it."""
    settings, load, number = from_environment(os.environ), load_from(event), event["part"]["number"]
    folder = LoadFolder(Evidence(settings.evidence_bucket, load.evidence))
    name, left = staging_name(load.id, number), partial(seconds_left, context)
    began = time.monotonic()
    try:
        open_session = target_sessions(load.target, settings, left, name)
        with open_session(load.database) as session:
            # Not before: whoever ends a load says so first, and then ends its sessions.
            folder.refuse_over()
            end_others(session, name)
            loaded = _load(session, load, folder, number)
    except _FINAL as error:
        folder.write_fault(number, str(error))
        return {"part": number, "fault": str(error)}
    except _ONLY_FOR_NOW as error:
        folder.write_fault(number, f"{type(error).__name__}: {error}", lost=True)
        raise
    seconds = round(time.monotonic() - began, 3)
    outcome = {"part": number, "fault": "", "seconds": seconds, **loaded}
    folder.evidence.write(document_names.loaded(number), outcome)
    return {"part": number, "fault": ""}


def _load(session: Session, load: Load, folder: LoadFolder, number: int) -> dict[str, Any]:
    plan, request = folder.plan(), folder.request()
    part = plan.parts[number - 1]
    target, rows = plan.targets[part.target], _reach(folder, plan.parts, part)
    keep = partial(folder.write_rejects, number)
    tell = partial(_tell, part)
    staged = load_part(
        session, load.id, part, target, rows, request.form, request.rules, tell, keep
    )
    return {**asdict(staged), "rejects": folder.reasons(number) if staged.rejected else []}


def _reach(folder: LoadFolder, parts: tuple[Part, ...], part: Part) -> Reach:
    """A part that is a whole object needs no survey."""
    if part.begins and part.ends:
        return Reach(0, part.size_bytes, 1)
    siblings = [other for other in parts if other.key == part.key]
    return reach(part, siblings, [folder.stretch(other.number) for other in siblings])


def _tell(part: Part, size_bytes: int, lines: int) -> None:
    logger.info("loading", object=part.location, part=part.number, bytes=size_bytes, lines=lines)
