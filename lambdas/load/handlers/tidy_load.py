"""TidyLoad: whatever became of a load, its staging tables go.

A state of the load, and once more when the execution has ended without having come through it.
"""

import os
from functools import partial
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.common.budget import seconds_left
from lambdas.load.documents import LoadFolder
from lambdas.load.load import staging_prefix
from lambdas.load.load_cleanup import leftovers_of
from lambdas.load.target_server import target_sessions
from lambdas.load.writing import new_table, partial_load, staging
from lambdas.load.writing.moving import filled, moved
from lambdas.load.writing.stale_sessions import end_others
from lambdas.observability import Event, logged, logger
from lambdas.settings import from_environment

_NOTHING = {"dropped": 0, "loaded": None}


@logged("TidyLoad")
def handler(event: Event, context: Any) -> Any:
    """``{"dropped", "loaded"}``: the number of parts whose tables are gone, and the load's result.

    ``loaded`` is None when no row came into any table, and of a load that is not atomic it may be
    what :func:`lambdas.load.writing.partial_load.found` tells. Only the server knows it for sure: a
    function that moved them may have been lost before it could say so.
    """
    settings, load = from_environment(os.environ), leftovers_of(event)
    if load is None:
        return _NOTHING
    folder = LoadFolder(Evidence(settings.evidence_bucket, load.evidence))
    if load.is_over:
        if folder.evidence.find(document_names.LOAD) is None:
            return _NOTHING  # it ended before there was a plan, and so before any table
        folder.evidence.write(document_names.OVER, {})
    plan, name, seconds = folder.tables(), staging_prefix(load.id), partial(seconds_left, context)
    open_session = target_sessions(load.target, settings, seconds, name)
    with open_session(load.database) as session:
        end_others(session, name)
        loaded = folder.evidence.find(document_names.RESULT)
        counts = moved(session, load.id, filled(plan))
        if loaded is None:
            loaded = (
                partial_load.found(session, load.id, plan)
                if counts is None
                else folder.result(plan, sum(counts))
            )
            # Kept before the tables go that say so: the next try would not know it.
            if loaded is not None:
                folder.evidence.write(document_names.RESULT, loaded)
        for part in reversed(plan.parts):
            staging.drop(session, load.id, plan.targets[part.target], part.number)
        for target in plan.targets:
            new_table.drop(session, load.id, target)
    if loaded is not None and "partly" in loaded:
        logger.warning("partly loaded", atomic=False, parts=loaded["parts"], rows=loaded["rows_in"])
    return {"dropped": len(plan.parts), "loaded": loaded}
