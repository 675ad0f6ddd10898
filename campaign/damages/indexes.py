"""The same damages to an index of each kind; and ghosts in B-trees, entries too many."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from campaign import leaves
from campaign.damage import Body, Damage, Expected, Surgery, sealed
from campaign.leaves import Entry, Place
from campaign.pages import (
    ALL_VISIBLE,
    FLAGS_AT,
    HEADER_BYTES,
    LOWER_AT,
    PAGE_BYTES,
    POINTER_BYTES,
    UPPER_AT,
    NothingChanged,
    PageFile,
    live_rows_in,
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


@dataclass(frozen=True)
class _Haunted:
    """A B-tree that gets an entry too many, and its table."""

    index: str
    table: str
    what: str
    surgery: Callable[[str, str], Surgery]


def _under_another_key(index: str, table: str) -> Surgery:
    """A live row gets a second entry, under the key of another."""

    def surgery(body: Body) -> None:
        pages, live = body.main(index), _live_in(body.main(table))
        for block in leaves.blocks(pages):
            page = pages.read(block)
            places = [place for entry in leaves.entries_in(page) for place in entry.places]
            for entry in leaves.lonely(page):
                others = [place for place in places if place in live and entry.takes(place)]
                if others and leaves.has_room(page, entry):
                    pages.write(block, leaves.with_ghost(page, entry, body.chance.choice(others)))
                    return
        raise NothingChanged(f"no leaf of {index} has room")

    return surgery


def _under_a_new_key(index: str, table: str) -> Surgery:
    """A live row gets a second entry, under a number that follows the greatest."""

    def surgery(body: Body) -> None:
        live = sorted(_live_in(body.main(table)))
        _append(body.main(index), body.chance.choice(live))

    return surgery


def _to_nothing(index: str, table: str) -> Surgery:
    """To no row, on a page all of whose rows all see: an index-only scan does not look there."""

    def surgery(body: Body) -> None:
        heap = body.main(table)
        for block in range(len(heap)):
            page = heap.read(block)
            if number(page, FLAGS_AT) & ALL_VISIBLE:
                behind = (number(page, LOWER_AT) - HEADER_BYTES) // POINTER_BYTES + 1
                _append(body.main(index), (block, behind))
                return
        raise NothingChanged(f"no page of {table} is all-visible")

    return surgery


def _append(pages: PageFile, place: Place) -> None:
    """Behind the last entry of the last leaf, whose key begins with a small number."""
    block = next(b for b in leaves.blocks(pages) if leaves.is_last(pages.read(b)))
    page = pages.read(block)
    last = leaves.entries_in(page)[-1]
    key = bytearray(last.key)
    key[:4] = (int.from_bytes(key[:4], "little") + 1).to_bytes(4, "little")
    ghost = Entry(last.position + 1, bytes(key), (place,), last.flags)
    pages.write(block, leaves.with_entry(page, ghost))


def _live_in(heap: PageFile) -> set[Place]:
    return {
        (block, (row.pointer_at - HEADER_BYTES) // POINTER_BYTES + 1)
        for block in range(len(heap))
        for row in live_rows_in(heap.read(block))
    }


_HAUNTED = {
    "btree-ghost": _Haunted(
        KINDS["btree"].index,
        KINDS["btree"].table,
        "a row is found under another's key, too",
        _under_another_key,
    ),
    "partial-ghost": _Haunted(
        "public.users_lower",
        _USERS,
        "of some rows, over an expression: one is found under another's key, too",
        _under_another_key,
    ),
    "unique-ghost": _Haunted(
        "public.articles_pkey",
        "public.articles",
        "a row is found under a key that none has",
        _under_a_new_key,
    ),
    "unique-ghost-of-nothing": _Haunted(
        "public.payments_2024_pkey",
        "public.payments_2024",
        "an index-only scan gives a row that is not there",
        _to_nothing,
    ),
}


def _ghosts() -> Iterator[Damage]:
    for name, haunted in _HAUNTED.items():
        yield Damage(
            name=name,
            family="index unique" if name.startswith("unique") else "index btree",
            what=f"{haunted.index}: {haunted.what}",
            words=(haunted.index, "more than its table holds"),
            surgery=sealed(haunted.surgery(haunted.index, haunted.table)),
        )


DAMAGES = (*_all(), *_ghosts())
