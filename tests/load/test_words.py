"""A refusal says what a person would see at a glance in the file."""

from typing import Any

import pytest

from tests.load.conftest import PART_MIB, TINY, Loads

TABLE = "CREATE TABLE t (id int, name text, age int)"
INFER = {"create_table": "infer"}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "ID,NAME",
            "names in other letters or with blanks; write them as the table's, or give columns:"
            " 'ID' for id, 'NAME' for name",
        ),
        ('id, name , "age"', "' name ' for name, ' age' for age"),
        ("id,\xa0Name", "'\\xa0Name' for name"),
        ("Id,name", "'Id' for id"),
        ("id,name,", "gives no name, by number; if its lines end with a delimiter, take that out"),
        ("id,name,", " of each: 3"),
        ("id,name,,,", " of each: 3, 4, 5"),
        ("id,name, ", " of each: 3"),
        ("", "line 1 is empty: the header has to be the first line; take out what stands before"),
        ("  ", "line 1 is empty: the header has to be the first line"),
        (",,", "line 1 is empty: the header has to be the first line"),
        (
            "id;name;age",
            "the first row names no column of the table; is there a header? It holds a semicolon:"
            " if that separates the columns, give it as format.delimiter",
        ),
        ("id\tname", "It holds a tab: if that separates the columns"),
        ("4711,Jane", "is there a header? If not, give columns, and false as format.header"),
        ("sep=;", "line 1 is Excel's note of the delimiter (sep=), no header: take it out"),
        ("sep=,", "line 1 is Excel's note of the delimiter"),
        ('id,"name', "the header does not end: a quote is never closed"),
        ("id,name,name", "names twice; rename all but one: name"),
    ],
)
def test_of_a_header_it_is_told_what_does_not_fit(loads: Loads, header: str, said: str) -> None:
    loads.make(TABLE)
    loads.put(f"{header}\n1,a,3\n".encode())
    cause = loads.step_through(**INFER)
    assert "s3://shop-exports/data.csv: " in cause
    assert said in cause
    assert loads.rows() == []


def test_columns_that_differ_only_in_their_letters_are_two(loads: Loads) -> None:
    loads.make('CREATE TABLE t (id int, "ID" int, " x" int, x int)')
    loads.put(b"ID,id, x,x\n1,2,3,4\n")
    loads.step_through()
    assert loads.rows() == [(2, 1, 3, 4)]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("select,order,user,ctid", "PostgreSQL has for columns of its own in every table: ctid; "),
        ("xmin,tableoid", "in every table: xmin, tableoid; write others into the header, or"),
        ("id,name,", "gives no name, by number"),
        ("", "line 1 is empty: the header has to be the first line"),
    ],
)
def test_of_a_table_that_can_t_be_made_it_is_told_why(loads: Loads, header: str, said: str) -> None:
    loads.put(f"{header}\n1,2,3,4\n".encode())
    cause = loads.step_through(**INFER)
    assert said in cause
    assert "s3://shop-exports/data.csv" in cause


ONE_NAME = [
    (b"id;name\n1;a\n", "holds a semicolon: if that separates the columns, give it as format."),
    (b"id\tname\n1\ta\n", "holds a tab: if that separates the columns, give it as format."),
    (b"id|name\r\n1|a\r\n", "holds a bar: if that separates the columns, give it as format."),
    (b'"id";"name"\n"1";"a"\n', "holds a semicolon"),
    (b'"id";name\n1;"a"\n', "holds a semicolon"),
    (b'"id\tname"\n"1\ta"\n', "holds a tab"),
    (b"\xef\xbb\xbfid;name;\n1;a;\n", "holds a semicolon"),
    (b"4711;Jane\n4712;Joe\n", "holds a semicolon"),
    (b'"id,name"\n"1,a"\n', "holds a comma: if that separates the columns, take out the quotes"),
    (b"id;name\n", "holds a semicolon"),
    (b"price;note\n1,5;a\n", "holds a semicolon"),
]


@pytest.mark.parametrize(("body", "said"), ONE_NAME)
def test_no_table_is_made_of_one_column_that_another_delimiter_cuts(
    loads: Loads, body: bytes, said: str
) -> None:
    loads.put(body)
    cause = loads.step_through(**INFER)
    assert "s3://shop-exports/data.csv: " in cause
    assert said in cause
    assert "Jane" not in cause
    assert loads.sql("SELECT count(*) FROM pg_class WHERE relname = 't'") == [(0,)]


@pytest.mark.parametrize(
    ("body", "more", "columns"),
    [
        (b"id;name\n1;a\n", {"columns": ["one"]}, ["one"]),
        (b"id;name\n1;a\n", {"format": {"delimiter": ","}}, ["id;name"]),
        (b"id;name\n1;a\n", {"format": {"delimiter": ";"}}, ["id", "name"]),
        (b'"id,name"\n"1,a"\n', {"format": {"delimiter": ","}}, ["id,name"]),
        (b"name\na\nb;c\n", {}, ["name"]),
        (b"a;b,c|d\n1,2\n", {}, ["a;b", "c|d"]),
    ],
)
def test_what_the_input_says_of_the_columns_is_taken(
    loads: Loads, body: bytes, more: dict[str, Any], columns: list[str]
) -> None:
    loads.put(body)
    result = loads.step_through(**INFER, **more)
    assert isinstance(result, dict), result
    found = loads.sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
        " ORDER BY attnum"
    )
    assert [name for (name,) in found] == columns


