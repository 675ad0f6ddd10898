"""CheckSnapshot: one look at the snapshot."""

import os
from dataclasses import asdict
from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.common.execution import moment
from lambdas.drill.drill import drill_from
from lambdas.drill.recovery_point.rpo import taken_at
from lambdas.drill.waiting.phases import classify_snapshot
from lambdas.drill.waiting.polling import poll_result
from lambdas.observability import Event, logged
from lambdas.settings import from_environment


@logged("CheckSnapshot")
def handler(event: Event, _context: Any) -> Any:
    """``{"phase", "detail", "wait_seconds", "snapshot"}``."""
    settings, drill = from_environment(os.environ), drill_from(event)
    snapshot = Rds().snapshot(drill.snapshot_id)
    now, since = moment(event["now"]), moment(event["since"])
    until, look = moment(drill.deadline_at), classify_snapshot(snapshot)
    what = f"the snapshot {drill.snapshot_id}"
    time = taken_at(snapshot)
    return {
        **asdict(poll_result(look, what, since, now, until, settings.poll_seconds)),
        "snapshot": {
            "snapshot_id": drill.snapshot_id,
            "snapshot_arn": snapshot["DBSnapshotArn"],
            "type": snapshot["SnapshotType"],
            "allocated_gib": snapshot["AllocatedStorage"],
            "taken_at": time.isoformat() if time else "",
        },
    }
