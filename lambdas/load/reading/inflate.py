"""gzip, bzip2 and zstandard, known by their first bytes and never by a name."""

import bz2
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from lambdas.errors import BadData
from lambdas.load.reading.readahead import CHUNK_BYTES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP = "gzip"
BZIP2 = "bzip2"
ZSTANDARD = "zstandard"
PLAIN = "none"

_MAGIC = {
    GZIP: re.compile(rb"\x1f\x8b\x08"),
    # "BZh" alone may begin a text; after it stand the level and the magic of a block or of the end.
    BZIP2: re.compile(rb"BZh[1-9](?:\x31\x41\x59\x26\x53\x59|\x17\x72\x45\x38\x50\x90)"),
    ZSTANDARD: re.compile(rb"\x28\xb5\x2f\xfd"),
}
MAGIC_BYTES = 10
"""As much of an object's beginning tells how it is compressed."""


class _Inflater(Protocol):
    """What bz2 and zstd share, and :class:`_Gzip` imitates: output bounded, input kept."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib in the manner of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail and not self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


_INFLATERS: dict[str, Callable[[], _Inflater]] = {
    GZIP: _Gzip,
    BZIP2: bz2.BZ2Decompressor,
    ZSTANDARD: zstd.ZstdDecompressor,
}
_ERRORS = (zlib.error, OSError, EOFError, zstd.ZstdError)


def compression_of(first_bytes: bytes) -> str:
    """How an object is compressed, by its first bytes; ``none`` when it is not."""
    found = [name for name, magic in _MAGIC.items() if magic.match(first_bytes)]
    return found[0] if found else PLAIN


def inflated(chunks: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """The chunks without their compression, at most ``CHUNK_BYTES`` each, whatever they unpack to.

    A stream of several members is read to its end.

    Raises:
        BadData: the compressed data are damaged, or end in the middle.
    """
    if compression == PLAIN:
        return iter(chunks)
    return _inflate(iter(chunks), compression)


def _inflate(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    while (first := next(chunks, None)) is not None:
        if not first.strip(b"\0"):
            continue  # padding after the last member, as tape and some tools leave it
        inflater = _INFLATERS[compression]()
        yield from _member(inflater, chain([first], chunks), compression)
        if inflater.unused_data:
            chunks = chain([inflater.unused_data], chunks)


def _member(inflater: _Inflater, chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    data = b""
    try:
        while not inflater.eof:
            if inflater.needs_input:
                data = next(chunks)
            out = inflater.decompress(data, CHUNK_BYTES)
            data = b""
            if out:
                yield out
    except StopIteration:
        raise BadData(
            f"the {compression} data end in the middle: the object is truncated; write it once more"
        ) from None
    except _ERRORS:
        raise BadData(f"the {compression} data are damaged; write the object once more") from None
