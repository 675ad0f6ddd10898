"""ExportVerdict: hand a drill's verdict to the later stages of the pipeline that started it."""

from typing import Any

from lambdas.adapters import pipeline
from lambdas.adapters.executions import ending
from lambdas.adapters.pipeline import FailureType
from lambdas.drill.evidence import export
from lambdas.errors import (
    AccessDenied,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    Throttled,
    TimeMachineError,
)
from lambdas.observability import Event, logged, logger

_FAILURES: dict[type[TimeMachineError], FailureType] = {
    AccessDenied: FailureType.PERMISSION,
    InvalidRequest: FailureType.CONFIGURATION,
    NotFound: FailureType.CONFIGURATION,
    ServiceUnavailable: FailureType.SYSTEM,
    Throttled: FailureType.SYSTEM,
}


@logged("ExportVerdict")
def handler(event: Event, _context: Any) -> Any:
    """The variables that were handed over; none when the job was answered with a failure.

    ``UserParameters`` is the execution's ARN. Whatever is wrong is the pipeline's to show: a job
    without an answer would keep it waiting for 20 minutes and then tell nothing.
    """
    job = pipeline.job_from(event)
    try:
        variables = _variables(job.user_parameters)
    except TimeMachineError as error:
        logger.warning("the job fails", error=type(error).__name__, reason=str(error))
        pipeline.fail(job, _FAILURES.get(type(error), FailureType.JOB), str(error))
        return {"variables": None}
    pipeline.succeed(job, variables)
    return {"variables": variables}


def _variables(execution_arn: str) -> dict[str, str]:
    if not execution_arn:
        raise InvalidRequest(["UserParameters: must be the ARN of the drill's execution"])
    return export.variables(*ending(execution_arn))
