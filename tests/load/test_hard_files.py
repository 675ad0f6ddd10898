"""Every file that is CSV to somebody comes in whole; any other is refused, and the reason told."""

import bz2
import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from backports import zstd

from lambdas.errors import BadData
from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading.feed import feed
from lambdas.load.reading.inflate import GZIP, PLAIN, inflated
from lambdas.load.reading.rows import LONGEST_ROW_BYTES
from tests.load.conftest import PART_MIB, TINY, Loads

TWO_COLUMNS = "CREATE TABLE t (id int, note text)"
ONE_ROW = [(1, "x")]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b'id,note\n1,"a\nb\r\nc"\n', [(1, "a\nb\r\nc")]),
        (b'id,note\n1,"say ""no"" twice"\n', [(1, 'say "no" twice')]),
        (b'id,note\n1,"a,b"\n', [(1, "a,b")]),
        (b'id,note\r\n1,x\r\n2,"y\r\nz"\r\n', [(1, "x"), (2, "y\r\nz")]),
        (b"id,note\r1,x\r2,y\r", [(1, "x"), (2, "y")]),
        (b"\xef\xbb\xbfid,note\n1,x\n", ONE_ROW),
        (b'\xef\xbb\xbf"id",note\n1,x\n', ONE_ROW),
        (b"id,note\n1,x", ONE_ROW),
        (b'id,note\n1,"x"', ONE_ROW),
        (b"id,note\r\n1,x", ONE_ROW),
        (b"id,note\n", []),
        (b"id,note", []),
        (b'id,note\n1,\n2,""\n', [(1, None), (2, "")]),
        (b"id,note\n1,\\N\n2,\\\n", [(1, "\\N"), (2, "\\")]),
        (b"id,note\n1,\\.\n2,y\n", [(1, "\\."), (2, "y")]),
        ("id,note\n1,żółć 🐘\n".encode(), [(1, "żółć 🐘")]),
        (b'"id","note"\n"1","x"\n', ONE_ROW),
        (b'"id","no""te"\n1,x\n', None),
    ],
)
def test_a_file_comes_in_as_it_is(loads: Loads, body: bytes, rows: list[Any] | None) -> None:
    loads.make('CREATE TABLE t (id int, "no""te" text)' if rows is None else TWO_COLUMNS)
    loads.put(body)
    result = loads.step_through()
    expected = ONE_ROW if rows is None else rows
    assert loads.rows() == expected
    assert (result["rows"], result["rejected"]) == (len(expected), 0)
    assert result["bytes"] > 0


