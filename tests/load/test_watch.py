"""What COPY would take and change is seen in every row, however the bytes come in."""

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.errors import BadData
from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading import infer
from lambdas.load.reading.fields import Fields
from lambdas.load.reading.watch import LONGEST_KEPT, Watch, Widened
from tests.examples import examples
from tests.load.conftest import DATABASE, Loads

FORMS = [CsvFormat(), CsvFormat(delimiter=";", quote="'"), CsvFormat(escape="\\"), CsvFormat(" ")]
HARD = st.text(st.sampled_from("a1,;\"'\\ \t\n\r."), max_size=30)
FIELDS = st.sampled_from(["1", "x", '"a\rb"', '"a\nb"', '"a\r\nb"', '"5"', "", '5" x', '"5 x'])
ENDINGS = st.sampled_from(["\n", "\r", "\r\n"])
ROWS = st.lists(st.tuples(FIELDS, FIELDS, ENDINGS), max_size=5).map(
    lambda rows: "".join(f"{a},{b}{ending}" for a, b, ending in rows)
)


def watched(
    body: bytes, kinds: list[str], form: CsvFormat = FORMS[0], size: int = 1 << 18, **more: Any
) -> dict[int, Widened]:
    """What is found; the columns are called a, b, c."""
    watch = Watch(form, "abcdef"[: len(kinds)], kinds, with_header=False, **more)
    for at in range(0, len(body), size):
        watch.add(body[at : at + size])
    watch.end()
    return watch.widened


@pytest.mark.parametrize("size", [1, 2, 7, 4096, 1 << 18])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_value_is_told_with_the_line_in_which_it_stands(size: int, ending: bytes) -> None:
    rows = [b"z,2", b'"x\ny",1', b"z,", b'z,"3"', b"z,04", b"z,5"]
    body = ending.join([*rows * 3, b""])
    line = 6 if ending != b"\r" else 5
    assert watched(body, ["text", "bigint"], size=size) == {1: Widened("bigint", "text", line)}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([b"1", b"1.5"], ("bigint", "numeric", 2)),
        ([b"1", b"1.5", b"01"], ("bigint", "text", 3)),
        ([b"1", b"9" * 30], ("bigint", "numeric", 2)),
        ([b"1", b"x"], ("bigint", "text", 2)),
        ([b"1", b'""'], ("bigint", "text", 2)),
        ([b"1", b'1"2"'], None),
        ([b"1", b"x,y"], {}),
        ([b"1", b"", b"7" * 9000], ("bigint", "text", 3)),
    ],
)
def test_a_column_gets_the_type_that_all_its_values_have(
    values: list[bytes], found: tuple[str, str, int] | dict[int, Widened] | None
) -> None:
    """A row with more fields is left for COPY to refuse, and an odd quote is refused here."""
    body = b"\n".join(values)
    if found is None:
        with pytest.raises(BadData, match="line 2, column a: a quote stands in the midst"):
            watched(body, ["bigint"])
        return
    expected = found if isinstance(found, dict) else {0: Widened(*found)}
    for size in (1, 5, 1 << 18):
        assert watched(body, ["bigint"], size=size) == expected


@pytest.mark.parametrize("size", [1, 3, 1 << 18])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'1,5" pipe\n2,x\n3,6" pipe\n', "line 1, column b: .*take lines 1 to 3 for one row"),
        (b'1,"a\n2,"b"\n3,"c"x"\n', "line 1, column b: .*take lines 1 to 3"),
        (b'1,5" x 6" pipe\n', "line 1, column b: a quote stands .* format.quote"),
        (b'1,"a"b\n', "line 1, column b"),
        (b'1,x\n\n2,"a" "b"\n', "line 3, column b"),
        (b'1,the "best" one\n', "line 1, column b"),
        (b'1,"' + b"x" * 9000 + b'"y\n', "line 1, column b"),
        (b"1,z" + b"x" * 9000 + b'"y"\n', "line 1, column b"),
        (
            b'1,x\n2,"' + b"x\n" * 9000 + b'"y\n',
            "line 2, column b: .* take lines 2 to 9002 for one",
        ),
        (b'1,x\n2,5" y\n3,z\n', "line 2, column b: .* midst .* never closed; .* format.quote"),
        (b'1,x\n2,"5 y\n3,z\n', "line 2, column b: .* opens .* never closed; .* format.quote"),
        (b'1,x\n2,"' + b"x\n" * 9000, "line 2, column b: a quote opens a field and is never"),
        (b'1,x\n"2\n",5" y\n3,z', "line 3, column b: .* midst of a field and is never"),
        (b'1,x\n"2\n","5 y\n3,z', "line 3, column b: .* opens a field and is never"),
        (b'1,x\n"2,5', "line 2, column a: .* opens a field and is never"),
        (b"1,2\r\n1,2\n", "line 2 ends with a newline, the first one with .r.n"),
        (b"1,2\n1,2\r\n", "line 2 ends with .r.n, the first one with a newline"),
        (b"1,2\n1,2\r1,3\n", "line 2 ends with .r alone, the first one with a newline"),
    ],
)
def test_what_would_take_rows_for_one_is_refused_with_its_line(
    body: bytes, said: str, size: int
) -> None:
    for kinds in (["text", "text"], ["bigint", "text"]):
        with pytest.raises(BadData, match=said):
            watched(body, kinds, size=size)


