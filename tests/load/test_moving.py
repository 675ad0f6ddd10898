"""Rows that a key, a reference or a partition refuses at the move are told by object and line."""

from typing import Any

import pytest

from tests.load.conftest import PART_MIB, TINY, Loads

KEYED = "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (-7, 'old')"
REFERRING = """
CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other SELECT generate_series(0, 5000);
CREATE TABLE t (id int REFERENCES other, note text)
"""
PARTED = """
CREATE TABLE t (id int, note text) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (5000)
"""
RAISING = """
CREATE TABLE t (id int, note text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'no %', new.id; END$$;
CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW WHEN (new.id < 0) EXECUTE FUNCTION refuse()
"""
SELF = "CREATE TABLE t (id int PRIMARY KEY, note text, up int REFERENCES t)"


def body_of(bad: bytes, at: int, within: bytes = b"") -> bytes:
    rows = [b"%d,note%s" % (n, within) for n in range(4000)]
    return b"\n".join([b"id,note", *rows[:at], bad, *rows[at:]])


@pytest.mark.parametrize("more", [{"max_errors": 5}, {"truncate_first": True}, {}])
@pytest.mark.parametrize(
    ("table", "bad", "reason"),
    [
        (KEYED, b"17,planted-4711", "a key that must be unique is there already (SQLSTATE 23505)"),
        (REFERRING, b"7777,x", "a foreign key has nothing to point to (SQLSTATE 23503)"),
        (PARTED, b"-7,x", "a check constraint is violated (SQLSTATE 23514)"),
        (RAISING, b"-7,x", "raise exception (SQLSTATE P0001)"),
    ],
    ids=["key", "reference", "partition", "trigger"],
)
def test_the_first_row_that_is_refused_is_told(
    loads: Loads,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    bad: bytes,
    reason: str,
    more: dict[str, Any],
) -> None:
    """In a later part, and whatever may be left out; the table stays as it was."""
    monkeypatch.setenv(PART_MIB, TINY)
    loads.make(table)
    before = loads.rows()
    loads.put(body_of(bad, 2718))
    message = loads.step_through(**more)
    assert message.startswith(f"s3://shop-exports/data.csv: line 2720: {reason}; ")
    assert loads.rows() == before


@pytest.mark.parametrize("on_conflict", ["skip", "replace"])
def test_a_row_that_no_conflict_rule_covers_is_told(loads: Loads, on_conflict: str) -> None:
    """Of rows with the same key only the last one counts, and can be refused."""
    loads.make(f"{KEYED}; ALTER TABLE t ADD CHECK (id > 0 OR id = -7); {FORBID}")
    loads.put(b"id,note\n1,bad\n2,x\n1,good\n3,bad\n4,x\n")
    line = 5 if on_conflict == "replace" else 2
    said = loads.step_through(on_conflict=on_conflict)
    assert said.startswith(f"s3://shop-exports/data.csv: line {line}: raise exception")


FORBID = """
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW WHEN (new.note = 'bad') EXECUTE FUNCTION forbid()
"""


def test_where_rows_are_not_lines_the_row_and_the_bytes_are_told(loads: Loads) -> None:
    loads.make(KEYED)
    data = b'id,note\n1,"a\nb"\n2,x\n1,planted-4711'
    place = f"in bytes 0-{len(data) - 1} (from line 1): a key that must be unique"
    loads.put(data)
    said = loads.step_through(truncate_first=True)
    assert said.startswith(f"s3://shop-exports/data.csv: row 3 of the rows {place}")
    data = data.replace(b'"a\nb"', b"y").replace(b"2,x", b"x,x")
    place = f"in bytes 0-{len(data) - 1} (from line 1): a key that must be unique"
    loads.put(data)
    said = loads.step_through(max_errors=1)
    assert said.startswith(
        f"s3://shop-exports/data.csv: row 2 of the rows that are not left out {place}"
    )


def test_in_a_table_that_refers_to_itself_no_row_is_accused(loads: Loads) -> None:
    """A row may point to one behind it."""
    loads.make(SELF)
    loads.put(b"id,note,up\n1,x,3\n2,y,9\n3,z,1\n")
    said = loads.step_through(truncate_first=True)
    assert said.startswith("t: the rows can't be put in: a foreign key")
    loads.put(b"id,note,up\n1,x,3\n2,y,1\n3,z,1\n")
    assert loads.step_through(truncate_first=True)["rows"] == 3


def test_the_seconds_of_a_load_are_those_of_its_move_too(loads: Loads) -> None:
    loads.make(
        "CREATE TABLE t (id int); CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_sleep(0.5); RETURN new; END$$;"
        " CREATE TRIGGER w BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION wait()"
    )
    loads.put(b"id\n1\n")
    assert 0.5 <= loads.load(max_errors=1)["seconds"] < 60
