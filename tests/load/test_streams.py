"""What stands between the object and COPY gives the same, however its chunks are cut."""

import bz2
import gzip
import threading
from collections.abc import Callable, Iterator

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.errors import BadData
from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading import header, infer
from lambdas.load.reading.end_of_data import refuse_marks
from lambdas.load.reading.inflate import compression_of, inflated
from lambdas.load.reading.readahead import read_ahead
from lambdas.load.reading.sample import header_line
from lambdas.load.reading.transcode import as_utf8
from tests.examples import examples

SIZES = st.integers(1, 40)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstandard": zstd.compress,
}


def chunked(body: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


@settings(max_examples=examples(60))
@given(
    members=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=3),
    size=SIZES,
    how=st.sampled_from(["gzip", "bzip2", "zstandard"]),
    padding=st.integers(0, 50),
)
def test_what_was_compressed_comes_out(
    members: list[bytes], size: int, how: str, padding: int
) -> None:
    body = b"".join(PACKERS[how](member) for member in members) + bytes(padding)
    assert compression_of(body) == how
    assert b"".join(inflated(chunked(body, size), how)) == b"".join(members)


@settings(max_examples=examples(60))
@given(st.binary(max_size=300), SIZES, st.sampled_from(["gzip", "bzip2", "zstandard"]), st.data())
def test_what_is_cut_off_anywhere_is_never_taken_for_whole(
    member: bytes, size: int, how: str, data: st.DataObject
) -> None:
    body = PACKERS[how](member)
    end = data.draw(st.integers(1, len(body) - 1))
    with pytest.raises(BadData, match="truncated"):
        b"".join(inflated(chunked(body[:end], size), how))


@pytest.mark.parametrize("text", [b"", b"BZhang", b"BZh9", b"a,b", b"\x1f", b"(\xc2\xb5/"])
def test_text_is_not_taken_for_compressed(text: bytes) -> None:
    assert compression_of(text) == "none"


ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "utf-8-sig"]


@settings(max_examples=examples(100))
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    size=SIZES,
    encoding=st.sampled_from(ENCODINGS),
    mark=st.booleans(),
)
def test_any_text_is_utf_8_in_the_end(text: str, size: int, encoding: str, mark: bool) -> None:
    """One mark at the beginning goes, whether the codec writes it or the file has it."""
    body = (("\ufeff" if mark else "") + text).encode(encoding)
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    message = b"".join(as_utf8(chunked(body, size), name)).decode()
    written = mark + (encoding in ("utf-16", "utf-32", "utf-8-sig"))
    assert message in (
        {text.removeprefix("\ufeff")}
        if not written
        else {text, "\ufeff" + text, text.removeprefix("\ufeff")}
    )


@settings(max_examples=examples(60))
@given(st.lists(st.text("aäਅ\n", max_size=9), max_size=9), SIZES, st.integers(1, 50))
def test_bytes_that_are_not_of_the_encoding_are_told_by_line(
    texts: list[str], size: int, first_line: int
) -> None:
    """U+0A05 holds the byte of a newline in UTF-16."""
    good = "".join(texts)
    line = first_line + good.count("\n")
    for encoding, bad in (("utf-16-be", b"\xdc\x00"), ("shift_jis", b"\xff"), ("gb18030", b"\xff")):
        usable = good.encode(encoding, errors="ignore").decode(encoding)
        chunks = chunked(usable.encode(encoding) + bad + usable.encode(encoding), size)
        with pytest.raises(
            BadData, match=rf"^line {line} holds bytes that are not {encoding}; give"
        ):
            list(as_utf8(chunks, encoding, first_line=first_line))


def test_what_the_source_raises_is_raised_where_it_is_read() -> None:
    def source() -> Iterator[bytes]:
        yield b"a"
        raise BadData("so")

    with read_ahead(source()) as chunks:
        assert next(chunks) == b"a"
        with pytest.raises(BadData, match="so"):
            next(chunks)


def test_who_stops_reading_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with read_ahead(b"x" for _ in range(10_000)) as chunks:
        next(chunks)
    assert threading.active_count() == before


