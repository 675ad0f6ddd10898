"""CheckDeletion: one look at whether the copy is gone."""

import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.common.execution import moment
from lambdas.drill.drill import drill_from
from lambdas.drill.waiting.phases import classify_deletion
from lambdas.drill.waiting.polling import poll_result
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("CheckDeletion")
def handler(event: Event, _context: Any) -> Any:
    """``{"phase", "detail", "wait_seconds"}``; the teardown has its own time-out."""
    settings, drill = from_environment(os.environ), drill_from(event)
    look = classify_deletion(Rds().find_instance(drill.copy_id))
    now, since = moment(event["now"]), moment(event["since"])
    until = since + timedelta(minutes=drill.teardown_minutes)
    what = f"the deletion of {drill.copy_id}"
    return asdict(poll_result(look, what, since, now, until, settings.poll_seconds))
