"""Every AWS call that the functions make: noted, and refused where a script says so."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from botocore.model import OperationModel

_STATUS = {"AccessDenied": 403, "Throttling": 400, "ServiceUnavailable": 503}


@dataclass(frozen=True)
class Call:
    """One call, as ``rds.RestoreDBInstanceFromDBSnapshot`` with its parameters."""

    state: str
    operation: str
    parameters: dict[str, Any]


@dataclass
class Fault:
    """Refuse the calls of an operation: ``times`` of them, after letting ``skip`` through.

    Attributes:
        operation: such as ``rds.CreateDBSnapshot``.
        code: the error code of the service, such as ``Throttling``.
        state: only calls made from this state's function; empty for all.
    """

    operation: str
    code: str
    times: int = 1_000_000
    skip: int = 0
    state: str = ""

    def hits(self, call: Call) -> bool:
        """Whether this call is refused; counts it."""
        if call.operation != self.operation or self.state not in ("", call.state):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return self.times >= 0


@dataclass
class Ledger:
    """What was called from inside functions, in order, and the faults that are scripted."""

    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def operations(self) -> list[str]:
        """The operations in order, without repetition."""
        return list(dict.fromkeys(call.operation for call in self.calls))


_inside = threading.local()
_ledger: list[Ledger] = []


def note_calls(ledger: Ledger) -> Callable[[], None]:
    """From now on note in ``ledger``; returns what ends it."""
    _ledger.append(ledger)
    return lambda: _ledger.remove(ledger)


def enter_function(state: str) -> None:
    """Calls on this thread come from the function of ``state``; empty when it has ended."""
    _inside.state = state


def _before_parameter_build(params: dict[str, Any], **_: Any) -> None:
    _inside.parameters = dict(params)


def _before_call(model: OperationModel, **_: Any) -> Any:
    state = getattr(_inside, "state", "")
    if not state or not _ledger:
        return None
    call = Call(state, f"{model.service_model.service_name}.{model.name}", _inside.parameters)
    ledger = _ledger[-1]
    ledger.calls.append(call)
    for fault in ledger.faults:
        if fault.hits(call):
            status = _STATUS.get(fault.code, 400)
            answer = AWSResponse("https://embedded", status, {}, None)  # type: ignore[arg-type]
            error = {"Code": fault.code, "Message": "scripted fault"}
            return answer, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}
    return None


BUILTIN_HANDLERS.append(("before-parameter-build", _before_parameter_build))
BUILTIN_HANDLERS.append(("before-call", _before_call))
