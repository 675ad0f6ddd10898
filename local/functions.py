"""The Lambda service of the embedded cloud: it runs the real handlers.

As at AWS: the payload and the answer go through JSON, an exception becomes a document with
``errorMessage`` and ``errorType``, and a function may not see what another left in memory of its
event. One process runs them all: a function that has an environment of its own runs alone.
"""

import contextlib
import importlib
import json
import os
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.calls import enter_function
from stacks.spec import AUXILIARY, LOAD, WORKFLOW

TIMEOUT_SECONDS = 900
SPECS = {spec.name: spec for spec in (*WORKFLOW, *LOAD, *AUXILIARY)}
SETTINGS = "TM_"
"""How the variables begin that a deployment sets."""

Hook = Callable[[str, Any], None]


@dataclass(frozen=True)
class Function:
    """A function as it is deployed.

    Attributes:
        name: how hooks, invocations and the ledger of calls know it.
        handler: such as ``lambdas.drill.handlers.plan_drill.handler``.
        memory_mib: what it would be billed for.
        environment: its own variables; None for those of the process.
        role_arn: whom its calls are made as.
    """

    arn: str
    name: str
    handler: str
    memory_mib: int
    timeout_seconds: int = TIMEOUT_SECONDS
    environment: Mapping[str, str] | None = None
    role_arn: str = ""


@dataclass(frozen=True)
class Context:
    """The part of the Lambda context that handlers use."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: int
    _ends_at: float

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is ended."""
        return int((self._ends_at - time.monotonic()) * 1000)


@dataclass
class Functions:
    """The functions by ARN.

    Attributes:
        find: the function of an ARN; by default the ARN ends with the state's name, the memory is
            the deployment's, and all have the environment of the process.
        before: called with the state and the event before each invocation; may raise, as a broken
            function would.
        invocations: state, event and answer of each finished invocation.
    """

    account: str
    region: str
    find: Callable[[str], Function] | None = None
    before: Hook | None = None
    invocations: list[tuple[str, Any, Any]] = field(default_factory=list)

    def arn(self, state: str) -> str:
        """What the state machine's placeholder of a state is filled with."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{state}"

    def invoke(self, function_name: str, payload: bytes) -> dict[str, Any]:
        """Lambda's ``Invoke`` with a parsed ``Payload``."""
        function = (self.find or _of_state)(function_name)
        state, event = function.name, json.loads(payload)
        try:
            if self.before is not None:
                self.before(state, event)
            enter_function(state, function.role_arn)
            with _environment(function):
                answer = json.loads(json.dumps(_handler(function)(event, _context(function))))
        except Exception as error:  # noqa: BLE001 -- as Lambda does
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _as_document(error)}
        finally:
            enter_function("")
        self.invocations.append((state, json.loads(payload), answer))
        return {"StatusCode": 200, "Payload": answer}


def _of_state(arn: str) -> Function:
    state = arn.rpartition(":")[2]
    spec = SPECS[state]
    return Function(arn, state, f"{spec.module}.handler", spec.memory_mib)


def _handler(function: Function) -> Callable[[Any, Any], Any]:
    module, _, name = function.handler.rpartition(".")
    handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
    return handler


def _context(function: Function) -> Context:
    ends_at = time.monotonic() + function.timeout_seconds
    return Context(function.name, function.arn, str(uuid.uuid4()), function.memory_mib, ends_at)


_alone = threading.Lock()


@contextlib.contextmanager
def _environment(function: Function) -> Iterator[None]:
    """The function's own variables for as long as it runs, and no settings but those."""
    if function.environment is None:
        yield
        return
    with _alone:
        before = {name: os.environ.get(name) for name in (*_settings(), *function.environment)}
        for name in _settings():
            del os.environ[name]
        os.environ.update(function.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def _settings() -> list[str]:
    return [name for name in os.environ if name.startswith(SETTINGS)]


def _as_document(error: Exception) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": str(uuid.uuid4()),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
