"""Pages of PostgreSQL's relation files, as bytes: where things stand in them, and their checksum.

After ``storage/bufpage.h``, ``access/htup_details.h`` and ``storage/checksum_impl.h``.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = 8192
HEADER_BYTES = 24
POINTER_BYTES = 4

LSN_AT, CHECKSUM_AT, FLAGS_AT, LOWER_AT, UPPER_AT, SPECIAL_AT, VERSION_AT = 0, 8, 10, 12, 14, 16, 18
XMIN_AT, XMAX_AT, CTID_AT, INFOMASK2_AT, INFOMASK_AT, HOFF_AT, NULLS_AT = 0, 4, 12, 18, 20, 22, 23
"""Within a page's header, and within a row version's."""

HAS_NULLS = 0x0001
XMIN_COMMITTED, XMIN_INVALID, XMAX_COMMITTED, XMAX_INVALID = 0x0100, 0x0200, 0x0400, 0x0800
XMAX_LOCK = 0x0010 | 0x0040 | 0x0080 | 0x1000
"""What says that ``xmax`` has locked the row only, how, or that it is several transactions."""
HINTS = XMIN_COMMITTED | XMIN_INVALID | XMAX_COMMITTED | XMAX_INVALID

POINTER_UNUSED, POINTER_NORMAL, POINTER_DEAD = 0, 1, 3
ALL_VISIBLE = 0x0004
"""``PD_ALL_VISIBLE``, in a page's flags."""

_SUMS = 32
_PRIME = 16777619
_WORD = 0xFFFFFFFF
_OFFSETS = (
    *(0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2),
    *(0x83E13D2C, 0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C),
    *(0xF718902A, 0x0B1C9CDB, 0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979),
    *(0xCCA6C0B2, 0x304A0979, 0x85AA43D4, 0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E),
    *(0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756),
)


def checksum(page: bytes, block: int) -> int:
    """The data checksum that PostgreSQL would write into the page."""
    clean = page[:CHECKSUM_AT] + b"\0\0" + page[CHECKSUM_AT + 2 :]
    words = struct.unpack(f"<{PAGE_BYTES // 4}I", clean)
    sums = list(_OFFSETS)
    for start in range(0, len(words), _SUMS):
        _stir(sums, words[start : start + _SUMS])
    for _ in range(2):
        _stir(sums, (0,) * _SUMS)
    result = block
    for value in sums:
        result ^= value
    return result % 65535 + 1


def _stir(sums: list[int], words: tuple[int, ...]) -> None:
    for number, word in enumerate(words):
        mixed = sums[number] ^ word
        sums[number] = ((mixed * _PRIME) & _WORD) ^ (mixed >> 17)


def number(page: bytes | bytearray, at: int) -> int:
    """An unsigned number of 16 bits."""
    return int.from_bytes(page[at : at + 2], "little")


@dataclass(frozen=True)
class Row:
    """Where a row version stands in its page."""

    pointer_at: int
    at: int
    length: int
    data_at: int


def rows_in(page: bytes | bytearray) -> list[Row]:
    """The row versions that the page's line pointers lead to."""
    found = []
    for at in range(HEADER_BYTES, number(page, LOWER_AT), POINTER_BYTES):
        word = int.from_bytes(page[at : at + POINTER_BYTES], "little")
        offset, flags, length = word & 0x7FFF, word >> 15 & 3, word >> 17
        if flags == POINTER_NORMAL and length:
            found.append(Row(at, offset, length, offset + page[offset + HOFF_AT]))
    return found


def live_rows_in(page: bytes | bytearray) -> list[Row]:
    """The row versions that nobody has deleted or locked, committed for all to see."""
    return [row for row in rows_in(page) if _is_live(number(page, row.at + INFOMASK_AT))]


def _is_live(masks: int) -> bool:
    return bool(masks & XMAX_INVALID) and bool(masks & XMIN_COMMITTED)


class NothingChanged(RuntimeError):
    """A damage that left every byte as it was is no damage: the campaign itself is at fault."""


@dataclass
class PageFile:
    """One segment of a relation's fork.

    Attributes:
        path: of the file.
        sealed: whether a changed page gets the checksum that fits it, as if memory had gone wrong
            before the page was written.
    """

    path: Path
    sealed: bool = False

    def __len__(self) -> int:
        return self.path.stat().st_size // PAGE_BYTES

    def read(self, block: int) -> bytes:
        """One page."""
        with self.path.open("rb") as file:
            file.seek(block * PAGE_BYTES)
            return file.read(PAGE_BYTES)

    def write(self, block: int, page: bytes) -> None:
        """Put a page in the place of another.

        Raises:
            NothingChanged: it is the same.
        """
        if self.sealed:
            page = with_checksum(page, block)
        if block < len(self) and page == self.read(block):
            raise NothingChanged(f"block {block} of {self.path.name} stayed as it was")
        with self.path.open("r+b") as file:
            file.seek(block * PAGE_BYTES)
            file.write(page)

    def change(self, block: int, at: int, new: bytes) -> None:
        """Put some bytes in the place of others."""
        page = self.read(block)
        self.write(block, page[:at] + new + page[at + len(new) :])

    def flip(self, block: int, at: int, mask: int = 0x10) -> None:
        """Flip the bits of one byte."""
        self.change(block, at, bytes([self.read(block)[at] ^ mask]))

    def zero(self, block: int) -> None:
        """Make the page read as zeros."""
        self.write(block, bytes(PAGE_BYTES))

    def swap(self, one: int, other: int) -> None:
        """Each of two pages is where the other should be."""
        first, second = self.read(one), self.read(other)
        self.write(one, second)
        self.write(other, first)

    def truncate(self, pages: int) -> None:
        """Cut the file off."""
        if pages >= len(self):
            raise NothingChanged(f"{self.path.name} has {len(self)} pages")
        with self.path.open("r+b") as file:
            file.truncate(pages * PAGE_BYTES)


def with_checksum(page: bytes, block: int) -> bytes:
    """The page with the checksum that fits it."""
    seal = checksum(page, block).to_bytes(2, "little")
    return page[:CHECKSUM_AT] + seal + page[CHECKSUM_AT + 2 :]
