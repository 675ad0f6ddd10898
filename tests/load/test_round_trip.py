"""Whatever Python's csv module writes comes back equal from a real server, whole and in parts."""

import csv
import io
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import psycopg2
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.load.csv_format import CsvFormat
from lambdas.load.load import Part, Rejects, Rules, Target, Way, cut
from lambdas.load.reading import s3_objects
from lambdas.load.reading.feed import feed
from lambdas.load.reading.inflate import PLAIN
from lambdas.load.reading.lines import Lines, row_of_line
from lambdas.load.reading.rows import guarded, last_row_start, row_start, survey
from lambdas.load.writing.copying import copy_in
from lambdas.load.writing.moving import Filled, move
from lambdas.load.writing.parts import Reach, load_part, reach
from local.loads import CSV_BUCKET
from tests.examples import examples
from tests.load.conftest import DATABASE, Loads

NULL = "\\N"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
HARD = st.text(st.sampled_from('",\n\r\\;N.\ufeffä🐘 '), max_size=12)
VALUES = st.one_of(TEXT, HARD, st.none())
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=30)
ENDINGS = st.sampled_from(["\n", "\r\n"])
Row = Sequence[str | None]


def written(
    rows: Sequence[Row], ending: str = "\n", quoting: Literal[0, 1] = csv.QUOTE_MINIMAL
) -> bytes:
    """As csv writes it; before Python 3.13 it left a lone carriage return unquoted where rows end
    with a newline alone.
    """
    file = io.StringIO(newline="")
    for row in rows:
        line = io.StringIO(newline="")
        csv.writer(line, quoting=quoting).writerow(
            [NULL if value is None else value for value in row]
        )
        file.write(line.getvalue().removesuffix("\r\n") + ending)
    return file.getvalue().encode()


def stretches(body: bytes, edges: Sequence[int], quote: bytes = b'"') -> list[tuple[bytes, int]]:
    """The parts of a body that is cut there, with the numbers of their first lines."""
    reaches = [one for _, one in reached(body, edges, quote)]
    return [(body[one.first : one.end], one.first_line) for one in reaches]


def reached(
    body: bytes, edges: Sequence[int], quote: bytes = b'"', etag: str = "e"
) -> list[tuple[Part, Reach]]:
    """The parts of an object that is cut there, and their rows."""
    marks = sorted({0, len(body), *(edge % (len(body) + 1) for edge in edges)})
    pairs = list(pairwise(marks)) or [(0, 0)]
    parts = [
        Part(number, 0, CSV_BUCKET, "data.csv", etag, len(body), first, end, PLAIN)
        for number, (first, end) in enumerate(pairs, start=1)
    ]
    said = [survey(chunked(body[part.first : part.end], 5), quote) for part in parts]
    return [(part, reach(part, parts, said)) for part in parts]


def chunked(body: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


@contextmanager
def session_of(loads: Loads) -> Iterator[Session]:
    connection: Any = loads.server.connect_as_admin(DATABASE)
    connection.autocommit = True
    yield Session(connection, DATABASE, 60)
    connection.close()


@settings(deadline=None, max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(TEXT | HARD, TEXT | HARD), max_size=30),
    ending=ENDINGS,
    edges=st.lists(st.integers(0, 2000), max_size=6),
)
def test_any_text_comes_back_equal(
    loads: Loads, rows: list[Row], ending: str, edges: list[int]
) -> None:
    """All of Unicode but NUL; quoted, so that an empty string is none that is missing."""
    body = written(rows, ending, csv.QUOTE_ALL)
    assert stored(loads, body, edges, CsvFormat(null="")) == [tuple(row) for row in rows]


