"""RestoreInstance: ask RDS for a quarantined copy, tagged as ours from its first moment."""

from typing import Any

from lambdas.adapters.rds import Rds, RestoreTarget
from lambdas.common.ownership import ROLE_COPY
from lambdas.common.versions import known_fields
from lambdas.drill.drill import drill_from
from lambdas.observability import Event, logged


@logged("RestoreInstance")
def handler(event: Event, _context: Any) -> Any:
    """``{"copy_id", "copy_arn"}``."""
    drill = drill_from(event)
    tags = drill.ownership_tags(ROLE_COPY)
    target = RestoreTarget(**known_fields(RestoreTarget, drill.target))
    instance = Rds().restore(drill.owner, drill.snapshot_id, drill.copy_id, target, tags)
    return {"copy_id": drill.copy_id, "copy_arn": instance["DBInstanceArn"]}
