"""One way to talk to AWS: a client with bounded time-outs, and errors in the workflow's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas import errors

_CLIENT = Config(connect_timeout=5, read_timeout=25)

QUICK = 2
"""The state machine does the patient retries; one quick second try saves it a state."""

PATIENT = 5
"""Attempts of what no state machine tries again; the waits between them end within 15 seconds."""

_ERRORS: dict[str, type[errors.TimeMachineError]] = {
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    "ThrottledException": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "RequestThrottled": errors.Throttled,
    "TooManyRequestsException": errors.Throttled,
    "SlowDown": errors.Throttled,
    "ServiceUnavailable": errors.ServiceUnavailable,
    "ServiceUnavailableException": errors.ServiceUnavailable,
    "InternalFailure": errors.ServiceUnavailable,
    "InternalError": errors.ServiceUnavailable,
    "InternalServiceError": errors.ServiceUnavailable,
    "RequestTimeout": errors.ServiceUnavailable,
    "RequestTimeoutException": errors.ServiceUnavailable,
    "ConditionalRequestConflict": errors.ServiceUnavailable,
    "InvalidDBInstanceState": errors.ResourceBusy,
    "InvalidDBSnapshotState": errors.ResourceBusy,
    "InstanceQuotaExceeded": errors.QuotaExceeded,
    "StorageQuotaExceeded": errors.QuotaExceeded,
    "InsufficientDBInstanceCapacity": errors.InsufficientCapacity,
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "UnauthorizedOperation": errors.AccessDenied,
    "DBInstanceNotFound": errors.NotFound,
    "DBSnapshotNotFound": errors.NotFound,
    "NoSuchKey": errors.NotFound,
    "NoSuchBucket": errors.NotFound,
    "ResourceNotFoundException": errors.NotFound,
    "ExecutionDoesNotExist": errors.NotFound,
    "DBInstanceAlreadyExists": errors.NameTaken,
    "DBSnapshotAlreadyExists": errors.NameTaken,
}


@cache
def client(service: str, attempts: int = QUICK) -> Any:
    """The client of a service, made once and kept while the function stays warm."""
    retries = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    return boto3.client(service, config=_CLIENT.merge(retries))


@contextmanager
def errors_in_our_words(doing: str) -> Iterator[None]:
    """Turn botocore's errors into ours, by error code, never by the text of a message.

    Args:
        doing: what was attempted, with the resource's name; the start of the message.
    """
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        kind = _ERRORS.get(code.removesuffix("Fault"), errors.RequestRefused)
        raise kind(f"{doing}: AWS answered {code}") from None
    except BotoCoreError as error:
        raise errors.ServiceUnavailable(f"{doing}: {type(error).__name__}") from None
