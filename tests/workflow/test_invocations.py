"""What Lambda may answer to an invocation, against what the state machines do about it.

Step Functions calls an error of Lambda's ``Invoke`` by its shape's name with ``Lambda.`` before it.
"""

import json
import re
from typing import Any

import botocore.session
import pytest

from local.stepfunctions import _parsed
from tests.workflow.test_machine import MACHINES, all_states, expressions, functions_of, machine

QUICK = {"ServiceException": "an error of Lambda's own"}
"""Tried again within seconds, and then for about a minute."""

WAKING = {
    "TooManyRequestsException": "the account's executions are taken, by a batch for minutes",
    "ResourceNotReadyException": "asleep after 14 idle days: its way into the VPC is made again",
    "ENINotReadyException": "the network interface is not ready yet",
    "EC2ThrottledException": "EC2 throttles Lambda, which makes interfaces",
    "EC2UnexpectedException": "EC2 answered Lambda with something unexpected",
    "SubnetIPAddressLimitReachedException": "no address is free in the subnet for now",
    "ENILimitReachedException": "the quota of interfaces is used up for now",
    "ServiceQuotaExceededException": "another quota is used up for now",
    "ResourceConflictException": "the function is being updated or woken",
    "CodeArtifactUserPendingException": "the function is still being set up",
    "SnapStartNotReadyException": "the function is still being set up",
}
"""What takes minutes to go by.

Lambda runs 1,000 functions of a new account at the same time, or as few as 10 (Lambda quotas), and
without reserved ones other functions, or the batches of another source, hold them for minutes.
"""

HOPELESS = {
    "RuntimeAliasDeletedException": "the deployment's runtime is gone: deploy again",
    "RuntimeVersionDeletedException": "likewise",
    "CodeArtifactUserDeletedException": "Lambda lost the function's user: deploy again",
    "CodeArtifactUserFailedException": "likewise",
    "NoPublishedVersionException": "no version is asked for",
    "InvalidSecurityGroupIDException": "somebody deleted the group",
    "InvalidSubnetIDException": "somebody deleted the subnet",
    "EC2AccessDeniedException": "the role may not make interfaces",
    "KMSAccessDeniedException": "the variables are under AWS's own key; a policy forbids it",
    "KMSDisabledException": "likewise",
    "KMSInvalidStateException": "likewise",
    "KMSNotFoundException": "likewise",
    "InvalidParameterValueException": "a fault of the definition, or the role can't be assumed",
    "InvalidRequestContentException": "a fault of the definition",
    "InvalidRuntimeException": "a fault of the deployment",
    "InvalidZipFileException": "a fault of the deployment",
    "ModeNotSupportedException": "a fault of the definition",
    "RecursiveInvocationException": "no function invokes another",
    "RequestTooLargeException": "the same again would be as large",
    "SerializedRequestEntityTooLargeException": "likewise",
    "UnsupportedMediaTypeException": "Step Functions sends JSON",
    "ResourceNotFoundException": "the function is gone",
    "DurableExecutionAlreadyStartedException": "no function is durable",
    **dict.fromkeys(
        (
            "SnapStartException",
            "SnapStartRegenerationFailureException",
            "SnapStartTimeoutException",
        ),
        "no function uses SnapStart",
    ),
    **dict.fromkeys(
        (
            "EFSIOException",
            "EFSMountConnectivityException",
            "EFSMountFailureException",
            "EFSMountTimeoutException",
            "S3FilesMountConnectivityException",
            "S3FilesMountFailureException",
            "S3FilesMountTimeoutException",
        ),
        "no function mounts a file system",
    ),
}
"""Waiting mends none of these."""

WAKING_SECONDS = 240
"""What a function is given to come back: AWS says minutes, and nothing more exact."""

FUNCTIONS = [(name, task) for name in MACHINES for task in functions_of(name)]


def errors_of_invoke() -> set[str]:
    model = botocore.session.get_session().get_service_model("lambda")
    return {shape.name for shape in model.operation_model("Invoke").error_shapes}


