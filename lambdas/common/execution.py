"""The execution of a state machine, as its first state hears of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Execution:
    """The Step Functions execution that a drill or a load is."""

    id: str
    name: str
    started_at: datetime


def execution_from(event: Mapping[str, Any]) -> Execution:
    """The execution of the first state's event."""
    found = event["execution"]
    return Execution(found["id"], found["name"], moment(found["started_at"]))


def moment(text: str) -> datetime:
    """An aware time from the text that Step Functions or we write."""
    return datetime.fromisoformat(text).astimezone(UTC)
