"""Every AWS call that the functions make: noted, and refused where a script or a role says so."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from botocore.model import OperationModel

_STATUS = {"AccessDenied": 403, "Throttling": 400, "ServiceUnavailable": 503}
_DENIALS = {"rds": "AccessDenied", "s3": "AccessDenied", "sns": "AuthorizationError"}
"""How a service calls a denial; those that speak JSON say ``AccessDeniedException``."""


@dataclass(frozen=True)
class Call:
    """One call, as ``rds.RestoreDBInstanceFromDBSnapshot`` with its parameters.

    Attributes:
        state: the state of the function that makes it; empty when it is the state machine's own.
        role_arn: whom it is made as; empty where functions have no roles.
    """

    state: str
    operation: str
    parameters: dict[str, Any]
    role_arn: str = ""

    @property
    def service(self) -> str:
        """As boto3 calls it."""
        return self.operation.partition(".")[0]


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
    """What was called from inside functions, in order, and the faults that are scripted.

    Attributes:
        deny: says why a call is not allowed, empty when it is; asked for functions' calls and
            the state machine's own. Without it everything is allowed.
    """

    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    deny: Callable[[Call], str] | None = None

    def operations(self) -> list[str]:
        """The operations in order, without repetition."""
        return list(dict.fromkeys(call.operation for call in self.calls))


_state: ContextVar[str] = ContextVar("_state", default="")
_role_arn: ContextVar[str] = ContextVar("_role_arn", default="")
_parameters: ContextVar[dict[str, Any]] = ContextVar("_parameters")
"""Of the thread, and of those that a function starts with its own context."""
_ledger: list[Ledger] = []


def note_calls(ledger: Ledger) -> Callable[[], None]:
    """From now on note in ``ledger``; returns what ends it."""
    _ledger.append(ledger)
    return lambda: _ledger.remove(ledger)


def enter_function(state: str, role_arn: str = "") -> None:
    """Calls on this thread come from the function of ``state``; empty when it has ended."""
    _state.set(state)
    _role_arn.set(role_arn)


def denial(call: Call) -> str:
    """Why a call is not allowed; empty when it is."""
    deny = _ledger[-1].deny if _ledger else None
    if deny is None:
        return ""
    # What it looks up to decide is no call of the function.
    outside = _state.set("")
    try:
        return deny(call)
    finally:
        _state.reset(outside)


def denied_as(service: str) -> str:
    """The error code of a service's denial."""
    return _DENIALS.get(service, "AccessDeniedException")


def act_as(client: Any, role_arn: str) -> None:
    """Every call of a client is made by the state machine with its role."""
    client.meta.events.register_first("before-call", partial(_before_call_of_machine, role_arn))


def _before_parameter_build(params: dict[str, Any], **_: Any) -> None:
    _parameters.set(dict(params))


def _before_call(model: OperationModel, **_: Any) -> Any:
    state = _state.get()
    if not state or not _ledger:
        return None
    call = Call(state, _operation(model), _parameters.get(), _role_arn.get())
    ledger = _ledger[-1]
    ledger.calls.append(call)
    for fault in ledger.faults:
        if fault.hits(call):
            return _refusal(fault.code, "scripted fault", _STATUS.get(fault.code, 400))
    return _denied(call)


def _before_call_of_machine(role_arn: str, model: OperationModel, **_: Any) -> Any:
    return _denied(Call("", _operation(model), _parameters.get(), role_arn))


def _denied(call: Call) -> Any:
    why = denial(call)
    return _refusal(denied_as(call.service), why, 403) if why else None


def _refusal(code: str, message: str, status: int) -> Any:
    answer = AWSResponse("https://embedded", status, {}, None)  # type: ignore[arg-type]
    error = {"Code": code, "Message": message}
    return answer, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}


def _operation(model: OperationModel) -> str:
    return f"{model.service_model.service_name}.{model.name}"


BUILTIN_HANDLERS.append(("before-parameter-build", _before_parameter_build))
BUILTIN_HANDLERS.append(("before-call", _before_call))
