"""SecureInstance: give the copy a master secret of its own."""

from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.drill.drill import drill_from
from lambdas.observability import Event, logged


@logged("SecureInstance")
def handler(event: Event, _context: Any) -> Any:
    """``{"copy_id"}``."""
    drill = drill_from(event)
    Rds().manage_master_password(drill.owner, drill.copy_id)
    return {"copy_id": drill.copy_id}