def test_words_of_sql_are_names_as_any_other(loads: Loads) -> None:
    loads.put(b'select,order,"user table"\n1,2,3\n')
    loads.step_through(**INFER)
    assert loads.rows() == [(1, 2, 3)]


@pytest.mark.parametrize("infer", [{}, INFER], ids=["made before", "infer"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"id,name\r\n1,a\n2,b\r\n", "line 2 ends with a newline, the first one with \\r\\n: give"),
        (b"id,name\n1,a\n2,b\r\n", "line 3 ends with \\r\\n, the first one with a newline: give"),
        (
            b'id,name\n1,5" pipe\n2,x\n3,6" pipe\n',
            "line 2, column name: a quote stands in the midst of a field; COPY would drop it, and"
            " take lines 2 to 4 for one row. Put the field in quotes and double those in it, or",
        ),
        (b'id,name\n1,5" x 6" pipe\n', "line 2, column name: a quote stands in the midst"),
        (b'id,name\n1,"a\n2,"b\n', "line 2, column name: a quote stands in the midst"),
        (
            b'id,name\n1,5" pipe\n2,x\n',
            "line 2, column name: a quote stands in the midst of a field and is never closed; COPY"
            " would drop it, and take all that follows for one row. Put the field in quotes and"
            " double those in it, or give as format.quote a character that the data do not have",
        ),
        (
            b'id,name\n1,a\n2,x"\n',
            "line 3, column name: a quote stands in the midst of a field and",
        ),
        (b'id,name\n1,5" pipe\n2,"x"\n', "line 2, column name: a quote stands in the midst of"),
        (b'id,name\n1,a\n2,"x', "line 3, column name: a quote opens a field and is never closed"),
        (b"id,name\n1,a\n\n", "line 3: the row has more or fewer fields"),
    ],
)
def test_of_a_row_it_is_told_what_is_odd_in_it(
    loads: Loads, infer: dict[str, Any], body: bytes, said: str
) -> None:
    if not infer:
        loads.make(TABLE)
    loads.put(body)
    cause = loads.step_through(**infer)
    assert f"s3://shop-exports/data.csv: {said}" in cause or said in cause
    assert "data.csv" in cause
    assert "pipe" not in cause
    assert loads.sql("SELECT count(*) FROM pg_class WHERE relname = 't'") == [(int(not infer),)]


@pytest.mark.parametrize("max_errors", [0, 9])
def test_a_stray_quote_in_any_part_is_told_with_its_line_in_the_object(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, max_errors: int
) -> None:
    monkeypatch.setenv(PART_MIB, TINY)
    loads.make(TABLE)
    loads.put(b"id,name\n" + b"1,xxxxxxxx\n" * 3000 + b'2,5" pipe\n3,6" pipe\n' + b"1,y\n" * 3000)
    cause = loads.step_through(max_errors=max_errors)
    assert "data.csv: line 3002, column name: a quote stands in the midst of a field" in cause
    assert "lines 3002 to 3003" in cause


@pytest.mark.parametrize("max_errors", [0, 1])
def test_a_line_that_ends_otherwise_may_be_left_out(loads: Loads, max_errors: int) -> None:
    loads.make(TABLE)
    loads.put(b"id,name\n1,a\n2,b\r\n3,c\n")
    found = loads.step_through(max_errors=max_errors)
    if max_errors:
        assert (found["rows"], found["rejected"]) == (2, 1)
        assert "its line ends in another way than the first one" in found["reasons"][0]
    else:
        assert "line 3 ends with \\r\\n, the first one with a newline" in found


def test_quotes_may_be_named_as_none_of_the_data(loads: Loads) -> None:
    """As the refusal says."""
    loads.make(TABLE)
    loads.put(b'id,name\n1,5" pipe\n2,x\n3,6" pipe\n')
    assert loads.step_through(format={"quote": "\x01"})["rows"] == 3
    assert loads.rows()[0] == (1, '5" pipe', None)


def test_rows_without_a_header_go_into_a_table_that_is_there(loads: Loads) -> None:
    loads.make(TABLE)
    loads.put(b"1,a,2\n")
    assert loads.step_through(**INFER, format={"header": False})["rows"] == 1
    cause = loads.step_through("new", **INFER, format={"header": False})
    assert "columns: s3://shop-exports/data.csv has no header, and new is not there" in cause
    loads.step_through("new", **INFER, format={"header": False}, columns=["a", "b", "c"])
    assert loads.rows("new") == [(1, "a", 2)]
