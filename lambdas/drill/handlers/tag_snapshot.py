"""TagSnapshot: the tags for people and retention rules."""

from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.drill.drill import drill_from
from lambdas.observability import Event, logged


@logged("TagSnapshot")
def handler(event: Event, _context: Any) -> Any:
    """``{"snapshot_id", "tags"}``."""
    drill = drill_from(event)
    tags = drill.people_tags()
    Rds().tag_snapshot(drill.owner, drill.snapshot_id, tags)
    return {"snapshot_id": drill.snapshot_id, "tags": sorted(tags)}