def test_something_is_said_of_each_error_of_an_invocation() -> None:
    assert not QUICK.keys() & WAKING.keys()
    assert not HOPELESS.keys() & (QUICK.keys() | WAKING.keys())
    # What an older or newer model lacks may stay.
    assert errors_of_invoke() <= QUICK.keys() | WAKING.keys() | HOPELESS.keys()


def rule_for(state: dict[str, Any], error: str) -> dict[str, Any] | None:
    """The retrier that Step Functions takes: the first that names the error, or all."""
    for rule in state["Retry"]:
        if f"Lambda.{error}" in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]:
            found: dict[str, Any] = rule
            return found
    return None


def mean_seconds(rule: dict[str, Any]) -> float:
    """All waits together; half of a fully jittered one is its mean."""
    waits = [
        min(rule["IntervalSeconds"] * rule["BackoffRate"] ** n, rule["MaxDelaySeconds"])
        for n in range(rule["MaxAttempts"])
    ]
    return float(sum(waits)) / 2


@pytest.mark.parametrize(("name", "task"), FUNCTIONS)
def test_a_function_that_wakes_is_waited_for(name: str, task: str) -> None:
    state = functions_of(name)[task]
    for error in WAKING:
        rule = rule_for(state, error)
        assert rule is not None
        assert f"Lambda.{error}" in rule["ErrorEquals"], error
        assert mean_seconds(rule) >= WAKING_SECONDS, error
    for error in QUICK:
        rule = rule_for(state, error)
        assert rule is not None
        assert f"Lambda.{error}" in rule["ErrorEquals"], error


@pytest.mark.parametrize(("name", "task"), FUNCTIONS)
def test_what_waiting_does_not_mend_is_named_by_no_retry(name: str, task: str) -> None:
    """Except where everything is tried again: teardown, and one more time for a batch."""
    for error in HOPELESS:
        rule = rule_for(functions_of(name)[task], error)
        assert rule is None or rule["ErrorEquals"] == ["States.ALL"], error


@pytest.mark.parametrize("name", MACHINES)
def test_a_state_whose_data_is_too_large_is_caught_as_any_other(name: str) -> None:
    """``States.ALL`` does not catch ``States.DataLimitExceeded``: it has to be named."""
    for task, state in all_states(name).items():
        if "Catch" not in state:
            assert state["Type"] not in ("Task", "Map"), task
            continue
        too_large, anything = state["Catch"][-2:]
        assert too_large["ErrorEquals"] == ["States.DataLimitExceeded"], task
        assert anything["ErrorEquals"] == ["States.ALL"], task
        rest = [{k: v for k, v in rule.items() if k != "ErrorEquals"} for rule in state["Catch"]]
        assert rest[-1] == rest[-2], task


ENDLESS = 16_000
"""Batches; a source of 64 TiB, which is RDS's limit, has half as many of 8 GiB."""


@pytest.mark.parametrize("name", MACHINES)
def test_all_results_of_a_map_together_stay_small(name: str) -> None:
    """A Map's results come back in one array, and 256 KiB are the end of the execution."""
    maps = {key: it for key, it in machine(name)["States"].items() if it["Type"] == "Map"}
    assert maps
    for key, state in maps.items():
        assert state["Output"] == {}, key
        states = state["ItemProcessor"]["States"].values()
        ends = [child["Output"] for child in states if child.get("End")]
        assert len(ends) == 2, key
        for output in ends:
            assert output in ({}, {"batch": "{% $states.input.batch %}"}), key
    longest = json.dumps([{"batch": n} for n in range(ENDLESS)], separators=(",", ":"))
    assert len(longest) < 256 * 1024


