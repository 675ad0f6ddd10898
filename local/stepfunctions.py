"""moto's Step Functions interpreter, completed where it is not yet whole.

It lacks a JSONata evaluator, does not escape the strings that it hands to one, and sleeps through
retries in real time. Each repair is small and goes in through the interpreter's own seams.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from jsonata import Jsonata
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local.functions import Functions


@contextlib.contextmanager
def completed_interpreter(
    functions: Functions, retry_speed: float, wait_speed: float
) -> Iterator[None]:
    """Repair the interpreter for as long as the context lasts.

    Args:
        functions: answer for Lambda.
        retry_speed: the intervals between retries are divided by it.
        wait_speed: the waits of the workflow are divided by it.
    """

    def sleep(seconds: float) -> None:
        time.sleep(seconds / retry_speed)

    def wait(_: Any, env: Any, wait_seconds: float) -> None:
        env.program_state_event.wait(wait_seconds / wait_speed)

    def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        del region, state_credentials
        return functions.invoke(parameters["FunctionName"], parameters["Payload"])

    clock = type("Clock", (), {"sleep": staticmethod(sleep)})
    with contextlib.ExitStack() as stack:
        for target, name, value in (
            (jsonata, "_eval_jsonata", _evaluate),
            (states, "encode_jsonata_variable_declarations", _declare),
            (variable_store, "encode_jsonata_variable_declarations", _declare),
            (lambda_eval_utils, "_invoke_lambda_function", invoke),
            (retrier_decl, "time", clock),
            (WaitFunction, "_wait_interval", wait),
        ):
            stack.enter_context(patch.object(target, name, value))
        yield


def fill_placeholders(definition: str, values: Callable[[str], str]) -> str:
    """Put a function's ARN for each ``${State}``; they stand only inside strings."""
    document = json.loads(definition, object_hook=lambda found: _filled(found, values))
    return json.dumps(document)


def _filled(found: dict[str, Any], values: Callable[[str], str]) -> dict[str, Any]:
    resource = found.get("Resource", "")
    if isinstance(resource, str) and resource.startswith("${"):
        found["Resource"] = values(resource[2:-1])
    return found


def _evaluate(expression: str) -> Any:
    value = Jsonata(expression).evaluate(None)
    return json.loads(json.dumps(value))


def _declare(bindings: dict[str, Any]) -> str:
    return "".join(f"{name}:={to_json_str(value)};" for name, value in bindings.items())
