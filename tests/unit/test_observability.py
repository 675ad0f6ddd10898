"""Logs and errors of a state: told by drill, never with a text that may quote anything."""

import io
import json
import traceback
from typing import Any

import pytest

from lambdas.errors import InternalFault, NotOurs
from lambdas.observability import Event, logged, logger
from lambdas.version import VERSION

SECRET = "hunter2"
EVENT: Event = {"drill": {"id": "tm-orders-1", "execution": "arn:1"}, "sql": SECRET}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the logger writes during the test."""
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def test_each_line_says_which_version_wrote_it(log: io.StringIO) -> None:
    _succeeds(EVENT, None)
    assert {line["version"] for line in _lines(log)} == {VERSION}


def _lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@logged("VerifyBatch")
def _leaks(event: Event, context: Any) -> Any:
    raise ValueError(f"invalid input syntax: {event['sql']}")


@logged("VerifyBatch")
def _leaks_in_a_chain(event: Event, context: Any) -> Any:
    try:
        int(event["sql"])
    except ValueError as error:
        raise KeyError(event["sql"]) from error


@logged("DeleteInstance")
def _refuses(event: Event, context: Any) -> Any:
    raise NotOurs("refused to touch: production")


@logged("PlanDrill")
def _succeeds(event: Event, context: Any) -> Any:
    return {"saw": event, "context": context}


@pytest.mark.parametrize(
    ("handler", "name"), [(_leaks, "ValueError"), (_leaks_in_a_chain, "KeyError")]
)
def test_an_unexpected_error_becomes_an_internal_fault_without_its_text(
    log: io.StringIO, handler: Any, name: str
) -> None:
    with pytest.raises(InternalFault, match=rf"^{name} at test_observability\.py:\d+$") as caught:
        handler(EVENT, None)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("handler", [_leaks, _leaks_in_a_chain])
def test_an_unexpected_error_is_logged_without_its_text(log: io.StringIO, handler: Any) -> None:
    with pytest.raises(InternalFault):
        handler(EVENT, None)
    assert _lines(log)[-1]["message"] == "state failed unexpectedly"
    assert SECRET not in log.getvalue()


def test_an_error_of_ours_passes_as_it_is_and_is_logged(log: io.StringIO) -> None:
    with pytest.raises(NotOurs, match=r"^refused to touch: production$"):
        _refuses(EVENT, None)
    last = _lines(log)[-1]
    assert (last["message"], last["error"]) == ("state failed", "NotOurs")
    assert last["reason"] == "refused to touch: production"


def test_a_success_returns_the_handlers_result(log: io.StringIO) -> None:
    assert _succeeds(EVENT, 5) == {"saw": EVENT, "context": 5}
    assert [line["message"] for line in _lines(log)] == ["state started", "state finished"]


def test_an_event_is_not_logged(log: io.StringIO) -> None:
    _succeeds(EVENT, None)
    assert SECRET not in log.getvalue()


@pytest.mark.parametrize(
    ("event", "drill"),
    [(EVENT, "tm-orders-1"), ({"execution": {"name": "nightly-1", "id": "arn:1"}}, "nightly-1")],
)
def test_every_line_tells_state_drill_and_execution(
    log: io.StringIO, event: Event, drill: str
) -> None:
    _succeeds(event, None)
    message = {(line["state"], line["drill"], line["execution"]) for line in _lines(log)}
    assert message == {("PlanDrill", drill, "arn:1")}


def test_an_event_of_eventbridge_is_told_by_the_execution_that_it_is_about(
    log: io.StringIO,
) -> None:
    _succeeds({"detail-type": "x", "detail": {"executionArn": "arn:1", "name": "nightly-1"}}, None)
    message = {(line["drill"], line["execution"]) for line in _lines(log)}
    assert message == {("nightly-1", "arn:1")}


@pytest.mark.parametrize(
    "event", [{}, {"drill": None}, {"drill": "x", "detail": []}, [], "text", 5, None]
)
def test_an_event_of_no_drill_is_logged_without_one(log: io.StringIO, event: Any) -> None:
    """The sweeper's, or what somebody typed: the handler is to refuse it, not the log."""
    _succeeds(EVENT, None)
    assert _succeeds(event, None) == {"saw": event, "context": None}
    assert [line.get("drill") for line in _lines(log)[2:]] == [None, None]