@pytest.mark.parametrize(
    ("form", "body", "rows"),
    [
        ({"delimiter": ";"}, b"id;note\n1;a,b\n", [(1, "a,b")]),
        ({"delimiter": "\t"}, b"id\tnote\n1\ta b\n", [(1, "a b")]),
        ({"delimiter": "|"}, b'id|note\n1|"a|b"\n', [(1, "a|b")]),
        ({"delimiter": "\x1f"}, b"id\x1fnote\n1\x1fx\n", ONE_ROW),
        ({"delimiter": "\x01"}, b"id\x01note\n1\x01x\n", ONE_ROW),
        ({"delimiter": "'"}, b"id'note\n1'x\n", ONE_ROW),
        ({"delimiter": "\\"}, b"id\\note\n1\\x\n", ONE_ROW),
        ({"quote": "'"}, b"id,note\n1,'a\nb''c\"d'\n", [(1, "a\nb'c\"d")]),
        ({"quote": "\x02"}, b'id,note\n1,\x02"\n\x02\n', [(1, '"\n')]),
        ({"escape": "\\"}, b'id,note\n1,"a\\"b\\\\\nc"\n', [(1, 'a"b\\\nc')]),
        ({"escape": "\\"}, b'id,"no\nte"\n1,"\\""\n', [(1, '"')]),
        ({"null": "NULL"}, b'id,note\n1,NULL\n2,"NULL"\n3,\n', [(1, None), (2, "NULL"), (3, "")]),
        ({"null": "\\N"}, b"id,note\n1,\\N\n", [(1, None)]),
        ({"header": False}, b"1,x\n", ONE_ROW),
        ({"encoding": "utf-16"}, "id,note\n1,ä🐘\n".encode("utf-16"), [(1, "ä🐘")]),
        ({"encoding": "utf-16"}, b"\xfe\xff" + "id,note\n1,ä\n".encode("utf-16-be"), [(1, "ä")]),
        ({"encoding": "utf-16-le"}, "\ufeffid,note\n1,ä\n".encode("utf-16-le"), [(1, "ä")]),
        ({"encoding": "latin-1"}, "id,note\n1,ä\n".encode("latin-1"), [(1, "ä")]),
        ({"encoding": "windows-1252"}, "id,note\n1,€\n".encode("cp1252"), [(1, "€")]),
        ({"encoding": "shift_jis"}, "id,note\n1,表\n".encode("shift_jis"), [(1, "表")]),
        ({"encoding": "UTF8"}, "id,note\n1,ä\n".encode(), [(1, "ä")]),
        ({"encoding": "utf-8-sig"}, "\ufeffid,note\n1,ä\n".encode(), [(1, "ä")]),
    ],
)
def test_a_format_is_read_as_declared(
    loads: Loads, form: dict[str, Any], body: bytes, rows: list[Any]
) -> None:
    loads.make('CREATE TABLE t (id int, "no\nte" text)' if b'"no\n' in body else TWO_COLUMNS)
    loads.put(body)
    loads.step_through(format=form)
    assert loads.rows() == rows


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"id,note\n1,x\n2,a\0b\n", ["line 3", "zero byte"]),
        ("id,note\n1,x\n2,ä\n".encode("latin-1"), ["line 3", "not of the encoding"]),
        ("id,ä\n1,x\n".encode("latin-1"), ["line 1", "not utf-8", "give format.encoding"]),
        (b"", ["empty", "no header"]),
        (b"\xef\xbb\xbf", ["empty", "no header"]),
        (b"id,note\n1,x\n2,y,z\n", ["line 3", "more or fewer fields"]),
        (b"id,note\n1,x\n2\n", ["line 3", "more or fewer fields"]),
        (b'id,note\n1,x\n2,"y\n', ["line 3", "never closed"]),
        (b"id,note\n1,x\n2,y\r\n", ["line 3"]),
    ],
)
def test_a_file_that_is_broken_is_refused_with_the_line(
    loads: Loads, body: bytes, said: list[str]
) -> None:
    loads.make(TWO_COLUMNS)
    loads.put(body)
    cause = loads.step_through()
    for word in ["data.csv", *said]:
        assert word in cause
    assert loads.rows() == []


def test_a_table_of_1600_columns_is_loaded(loads: Loads) -> None:
    names = [f"a_column_with_a_long_name_{number:037}" for number in range(1600)]
    loads.make(f"CREATE TABLE t ({', '.join(f'{name} text' for name in names)})")
    values = [str(number % 10) for number in range(1600)]
    loads.put(",".join(reversed(names)).encode() + b"\n" + ",".join(values).encode())
    loads.step_through()
    assert list(loads.rows()[0]) == values[::-1]


def endless(size_bytes: int) -> Iterator[bytes]:
    yield b'id,note\n1,x\n2,"'
    for _ in range(size_bytes >> 20):
        yield b"z\n" * (1 << 19)


@pytest.mark.parametrize("compression", [PLAIN, GZIP])
def test_a_field_of_200_mb_is_refused_and_not_held(compression: str) -> None:
    chunks = endless(200 << 20)
    if compression == GZIP:
        chunks = gzipped(chunks)
    tracemalloc.start()
    with pytest.raises(BadData, match="begins in line 3 does not end within 64 MiB"):
        read_all(chunks, compression)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20


def read_all(chunks: Iterator[bytes], compression: str) -> None:
    with feed(chunks, compression, CsvFormat(), lambda *_: None) as data:
        while data.read(1 << 20):
            pass


def gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(1, wbits=31)
    for chunk in chunks:
        yield deflater.compress(chunk)
    yield deflater.flush()


def test_a_load_with_a_field_that_is_too_large_is_refused(loads: Loads) -> None:
    loads.make(TWO_COLUMNS)
    loads.put(
        gzip.compress(b'id,note\n1,x\n2,"' + bytes(b"z" * (LONGEST_ROW_BYTES + (4 << 20))), 1)
    )
    cause = loads.step_through()
    said = (
        "data.csv: the row that begins in line 3 does not end within 64 MiB, column note: a field"
    )
    assert said in cause
    assert loads.rows() == []


