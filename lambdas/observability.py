"""Structured logs with the drill as correlation, and metrics that CloudWatch reads off the log."""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.errors import InternalFault, TimeMachineError

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]

logger = Logger(service="time-machine", log_uncaught_exceptions=False)
metrics = Metrics(namespace="RdsTimeMachine", service="time-machine")

__all__ = ["Event", "MetricUnit", "logged", "logger", "metrics"]


def logged(state: str) -> Callable[[Handler], Handler]:
    """Decorate the handler of a state: log its start, its end and its error, by drill.

    An error that is not one of ours becomes an :class:`InternalFault` that tells its class and
    line: its text may quote anything, and would end in the execution's history.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def run(event: Event, context: Any) -> Any:
            drill, execution = event.get("drill") or {}, event.get("execution") or {}
            logger.append_keys(
                state=state,
                drill=drill.get("id") or execution.get("name"),
                execution=drill.get("execution") or execution.get("id"),
                request_id=getattr(context, "aws_request_id", None),
            )
            logger.info("state started")
            try:
                result = handler(event, context)
            except TimeMachineError as error:
                logger.warning("state failed", error=type(error).__name__, reason=str(error))
                raise
            except Exception as error:  # noqa: BLE001 -- told as ours
                where = _innermost_line(error)
                logger.error("state failed unexpectedly", error=type(error).__name__, where=where)
                raise InternalFault(f"{type(error).__name__} at {where}") from None
            logger.info("state finished")
            return result

        return run

    return decorate


def _innermost_line(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
