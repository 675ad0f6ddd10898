"""Everything the server is fed is UTF-8 without a byte order mark."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from lambdas.errors import BadData
from lambdas.load.csv_format import UTF_8

_BOM = codecs.BOM_UTF8
_MARK = "\ufeff"


def as_utf8(
    chunks: Iterable[bytes], encoding: str, *, begins: bool = True, first_line: int = 1
) -> Iterator[bytes]:
    """The chunks in UTF-8, without a byte order mark.

    Args:
        encoding: a codec of Python, by its normal name; UTF-8 itself is passed on and left for
            the server to check.
        begins: whether a file begins with them; elsewhere the mark is a character as others.
        first_line: the number of the first line, for messages.

    Raises:
        BadData: bytes that the encoding does not know, with the line.
    """
    if encoding != UTF_8:
        return _transcoded(chunks, encoding, _MARK if begins else "", first_line)
    return _without_mark(iter(chunks)) if begins else iter(chunks)


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= len(_BOM):
            break
    if rest := first.removeprefix(_BOM):
        yield rest
    yield from chunks


def _transcoded(
    chunks: Iterable[bytes], encoding: str, mark: str, first_line: int
) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = first_line
    for chunk in chain(chunks, [b""]):
        state = decoder.getstate()
        try:
            text = decoder.decode(chunk, final=not chunk)
            data = text.removeprefix(mark).encode()
        except UnicodeError:
            decoder.setstate(state)
            line += _lines_before_the_fault(decoder, chunk)
            raise BadData(
                f"line {line} holds bytes that are not {encoding}; give format.encoding"
            ) from None
        if data:
            yield data
        mark = "" if text else mark
        line += text.count("\n")


def _lines_before_the_fault(decoder: codecs.IncrementalDecoder, chunk: bytes) -> int:
    """Halve the chunk until the fault is found: not every codec tells where it is."""
    good, bad, lines, state = 0, len(chunk), 0, decoder.getstate()
    while bad - good > 1:
        middle = (good + bad) // 2
        decoder.setstate(state)
        try:
            lines = decoder.decode(chunk[:middle]).count("\n")
            good = middle
        except UnicodeError:
            bad = middle
    return lines
