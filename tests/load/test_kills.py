"""A kill at any moment leaves the table as it was; a retry finishes, and loads nothing twice."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from lambdas.adapters import connecting
from lambdas.errors import DatabaseUnreachable
from lambdas.load.load import staging_name, staging_prefix
from local.calls import Fault
from local.cloud import SOURCE
from local.rds import MASTER
from tests.load.conftest import DATABASE, PART_MIB, TINY, Loads

ROWS = 6000
BODY = b"id\n" + b"".join(b"%d\n" % number for number in range(1, ROWS + 1))
AT_ONCE, STAGED = "", TINY
BEFORE_TIDYING = [
    *((state, AT_ONCE) for state in ("PlanLoad", "LoadPart", "FinishLoad")),
    *((state, STAGED) for state in ("PlanLoad", "SurveyPart", "LoadPart", "FinishLoad")),
]
TIDYING = [("TidyLoad", AT_ONCE), ("TidyLoad", STAGED)]
"""Each state with each path that leads through it."""

OLD = (1, -1)
ALL = (ROWS + 1, ROWS * (ROWS + 1) // 2 - 1)

paths = pytest.mark.parametrize("path", [AT_ONCE, STAGED], ids=["at once", "staged"])


@pytest.fixture
def table(loads: Loads, monkeypatch: pytest.MonkeyPatch, path: str) -> Loads:
    """A table with one row, and an object to load."""
    if path:
        monkeypatch.setenv(PART_MIB, path)
    loads.make("CREATE TABLE t (id int); INSERT INTO t VALUES (-1)")
    loads.put(BODY)
    return loads


def content(loads: Loads) -> tuple[int, int]:
    return loads.sql("SELECT count(*)::int, coalesce(sum(id), 0)::int FROM t")[0]


def fail_before(loads: Loads, broken: str, times: int = 1_000_000) -> None:
    """The function never came to do its work."""
    left = [times]

    def before(state: str, _event: Any) -> None:
        if state == broken and left[0] > 0:
            left[0] -= 1
            raise DatabaseUnreachable("a function that ended before its work")

    loads.cloud.functions.before = before


def fail_after(loads: Loads, broken: str, times: int = 1_000_000) -> None:
    """The function did its work, and ended before its answer came."""
    functions, left, within = loads.cloud.functions, [times], threading.local()

    def before(state: str, event: Any) -> None:
        if state == broken and left[0] > 0 and not getattr(within, "now", False):
            left[0] -= 1
            within.now = True
            functions.invoke(functions.arn(state), json.dumps(event).encode())
            within.now = False
            raise DatabaseUnreachable("a function that ended after its work")

    functions.before = before


Failing = Callable[..., None]
moments = pytest.mark.parametrize("fail", [fail_before, fail_after])


@moments
@pytest.mark.parametrize(("state", "path"), BEFORE_TIDYING + TIDYING)
def test_a_function_that_ended_is_tried_again_and_loads_nothing_twice(
    table: Loads, path: str, fail: Failing, state: str
) -> None:
    fail(table, state, times=2)
    assert table.load()["rows"] == ROWS
    assert content(table) == ALL


@moments
@pytest.mark.parametrize(("state", "path"), BEFORE_TIDYING)
def test_what_always_fails_leaves_all_or_nothing_and_says_which(
    table: Loads, path: str, fail: Failing, state: str
) -> None:
    """Where the rows went in before the answer was lost, the load says that they are in."""
    fail(table, state)
    ending = table.run()
    done = ending.status == "SUCCEEDED"
    assert content(table) == (ALL if done else OLD), ending.cause
    assert table.staging() == []
    if not done:
        assert ending.cause.startswith("Nothing was loaded.")
    if ending.output:
        assert ending.output["rows"] == ROWS
        assert ending.output["seconds"] >= 0
    table.cloud.functions.before = None
    if not done:
        assert table.load()["rows"] == ROWS
        assert content(table) == ALL


@moments
@pytest.mark.parametrize("path", [AT_ONCE], ids=["one part"])
def test_a_move_of_a_single_part_is_made_once(table: Loads, path: str, fail: Failing) -> None:
    """Its staging table still holds the rows when the answer is lost."""
    fail(table, "FinishLoad", times=2)
    assert table.load(max_errors=1)["rows"] == ROWS
    assert content(table) == ALL


@paths
def test_a_teardown_that_fails_does_not_undo_a_load(table: Loads, path: str) -> None:
    fail_before(table, "TidyLoad")
    ending = table.run()
    assert ending.status == "SUCCEEDED"
    assert content(table) == ALL


@paths
def test_when_nobody_can_look_the_end_does_not_claim_to_know(table: Loads, path: str) -> None:
    def before(state: str, _event: Any) -> None:
        if state in ("FinishLoad", "TidyLoad"):
            raise DatabaseUnreachable("the server is gone")

    table.cloud.functions.before = before
    ending = table.run()
    assert ending.status == "FAILED"
    assert "is not known" in ending.cause
    assert "time_machine_load_" in ending.cause


@paths
@pytest.mark.parametrize("operation", ["s3.PutObject", "s3.GetObject"])
@pytest.mark.parametrize("state", ["LoadPart", "FinishLoad"])
def test_denied_evidence_leaves_all_or_nothing_and_says_which(
    table: Loads, path: str, state: str, operation: str
) -> None:
    table.cloud.ledger.faults.append(Fault(operation, "AccessDenied", state=state))
    ending = table.run()
    assert content(table) == (ALL if ending.status == "SUCCEEDED" else OLD), ending.cause
    assert table.staging() == []


@pytest.mark.parametrize("path", [STAGED], ids=["staged"])
def test_rows_left_out_are_known_to_a_retry(table: Loads, path: str) -> None:
    """The first try committed, and was lost before it could write what became of the part."""
    table.put(BODY + b"x\n")
    table.cloud.ledger.faults.append(
        Fault("s3.PutObject", "ServiceUnavailable", state="LoadPart", skip=4, times=3)
    )
    result = table.load(max_errors=1, streams=1)
    assert (result["rows"], result["rejected"]) == (ROWS, 1)
    assert len(result["reasons"]) == len(result["rejects"]) == 1
    assert content(table) == ALL


def when_it_runs(loads: Loads, query: str, do: Callable[[], None]) -> threading.Thread:
    """Do something at the moment when the loading session runs such a statement."""

    def watch() -> None:
        end = time.monotonic() + 20
        looking = (
            "SELECT count(*) FROM pg_stat_activity"
            f" WHERE application_name LIKE 'time_machine_load%' AND query LIKE '{query}%'"
            " AND state = 'active'"
        )
        while time.monotonic() < end:
            if loads.sql(looking)[0][0]:
                do()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM pg_sleep(0.3) WHERE new.id % 3000 = 7; RETURN new; END$$;
CREATE TRIGGER s BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow();
"""


