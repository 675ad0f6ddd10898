"""The ways without a second copy: into a new table that is named at the end, and not atomically."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from lambdas.adapters import connecting
from lambdas.adapters.postgres import Session
from lambdas.load.load import STREAM_BYTES, Part, Target, Way, hidden_name, part_bytes_of
from lambdas.load.writing import new_table, partial_load
from lambdas.load.writing.staging import Staged
from local.cloud import SOURCE
from local.rds import MASTER
from tests.load.conftest import DATABASE, PART_MIB, TINY, Loads, document
from tests.load.test_kills import (
    BODY,
    ROWS,
    SLOW,
    Failing,
    end_sessions,
    fail_after,
    fail_before,
    moments,
    when_it_runs,
)

NEW: dict[str, Any] = {"create_table": "infer"}
APART: dict[str, Any] = {"atomic": False}
ALL = [(ROWS, ROWS * (ROWS + 1) // 2)]
KEYED = "CREATE TABLE t (id int PRIMARY KEY)"
MIB = 1 << 20

ways = pytest.mark.parametrize("way", [NEW, APART], ids=["new table", "not atomic"])


@pytest.fixture
def tiny(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> Loads:
    """An object of three parts, and no table."""
    monkeypatch.setenv(PART_MIB, TINY)
    loads.put(BODY)
    return loads


def content(loads: Loads) -> list[tuple[Any, ...]]:
    return loads.sql("SELECT count(*), sum(id)::int FROM t")


def is_there(loads: Loads, name: str = "t") -> bool:
    return loads.sql(f"SELECT to_regclass('{name}') IS NOT NULL") == [(True,)]


def begun(loads: Loads, **more: Any) -> dict[str, Any]:
    """A load whose parts are all copied, and that was not finished."""
    execution = {"id": "arn:begun", "name": "begun", "started_at": "2026-11-22T00:00:00Z"}
    load = loads.call("PlanLoad", execution=execution, input=document(**more))["load"]
    for state in ("SurveyPart", "LoadPart"):
        for number in range(1, load["parts"] + 1):
            loads.call(state, load=load, part={"number": number})
    return dict(load)


@moments
@pytest.mark.parametrize("state", ["LoadPart", "FinishLoad", "TidyLoad"])
def test_a_new_table_is_there_with_all_rows_or_not_at_all(
    tiny: Loads, fail: Failing, state: str
) -> None:
    fail(tiny, state)
    ending = tiny.run(**NEW)
    done = ending.status == "SUCCEEDED"
    assert content(tiny) == ALL if done else not is_there(tiny), ending.cause
    tiny.cloud.functions.before = None
    if done:
        return
    assert tiny.staging() == []
    assert tiny.load(**NEW)["rows"] == ROWS
    assert content(tiny) == ALL


@ways
@pytest.mark.parametrize("state", ["LoadPart", "FinishLoad"])
def test_what_was_done_before_the_answer_was_lost_is_not_done_again(
    tiny: Loads, way: dict[str, Any], state: str
) -> None:
    if way is APART:
        tiny.make("CREATE TABLE t (id int)")
    fail_after(tiny, state, times=2)
    result = tiny.load(**way)
    assert (result["rows"], result["atomic"]) == (ROWS, way is NEW)
    assert content(tiny) == ALL


@ways
def test_every_function_twice_is_once(tiny: Loads, way: dict[str, Any]) -> None:
    if way is APART:
        tiny.make("CREATE TABLE t (id int)")
    load = begun(tiny, **way)
    for number in range(1, load["parts"] + 1):
        tiny.call("LoadPart", load=load, part={"number": number})
    for state in ("FinishLoad", "TidyLoad"):
        assert tiny.call(state, load=load) == tiny.call(state, load=load) or state == "TidyLoad"
        assert content(tiny) == ALL
    assert tiny.staging() == []


@ways
def test_a_part_its_mark_and_the_note_on_it_are_of_one_transaction(
    tiny: Loads, way: dict[str, Any]
) -> None:
    """So a function may be lost at any moment between."""
    if way is APART:
        tiny.make("CREATE TABLE t (id int)")
    load = begun(tiny, **way)
    marks = tiny.sql(
        "SELECT c.xmin::text, d.xmin::text FROM pg_class c JOIN pg_description d"
        " ON d.objoid = c.oid WHERE c.relname LIKE 'time_machine_load_%'"
    )
    table = "t" if way is APART else hidden_name(load["id"], "t")
    rows = {row for (row,) in tiny.sql(f"SELECT DISTINCT xmin::text FROM {table}")}
    assert len(marks) == load["parts"] == 3
    assert rows == {mark for mark, _ in marks} == {note for _, note in marks}


def test_a_new_table_is_copied_once_and_seen_by_nobody_before_its_end(tiny: Loads) -> None:
    load = begun(tiny, **NEW)
    name = hidden_name(load["id"], "t")
    assert not is_there(tiny)
    file = tiny.sql(f"SELECT relfilenode FROM pg_class WHERE oid = '{name}'::regclass")
    assert tiny.sql(f"SELECT count(*) FROM {name}") == [(ROWS,)]
    assert tiny.call("FinishLoad", load=load)["rows"] == ROWS
    assert tiny.sql("SELECT relfilenode FROM pg_class WHERE oid = 't'::regclass") == file
    tiny.call("TidyLoad", load=load)
    assert tiny.staging() == []
    assert content(tiny) == ALL


@pytest.mark.parametrize("what", ["CREATE TABLE t (id int)", "CREATE TYPE t AS ENUM ('x')"])
def test_what_has_got_the_name_meanwhile_keeps_it(tiny: Loads, what: str) -> None:
    load = begun(tiny, **NEW)
    tiny.make(what)
    message = tiny.call("FinishLoad", load=load)
    assert message["errorType"] == "BadData"
    assert "public.t was not there when the load began, and is now" in message["errorMessage"]
    assert tiny.call("TidyLoad", load=load)["loaded"] is None
    assert tiny.staging() == []
    if "TABLE" in what:
        assert content(tiny) == [(0, None)]


def test_a_load_of_one_part_tells_a_name_that_is_taken_likewise(loads: Loads) -> None:
    loads.put(BODY)

    def before(state: str, _event: Any) -> None:
        if state == "LoadPart":
            loads.cloud.functions.before = None
            loads.make("CREATE TABLE t (id int)")

    loads.cloud.functions.before = before
    assert "public.t was not there when the load began" in loads.refuse(**NEW)
    assert content(loads) == [(0, None)]


@pytest.mark.parametrize(("bad", "allowed"), [(2, 2), (3, 2)])
def test_bad_rows_are_counted_over_all_parts_before_a_new_table_is_named(
    tiny: Loads, bad: int, allowed: int
) -> None:
    """Each part has at most as many as are allowed."""
    lines = BODY.splitlines(keepends=True)
    for place in range(bad):
        lines[(place + 1) * ROWS // bad] += b"1,2\n"
    tiny.put(b"".join(lines))
    message = tiny.step_through(**NEW, max_errors=allowed)
    if bad <= allowed:
        assert (message["rows"], message["rejected"]) == (ROWS, bad)
        assert content(tiny) == ALL
    else:
        assert "3 bad rows, and 2 were allowed" in message
        assert not is_there(tiny)


def test_objects_with_columns_in_any_order_fill_one_new_table(tiny: Loads) -> None:
    """Beside one for a table that is there: all come in together."""
    tiny.make("CREATE TABLE b (x int, y text)")
    for key, body in {"a": b"x,y\n1,p\n", "c": b"y,x\nq,2\n", "b": b"y,x\nr,3\n"}.items():
        tiny.put(body, f"in/{key}.csv")
    assert tiny.step_through("{name}", prefix="in/", **NEW)["rows"] == 3
    assert tiny.rows("a") + tiny.rows("b") + tiny.rows("c") == [(1, "p"), (3, "r"), ("q", 2)]
    assert tiny.step_through("one", prefix="in/", **NEW, on_conflict="skip")["rows"] == 3
    assert tiny.rows("one") == [(1, "p"), (2, "q"), (3, "r")]


@contextmanager
def session(loads: Loads) -> Iterator[Session]:
    connection: Any = loads.server.connect_as_admin(DATABASE)
    connection.autocommit = True
    yield Session(connection, DATABASE, 60)
    connection.close()


def test_parts_that_begin_together_make_one_table(loads: Loads) -> None:
    """The second one comes while the first one's table is there for nobody else yet."""
    target = Target("public", "t", ("id",), ("id",), (), (("id", "bigint"),), Way.HIDDEN)
    with session(loads) as first, session(loads) as second, ThreadPoolExecutor(1) as pool:
        with first.transaction(action=""):
            new_table.make(first, "load", target)
            making = pool.submit(new_table.make, second, "load", target)
            time.sleep(0.2)
            assert not making.done()
        making.result()
    assert loads.staging() == [hidden_name("load", "t")]


