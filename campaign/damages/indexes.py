"""The same damages to an index of each kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaign.damage import Body, Damage, Expected, Surgery, sealed
from campaign.pages import (
    HEADER_BYTES,
    LOWER_AT,
    PAGE_BYTES,
    UPPER_AT,
    NothingChanged,
    PageFile,
    number,
    rows_in,
)

SPECIAL_BYTES = 128
"""More than any kind of index keeps at its pages' end."""

GIN_FLAGS_AT = PAGE_BYTES - 2
GIN_DATA, GIN_LEAF, GIN_DELETED, GIN_PENDING = 1, 2, 4, 16
ROOT = 1
EACH = 5
"""Some entries lead to rows that are dead: one of so many is damaged, all over a page."""

_USERS = "public.users"


@dataclass(frozen=True)
class Kind:
    """An index and its table.

    Attributes:
        at, mask: a byte within an entry, and the bits of it, that make another key.
    """

    index: str
    table: str
    at: int
    mask: int


_LAST_OF_EIGHT, _HIGH = 8 + 7, 0x40
_OF_TEXT = 8 + 3

KINDS = {
    "btree": Kind("sales.orders_user_id", "sales.orders", _LAST_OF_EIGHT, _HIGH),
    "unique": Kind("public.users_email_key", _USERS, _OF_TEXT, 0x02),
    "hash": Kind("public.users_token", _USERS, 8 + 3, _HIGH),
    "gin": Kind("public.users_tags", _USERS, 8 + 1, 0x02),
    "gin-trigrams": Kind("public.users_name_trigrams", _USERS, 8 + 1, 0x02),
    "gist": Kind("public.users_home", _USERS, _LAST_OF_EIGHT, _HIGH),
    "spgist": Kind("public.users_ip", _USERS, 16 + 4, _HIGH),
    "brin": Kind("public.readings_at", "public.readings", _LAST_OF_EIGHT, _HIGH),
    "bloom": Kind("public.users_bloom", _USERS, 0, 0),
}


def _zero(index: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(index)
        pages.zero(_with_entries(index, pages, len(pages) // 2))

    return surgery


def _zero_first(index: str) -> Surgery:
    return lambda body: body.main(index).zero(0)


def _flip(index: str) -> Surgery:
    """Another key in each fifth entry of a page."""
    (kind,) = [kind for kind in KINDS.values() if kind.index == index]

    def surgery(body: Body) -> None:
        pages = body.main(index)
        block = _with_keys(index, pages, len(pages) // 2)
        page = bytearray(pages.read(block))
        if not kind.mask:
            page[HEADER_BYTES : number(page, LOWER_AT)] = _without_bits(page)
        else:
            for row in rows_in(page)[1::EACH]:
                page[row.at + kind.at] ^= kind.mask
        pages.write(block, bytes(page))

    return surgery


def _without_bits(page: bytearray) -> bytes:
    """The signatures of bloom have no line pointers: half of all bits are lost."""
    return bytes(byte & 0x55 for byte in page[HEADER_BYTES : number(page, LOWER_AT)])


def _truncate(index: str) -> Surgery:
    """From the last page that holds entries on; hash keeps empty ones behind it."""

    def surgery(body: Body) -> None:
        pages = body.main(index)
        pages.truncate(_filled(index, pages)[-1])

    return surgery


def _stale(index: str) -> Surgery:
    return lambda body: body.make_stale(body.main(index).path)


def _lose(index: str) -> Surgery:
    return lambda body: body.remove(body.main(index).path)


def _swap(index: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(index)
        last = _filled(index, pages)[-1]
        pages.swap(last, ROOT if last != ROOT else ROOT + 1)

    return surgery


_GIN = {KINDS["gin"].index, KINDS["gin-trigrams"].index}


def _with_entries(index: str, pages: PageFile, wanted: int) -> int:
    """The first page from the wanted one on that holds entries."""
    return _from(wanted, _filled(index, pages))


def _with_keys(index: str, pages: PageFile, wanted: int) -> int:
    """The same; of GIN a page of keys, not of the rows that belong to one."""
    filled = _filled(index, pages)
    if index in _GIN:
        filled = [block for block in filled if _is_of_keys(pages.read(block))]
    return _from(wanted, filled)


def _from(wanted: int, blocks: Sequence[int]) -> int:
    if not blocks:
        raise NothingChanged("no page of the index holds entries")
    return next((block for block in blocks if block >= wanted), blocks[-1])


def _filled(index: str, pages: PageFile) -> list[int]:
    """The pages behind the first one that hold entries which are still in use."""
    found = [block for block in range(1, len(pages)) if _has_items(pages.read(block))]
    if index not in _GIN:
        return found
    return [block for block in found if _is_in_use(pages.read(block))]


def _has_items(page: bytes) -> bool:
    """Entries fill a page from its end, those of bloom from its beginning."""
    return 0 < number(page, UPPER_AT) < PAGE_BYTES - SPECIAL_BYTES or (
        number(page, LOWER_AT) > SPECIAL_BYTES
    )


def _is_in_use(page: bytes) -> bool:
    """GIN keeps new entries in a list at first, and marks its pages as deleted later."""
    return not number(page, GIN_FLAGS_AT) & (GIN_DELETED | GIN_PENDING)


def _is_of_keys(page: bytes) -> bool:
    flags = number(page, GIN_FLAGS_AT)
    return not flags & GIN_DATA and bool(flags & GIN_LEAF)


_WAYS = {
    "zero": ("a page reads as zeros", _zero),
    "zero-first": ("its first page reads as zeros", _zero_first),
    "flip": ("keys have a bit flipped", _flip),
    "flip-sealed": (
        "keys have a bit flipped, under a checksum that fits",
        lambda index: sealed(_flip(index)),
    ),
    "truncated": ("its end is gone", _truncate),
    "stale": ("it is as it was long before", _stale),
    "lost": ("its file is gone", _lose),
    "swapped-pages": ("two pages have changed places, sealed", lambda i: sealed(_swap(i))),
}


_HARMLESS = {"bloom-swapped-pages"}
"""The pages of a bloom index stand in no order, and nothing leads to one of them by its number."""


def _all() -> Iterator[Damage]:
    for name, kind in KINDS.items():
        for way, (what, make) in _WAYS.items():
            yield Damage(
                name=f"{name}-{way}",
                family=f"index {name}",
                what=f"{kind.index}: {what}",
                words=(kind.index.split(".", 1)[1],),
                surgery=make(kind.index),
                or_words=(kind.table,),
                expected=Expected.HARMLESS if f"{name}-{way}" in _HARMLESS else Expected.FAILED,
            )


DAMAGES = tuple(_all())