@pytest.mark.parametrize("size", [1, 3, 1 << 18])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_quotes_around_a_field_pass(form: CsvFormat, size: int) -> None:
    """With blanks outside of them, as some programs write, and escaped ones within."""
    q, d, e = form.quote, form.delimiter, form.escape
    blank = " " if d != " " else ""
    row = d.join(["1", f"{blank}{q}a{d}\n{e}{q}{q}{blank}", f"{q}{'x' * 9000}{e}{q}{q}", f"{q}{q}"])
    assert watched(f"{row}\n".encode() * 3, ["text"] * 4, form, size) == {}


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 18])
@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'"a\rb",1\rz,2\rz,x\r', 4),
        (b'"a\nb",1\rz,2\rz,x\r', 3),
        (b'"a\rb",1\nz,2\nz,x\n', 3),
        (b'"a\r\nb",1\rz,2\rz,x\r', 4),
        (b'"a\r\nb",1\r\nz,2\r\nz,x\r\n', 4),
        (b'"a\rb",x\rz,2\r', 2),
        (b'"a\rb",x\r', 2),
        (b'"a\nb",x', 2),
        (b'z,1\r"a\rb\n",2\rz,x', 4),
        (b'z,1\n"' + b"a\n" * 5000 + b'",2\nz,x\n', 5003),
        (b'z,1\nz,"' + b"a\n" * 5000 + b'"\n', 2),
    ],
)
def test_lines_are_counted_by_what_ends_the_first_row(body: bytes, line: int, size: int) -> None:
    """Within quotes as well, and before that end is known."""
    found = watched(body, ["text", "bigint"], size=size)
    assert found == {1: Widened("bigint", "text", line)}


def test_a_row_before_the_ending_is_known_has_its_lines() -> None:
    """As hypothesis found it."""
    body = b',"a\rb", "a" \r,"",NULL\r1e5,abc, "a" \r,0,5\r-0,"5"",\r'
    kinds = ["date", "date", "text"]

    def found(size: int) -> str:
        with pytest.raises(BadData) as bad:
            watched(body, kinds, size=size)
        return str(bad.value)

    assert found(1) == found(3) == found(1000)
    assert found(1).startswith("line 6, column b")


@settings(max_examples=examples(400), deadline=None)
@given(body=HARD | ROWS, size=st.integers(1, 9), form=st.sampled_from(FORMS), typed=st.booleans())
def test_however_the_bytes_come_in_the_same_is_found(
    body: str, size: int, form: CsvFormat, typed: bool
) -> None:
    def found(size: int) -> Any:
        try:
            return watched(body.encode(), ["bigint" if typed else "text"] * 2, form, size)
        except BadData as bad:
            return str(bad)

    whole, parts = found(1000), found(size)
    if isinstance(whole, str) and "take lines" in whole:
        whole, parts = str(whole).split(",")[0], str(parts).split(",")[0]
    assert parts == whole


