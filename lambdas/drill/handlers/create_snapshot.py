"""CreateSnapshot: ask RDS for a snapshot that carries our ownership from its first moment."""

from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.common.ownership import ROLE_SNAPSHOT
from lambdas.drill.drill import drill_from
from lambdas.observability import Event, logged


@logged("CreateSnapshot")
def handler(event: Event, _context: Any) -> Any:
    """``{"snapshot_id", "snapshot_arn"}``."""
    drill = drill_from(event)
    tags = drill.ownership_tags(ROLE_SNAPSHOT)
    snapshot = Rds().create_snapshot(drill.owner, drill.snapshot_id, tags)
    return {"snapshot_id": drill.snapshot_id, "snapshot_arn": snapshot["DBSnapshotArn"]}
