"""DeleteInstance: ask RDS to delete the copy, and nothing but the copy."""

from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.drill.drill import drill_from
from lambdas.observability import Event, logged


@logged("DeleteInstance")
def handler(event: Event, _context: Any) -> Any:
    """``{"copy_id"}``; a copy that is gone, going or was never made is fine."""
    drill = drill_from(event)
    Rds().delete_copy(drill.owner, drill.copy_id)
    return {"copy_id": drill.copy_id}
