"""TidyLoad: whatever became of a load, its staging tables go."""

import os
from functools import partial
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.adapters.target import target_sessions
from lambdas.budget import seconds_left
from lambdas.domain import documents
from lambdas.domain.load import load_from, staging_prefix
from lambdas.loading import staging
from lambdas.loading.alone import end_others
from lambdas.loading.documents import LoadFolder
from lambdas.loading.moving import filled, moved
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("TidyLoad")
def handler(event: Event, context: Any) -> Any:
    """``{"dropped", "loaded"}``: the number of parts whose tables are gone, and the load's result.

    ``loaded`` is None when no row came into any table. Only the server knows it for sure: a
    function that moved them may have been lost before it could say so.
    """
    settings, load = from_environment(os.environ), load_from(event)
    folder = LoadFolder(Evidence(settings.evidence_bucket, load.evidence))
    plan, name, seconds = folder.plan(), staging_prefix(load.id), partial(seconds_left, context)
    open_session = target_sessions(load.db_instance_id, settings, seconds, name)
    with open_session(load.database) as session:
        end_others(session, name)
        loaded = folder.evidence.find(documents.RESULT)
        counts = moved(session, load.id, filled(plan))
        if loaded is None and counts is not None:
            # Kept before the tables go that say so: the next try would not know it.
            loaded = folder.result(plan, sum(counts))
            folder.evidence.write(documents.RESULT, loaded)
        for part in reversed(plan.parts):
            staging.drop(session, load.id, plan.targets[part.target], part.number)
    return {"dropped": len(plan.parts), "loaded": loaded}
