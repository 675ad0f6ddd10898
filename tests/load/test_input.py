"""A bad input is refused before anything is looked at, with all its faults in one message."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lambdas.load import load_request
from lambdas.load.load_request import SCHEMA_FILE, faults
from local.cloud import SOURCE, STATE_MACHINES
from local.postgres import HOST
from tests.load.conftest import DATABASE, Loads, document

EXAMPLES = sorted((STATE_MACHINES / "load-examples").glob("*.json"))


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
def test_each_example_is_legal(file: Path) -> None:
    example = json.loads(file.read_text(encoding="utf-8"))
    assert faults(example) == []
    assert load_request.parse(example).table == example["table"]


def test_the_schema_is_one_and_tells_what_each_field_is() -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert all(field.get("description") for field in schema["properties"].values())


def form(**given: Any) -> dict[str, Any]:
    return {"format": given}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"colour": 1}, "colour: unknown"),
    ({"bucket": "UPPER"}, "bucket: is not of the right form"),
    ({"bucket": "ends\n"}, "bucket: is not of the right form"),
    ({"key": ""}, "key: "),
    ({"key": 7}, "key: is of the wrong type"),
    ({"key": "k", "prefix": "p"}, "key: give either key"),
    ({"target": {}}, "target.database: is missing"),
    ({"target": {"database": "d"}}, "target.db_instance_id: give either"),
    (
        {"target": {"db_instance_id": "x", "endpoint": "x", "database": "d"}},
        "target.db_instance_id: give either",
    ),
    *(
        ({"target": {"endpoint": endpoint, "database": "d"}}, "target.endpoint: is not of")
        for endpoint in (
            *("", "a b", "a\n", "a:", "a:0", "a:65536", "a:5432\n", "a,b", "a/b", "a:1:2"),
            *("-a", "a..b", ".a", "a@b", "a:x", "[::1]", "a" * 64, "postgres://a"),
        )
    ),
    ({"target": {"db_instance_id": "-x", "database": "d"}}, "target.db_instance_id: is not"),
    ({"target": {"db_instance_id": "x", "database": ""}}, "target.database: "),
    ({"target": {"db_instance_id": "x", "database": "a\0"}}, "target.database: is not of"),
    ({"table": ""}, "table: "),
    ({"table": "a\0b"}, "table: is not of the right form"),
    ({"columns": []}, "columns: "),
    ({"columns": ["a", "a"]}, "columns"),
    ({"columns": ["a\0"]}, "columns[0]: is not of the right form"),
    (form(delimiter=""), "format.delimiter: is not"),
    (form(delimiter=";;"), "format.delimiter: is not"),
    (form(delimiter=",\n"), "format.delimiter: is not"),
    (form(delimiter="\n"), "format.delimiter: is not"),
    (form(delimiter="ä"), "format.delimiter: is not"),
    (form(delimiter='"'), "format.delimiter: must not be the quote"),
    (form(quote="''"), "format.quote: is not"),
    (form(quote="'\n"), "format.quote: is not"),
    (form(escape="\r"), "format.escape: is not"),
    (form(escape=","), "format.escape: must not be the delimiter"),
    (form(null="a\nb"), "format.null: is not"),
    (form(null="a\n"), "format.null: is not"),
    (form(null="\0"), "format.null: is not"),
    (form(null="a,b"), "format.null: must hold neither"),
    (form(null='"'), "format.null: must hold neither"),
    (form(encoding="nope"), "format.encoding: is not known"),
    (form(encoding="base64"), "format.encoding: is not known"),
    (form(encoding="undefined"), "format.encoding: is not known"),
    (form(encoding="a\0b"), "format.encoding: is not known"),
    (form(encoding="ü"), "format.encoding: is not known"),
    (form(encoding=""), "format.encoding: "),
    (form(header="yes"), "format.header: is of the wrong type"),
    (form(colour=1), "format.colour: unknown"),
    ({"on_conflict": "merge"}, "on_conflict: is not allowed"),
    ({"truncate_first": 1}, "truncate_first: is of the wrong type"),
    ({"create_table": "always"}, "create_table: is not allowed"),
    ({"max_errors": -1}, "max_errors: is out of range"),
    ({"max_errors": 10_001}, "max_errors: is out of range"),
    ({"max_errors": 1.5}, "max_errors: is of the wrong type"),
    ({"analyze": "no"}, "analyze: is of the wrong type"),
    ({"atomic": "no"}, "atomic: is of the wrong type"),
    ({"atomic": False, "on_conflict": "skip"}, "on_conflict: needs all rows in one transaction"),
    ({"atomic": False, "on_conflict": "replace"}, "on_conflict: needs all rows in one"),
    ({"atomic": False, "truncate_first": True}, "truncate_first: needs all rows in one"),
    ({"atomic": False, "max_errors": 1}, "max_errors: needs all rows in one"),
    ({"streams": 0}, "streams: is out of range"),
    ({"streams": 41}, "streams: is out of range"),
]


@pytest.mark.parametrize(("bad", "said"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_each_fault_is_named(bad: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in faults({**document(), **bad}))


@pytest.mark.parametrize("field", ["bucket", "target", "table", "key"])
def test_what_is_missing_is_named(field: str) -> None:
    given = document()
    del given[field]
    assert any(fault.startswith(f"{field}: ") for fault in faults(given))


@pytest.mark.parametrize("whole", [None, 7, [], "x"])
def test_what_is_no_object_is_refused(whole: Any) -> None:
    assert "must be a JSON object" in faults(whole)[0]


def test_a_refused_input_touches_nothing(loads: Loads) -> None:
    bad = {**document(), "colour": 1, "streams": 0}
    ending = loads.cloud.run(bad, machine=loads.machine)
    assert (ending.status, ending.error) == ("FAILED", "InvalidRequest")
    assert "colour: unknown" in ending.cause
    assert "streams: is out of range" in ending.cause
    assert loads.cloud.ledger.calls == []


def test_a_target_without_a_login_is_refused(loads: Loads) -> None:
    target = {"db_instance_id": "someone-elses", "database": "shop"}
    cause = loads.refuse(target=target)
    assert "the deployment knows no login of someone-elses" in cause
    assert SOURCE not in cause
    assert loads.cloud.ledger.calls == []


def test_an_endpoint_that_is_not_listed_is_refused_and_not_connected_to(loads: Loads) -> None:
    """Not even one with the host of a listed one, on another port."""
    listed = f"{HOST}:{loads.server.port}"
    with told_of(loads, listed):
        target = {"endpoint": f"{HOST}:1", "database": DATABASE}
        cause = loads.refuse(target=target)
    assert f"target.endpoint: the deployment knows no login of {target['endpoint']}" in cause
    assert "add it to the setting load.targets" in cause
    assert loads.cloud.ledger.calls == []


def test_a_listed_endpoint_is_loaded_into_and_rds_never_asked(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int)")
    loads.put(b"id\n1\n2\n")
    endpoint = f"{HOST}:{loads.server.port}"
    with told_of(loads, endpoint):
        result = loads.load(target={"endpoint": endpoint, "database": DATABASE})
    assert (result["rows"], loads.rows()) == (2, [(1,), (2,)])
    assert [c for c in loads.cloud.ledger.calls if c.operation.startswith("rds.")] == []
    folder = f"loads/{endpoint.replace(':', '-')}/"
    assert all(key.startswith(folder) for key in loads.cloud.evidence())


@contextmanager
def told_of(loads: Loads, endpoint: str) -> Iterator[None]:
    """The functions, of an endpoint that has the source's login."""
    before = os.environ["TM_LOAD_SECRETS"]
    login = json.loads(before)[SOURCE]
    os.environ["TM_LOAD_SECRETS"] = json.dumps({endpoint: login})
    try:
        yield
    finally:
        os.environ["TM_LOAD_SECRETS"] = before


def test_a_database_that_is_not_there_is_told(loads: Loads) -> None:
    loads.put(b"id\n1\n")
    cause = loads.refuse(target={"db_instance_id": SOURCE, "database": "nope"})
    assert "no connection to the database nope" in cause


def test_more_columns_than_a_table_can_have_are_refused(loads: Loads) -> None:
    loads.put(",".join(f"c{number}" for number in range(1601)).encode() + b"\n")
    assert "54011" in loads.step_through(create_table="infer")
