"""CheckInstance: one look at the copy, on its way to being restored, then to being secured."""

import os
from dataclasses import asdict
from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.common.execution import moment
from lambdas.drill.drill import drill_from
from lambdas.drill.waiting.phases import GOAL_SECURED, Phase, classify_instance, classify_parameters
from lambdas.drill.waiting.polling import poll_result
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("CheckInstance")
def handler(event: Event, _context: Any) -> Any:
    """``{"phase", "detail", "wait_seconds"}`` for the event's ``goal``."""
    settings, drill = from_environment(os.environ), drill_from(event)
    instance = Rds().instance(drill.copy_id)
    look = classify_instance(instance, event["goal"])
    now, since = moment(event["now"]), moment(event["since"])
    if look.phase is Phase.READY and event["goal"] == GOAL_SECURED:
        group, elapsed_seconds = drill.target["parameter_group"], (now - since).total_seconds()
        parameters = classify_parameters(instance, group, elapsed_seconds)
        look = look if parameters.phase is Phase.READY else parameters
    what = f"the copy {drill.copy_id} ({event['goal']})"
    return asdict(
        poll_result(look, what, since, now, moment(drill.deadline_at), settings.poll_seconds)
    )