def test_a_part_that_can_not_come_in_leaves_the_others_and_they_are_named(tiny: Loads) -> None:
    tiny.make(KEYED)
    tiny.put(BODY + b"planted-4711\n")
    ending = tiny.run(**APART)
    assert ending.status == "FAILED"
    message = re.match(
        r"Not atomic, as was asked: 2 of 3 parts are in the table and stay, (\d+) rows:"
        r" s3://shop-exports/data.csv bytes 0-(\d+) \(from line 1\)\. Take them out before you"
        r" load again, .*FinishLoad: BadData: .*line 6002, column id",
        ending.cause,
    )
    assert message, ending.cause
    rows = BODY[: int(message[2]) + 1].splitlines()[1:]
    assert tiny.rows() == [(int(row),) for row in rows]
    assert int(message[1]) == len(rows) < ROWS
    assert tiny.staging() == []
    (result,) = (tiny.cloud.evidence()[key] for key in tiny.cloud.evidence() if "result" in key)
    assert b'"parts":[1,2]' in result
    assert '"planned"' in (log := tiny.log.getvalue())
    assert re.search(r'"planned".*"atomic":\s?false', log)
    assert re.search(r'"partly loaded".*"atomic":\s?false', log)
    assert "planted-4711" not in str(tiny.message(ending))
    tiny.put(BODY)
    assert tiny.load(on_conflict="skip")["rows"] == ROWS - len(rows)
    assert content(tiny) == ALL


