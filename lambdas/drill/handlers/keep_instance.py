"""KeepInstance: keep the verified copy until its time is over, in mode restore."""

from datetime import timedelta
from typing import Any

from lambdas.adapters.rds import Rds
from lambdas.common import ownership
from lambdas.common.execution import moment
from lambdas.drill.drill import drill_from
from lambdas.observability import Event, logged


@logged("KeepInstance")
def handler(event: Event, _context: Any) -> Any:
    """``{"kept", "detail"}``: where the copy is and until when, as data and in words."""
    drill = drill_from(event)
    until = moment(event["now"]) + timedelta(hours=drill.keep_hours)
    instance = Rds().keep_copy(drill.owner, drill.copy_id, ownership.keep_tags(until))
    kept = {
        "copy_id": drill.copy_id,
        "host": instance["Endpoint"]["Address"],
        "port": instance["Endpoint"]["Port"],
        "secret_arn": instance["MasterUserSecret"]["SecretArn"],
        "expires_at": ownership.utc_text(until),
    }
    detail = f"{drill.copy_id} is kept until {kept['expires_at']}; then the sweeper deletes it"
    return {"kept": kept, "detail": detail}
