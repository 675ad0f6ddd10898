"""The Lambda service of the embedded cloud: it runs the real handlers.

As at AWS: the payload and the answer go through JSON, an exception becomes a document with
``errorMessage`` and ``errorType``, and a function may not see what another left in memory of its
event. One process runs them all, so their environments are one.
"""

import importlib
import json
import re
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.calls import enter_function

TIMEOUT_SECONDS = 900

Hook = Callable[[str, Any], None]


@dataclass(frozen=True)
class Context:
    """The part of the Lambda context that handlers use."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: int = 512
    _ends_at: float = field(default_factory=lambda: time.monotonic() + TIMEOUT_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is ended."""
        return int((self._ends_at - time.monotonic()) * 1000)


@dataclass
class Functions:
    """The functions by state name.

    Attributes:
        before: called with the state and the event before each invocation; may raise, as a broken
            function would.
        invocations: state, event and answer of each finished invocation.
    """

    account: str
    region: str
    before: Hook | None = None
    invocations: list[tuple[str, Any, Any]] = field(default_factory=list)

    def arn(self, state: str) -> str:
        """What the state machine's placeholder of a state is filled with."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{state}"

    def invoke(self, function_name: str, payload: bytes) -> dict[str, Any]:
        """Lambda's ``Invoke`` with a parsed ``Payload``."""
        state = function_name.rpartition(":")[2]
        event = json.loads(payload)
        enter_function(state)
        try:
            if self.before is not None:
                self.before(state, event)
            answer = json.loads(json.dumps(self._handler(state)(event, self._context(state))))
        except Exception as error:  # noqa: BLE001 -- as Lambda does
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _as_document(error)}
        finally:
            enter_function("")
        self.invocations.append((state, json.loads(payload), answer))
        return {"StatusCode": 200, "Payload": answer}

    def _handler(self, state: str) -> Callable[[Any, Any], Any]:
        module = importlib.import_module(f"lambdas.handlers.{module_name(state)}")
        handler: Callable[[Any, Any], Any] = module.handler
        return handler

    def _context(self, state: str) -> Context:
        return Context(state, self.arn(state), str(uuid.uuid4()))


def module_name(state: str) -> str:
    """``CreateSnapshot`` is handled in ``create_snapshot``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()


def _as_document(error: Exception) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": str(uuid.uuid4()),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
