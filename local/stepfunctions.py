"""moto's Step Functions interpreter, completed where it is not yet whole.

It lacks a JSONata evaluator, writes the values of variables into the text that it hands to one,
sleeps through retries in real time, and asks nobody whether the machine's role may do what it does.
It also parses a machine again for each execution: a quarter of a drill's processor time.
Each repair is small and goes in through the interpreter's own seams.
"""

import contextlib
import copy
import functools
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from jsonata import Jsonata
from jsonata.utils import Utils
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import (
    resource_eval_s3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_sns,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local.calls import Call, act_as, denial, denied_as
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
        del region
        name = parameters["FunctionName"]
        _require(Call("", "lambda.Invoke", {"FunctionName": name}, state_credentials.role_arn))
        return functions.invoke(name, parameters["Payload"])

    clock = type("Clock", (), {"sleep": staticmethod(sleep)})
    with contextlib.ExitStack() as stack:
        for target, name, value in (
            (jsonata, "_eval_jsonata", _evaluate),
            (states, "encode_jsonata_variable_declarations", _declare),
            (variable_store, "encode_jsonata_variable_declarations", _declare),
            (ASLParser, "state_machine", _state_machine),
            (lambda_eval_utils, "_invoke_lambda_function", invoke),
            (retrier_decl, "time", clock),
            (WaitFunction, "_wait_interval", wait),
            (state_task_service_sns, "boto_client_for", _client_of_machine),
            (resource_eval_s3, "boto_client_for", _client_of_machine),
            (distributed.DistributedIterationComponent, "_map_run", _map_run),
        ):
            stack.enter_context(patch.object(target, name, value))
        yield


def fill_placeholders(definition: str, values: Callable[[str], str]) -> str:
    """Put a value for each ``${Name}``; they stand only inside strings."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values(found[1]), definition)


def _require(call: Call) -> None:
    why = denial(call)
    if why:
        error: Any = {"Code": denied_as(call.service), "Message": why}
        raise ClientError({"Error": error}, call.operation.partition(".")[2])


def _client_of_machine(region: str, service: str, state_credentials: Any = None) -> Any:
    client = boto_client_for(region=region, service=service, state_credentials=state_credentials)
    act_as(client, state_credentials.role_arn)
    return client


_run_map = distributed.DistributedIterationComponent._map_run


def _map_run(component: Any, env: Any, eval_input: Any) -> None:
    """At AWS each item of a Distributed Map is an execution that the machine's role starts."""
    machine = env.states.context_object.context_object_data["StateMachine"]["Id"]
    role_arn = env.aws_execution_details.role_arn
    _require(Call("", "stepfunctions.StartExecution", {"stateMachineArn": machine}, role_arn))
    _run_map(component, env=env, eval_input=eval_input)


_parse_machine = ASLParser.state_machine
_machines: dict[str, Any] = {}
"""The parse trees by the text; nothing writes into one."""


def _state_machine(parser: Any) -> Any:
    text = str(parser.getTokenStream().tokenSource.inputStream)
    if text in _machines:
        return _machines[text]
    tree = _parse_machine(parser)
    if not parser.getNumberOfSyntaxErrors():
        _machines[text] = tree
    return tree


_BOUND = re.compile(r"/\*=(.*?)\*/", re.DOTALL)
"""A comment of JSONata's that holds variables with their values."""


def _declare(bindings: dict[str, Any]) -> str:
    values = {name.removeprefix("$"): value for name, value in bindings.items()}
    text = to_json_str(values).replace("*/", r"*\/")
    return f"/*={text}*/"


def _evaluate(expression: str) -> Any:
    """Variables are bound rather than part of the text, so that it is parsed once."""
    bindings: dict[str, Any] = {}
    for values in _BOUND.findall(expression):
        bindings |= json.loads(values)
    # What an evaluation keeps is in the instance, and the functions look for that in the thread.
    evaluator = copy.copy(_parsed(_BOUND.sub("", expression)))
    Jsonata.CURRENT.jsonata = evaluator
    value = evaluator.evaluate(None, {name: _bound(each) for name, each in bindings.items()})
    return json.loads(json.dumps(value))


@functools.lru_cache(maxsize=4096)
def _parsed(expression: str) -> Jsonata:
    """With ``$parse``, which is Step Functions' own; like there it fails on what is no JSON."""
    evaluator = Jsonata(expression)
    evaluator.register_lambda("parse", json.loads)
    return evaluator


def _bound(value: Any) -> Any:
    """A JSON value as JSONata has it: None would be no value at all."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {name: _bound(each) for name, each in value.items()}
    return [_bound(each) for each in value] if isinstance(value, list) else value
