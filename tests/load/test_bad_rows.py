"""A bad row is told by object, line, column and reason, never by value; some may be left out."""

import re
from typing import Any

import pytest

from lambdas.load.load import Rejects
from local.cloud import Ending
from tests.load.conftest import PART_MIB, TINY, Loads

VALUE = "planted-4711"
TABLE = """
CREATE TABLE other (id int PRIMARY KEY);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'no %', new.raised; END$$;
CREATE TABLE t (
    id int, n int NOT NULL DEFAULT 0, short varchar(3), at date, positive int CHECK (positive > 0),
    "line 9, column n: ""x" uuid, ref int REFERENCES other, raised text
);
CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW WHEN (new.raised IS NOT NULL)
    EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize("part_mib", ["", TINY])
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("id", VALUE, "column id: the text is not of the column's type (SQLSTATE 22P02)"),
        ("id", "99999999999", "column id: the number is out of range"),
        ("short", VALUE, "column short: the text is too long"),
        ("at", VALUE, "column at: the text is no date"),
        ("at", "2026-13-45", "column at: the date or time is out of range"),
        ("n", "", "column n: the column may not be NULL"),
        ("positive", "-4711", ": a check constraint is violated"),
        ('"line 9, column n: ""x"', VALUE, ": the text is not of the column's type"),
    ],
)
def test_it_is_told_where_and_why_and_never_what(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, column: str, value: str, said: str, part_mib: str
) -> None:
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    loads.make(TABLE)
    loads.make("ALTER TABLE t ADD what text")
    loads.put(f"{column},what\n{value},x\n".encode())
    ending = loads.run() if not part_mib else None
    cause = ending.cause if ending else loads.step_through()
    assert f"s3://shop-exports/data.csv: line 2{'' if said[0] == ':' else ', '}{said}" in cause
    assert loads.sql("SELECT count(*) FROM t") == [(0,)]
    if ending:
        nowhere(loads, ending, value)


def nowhere(loads: Loads, ending: Ending, value: str) -> None:
    for place, text in loads.message(ending).items():
        assert not value or value not in text, place


@pytest.mark.parametrize(("column", "said"), [("raised", "P0001"), ("ref", "23503")])
def test_what_triggers_and_references_refuse_is_told(loads: Loads, column: str, said: str) -> None:
    loads.make(TABLE)
    loads.put(f"{column}\n4711\n".encode())
    ending = loads.run()
    assert ending.status == "FAILED"
    assert said in ending.cause
    assert "data.csv" in ending.cause
    assert ("line 2" in ending.cause) == (column == "raised")
    nowhere(loads, ending, "4711\\n")
    assert "(4711)" not in str(loads.message(ending))


@pytest.mark.parametrize("part_mib", ["", TINY])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("within", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_as_an_editor_counts_them(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, ending: bytes, within: bytes, part_mib: str
) -> None:
    r"""Excel ends rows with ``\r\n`` and breaks lines within them with ``\n``."""
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    loads.make('CREATE TABLE t (id int, "no\nte" text)')
    rows = [b'"id","no\nte"'] + [b'%d,"a%s%sb"' % (n, within, within) for n in range(2000)]
    body = ending.join([*rows, b"x,", b"7,", b""])
    loads.put(body)
    lines = body[: body.index(b"x,")].count(b"\n") + 1
    assert f"data.csv: line {lines}, column id" in loads.step_through()


@pytest.mark.parametrize("part_mib", ["", TINY])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("within", [b"\n", b"\r\n", b"\r", b"-"])
def test_exactly_the_bad_rows_are_left_out(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, ending: bytes, within: bytes, part_mib: str
) -> None:
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    loads.make("CREATE TABLE t (id int, note text)")
    bad = {0: b'x,"a%sb"', 500: b'1,"%s",2', 501: b'y,"%s%s"', 900: b"1", 999: b'"%s",z'}
    rows = [bad.get(n, b'%d,"n%%s%%s"' % n).replace(b"%s", within) for n in range(1000)]
    loads.put(ending.join([b'id,"note"', *rows, b""]))
    result = loads.step_through(max_errors=5)
    assert (result["rows"], result["rejected"]) == (995, 5)
    assert loads.sql("SELECT count(*), count(DISTINCT id), max(id) FROM t") == [(995, 995, 998)]
    kept = {k: v for k, v in loads.cloud.evidence().items() if k.endswith(".csv")}
    assert [place.split("/", 3)[3] for place in result["rejects"]] == list(kept)
    bare = [re.sub(rb'^id,"?note"?\r?\n', b"", body) for body in kept.values()]
    assert b"".join(bare) == ending.join([*(rows[n] for n in bad), b""])
    before = [ending.join([b"", *rows[: n + 1]]).count(b"\n") + 1 for n in bad]
    assert [int(re.findall(r"line (\d+)", reason)[0]) for reason in result["reasons"]] == before


@pytest.mark.parametrize("part_mib", ["", TINY])
def test_one_too_many_loads_nothing(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, part_mib: str
) -> None:
    """Also where each part alone has few enough."""
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    loads.make("CREATE TABLE t (id int)")
    rows = [b"x" if n in (1, 4000, 7000) else b"%d" % n for n in range(8000)]
    loads.put(b"\n".join([b"id", *rows, b""]))
    cause = loads.step_through(max_errors=2)
    assert "2 " in cause
    assert "allowed" in cause
    assert loads.rows() == []
    assert loads.step_through(max_errors=3)["rejected"] == 3


def test_each_part_has_a_header_for_its_rejects(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is mended can be loaded as it is."""
    monkeypatch.setenv(PART_MIB, TINY)
    loads.make("CREATE TABLE t (id int)")
    loads.put(b"\n".join([b"id", *(b"%d" % n for n in range(8000)), b"x", b""]))
    loads.step_through(max_errors=1)
    (kept,) = (body for key, body in loads.cloud.evidence().items() if key.endswith(".csv"))
    assert kept == b"id\nx\n"


