"""TidyLoad: whatever became of a load, its staging tables go.

A state of the load, and once more when the execution has ended without having come through it.
"""

import os
from functools import partial
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.adapters.target import target_sessions
from lambdas.budget import seconds_left
from lambdas.domain import documents
from lambdas.domain.load import staging_prefix
from lambdas.domain.load_left import leftovers_of
from lambdas.loading import hidden, partly, staging
from lambdas.loading.alone import end_others
from lambdas.loading.documents import LoadFolder
from lambdas.loading.moving import filled, moved
from lambdas.observability import Event, logged, logger
from lambdas.settings import from_environment

_NOTHING = {"dropped": 0, "loaded": None}


@logged("TidyLoad")
def handler(event: Event, context: Any) -> Any:
    """``{"dropped", "loaded"}``: the number of parts whose tables are gone, and the load's result.

    ``loaded`` is None when no row came into any table, and of a load that is not atomic it may be
    what :func:`lambdas.loading.partly.found` tells. Only the server knows it for sure: a
    function that moved them may have been lost before it could say so.
    """
    settings, load = from_environment(os.environ), leftovers_of(event)
    if load is None:
        return _NOTHING
    folder = LoadFolder(Evidence(settings.evidence_bucket, load.evidence))
    if load.is_over:
        if folder.evidence.find(documents.LOAD) is None:
            return _NOTHING  # it ended before there was a plan, and so before any table
        folder.evidence.write(documents.OVER, {})
    plan, name, seconds = folder.tables(), staging_prefix(load.id), partial(seconds_left, context)
    open_session = target_sessions(load.target, settings, seconds, name)
    with open_session(load.database) as session:
        end_others(session, name)
        loaded = folder.evidence.find(documents.RESULT)
        counts = moved(session, load.id, filled(plan))
        if loaded is None:
            loaded = (
                partly.found(session, load.id, plan)
                if counts is None
                else folder.result(plan, sum(counts))
            )
            # Kept before the tables go that say so: the next try would not know it.
            if loaded is not None:
                folder.evidence.write(documents.RESULT, loaded)
        for part in reversed(plan.parts):
            staging.drop(session, load.id, plan.targets[part.target], part.number)
        for target in plan.targets:
            hidden.drop(session, load.id, target)
    if loaded is not None and "partly" in loaded:
        logger.warning("partly loaded", atomic=False, parts=loaded["parts"], rows=loaded["rows_in"])
    return {"dropped": len(plan.parts), "loaded": loaded}
