"""A failure in one sentence."""

import json

import pytest

from lambdas import errors
from lambdas.drill.verdict.failure import in_words
from lambdas.remedies import OF_WORDS, TELL_IT_THEMSELVES, remedy_of_word


def _failure(error: str, cause: str) -> dict[str, str]:
    return {"state": "RestoreInstance", "error": error, "cause": cause}


@pytest.mark.parametrize("failure", [None, {}])
def test_no_failure_has_no_words(failure: dict[str, str] | None) -> None:
    assert in_words(failure) == ""


def test_an_exception_is_told_by_its_message_without_its_stack() -> None:
    cause = json.dumps(
        {"errorMessage": "no capacity", "errorType": "X", "stackTrace": ["File secret.py"]}
    )
    message = in_words(_failure("InsufficientCapacity", cause))
    assert message == (
        "RestoreInstance: InsufficientCapacity: no capacity; set copy_instance_class to another"
        " class, or allow more zones, drill again"
    )


@pytest.mark.parametrize("cause", ["timed out", "{not json", "[1, 2]", '"text"', "42"])
def test_a_cause_that_is_no_object_is_told_as_it_is(cause: str) -> None:
    message = in_words(_failure("States.Timeout", cause))
    assert message.startswith(
        f"RestoreInstance: States.Timeout: {cause}; a function did not answer"
    )


@pytest.mark.parametrize("cause", ["", "{}", '{"errorMessage": ""}'])
def test_an_error_without_a_message_is_told_by_its_name(cause: str) -> None:
    message = in_words(_failure("States.Timeout", cause))
    assert message.startswith("RestoreInstance: States.Timeout; a function did not answer")


def test_an_error_without_a_cause_is_told_by_its_name() -> None:
    message = in_words({"state": "JudgeDrill", "error": "NotFound"})
    assert message.startswith("JudgeDrill: NotFound; see in CloudTrail")


@pytest.mark.parametrize("phase", ["failed", "overdue"])
def test_a_poll_that_ended_badly_is_told_by_what_it_saw(phase: str) -> None:
    message = in_words(_failure(phase, "the copy is failed"))
    assert message.startswith("RestoreInstance: the copy is failed; ")
    assert message.endswith("drill again")


WORDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.TimeMachineError)
}
OF_LOADS = {"BadData", "ObjectChanged", "PartLost", "LoadOver", "TimeMachineError"}


@pytest.mark.parametrize("word", sorted(WORDS - OF_LOADS))
def test_each_error_that_can_end_a_drill_says_what_to_do(word: str) -> None:
    """By its name here, or in its own message; never neither."""
    assert (word in OF_WORDS) is (word not in TELL_IT_THEMSELVES)


def test_an_error_that_nobody_foresaw_says_where_to_look() -> None:
    message = in_words(_failure("Lambda.SomethingNew", "what"))
    assert message == f"RestoreInstance: Lambda.SomethingNew: what; {remedy_of_word('?')}"
