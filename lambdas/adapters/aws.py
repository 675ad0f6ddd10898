"""One way to talk to AWS: a client with bounded time-outs, and errors in the workflow's words."""

import re
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
    "KMSThrottling": errors.Throttled,
    "KmsThrottlingException": errors.Throttled,
    "ServiceUnavailable": errors.ServiceUnavailable,
    "ServiceUnavailableException": errors.ServiceUnavailable,
    "InternalFailure": errors.ServiceUnavailable,
    "InternalError": errors.ServiceUnavailable,
    "InternalServiceError": errors.ServiceUnavailable,
    "InternalServerError": errors.ServiceUnavailable,
    "InternalServerException": errors.ServiceUnavailable,
    "OperationAborted": errors.ServiceUnavailable,
    "RequestTimeout": errors.ServiceUnavailable,
    "RequestTimeoutException": errors.ServiceUnavailable,
    "ConditionalRequestConflict": errors.ServiceUnavailable,
    "InvalidDBInstanceState": errors.ResourceBusy,
    "InvalidDBSnapshotState": errors.ResourceBusy,
    "InstanceQuotaExceeded": errors.QuotaExceeded,
    "StorageQuotaExceeded": errors.QuotaExceeded,
    "SnapshotQuotaExceeded": errors.QuotaExceeded,
    "DBInstanceAutomatedBackupQuotaExceeded": errors.QuotaExceeded,
    "InsufficientDBInstanceCapacity": errors.InsufficientCapacity,
    "ProvisionedIopsNotAvailableInAZ": errors.InsufficientCapacity,
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "UnauthorizedOperation": errors.AccessDenied,
    "AuthorizationError": errors.AccessDenied,
    "KMSAccessDenied": errors.AccessDenied,
    "KmsAccessDeniedException": errors.AccessDenied,
    "DBInstanceNotFound": errors.NotFound,
    "DBSnapshotNotFound": errors.NotFound,
    "NoSuchKey": errors.NotFound,
    "NoSuchBucket": errors.NotFound,
    "ResourceNotFoundException": errors.NotFound,
    "ExecutionDoesNotExist": errors.NotFound,
    "DBInstanceAlreadyExists": errors.NameTaken,
    "DBSnapshotAlreadyExists": errors.NameTaken,
}
"""By the code that the API's model gives an error (``SnapshotQuotaExceeded``), which is not always
the name of its shape (``SnapshotQuotaExceededFault``); "Fault" at a code's end does not count."""

MESSAGE_LENGTH = 600
"""Of AWS's own message: room for a denial, which names principal, action, resource and policy."""

SERVER_ERROR = 500

_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")


@cache
def client(service: str, attempts: int = QUICK) -> Any:
    """The client of a service, made once and kept while the function stays warm."""
    retries = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    return boto3.client(service, config=_CLIENT.merge(retries))


@contextmanager
def translating_errors(action: str) -> Iterator[None]:
    """Turn botocore's errors into ours, by error code, never by the text of a message.

    AWS's message is kept: none of the services that are called here has seen a row of a table or
    is sent a secret, so that none can quote one, and without it nobody can mend an AccessDenied.

    Args:
        action: what was attempted, with the resource's name; the start of the message.
    """
    try:
        yield
    except ClientError as error:
        message, said = f"{action}: AWS answered {_code(error)}", _message(error)
        raise _kind(error)(f"{message}: {said}" if said else message) from None
    except BotoCoreError as error:
        raise errors.ServiceUnavailable(f"{action}: {type(error).__name__}") from None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _kind(error: ClientError) -> type[errors.TimeMachineError]:
    found = _ERRORS.get(_code(error).removesuffix("Fault"))
    if found is not None:
        return found
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    return errors.ServiceUnavailable if status >= SERVER_ERROR else errors.RequestRefused


def _message(error: ClientError) -> str:
    """In one line, cut, and without the id of an access key."""
    text = " ".join(str(error.response.get("Error", {}).get("Message") or "").split())
    text = _ACCESS_KEY.sub("(an access key)", text)
    return text if len(text) <= MESSAGE_LENGTH else f"{text[:MESSAGE_LENGTH]}…"
