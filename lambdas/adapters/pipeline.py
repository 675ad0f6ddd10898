"""CodePipeline: a job that it gave to a function, and the answer that it waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lambdas.adapters.aws import client, translating_errors

MESSAGE_LENGTH = 5000


class FailureType(StrEnum):
    """CodePipeline's kinds of failure, as far as we tell them apart."""

    JOB = "JobFailed"
    CONFIGURATION = "ConfigurationError"
    PERMISSION = "PermissionError"
    SYSTEM = "SystemUnavailable"


@dataclass(frozen=True)
class Job:
    """``user_parameters`` is the text that the pipeline's author set, variables filled in."""

    id: str
    user_parameters: str


def job_from(event: Mapping[str, Any]) -> Job:
    """The job of the event that a Lambda invoke action sends."""
    job = event["CodePipeline.job"]
    configuration = job["data"]["actionConfiguration"]["configuration"]
    return Job(job["id"], configuration.get("UserParameters", "").strip())


def succeed(job: Job, variables: Mapping[str, str]) -> None:
    """Let the pipeline go on, with output variables for its later stages."""
    with translating_errors(f"answering the job {job.id}"):
        client("codepipeline").put_job_success_result(jobId=job.id, outputVariables=dict(variables))


def fail(job: Job, kind: FailureType, message: str) -> None:
    """Stop the pipeline, with a message for its console."""
    details = {"type": kind.value, "message": message[:MESSAGE_LENGTH]}
    with translating_errors(f"answering the job {job.id}"):
        client("codepipeline").put_job_failure_result(jobId=job.id, failureDetails=details)