@pytest.mark.parametrize(
    ("encoding", "ending", "part_mib"),
    [("latin-1", "\r\n", TINY), ("utf-16", "\n", ""), ("utf-8", "\r\n", TINY)],
)
def test_rejects_that_are_mended_are_loaded_as_they_are(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, encoding: str, ending: str, part_mib: str
) -> None:
    """In the encoding of the data, and with the ending of its rows in the header too."""
    if part_mib:
        monkeypatch.setenv(PART_MIB, part_mib)
    loads.make("CREATE TABLE t (id int, ä text)")
    rows = [f"{n},ß" for n in range(3000)]
    loads.put(ending.join(["id,ä", *rows, "x-1,Käse", ""]).encode(encoding))
    form: dict[str, Any] = {"encoding": encoding}
    assert loads.step_through(max_errors=1, format=form)["rows"] == len(rows)
    (kept,) = (body for key, body in loads.cloud.evidence().items() if key.endswith(".csv"))
    loads.put(kept.decode(encoding).replace("x-1", "-1").encode(encoding))
    assert loads.step_through(format=form)["rows"] == 1
    assert loads.rows()[0] == (-1, "Käse")


def test_a_name_that_is_not_of_the_encoding_does_not_keep_a_row_from_the_rejects() -> None:
    """The input gave it; the same input loads the mended rows, and reads no header."""
    rejects = Rejects(["line 3"], ["1,ä\n".encode()], "id,ł\n".encode(), "iso8859-1")
    assert rejects.document() == "id,?\n1,ä\n".encode("latin-1")


def test_a_value_that_is_left_out_is_only_in_the_rejects(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int)")
    loads.put(f"id\n1\n{VALUE}\n2\n".encode())
    ending = loads.run(max_errors=1)
    assert ending.status == "SUCCEEDED", ending.cause
    nowhere(loads, ending, VALUE)
    assert sum(VALUE.encode() in body for body in loads.cloud.evidence().values()) == 1


def test_a_quote_that_is_never_closed_is_no_single_bad_row(loads: Loads) -> None:
    """It would take everything behind it along."""
    loads.make("CREATE TABLE t (id int, note text)")
    loads.put(b'id,note\n1,x\n2,"y\n' + b"3,z\n" * 1000)
    said = loads.step_through(max_errors=10)
    assert said.startswith(
        "s3://shop-exports/data.csv: line 3, column note: a quote opens a field and is never closed"
    )
    assert loads.rows() == []


@pytest.mark.parametrize("rejects", [0, 1])
def test_bytes_of_another_encoding_are_told_by_line_in_each_part(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, rejects: int
) -> None:
    """Behind the first MiB, which the plan has read already."""
    monkeypatch.setenv(PART_MIB, "0.5")
    loads.make("CREATE TABLE t (id int, note text)")
    loads.put(b"id,note\n" + b"1,x\n" * 400_000 + b"2,\x81\n")
    form: dict[str, Any] = {"encoding": "cp1252"}
    assert "data.csv: line 400002 holds bytes that are not cp1252" in loads.step_through(
        format=form, max_errors=rejects
    )


@pytest.mark.parametrize("name", ['x, line 9: "y', "x, line 9, column n", "x\nCOPY x, line 9"])
def test_a_table_s_name_is_not_taken_for_the_place(loads: Loads, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    loads.make(f"CREATE TABLE {quoted} (id int, n int)")
    loads.put(b"id,n\nx,1\n")
    assert "data.csv: line 2, column id: the text is not" in loads.step_through(quoted)


def test_a_value_is_not_taken_for_the_place(loads: Loads) -> None:
    loads.make("CREATE TABLE t (id int, n int)")
    loads.put(b'id,n\n"x\nCOPY t, line 77, column n: ""y",1\n')
    cause = loads.step_through()
    assert "data.csv: line 3, column id: the text is not" in cause
