"""A failure in one sentence."""

import json

import pytest

from lambdas.domain.failure import in_words


def _failure(error: str, cause: str) -> dict[str, str]:
    return {"state": "RestoreInstance", "error": error, "cause": cause}


@pytest.mark.parametrize("failure", [None, {}])
def test_no_failure_has_no_words(failure: dict[str, str] | None) -> None:
    assert in_words(failure) == ""


def test_an_exception_is_told_by_its_message_without_its_stack() -> None:
    cause = json.dumps(
        {"errorMessage": "no capacity", "errorType": "X", "stackTrace": ["File secret.py"]}
    )
    told = in_words(_failure("InsufficientCapacity", cause))
    assert told == "RestoreInstance: InsufficientCapacity: no capacity"


@pytest.mark.parametrize("cause", ["timed out", "{not json", "[1, 2]", '"text"', "42"])
def test_a_cause_that_is_no_object_is_told_as_it_is(cause: str) -> None:
    assert (
        in_words(_failure("States.Timeout", cause)) == f"RestoreInstance: States.Timeout: {cause}"
    )


@pytest.mark.parametrize("cause", ["", "{}", '{"errorMessage": ""}'])
def test_an_error_without_a_message_is_told_by_its_name(cause: str) -> None:
    assert in_words(_failure("States.Timeout", cause)) == "RestoreInstance: States.Timeout"


def test_an_error_without_a_cause_is_told_by_its_name() -> None:
    assert in_words({"state": "JudgeDrill", "error": "NotFound"}) == "JudgeDrill: NotFound"


@pytest.mark.parametrize("phase", ["failed", "overdue"])
def test_a_poll_that_ended_badly_is_told_by_what_it_saw(phase: str) -> None:
    assert in_words(_failure(phase, "the copy is failed")) == "RestoreInstance: the copy is failed"