def test_the_batches_without_a_reading_are_those_that_gave_their_number() -> None:
    assign = machine("drill")["States"]["ReadBatches"]["Assign"]["lost"][2:-2]
    for results, lost in (
        ([{}, {"batch": 3}, {}, {"batch": 12}], [3, 12]),
        ([{}, {}], []),
        ([], []),
        ([{"batch": 7}], [7]),
    ):
        assert _parsed(assign).evaluate(None, {"states": {"result": results}}) == lost


CAUSES = {
    '{"errorMessage": "a plain reason", "errorType": "X"}': "a plain reason",
    '{"errorType":"X","errorMessage":"after another key"}': "after another key",
    '{"errorMessage":"say \\"no\\", it\'s so","errorType":"X"}': 'say "no", it\'s so',
    '{"errorMessage":"tab\\tand \\u00e9","errorType":"X"}': "tab\tand \u00e9",
    '{"errorMessage":"a \\\\ slash","errorType":"X"}': "a \\ slash",
    '{"errorMessage":"","errorType":"X"}': "",
    '{"errorMessage":"it names \\"errorMessage\\": \\"inner\\"","errorType":"X"}': (
        'it names "errorMessage": "inner"'
    ),
    '{"errorMessage":"\\"","errorType":"X"}': '"',
    '{"errorMessage":"\\n\\n","errorType":"X"}': "\n\n",
    '{"errorMessage":"' + "it is long, " * 300 + 'and \\"ends\\"","errorType":"X"}': (
        "it is long, " * 300 + 'and "ends"'
    ),
    '{"errorMessage": "cut off in the middle of': '{"errorMessage": "cut off in the middle of',
    '{"errorMessage":"whole","stackTrace":["cut off': "whole",
    '{"errorMessage":"\\x"}': '{"errorMessage":"\\x"}',
    '{"errorMessage": 42}': '{"errorMessage": 42}',
    'the word errorMessage and "quotes" "are" "here"': (
        'the word errorMessage and "quotes" "are" "here"'
    ),
    "arn:aws:lambda:eu-central-1:1:function:x is not there": (
        "arn:aws:lambda:eu-central-1:1:function:x is not there"
    ),
    '["errorMessage"]': '["errorMessage"]',
    "": "no cause was given",
}
"""What Step Functions may hand over as a cause, and what a person should read of it."""


def told_of(expression: str, output: dict[str, str]) -> str:
    return str(_parsed(expression[2:-2]).evaluate(None, {"states": {"errorOutput": output}}))


def taking_apart() -> list[tuple[str, str]]:
    """Each expression that looks into a cause, with the state that it is of."""
    return [
        (f"{name}.{task}", expression)
        for name in MACHINES
        for task, state in all_states(name).items()
        for expression in {"{%" + it + "%}" for it in expressions(state.get("Catch", []))}
        if "errorMessage" in expression
    ]


@pytest.mark.parametrize(("state", "expression"), taking_apart())
def test_a_cause_is_read_whatever_it_is(state: str, expression: str) -> None:
    assert "$split" not in expression, state
    for cause, said in CAUSES.items():
        assert told_of(expression, {"Error": "X", "Cause": cause}).endswith(said), cause
    assert told_of(expression, {"Error": "X"}).endswith("no cause was given")
    assert len(told_of(expression, {"Error": "X", "Cause": "x" * 32_768})) < 17_000


@pytest.mark.parametrize(("state", "expression"), taking_apart())
def test_a_cause_is_not_read_by_one_repetition_for_each_character(
    state: str, expression: str
) -> None:
    """An engine may recurse for each repetition of a group, as Java's does, and run out of stack.

    What then fails is the Catch itself, and there is none behind it. So a repeated group has to
    begin with what is rare in a message: a backslash.
    """
    assert "(?:[^" not in expression, state
    assert r"(?:\x5c(?:" in expression, state


def test_every_cause_that_people_read_is_read_so() -> None:
    assert {state for state, _ in taking_apart()} == {
        f"load.{it}" for it in ("PlanLoad", "SurveyParts", "LoadParts", "FinishLoad")
    }
    assert all(re.search(r"\$substring", expression) for _, expression in taking_apart())
