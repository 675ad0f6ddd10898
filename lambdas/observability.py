"""Structured logs with the drill as correlation, and metrics that CloudWatch reads off the log."""

import functools
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.errors import InternalFault, TimeMachineError
from lambdas.version import VERSION

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]

logger = Logger(service="time-machine", log_uncaught_exceptions=False, version=VERSION)
_metrics = Metrics(namespace="RdsTimeMachine", service="time-machine")

__all__ = ["Event", "innermost_line", "logged", "logger", "write_metrics"]


def logged(state: str) -> Callable[[Handler], Handler]:
    """Decorate the handler of a state: log its start, its end and its error, by drill.

    An error that is not one of ours becomes an :class:`InternalFault` that tells its class and
    line: its text may quote anything, and would end in the execution's history.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def run(event: Event, context: Any) -> Any:
            request_id = getattr(context, "aws_request_id", None)
            logger.append_keys(state=state, request_id=request_id, **_correlation(event))
            logger.info("state started")
            try:
                result = handler(event, context)
            except TimeMachineError as error:
                logger.warning("state failed", error=type(error).__name__, reason=str(error))
                raise
            except Exception as error:  # noqa: BLE001 -- reported as ours
                where = innermost_line(error)
                logger.error("state failed unexpectedly", error=type(error).__name__, where=where)
                raise InternalFault(f"{type(error).__name__} at {where}") from None
            logger.info("state finished")
            return result

        return run

    return decorate


def _correlation(event: Any) -> dict[str, Any]:
    """The drill and its execution: of a state's event, or of EventBridge's about an execution."""
    drill, execution, detail = (_part(event, name) for name in ("drill", "execution", "detail"))
    return {
        "drill": drill.get("id") or execution.get("name") or detail.get("name"),
        "execution": drill.get("execution") or execution.get("id") or detail.get("executionArn"),
    }


def _part(event: Any, name: str) -> dict[str, Any]:
    found = event.get(name) if isinstance(event, dict) else None
    return found if isinstance(found, dict) else {}


def innermost_line(error: BaseException) -> str:
    """Where an error was raised: the file's name and the line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def write_metrics(values: Mapping[str, float], **dimensions: str) -> None:
    """Write metrics into the log, whence CloudWatch takes them.

    Args:
        values: by name; a name that ends in ``Seconds`` has that unit, any other is a count.
        dimensions: what they are of, besides the service.
    """
    for name, text in dimensions.items():
        _metrics.add_dimension(name, text)
    for name, value in values.items():
        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        _metrics.add_metric(name, unit, value)
    _metrics.flush_metrics()
