"""A database so damaged that backends hang or crash hurts neither verifier nor drill."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from campaign.arena import Source, sessions
from lambdas.adapters import postgres
from lambdas.adapters.postgres import Session
from lambdas.drill.checks.shape import CheckContext
from lambdas.drill.units import Status, Unit
from lambdas.drill.verification.batch import measure_batch
from lambdas.errors import DatabaseUnreachable, QueryFailed

RELATION = {"oid": 2601, "schema": "pg_catalog", "table": "pg_am", "name": "pg_catalog.pg_am"}
SHAPE = {"kind": "r", "persistence": "p", "populated": True, "size_bytes": 8192}


def unit() -> Unit:
    detail = {"relation": {**RELATION, **SHAPE}, "blocks": [0, None], "unread": False}
    return Unit("counts/postgres/2601/0", "counts", "postgres", "pg_am", detail=detail)


@contextmanager
def signalled(session: Session, number: int) -> Iterator[None]:
    """The session's own backend, which is this test's own server's, gets a signal."""
    (process,) = session.row("SELECT pg_backend_pid()", action="looking for the backend")
    os.kill(process, number)
    try:
        yield
    finally:
        if number == signal.SIGSTOP:
            os.kill(process, signal.SIGCONT)


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 0.5)


@pytest.mark.usefixtures("short_silence")
def test_a_backend_that_heeds_no_time_out_is_cut_off(source: Source) -> None:
    """A stopped process answers neither statement_timeout nor cancel."""
    with sessions(source.server, source.master)("postgres") as session:
        session.limit_statements(1)
        with signalled(session, signal.SIGSTOP), pytest.raises(DatabaseUnreachable) as caught:
            session.row("SELECT 1", action="reading pg_class")
    assert caught.value.lost
    assert "no answer" in str(caught.value)


def test_no_statement_gets_more_than_what_remains(source: Source) -> None:
    """The first has used up the time of the second, and a failed transaction can still be ended."""
    left = iter([60.0, 60.0, 1.0, 1.0, 1.0])
    open_session: Any = sessions(source.server, source.master)
    with open_session("postgres", remaining=lambda: next(left)) as session:
        session.run("BEGIN", action="beginning")
        with pytest.raises(QueryFailed) as caught:
            session.row("SELECT pg_sleep(3)", action="sleeping")
        session.run("ROLLBACK", action="ending")
    assert caught.value.sqlstate == "57014"


class Breaking:
    """Opens sessions of which the first so many are hit by a signal before they are used."""

    def __init__(self, source: Source, number: int, times: int) -> None:
        self._open = sessions(source.server, source.master)
        self._number, self._times = number, times

    def __call__(self, database: str) -> AbstractContextManager[Session]:
        return self._session(database)

    @contextmanager
    def _session(self, database: str) -> Iterator[Session]:
        with self._open(database) as session:
            if self._times > 0 and self._is_of_the_unit():
                self._times -= 1
                with signalled(session, self._number):
                    yield session
            else:
                yield session

    def _is_of_the_unit(self) -> bool:
        """Not the one that asks whether the server is there again."""
        self._turn = not getattr(self, "_turn", False)
        return self._turn


Measure = Callable[[int, int], Any]


@pytest.fixture
def measured(source: Source) -> Measure:
    def measure(number: int, times: int) -> Any:
        context = CheckContext(Breaking(source, number, times), {}, {})
        (found,) = measure_batch([unit()], context, lambda: 60.0)
        return found

    return measure


def test_a_connection_lost_once_may_be_anybodys_fault(measured: Measure) -> None:
    """The server falls over another unit, and all connections with it: this one is read again."""
    found = measured(signal.SIGKILL, 1)
    assert found.status is Status.OK
    assert found.measured["rows"] > 5


def test_a_connection_lost_each_time_is_a_finding(measured: Measure) -> None:
    found = measured(signal.SIGKILL, 2)
    assert found.status is Status.WRONG
    assert "pg_am" in found.findings[0]
    assert "2 times" in found.findings[0]


@pytest.mark.usefixtures("short_silence")
def test_a_hang_each_time_is_a_finding(measured: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdas.drill.verification.batch.UNIT_SECONDS", 1)
    found = measured(signal.SIGSTOP, 2)
    assert found.status is Status.WRONG
    assert "no answer" in found.findings[0]