def end_sessions(loads: Loads) -> Callable[[], object]:
    return lambda: loads.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'time_machine_load%'"
    )


def restart(loads: Loads) -> Callable[[], object]:
    def again() -> None:
        loads.server.stop(immediate=True)
        loads.server.start()

    return again


@paths
@pytest.mark.parametrize("kill", [end_sessions, restart])
def test_a_server_that_ends_it_in_the_middle_is_asked_again(
    table: Loads, path: str, kill: Callable[[Loads], Callable[[], object]]
) -> None:
    """During the COPY into the table, and during the move out of the staging tables."""
    table.make(SLOW)
    begun, done = threading.Event(), threading.Event()

    def do() -> None:
        begun.set()
        kill(table)()
        done.set()

    def wait_as_a_retry_does(_state: str, _event: Any) -> None:
        if begun.is_set():
            done.wait(20)

    table.cloud.functions.before = wait_as_a_retry_does
    killer = when_it_runs(table, "INSERT INTO" if path else "COPY", do)
    ending = table.run()
    killer.join()
    assert done.is_set()
    assert ending.status == "SUCCEEDED", ending.cause
    assert content(table) == ALL
    assert table.staging() == []


@pytest.mark.parametrize("path", [STAGED], ids=["staged"])
def test_a_session_ended_during_the_copy_of_a_part_is_begun_anew(table: Loads, path: str) -> None:
    ended: list[str] = []

    def before(state: str, event: Any) -> None:
        if state == "LoadPart" and not ended:
            ended.append(state)
            threading.Thread(target=end_sessions(table)).start()

    table.cloud.functions.before = before
    assert table.load()["rows"] == ROWS
    assert content(table) == ALL


