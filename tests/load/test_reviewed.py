"""What a second reading of the load found: rows or values that could have gone astray."""

import pytest

from lambdas.load.load_request import faults
from tests.load.conftest import Loads, document


def test_rows_that_end_with_a_return_alone_are_refused_where_some_may_be_left_out(
    loads: Loads,
) -> None:
    loads.make("CREATE TABLE t (a int, b int)")
    loads.put(b"a,b\r1,2\r3,4\r")
    assert "the rows do not end with a newline" in loads.step_through(max_errors=5)
    assert loads.rows() == []


def test_rows_that_end_with_a_return_alone_are_loaded_otherwise(loads: Loads) -> None:
    loads.make("CREATE TABLE t (a int, b int)")
    loads.put(b"a,b\r1,2\r3,4\r")
    loads.step_through()
    assert sorted(loads.rows()) == [(1, 2), (3, 4)]


def test_another_escape_and_left_out_rows_do_not_go_together() -> None:
    message = faults(document(format={"escape": "\\"}, max_errors=1))
    assert [fault.split(":")[0] for fault in message] == ["max_errors"]


def test_a_cancelled_copy_is_no_bad_row(loads: Loads, capfd: pytest.CaptureFixture[str]) -> None:
    """A trigger that ends its own session stands for a server that does, in the midst of rows."""
    loads.make(
        "CREATE TABLE t (a int, b text);"
        " CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_cancel_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
        " RETURN new; END$$;"
        " CREATE TRIGGER c BEFORE INSERT ON t FOR EACH ROW WHEN (new.a = 2)"
        " EXECUTE FUNCTION cancel()"
    )
    loads.put(b"a,b\n1,x\n2,planted-4711\n3,z\n")
    said = str(loads.step_through())
    assert "bad row" not in said
    assert "line" not in said
    assert loads.rows() == []
    captured = capfd.readouterr()
    assert "planted-4711" not in captured.err + captured.out


def test_two_objects_never_share_a_table_of_their_own(loads: Loads) -> None:
    loads.put(b"a\n1\n", "in/sales.2023.csv")
    loads.put(b"a\n2\n", "in/sales.2024.csv")
    said = loads.step_through("{name}", prefix="in/", create_table="infer")
    assert "the same table for several objects" in said


def test_a_primary_key_with_included_columns_is_its_key_alone(loads: Loads) -> None:
    loads.make("CREATE TABLE t (a int, b int, PRIMARY KEY (a) INCLUDE (b))")
    loads.put(b"a,b\n1,1\n1,2\n")
    loads.step_through(on_conflict="replace")
    assert loads.rows() == [(1, 2)]