def test_what_is_in_is_told_though_the_teardown_was_lost_too(tiny: Loads) -> None:
    """Its first try has dropped what says so at the server."""
    tiny.make(KEYED)
    half = len(BODY) // 2
    tiny.put(BODY[:half] + b"x\n" + BODY[half:] + b"x\n")
    fail_after(tiny, "TidyLoad", times=1)
    assert tiny.refuse(**APART).startswith("Not atomic, as was asked: 1 of 3 parts")


def test_where_nothing_is_in_nothing_was_loaded(tiny: Loads) -> None:
    tiny.make(KEYED)
    fail_before(tiny, "LoadPart")
    assert tiny.refuse(**APART).startswith("Nothing was loaded.")


def test_one_part_comes_in_as_a_whole_whatever_was_asked(loads: Loads) -> None:
    loads.make(KEYED)
    loads.put(BODY)
    assert loads.step_through(**APART)["atomic"] is True


def test_a_session_that_is_ended_in_the_middle_puts_its_part_in_once(tiny: Loads) -> None:
    tiny.make(f"{KEYED};{SLOW}")
    ended: list[object] = []
    killer = when_it_runs(tiny, "COPY", lambda: ended.append(end_sessions(tiny)()))
    assert tiny.load(**APART)["rows"] == ROWS
    killer.join()
    assert ended
    assert content(tiny) == ALL


def test_a_key_that_another_part_brings_is_told_by_its_line(
    tiny: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for beyond the time-out for locks, which would tell neither key nor line."""
    monkeypatch.setattr(connecting, "LOCK_SECONDS", 0.1)
    tiny.make(KEYED)
    other = psycopg2.connect(
        host="127.0.0.1",
        port=tiny.server.port,
        user=MASTER,
        password=tiny.cloud.master_password(SOURCE),
        dbname=DATABASE,
    )
    other.cursor().execute("INSERT INTO t VALUES (7)")

    def let_it_wait() -> None:
        time.sleep(0.5)
        other.commit()

    commit = when_it_runs(tiny, "COPY", let_it_wait)
    load = begun(tiny, **APART)
    commit.join()
    message = tiny.call("FinishLoad", load=load)["errorMessage"]
    tiny.call("TidyLoad", load=load)
    other.close()
    assert "line 8: a key that must be unique is there already" in message


@pytest.mark.parametrize(
    ("size_mib", "way", "streams", "expected_mib"),
    [
        (256, Way.HIDDEN, 4, 64),
        (100, Way.HIDDEN, 4, 64),
        (1024, Way.APART, 4, 256),
        (9000, Way.APART, 4, 2048),
        (1024, Way.APART, 0, 1024),
        (1024, Way.STAGED, 4, 2048),
    ],
)
def test_an_object_is_shared_out_where_its_rows_are_not_copied_again(
    size_mib: int, way: Way, streams: int, expected_mib: int
) -> None:
    assert STREAM_BYTES == 64 * MIB
    assert part_bytes_of(size_mib * MIB, way, streams, 2048 * MIB) == expected_mib * MIB


def test_parts_that_follow_on_each_other_are_told_as_one() -> None:
    parts = [
        Part(number, 0, "b", "k" if number < 5 else "l", "e", 40, 0, 0, "none")
        for number in range(1, 6)
    ]
    notes = {
        1: Staged("x", 1, first=0, end=10, first_line=1),
        2: Staged("x", 1, first=10, end=20, first_line=3),
        4: Staged("x", 1, first=30, end=40, first_line=9),
        5: Staged("x", 0, first=40, end=40, first_line=1),
    }
    message = [str(stretch) for stretch in partial_load.joined(parts, notes)]
    assert message == ["s3://b/k bytes 0-19 (from line 1)", "s3://b/k bytes 30-39 (from line 9)"]