@settings(deadline=None, max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(rows=ROWS, ending=ENDINGS, edges=st.lists(st.integers(0, 2000), max_size=6))
def test_null_and_empty_stay_apart(
    loads: Loads, rows: list[Row], ending: str, edges: list[int]
) -> None:
    """As csv quotes by itself, with a word for NULL that no value is."""
    rows = [row for row in rows if NULL not in row]
    body = written(rows, ending)
    assert stored(loads, body, edges, CsvFormat(null=NULL)) == [tuple(row) for row in rows]


def stored(
    loads: Loads, body: bytes, edges: Sequence[int], form: CsvFormat
) -> list[tuple[Any, ...]]:
    with session_of(loads) as session:
        session.run("DROP TABLE IF EXISTS pairs", action="")
        session.run("CREATE TABLE pairs (n serial, a text, b text)", action="")
        for data, first_line in stretches(body, edges):
            with feed(
                chunked(data, 7), PLAIN, form, lambda *_: None, begins=False, first_line=first_line
            ) as fed:
                copy_in(
                    session,
                    sql.Identifier("pairs"),
                    ["a", "b"],
                    form,
                    fed,
                    with_header=False,
                    where="",
                )
        return session.rows("SELECT a, b FROM pairs ORDER BY n", action="")


@settings(deadline=None, max_examples=examples(24), suppress_health_check=list(HealthCheck))
@given(
    rows=ROWS,
    edges=st.lists(st.integers(0, 2000), max_size=4),
    way=st.sampled_from([Way.HIDDEN, Way.APART, Way.STAGED]),
)
def test_each_way_brings_every_row_once_though_every_part_is_tried_twice(
    loads: Loads, rows: list[Row], edges: list[int], way: Way
) -> None:
    """From S3, through the marks, to the table under its name."""
    rows = [row for row in rows if NULL not in row]
    body = written([("a", "b"), *rows])
    loads.put(body)
    etag = s3_objects.find(CSV_BUCKET, "data.csv").etag
    definition = (("a", "text"), ("b", "text")) if way is Way.HIDDEN else ()
    target = Target("public", "pairs", ("a", "b"), ("a", "b"), (), definition, way)
    parts, load_id = reached(body, edges, etag=etag), str(uuid.uuid4())
    with session_of(loads) as session:
        session.run("DROP TABLE IF EXISTS pairs", action="")
        if not definition:
            session.run("CREATE TABLE pairs (a text, b text)", action="")
        for part, its_rows in [*parts, *reversed(parts)]:
            form = CsvFormat(null=NULL)
            load_part(session, load_id, part, target, its_rows, form, RULES, silent, refuse)
        filled = [Filled(target, [part.number for part, _ in parts])]
        assert move(session, load_id, filled, RULES, str) == [len(rows)]
        assert move(session, load_id, filled, RULES, str) == [len(rows)]
        assert session.rows("SELECT a, b FROM pairs", action="") == [tuple(row) for row in rows]


RULES = Rules("error", truncate_first=False, max_errors=0, analyze=False, atomic=True)


def silent(_size_bytes: int, _lines: int) -> None:
    """Nobody watches."""


def refuse(rejects: Rejects) -> None:
    assert rejects.lines == []


@settings(max_examples=examples(300), deadline=None)
@given(rows=ROWS, ending=ENDINGS, edges=st.lists(st.integers(0, 2000), max_size=8))
def test_the_parts_of_a_file_are_its_rows_once_and_know_their_lines(
    rows: list[Row], ending: str, edges: list[int]
) -> None:
    body = written(rows, ending)
    parts = stretches(body, edges)
    assert b"".join(data for data, _ in parts) == body
    at = 0
    for data, first_line in parts:
        if data:
            assert first_line == body[:at].count(b"\n") + 1
        list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
        at += len(data)
    found = [
        row
        for data, _ in parts
        for row in csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    ]
    assert found == [[NULL if value is None else value for value in row] for row in rows]


@settings(max_examples=examples(300))
@given(
    st.binary(max_size=40).map(lambda b: re.sub(rb"[^a\"\n]", b"a", b))
    | st.text('a"\n').map(str.encode),
    st.booleans(),
)
def test_the_last_row_begins_where_walking_row_by_row_ends(data: bytes, inside: bool) -> None:
    at, now = 0, inside
    while (found := row_start(data, b'"', inside=now, at=at)) != -1:
        at, now = found, False
    assert last_row_start(data, b'"', inside=inside) == at


@settings(max_examples=examples(200))
@given(rows=ROWS, size=st.integers(1, 50))
def test_the_guard_lets_rows_pass_unchanged(rows: list[Row], size: int) -> None:
    body = written(rows)
    assert b"".join(guarded(chunked(body, size), b'"')) == body


@settings(deadline=None, max_examples=examples(80), suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(HARD, HARD), min_size=1, max_size=12),
    bad=st.integers(0, 11),
    ending=ENDINGS,
    size=st.integers(1, 60),
    fault=st.sampled_from([b'"x\n\r\ny","b","c"', b'x,"\n\r"', b'"a\nb\r\nc"']),
)
def test_the_line_of_a_bad_row_is_its_last_one(
    loads: Loads, rows: list[Row], bad: int, ending: str, size: int, fault: bytes
) -> None:
    """Held against what a real server says: its own count is another one."""
    assume(all(b != "\n\r" for _, b in rows))  # what the table's own check refuses
    good = [written([row], "") for row in rows]
    at = bad % (len(good) + 1)
    with_fault = [*good[:at], fault, *good[at:], b""]
    body = ending.encode().join(with_fault)
    message = refused_line(loads, body)
    if message is None:
        return
    lines = Lines(b'"')
    for chunk in chunked(body, size):
        lines.add(chunk)
    before = ending.encode().join([*good[:at], b""]) if at else b""
    assert lines.line(message) == (before + fault).count(b"\n") + 1
    begin, end = row_of_line(body, message, b'"')
    assert (begin, body[begin:end]) == (len(before), fault + ending.encode())


def refused_line(loads: Loads, body: bytes) -> int | None:
    connection: Any = loads.server.connect_as_admin(DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE pairs_of (a text, b text CHECK (b <> E'\\n\\r'))")
            cursor.copy_expert("COPY pairs_of FROM STDIN (FORMAT csv)", io.BytesIO(body))
    except psycopg2.Error as error:
        found = re.search(r"line (\d+)", error.diag.context or "")
        assert found
        return int(found[1])
    finally:
        connection.close()
    return None


@pytest.mark.parametrize("size", [1, 2, 3, 99])
def test_a_mark_within_the_data_is_data(size: int) -> None:
    """Only at the beginning of an object does U+FEFF stand for nothing."""
    body = "\ufeff\ufeffa,\ufeffb\n".encode()
    form = CsvFormat()
    for begins, expected in ((True, body[3:]), (False, body)):
        with feed(chunked(body, size), PLAIN, form, lambda *_: None, begins=begins) as fed:
            assert b"".join(iter(lambda: fed.read(1 << 20), b"")) == expected


def test_an_object_is_cut_into_about_equal_stretches() -> None:
    assert cut(100, cuttable=True, part_bytes=40) == [(0, 33), (33, 66), (66, 100)]
    assert cut(100, cuttable=False, part_bytes=40) == [(0, 100)]
    assert cut(0, cuttable=True, part_bytes=40) == [(0, 0)]
