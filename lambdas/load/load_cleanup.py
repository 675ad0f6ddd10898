"""What a load may have left beside its tables, and where: as a state or EventBridge tells it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.common.execution import Execution
from lambdas.errors import InvalidRequest
from lambdas.load import load_request
from lambdas.load.load import load_folder, load_from

EXECUTION_ENDED = "Step Functions Execution Status Change"


@dataclass(frozen=True)
class Leftovers:
    """A load, as far as its staging tables go.

    Attributes:
        id: the execution's ARN.
        evidence: the load's folder, with the plan that names the tables.
        target: its name, see :mod:`lambdas.load.load_target`.
        is_over: whether the execution has ended, so that no state of it may go on.
    """

    id: str
    evidence: str
    target: str
    database: str
    is_over: bool


def leftovers_of(event: Mapping[str, Any]) -> Leftovers | None:
    """Those of the load of a state's event, or of an execution that EventBridge says has ended.

    None where there are none: the input was refused, or the load went well and left nothing.

    Raises:
        InvalidRequest: EventBridge left the input out, as it does with one that is too long.
    """
    if event.get("detail-type") == EXECUTION_ENDED:
        return _of_execution(event["detail"])
    load = load_from(event)
    return Leftovers(load.id, load.evidence, load.target, load.database, is_over=False)


def _of_execution(detail: Mapping[str, Any]) -> Leftovers | None:
    """Its folder is known by the same three as when it was planned: input, ARN and start."""
    if detail["status"] == "SUCCEEDED" and not _said_left(detail):
        return None
    document = _document(detail)
    if load_request.faults(document):
        return None
    request = load_request.parse(document)
    started_at = datetime.fromtimestamp(detail["startDate"] / 1000, UTC)
    execution = Execution(detail["executionArn"], detail["name"], started_at)
    folder = load_folder(request.target, execution)
    return Leftovers(execution.id, folder, request.target, request.database, is_over=True)


def _document(detail: Mapping[str, Any]) -> Any:
    if not detail.get("input"):
        raise InvalidRequest(["input: the event does not bring the execution's; see the runbook"])
    return json.loads(detail["input"])


def _said_left(detail: Mapping[str, Any]) -> bool:
    return bool(json.loads(detail.get("output") or "{}").get("left"))
