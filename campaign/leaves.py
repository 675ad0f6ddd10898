"""The leaf pages of B-trees, as bytes: their entries, and how one more comes among them.

After ``access/nbtree.h`` and ``access/itup.h``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from campaign.pages import (
    HEADER_BYTES,
    LOWER_AT,
    PAGE_BYTES,
    POINTER_BYTES,
    POINTER_NORMAL,
    UPPER_AT,
    NothingChanged,
    PageFile,
    number,
)

NEXT_AT, FLAGS_AT = PAGE_BYTES - 12, PAGE_BYTES - 4
LEAF, DELETED, HALF_DEAD = 1, 4, 16

PLACE_BYTES = 6
HEAD_BYTES = 8
"""An entry's head: the place of its row, then its length and flags."""
LENGTH, IS_LIST = 0x1FFF, 0x2000
"""A list leads to several rows of one key: instead of a place, its head says where they begin."""
ROWS = 0x0FFF

Place = tuple[int, int]
"""The block and the number of a row, its ``ctid``."""


@dataclass(frozen=True)
class Entry:
    """A key, and the places of its rows in order.

    Attributes:
        position: among the page's line pointers, from 0.
        flags: whether there are NULLs and values of any length.
    """

    position: int
    key: bytes
    places: tuple[Place, ...]
    flags: int

    def takes(self, place: Place) -> bool:
        """Whether an entry of the same key for this row stands before or behind it."""
        return place < self.places[0] or place > self.places[-1]

    @property
    def content(self) -> bytes:
        """As an entry for the first row alone."""
        block, item = self.places[0]
        parts = (block >> 16, block & 0xFFFF, item, self.flags | HEAD_BYTES + len(self.key))
        return b"".join(part.to_bytes(2, "little") for part in parts) + self.key


def blocks(pages: PageFile) -> Iterator[int]:
    """Of the leaves that are in use."""
    for block in range(1, len(pages)):
        if number(pages.read(block), FLAGS_AT) & (LEAF | DELETED | HALF_DEAD) == LEAF:
            yield block


def is_last(page: bytes) -> bool:
    """Whether no leaf stands to the right of it; any other begins with its upper bound."""
    return not int.from_bytes(page[NEXT_AT : NEXT_AT + 4], "little")


def entries_in(page: bytes) -> list[Entry]:
    """In the index's order."""
    first = 0 if is_last(page) else 1
    found = []
    for position in range(first, (number(page, LOWER_AT) - HEADER_BYTES) // POINTER_BYTES):
        at = HEADER_BYTES + POINTER_BYTES * position
        word = int.from_bytes(page[at : at + POINTER_BYTES], "little")
        offset, flags, length = word & 0x7FFF, word >> 15 & 3, word >> 17
        if flags == POINTER_NORMAL:
            found.append(_entry(position, page[offset : offset + length]))
    return found


def _entry(position: int, content: bytes) -> Entry:
    info = number(content, PLACE_BYTES)
    flags = info & ~(LENGTH | IS_LIST)
    if not info & IS_LIST:
        return Entry(position, content[HEAD_BYTES:], (_place(content, 0),), flags)
    begin, item = _place(content, 0)
    places = tuple(_place(content, begin + PLACE_BYTES * n) for n in range(item & ROWS))
    return Entry(position, content[HEAD_BYTES:begin], places, flags)


def _place(content: bytes, at: int) -> Place:
    high, low, item = (number(content, at + part) for part in (0, 2, 4))
    return high << 16 | low, item


def lonely(page: bytes) -> list[Entry]:
    """Those beside which no other on this page or the next has the same key."""
    found = entries_in(page)
    return [
        entry
        for before, entry, behind in zip(found, found[1:], found[2:], strict=False)
        if entry.key not in {before.key, behind.key}
    ]


def has_room(page: bytes, entry: Entry) -> bool:
    """Whether the page takes one more of its length."""
    free = number(page, UPPER_AT) - number(page, LOWER_AT)
    return free >= POINTER_BYTES + len(entry.content)


def with_ghost(page: bytes, entry: Entry, place: Place) -> bytes:
    """The page with the entry's key for another row as well; rows of one key stand in order.

    Raises:
        NothingChanged: it has no room.
    """
    behind = entry.position + (place > entry.places[-1])
    return with_entry(page, replace(entry, places=(place,), position=behind))


def with_entry(page: bytes, entry: Entry) -> bytes:
    """The page with one entry more at its position.

    Raises:
        NothingChanged: it has no room.
    """
    if not has_room(page, entry):
        raise NothingChanged("the leaf has no room")
    content = entry.content
    lower, upper = number(page, LOWER_AT), number(page, UPPER_AT) - len(content)
    pointer = upper | POINTER_NORMAL << 15 | len(content) << 17
    at = HEADER_BYTES + POINTER_BYTES * entry.position
    changed = bytearray(page)
    changed[at : lower + POINTER_BYTES] = pointer.to_bytes(POINTER_BYTES, "little") + page[at:lower]
    changed[upper : upper + len(content)] = content
    changed[LOWER_AT : LOWER_AT + 2] = (lower + POINTER_BYTES).to_bytes(2, "little")
    changed[UPPER_AT : UPPER_AT + 2] = upper.to_bytes(2, "little")
    return bytes(changed)
