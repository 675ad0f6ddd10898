"""FinishLoad: every part came through, so all rows go into their tables, in one transaction."""

import os
from functools import partial
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.postgres import Session
from lambdas.common import document_names
from lambdas.common.budget import seconds_left
from lambdas.errors import QueryFailed
from lambdas.load.documents import LoadFolder
from lambdas.load.load import LoadPlan, load_from, staging_prefix
from lambdas.load.outcome import check
from lambdas.load.target_server import target_sessions
from lambdas.load.writing.locations import place_of
from lambdas.load.writing.moving import analyze, filled, move
from lambdas.load.writing.stale_sessions import end_others
from lambdas.observability import Event, logged, logger
from lambdas.settings import from_environment


@logged("FinishLoad")
def handler(event: Event, context: Any) -> Any:
    """The load's result, without its ``seconds``.

    ``{"atomic", "rows", "bytes", "rejected", "tables", "columns_left_out", "types_widened",
    "rejects", "reasons"}``; of the columns that the data do not bring or whose type later rows
    changed, and of the reasons, the first ones.

    Raises:
        BadData: a part could not be loaded, or there are more bad rows than allowed.
        PartLost: a part gave no result.
        LoadOver: it was ended from outside.
    """
    settings, load = from_environment(os.environ), load_from(event)
    folder = LoadFolder(Evidence(settings.evidence_bucket, load.evidence))
    plan, request = folder.plan(), folder.request()
    rules = request.rules
    check([folder.loaded(part.number) for part in plan.parts], rules)
    name, seconds = staging_prefix(load.id), partial(seconds_left, context)
    open_session = target_sessions(load.target, settings, seconds, name)
    with open_session(load.database) as session:
        folder.refuse_over()
        end_others(session, name)
        place = partial(place_of, session, load.id, plan, header=request.form.header)
        counts = move(session, load.id, filled(plan), rules, place)
        if rules.analyze:
            _analyze(session, plan)
    result = folder.result(plan, sum(counts))
    folder.evidence.write(document_names.RESULT, result)
    logger.info(
        "loaded",
        rows=result["rows"],
        atomic=plan.atomic,
        columns_left_out=plan.columns_left_out,
        types_widened=result["types_widened"],
    )
    return result


def _analyze(session: Session, plan: LoadPlan) -> None:
    try:
        analyze(session, plan)
    except QueryFailed as error:
        # The rows are in, and stay: only the planner knows less.
        logger.warning("not analysed", reason=str(error))