def test_only_so_much_is_read_ahead() -> None:
    taken: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"x"

    with read_ahead(source(), depth=3) as chunks:
        next(chunks)
        threading.Event().wait(0.3)
        assert len(taken) <= 6


@settings(max_examples=examples(100))
@given(
    st.lists(
        st.text(min_size=1, max_size=9).filter(lambda n: "\0" not in n), min_size=1, max_size=5
    ),
    st.sampled_from(
        [CsvFormat(), CsvFormat(";"), CsvFormat(escape="\\"), CsvFormat("\t", "'", "'")]
    ),
)
def test_a_header_that_is_written_is_read(names: list[str], form: CsvFormat) -> None:
    try:
        line = header_line(names, form)
    except UnicodeEncodeError:
        return
    if form.escape == form.quote and not any("\r" in name for name in names):
        assert header.names_in(line + b"1,2\n", form, whole=False) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b'id,"no\nte"\n', ["id", "no\nte"]),
        (b'id,"a\\"\nb\\\\"\n', ["id", 'a"\nb\\']),
        (b'id,"a,b"\n', ["id", "a,b"]),
    ],
)
def test_a_header_ends_behind_its_quotes_where_another_character_escapes(
    line: bytes, names: list[str]
) -> None:
    form = CsvFormat(escape="\\")
    assert header.names_in(line + b'1,"2\n', form, whole=False) == names
    with pytest.raises(BadData, match="does not end"):
        header.names_in(line[:-1], form, whole=False)


@pytest.mark.parametrize(
    ("body", "whole", "said"),
    [
        (b"", True, "empty"),
        (b"\n", True, "empty"),
        (b"a" * 20, False, "does not end within 1 MiB"),
        (b"\xff,a\n", True, "give format.encoding"),
        (b"a,\0\n", True, "zero byte"),
    ],
)
def test_what_is_no_header_is_told(body: bytes, whole: bool, said: str) -> None:
    with pytest.raises(BadData, match=said):
        header.names_in(body, CsvFormat(), whole=whole)


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        (["bigint", "bigint"], "bigint"),
        (["bigint", "numeric"], "numeric"),
        (["bigint", "text"], "text"),
        (["date", "timestamp"], "text"),
    ],
)
def test_objects_agree_on_a_type(kinds: list[str], kind: str) -> None:
    assert infer.common(kinds) == kind


@pytest.mark.parametrize(
    ("text", "whole", "rows"),
    [
        (b"h\n1\n2", True, [[b"1"], [b"2"]]),
        (b"h\n1\n2", False, [[b"1"]]),
        (b"h\n1\n2\n", False, [[b"1"], [b"2"]]),
        (b'h\n"a\nb"\n', True, [[b'"a\nb"']]),
        (b'h\n1\n"a\n', False, [[b"1"]]),
        (b'h\n5" pipe\n2\n6" pipe\n', True, [[b'5" pipe\n2\n6" pipe']]),
    ],
)
def test_a_sample_has_no_row_that_is_cut_off(
    text: bytes, whole: bool, rows: list[list[bytes]]
) -> None:
    assert infer.sample(text, CsvFormat(), whole=whole) == rows


@pytest.mark.parametrize(
    ("fields", "kind"),
    [([b"1", b""], "bigint"), ([b"1", b'""'], "text"), ([b'"1"'], "bigint"), ([b""], "text")],
)
def test_what_stands_for_null_is_a_value_where_it_is_quoted(fields: list[bytes], kind: str) -> None:
    assert infer.types([[field] for field in fields], 1, CsvFormat()) == [kind]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a,b\n1,2\n\\.\n3,4\n", 3),
        (b"a\r\n\\.\r\n3\r\n", 2),
        (b"\\.\n", 1),
        (b"a\n\\.", 2),
    ],
)
def test_a_mark_that_would_end_the_copy_is_refused(size: int, data: bytes, line: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    with pytest.raises(BadData, match=rf"^line {line} is "):
        list(refuse_marks(chunks, 1))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_what_only_looks_like_that_mark_is_passed_on(size: int) -> None:
    data = b'a\\.\n"\\."\n\\..\n,\\.\n'
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(refuse_marks(chunks, 1)) == data