def test_a_large_field_comes_in(loads: Loads) -> None:
    loads.make(TWO_COLUMNS)
    loads.put(gzip.compress(b'id,note\n1,"' + b'""\n' * (4 << 20) + b'"\n', 1))
    loads.step_through()
    assert loads.sql("SELECT length(note) FROM t") == [(8 << 20,)]


PLAIN_BODY = b"id,note\n" + b"".join(b"%d,note %d\n" % (n, n) for n in range(20_000))


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(PLAIN_BODY),
        gzip.compress(PLAIN_BODY[:70_001]) + gzip.compress(PLAIN_BODY[70_001:]),
        gzip.compress(PLAIN_BODY) + gzip.compress(b""),
        gzip.compress(PLAIN_BODY) + bytes(3000),
        bz2.compress(PLAIN_BODY),
        bz2.compress(PLAIN_BODY[:70_001]) + bz2.compress(PLAIN_BODY[70_001:]),
        zstd.compress(PLAIN_BODY),
        zstd.compress(PLAIN_BODY[:70_001]) + zstd.compress(PLAIN_BODY[70_001:]),
        gzip.compress("\ufeff".encode() + PLAIN_BODY),
    ],
    ids=["gzip", "members", "empty member", "zeros", "bzip2", "streams", "zstd", "frames", "bom"],
)
def test_compression_is_told_by_the_content(loads: Loads, body: bytes) -> None:
    loads.make(TWO_COLUMNS)
    loads.put(body)
    assert loads.step_through()["rows"] == 20_000
    assert loads.sql("SELECT count(*), sum(id) FROM t") == [(20_000, 199_990_000)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(PLAIN_BODY)[:-1], "truncated"),
        (gzip.compress(PLAIN_BODY)[:20_000], "truncated"),
        (bz2.compress(PLAIN_BODY)[:-5], "truncated"),
        (zstd.compress(PLAIN_BODY)[:-5], "truncated"),
        (gzip.compress(PLAIN_BODY)[:-8] + bytes(8), "damaged"),
        (b"\x1f\x8b\x08\x00" + b"garbage" * 90, "damaged"),
        (gzip.compress(PLAIN_BODY) + b"garbage", "damaged"),
        (bz2.compress(PLAIN_BODY)[:5000] + bytes(5000), "damaged"),
        (zstd.compress(PLAIN_BODY)[:5000] + b"garbage" * 9000, "damaged"),
    ],
)
def test_a_damaged_object_is_refused_and_nothing_of_it_loaded(
    loads: Loads, body: bytes, said: str
) -> None:
    loads.make(TWO_COLUMNS)
    loads.put(body)
    cause = loads.step_through()
    assert said in cause
    assert "data.csv" in cause
    assert loads.rows() == []


def test_a_name_that_looks_like_bzip2_is_text(loads: Loads) -> None:
    loads.make('CREATE TABLE t ("BZhang" text)')
    loads.put(b"BZhang\nx\n")
    loads.step_through()
    assert loads.rows() == [("x",)]


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "zstandard"])
def test_a_bomb_stays_in_constant_memory(compression: str) -> None:
    """64 MiB of zeros are a few hundred bytes of zstandard."""
    deflate: dict[str, Any] = {
        "gzip": zlib.compressobj(9, wbits=31),
        "bzip2": bz2.BZ2Compressor(),
        "zstandard": zstd.ZstdCompressor(),
    }
    packer = deflate[compression]
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    size = sum(len(chunk) for chunk in inflated([bomb], compression))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 64 << 20
    assert peak < 16 << 20


def test_a_file_is_whole_however_it_is_cut(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quoted newlines, doubled quotes and long fields lie across every cut."""
    monkeypatch.setenv(PART_MIB, TINY)
    loads.make(TWO_COLUMNS)
    odd = ['a\n""b', "x" * 900, "\r\n", '""', "\n" * 50, '""""\n,']
    rows = [(n, odd[n % len(odd)] * (n % 5)) for n in range(500)]
    text = "".join(f'{n},"{note}"\n' for n, note in rows)
    loads.put(b"\xef\xbb\xbfid,note\n" + text.encode())
    result = loads.step_through()
    assert result["rows"] == 500
    assert loads.rows() == [(n, note.replace('""', '"')) for n, note in rows]
    states = [state for state, _, _ in loads.cloud.functions.invocations]
    assert states.count("LoadPart") == states.count("SurveyPart") > 8