@settings(max_examples=examples(200), deadline=None)
@given(text=st.binary(max_size=60), cut=st.integers(LONGEST_KEPT, LONGEST_KEPT + 9))
def test_a_long_field_goes_on_as_it_began(text: bytes, cut: int) -> None:
    """Of what is dropped only the quotes count."""
    safe = re.sub(rb"[\r\n,]", b"z", text)
    body = b'1,"' + (safe.replace(b'"', b'""') + b"\n") * 200 + b"x" * cut + b'",2\n1,2,03\n'
    lines = 1 + body[: body.index(b"03")].count(b"\n")
    for size in (cut, 1 << 18):
        found = watched(body, ["bigint", "text", "bigint"], size=size)
        assert found == {2: Widened("bigint", "text", lines)}


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(
    body=st.lists(
        st.lists(
            st.sampled_from(
                ["1", "-2", "03", "4.50", "x", "", '"5"', '""', '"a,b"', '"c\nd"', '"e""f"', ' "g"']
            ),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=8,
    ),
    size=st.integers(1, 30),
)
def test_copy_into_the_types_found_gives_the_values_back(
    loads: Loads, body: list[list[str]], size: int
) -> None:
    """By a real server: COPY of the same bytes into text columns holds the same."""
    data = "".join(f"{','.join(row)}\n" for row in body).encode()
    kinds = ["bigint", "bigint"]
    for number, widened in watched(data, kinds, size=size).items():
        kinds[number] = widened.now
    assert copied(loads, data, kinds) == copied(loads, data, ["text", "text"])


def copied(loads: Loads, data: bytes, kinds: list[str]) -> list[tuple[Any, ...]]:
    connection: Any = loads.server.connect_as_admin(DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE x (n serial, a {}, b {})".format(*kinds))
            cursor.copy_expert("COPY x (a, b) FROM STDIN (FORMAT csv)", io.BytesIO(data))
            cursor.execute("SELECT a::text, b::text FROM x ORDER BY n")
            return list(cursor.fetchall())
    finally:
        connection.close()


def near(kind: str) -> st.SearchStrategy[str]:
    """Values of a type, and texts that are like them."""
    regular = st.from_regex(infer.WRITTEN[kind].decode(), fullmatch=True)
    letters = st.sampled_from(list("0123456789-+.: TZtfeEadxBC_{}"))
    return st.one_of(
        regular,
        st.tuples(regular, st.integers(0, 40), letters).map(
            lambda it: it[0][: it[1]] + it[2] + it[0][it[1] + 1 :]
        ),
        st.tuples(regular, st.integers(0, 40), letters).map(
            lambda it: it[0][: it[1]] + it[2] + it[0][it[1] :]
        ),
    )


@pytest.mark.parametrize("kind", infer.WRITTEN)
@settings(deadline=None, max_examples=examples(25), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_has_a_type_if_and_only_if_the_server_prints_it_so(
    loads: Loads, kind: str, data: st.DataObject
) -> None:
    """But for numbers and years that are longer than most people's: they are text."""
    values = data.draw(st.lists(near(kind), min_size=20, max_size=60))
    pattern = re.compile(infer.WRITTEN[kind])
    for value, text in zip(values, server_prints(loads, kind, values), strict=True):
        if pattern.fullmatch(value.encode()):
            assert text == value
        else:
            assert text != value or len(value) > 18 or re.match(r"[0-9]{5,}-", value)


def server_prints(loads: Loads, kind: str, values: list[str]) -> list[str | None]:
    """Each value through the type and back to text; None where the type refuses it."""
    connection: Any = loads.server.connect_as_admin(DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SET TimeZone = 'UTC'; SET DateStyle = 'ISO';"
                " CREATE FUNCTION pg_temp.prints(value text) RETURNS text LANGUAGE plpgsql AS"
                f" $$BEGIN RETURN format('%s', value::{kind});"
                " EXCEPTION WHEN data_exception THEN RETURN NULL; END$$"
            )
            cursor.execute("SELECT pg_temp.prints(v) FROM unnest(%s) AS x (v)", [values])
            return [text for (text,) in cursor.fetchall()]
    finally:
        connection.close()


@settings(max_examples=examples(200), deadline=None)
@given(rows=st.lists(st.tuples(HARD, HARD), max_size=8), whole=st.booleans())
def test_the_fields_of_a_tidy_file_are_those_of_any_reader(
    rows: list[tuple[str, str]], whole: bool
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    fields = Fields(FORMS[0])
    found = list(fields.rows(out.getvalue().encode(), whole=whole))
    assert [tuple(fields.value(one).decode() for one in row) for row in found] == rows