@paths
def test_what_a_lost_function_left_at_the_server_is_ended(table: Loads, path: str) -> None:
    """Its session is still there, has made the part's table, and holds the lock on its name."""
    held: list[Any] = []

    def before(state: str, event: Any) -> None:
        if state == "LoadPart" and not held:
            name = staging_name(event["load"]["id"], event["part"]["number"])
            held.append(lost_session(table, name))

    table.cloud.functions.before = before
    began = time.monotonic()
    assert table.load()["rows"] == ROWS
    assert time.monotonic() - began < 5
    assert content(table) == ALL


def lost_session(loads: Loads, name: str) -> Any:
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=loads.server.port,
        user=MASTER,
        password=loads.cloud.master_password(SOURCE),
        dbname=DATABASE,
        application_name=name,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE public.{name} ()")
    return connection


@paths
def test_a_part_that_is_still_at_work_is_ended_before_its_tables_go(
    table: Loads, path: str
) -> None:
    """Else it would make its table after the teardown, and nobody would remove it."""
    held: list[Any] = []

    def before(state: str, event: Any) -> None:
        if state == "LoadPart":
            raise DatabaseUnreachable("lost")
        if state == "TidyLoad" and not held:
            held.append(lost_session(table, f"{staging_prefix(event['load']['id'])}00001"))

    table.cloud.functions.before = before
    assert "Nothing was loaded" in table.refuse()
    with pytest.raises(psycopg2.Error):
        held[0].commit()
    assert table.staging() == []
    assert content(table) == OLD


def test_statistics_that_can_not_be_renewed_do_not_undo_a_load(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here they can't, because another session holds the table for longer than a lock is waited."""
    monkeypatch.setattr(connecting, "LOCK_SECONDS", 0.05)
    loads.make("CREATE TABLE t (id int)")
    loads.put(BODY)
    locked: list[Any] = []

    def before(state: str, _event: Any) -> None:
        if state == "FinishLoad" and not locked:
            connection = loads.server.connect_as_admin(DATABASE)
            connection.cursor().execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
            locked.append(connection)

    loads.cloud.functions.before = before
    ending = loads.run()
    locked[0].close()
    assert ending.status == "SUCCEEDED", ending.cause
    assert "not analysed" in loads.log.getvalue()
    assert loads.sql("SELECT count(*) FROM t") == [(ROWS,)]


@paths
def test_a_second_execution_is_another_load(table: Loads, path: str) -> None:
    table.load()
    table.load()
    assert content(table)[0] == 2 * ROWS + 1


@paths
def test_every_function_twice_is_once(table: Loads, path: str) -> None:
    """Each with the same event again, as a retry would, with the same answer."""
    functions, answers = table.cloud.functions, []

    def twice(state: str, event: Any) -> None:
        functions.before = None
        answer = functions.invoke(functions.arn(state), json.dumps(event).encode())["Payload"]
        functions.invocations.pop()
        functions.before = twice
        answers.append((state, answer))

    functions.before = twice
    table.load(streams=1)
    second = [(state, answer) for state, _, answer in functions.invocations]
    assert answers == second
    assert content(table) == ALL
