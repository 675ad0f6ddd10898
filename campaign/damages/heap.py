"""Damage to the heap of a table: bits, pages, whole files."""

from campaign.damage import Body, Damage, Expected, Surgery, exchange, sealed
from campaign.pages import (
    ALL_VISIBLE,
    CHECKSUM_AT,
    CTID_AT,
    FLAGS_AT,
    HAS_NULLS,
    HEADER_BYTES,
    HINTS,
    HOFF_AT,
    INFOMASK2_AT,
    INFOMASK_AT,
    LOWER_AT,
    LSN_AT,
    NULLS_AT,
    PAGE_BYTES,
    POINTER_BYTES,
    POINTER_DEAD,
    POINTER_UNUSED,
    UPPER_AT,
    VERSION_AT,
    XMAX_AT,
    XMAX_COMMITTED,
    XMAX_INVALID,
    XMAX_LOCK,
    XMIN_AT,
    XMIN_COMMITTED,
    XMIN_INVALID,
    NothingChanged,
    PageFile,
    Row,
    number,
    rows_in,
)
from campaign.specimen import OTHER

USERS = "public.users"
ORDERS = "sales.orders"
SECTOR_BYTES = 512
FUTURE = 3_000_000
ROOM_BYTES = 16
FROZEN = XMIN_COMMITTED | XMIN_INVALID
PRUNE_AT = 20


def _page(body: Body, table: str = USERS) -> tuple[PageFile, int, bytes]:
    pages = body.main(table)
    block = body.middle(pages)
    return pages, block, pages.read(block)


def _row(body: Body, table: str = USERS) -> tuple[PageFile, int, bytes, Row]:
    """A visible row version of some page."""
    pages = body.main(table)
    block, rows = body.live_rows(pages)
    return pages, block, pages.read(block), rows[len(rows) // 2]


def _fewer_pointers(body: Body) -> None:
    """The last four line pointers are no longer there."""
    pages, block, page = _page(body)
    lower = number(page, LOWER_AT) - 4 * POINTER_BYTES
    pages.change(block, LOWER_AT, lower.to_bytes(2, "little"))


def _flip_version(body: Body) -> None:
    pages, block, _ = _page(body)
    pages.flip(block, VERSION_AT)


def _flip_data(body: Body) -> None:
    pages, block, _, row = _row(body)
    pages.flip(block, row.data_at + 14, 0x01)


def _flip_many(body: Body) -> None:
    for _ in range(10):
        pages, block, _, row = _row(body, ORDERS)
        pages.flip(block, row.data_at + body.chance.randrange(16), 0x01)


def _set_pointer(flags: int) -> Surgery:
    def surgery(body: Body) -> None:
        pages, block, page, row = _row(body)
        word = int.from_bytes(page[row.pointer_at : row.pointer_at + 4], "little")
        length = 0 if flags == POINTER_DEAD else word >> 17
        changed = (word & 0x7FFF) | flags << 15 | length << 17
        pages.change(block, row.pointer_at, changed.to_bytes(4, "little"))

    return surgery


def _shorten_row(body: Body) -> None:
    pages, block, page, row = _row(body)
    word = int.from_bytes(page[row.pointer_at : row.pointer_at + 4], "little")
    word -= 24 << 17
    pages.change(block, row.pointer_at, word.to_bytes(4, "little"))


def _exchange_pointers(body: Body) -> None:
    pages, block, page, row = _row(body)
    other = next(found for found in rows_in(page) if found.at != row.at)
    first, second = (page[found.pointer_at : found.pointer_at + 4] for found in (row, other))
    pages.change(block, row.pointer_at, second)
    pages.change(block, other.pointer_at, first)


def _set_xmin(body: Body) -> None:
    pages, block, _, row = _row(body)
    pages.change(block, row.at + XMIN_AT, FUTURE.to_bytes(4, "little"))


def _set_xmax(body: Body) -> None:
    """The row may carry the same transaction already, as one that has only locked it."""
    pages, block, page, row = _row(body)
    mask = number(page, row.at + INFOMASK_AT) & ~(XMAX_INVALID | XMAX_LOCK) | XMAX_COMMITTED
    changed = bytearray(page)
    changed[row.at + INFOMASK_AT : row.at + INFOMASK_AT + 2] = mask.to_bytes(2, "little")
    changed[row.at + XMAX_AT : row.at + XMAX_AT + 4] = page[row.at : row.at + 4]
    pages.write(block, bytes(changed))


def _set_infomask(body: Body) -> None:
    pages, block, page, row = _row(body)
    mask = number(page, row.at + INFOMASK_AT) & ~XMIN_COMMITTED | XMIN_INVALID
    pages.change(block, row.at + INFOMASK_AT, mask.to_bytes(2, "little"))


def _fewer_columns(body: Body) -> None:
    pages, block, page, row = _row(body)
    mask = number(page, row.at + INFOMASK2_AT)
    pages.change(block, row.at + INFOMASK2_AT, (mask - 1).to_bytes(2, "little"))


def _more_offset(body: Body) -> None:
    pages, block, page, row = _row(body)
    pages.change(block, row.at + HOFF_AT, bytes([page[row.at + HOFF_AT] + 8]))


def _flip_nulls(body: Body) -> None:
    pages = body.main(USERS)
    for block in range(len(pages)):
        page = pages.read(block)
        for row in rows_in(page):
            masks = number(page, row.at + INFOMASK_AT)
            if masks & HAS_NULLS and masks & XMAX_INVALID:
                pages.flip(block, row.at + NULLS_AT, 0x08)
                return
    raise NothingChanged("no row has a NULL")


def _forward_ctid(body: Body) -> None:
    pages, block, page, row = _row(body)
    pages.change(block, row.at + CTID_AT, (len(pages) - 1).to_bytes(4, "big")[2:] + b"\0\0")
    if page[row.at + CTID_AT : row.at + CTID_AT + 4] == pages.read(block)[row.at + CTID_AT :][:4]:
        raise NothingChanged("the row's own address stayed")


def _clear_hints(body: Body) -> None:
    """What a transaction has come to can always be looked up again, unless the row is frozen."""
    pages = body.main("public.newest")
    for block in range(len(pages)):
        page = bytearray(pages.read(block))
        for row in rows_in(page):
            mask = number(page, row.at + INFOMASK_AT)
            if mask & FROZEN != FROZEN:
                mask &= ~HINTS
                page[row.at + INFOMASK_AT : row.at + INFOMASK_AT + 2] = mask.to_bytes(2, "little")
                xmax = row.at + XMAX_AT
                page[xmax : xmax + 4] = bytes(4)
        pages.write(block, bytes(page))


def _set_lsn(high: int) -> Surgery:
    def surgery(body: Body) -> None:
        pages, block, _ = _page(body)
        halves = high.to_bytes(4, "little") + (0x28).to_bytes(4, "little")
        pages.change(block, LSN_AT, halves)

    return surgery


def _flip_checksum(body: Body) -> None:
    pages, block, _ = _page(body)
    pages.flip(block, CHECKSUM_AT)


def _fill_hole(body: Body) -> None:
    pages = body.main(USERS)
    for block in range(len(pages)):
        page = pages.read(block)
        room = number(page, UPPER_AT) - number(page, LOWER_AT)
        if room >= ROOM_BYTES:
            pages.change(block, number(page, LOWER_AT) + 8, b"garbage!")
            return
    raise NothingChanged("no page has a hole")


def _set_all_visible(body: Body) -> None:
    """A page with dead row versions: a sequential scan believes the flag and shows them."""
    pages = body.main(ORDERS)
    for block in range(len(pages)):
        page = pages.read(block)
        flags = number(page, FLAGS_AT)
        dead = [r for r in rows_in(page) if not number(page, r.at + INFOMASK_AT) & XMAX_INVALID]
        if dead and not flags & ALL_VISIBLE:
            pages.change(block, FLAGS_AT, (flags | ALL_VISIBLE).to_bytes(2, "little"))
            return
    raise NothingChanged("no page has dead row versions")


def _change_prune_hint(body: Body) -> None:
    pages, block, _ = _page(body)
    pages.change(block, PRUNE_AT, (3).to_bytes(4, "little"))


def _zero(where: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(USERS)
        last = len(pages) - 1
        pages.zero({"first": 0, "middle": body.middle(pages), "last": last}[where])

    return surgery


def _zero_file(body: Body) -> None:
    pages = body.main("public.payments_2025")
    for block in range(len(pages)):
        pages.zero(block)


def _truncate(part: float) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(USERS)
        pages.truncate(int((len(pages) - 1) * part) if part < 1 else len(pages) - 1)

    return surgery


def _differing(body: Body, table: str = USERS) -> tuple[PageFile, int, bytes, bytes]:
    """A page that has changed since the early copy, in both of its halves."""
    pages = body.main(table)
    old = body.old(pages)
    half = PAGE_BYTES // 2
    for block in range(1, min(len(pages), len(old))):
        now, then = pages.read(block), old.read(block)
        if now[HEADER_BYTES:half] != then[HEADER_BYTES:half] and now[half:] != then[half:]:
            return pages, block, now, then
    raise NothingChanged(f"no page of {table} has changed since the early copy")


def _stale_page(body: Body) -> None:
    pages, block, _, then = _differing(body)
    pages.write(block, then)


def _torn_page(body: Body) -> None:
    pages, block, now, then = _differing(body)
    pages.write(block, now[: PAGE_BYTES // 2] + then[PAGE_BYTES // 2 :])


def _stale_file(body: Body) -> None:
    body.make_stale(body.main(USERS).path)


def _swap_pages(body: Body) -> None:
    pages = body.main(USERS)
    pages.swap(2, len(pages) - 3)


def _double_page(body: Body) -> None:
    pages = body.main(USERS)
    pages.write(len(pages) - 3, pages.read(2))


def _repeat_last(body: Body) -> None:
    pages = body.main("public.pairs")
    pages.write(len(pages), pages.read(0))


def _append(content: bytes) -> Surgery:
    def surgery(body: Body) -> None:
        with body.main(USERS).path.open("ab") as file:
            file.write(content)

    return surgery


def _lose_file(body: Body) -> None:
    body.remove(body.main(USERS).path)


def _swap_files(body: Body) -> None:
    exchange(body.main("public.payments_2024").path, body.main("public.payments_2025").path)


def _swap_other_files(body: Body) -> None:
    exchange(body.main(USERS).path, body.main(ORDERS).path)


def _garbage(sectors: int) -> Surgery:
    def surgery(body: Body) -> None:
        pages, block, _ = _page(body)
        at = PAGE_BYTES - sectors * SECTOR_BYTES
        pages.change(block, at, body.chance.randbytes(sectors * SECTOR_BYTES))

    return surgery


def _ones(body: Body) -> None:
    pages, block, _ = _page(body)
    pages.write(block, b"\xff" * PAGE_BYTES)


def _zero_sector(body: Body) -> None:
    pages, block, _ = _page(body)
    pages.change(block, PAGE_BYTES - SECTOR_BYTES, bytes(SECTOR_BYTES))


def _hostile_name(body: Body) -> None:
    pages = body.main('Odd "Schéma" 100%.Täble {0} %s')
    pages.zero(body.middle(pages))


def _other_database(body: Body) -> None:
    pages = body.main("public.measures", OTHER)
    pages.zero(body.middle(pages))


def _stray_segment(body: Body) -> None:
    path = body.main(USERS).path
    body.data.joinpath(path.parent, f"{path.name}.1").write_bytes(bytes(PAGE_BYTES))


def _heap(name: str, what: str, surgery: Surgery, *words: str) -> Damage:
    return Damage(f"heap-{name}", "heap", what, words or (USERS,), surgery=surgery)


def _harmless(name: str, what: str, surgery: Surgery, *, checksums_tell: bool = False) -> Damage:
    """Harmless to what is answered; a checksum that no longer fits makes the page unreadable."""
    return Damage(
        f"heap-{name}",
        "harmless",
        what,
        ("public.users",) if checksums_tell else (),
        surgery,
        expected=Expected.FAILED if checksums_tell else Expected.HARMLESS,
        expected_without_checksums=Expected.HARMLESS,
    )


_ORDERS = "sales.orders"

DAMAGES = (
    _heap("fewer-pointers", "a page's header knows of fewer rows", _fewer_pointers),
    Damage(
        "heap-flip-version",
        "heap",
        "a page's version is wrong; without a checksum nobody looks at it",
        (USERS,),
        _flip_version,
        expected_without_checksums=Expected.UNSEEN,
    ),
    _heap("flip-data", "a bit of a row is flipped", _flip_data),
    _heap("flip-data-sealed", "the same, under a checksum that fits", sealed(_flip_data)),
    _heap("flip-many", "ten bits of ten rows are flipped", _flip_many, _ORDERS),
    _heap("pointer-unused", "a line pointer is unused", _set_pointer(POINTER_UNUSED)),
    _heap("pointer-unused-sealed", "the same, sealed", sealed(_set_pointer(POINTER_UNUSED))),
    _heap("pointer-dead-sealed", "a line pointer is dead", sealed(_set_pointer(POINTER_DEAD))),
    _heap("pointer-short-sealed", "a line pointer is too short", sealed(_shorten_row)),
    _heap("pointers-exchanged", "two rows have each other's address", sealed(_exchange_pointers)),
    _heap("xmin-future", "a row's xmin lies in the future", _set_xmin),
    _heap("xmin-future-sealed", "the same, sealed", sealed(_set_xmin)),
    _heap("xmax-set", "a row is deleted by a transaction that never did", sealed(_set_xmax)),
    _heap("infomask", "a row's transaction counts as aborted", _set_infomask),
    _heap("infomask-sealed", "the same, sealed", sealed(_set_infomask)),
    _heap("fewer-columns", "a row has a column less", sealed(_fewer_columns)),
    _heap("row-header", "a row's data begin elsewhere", sealed(_more_offset)),
    _heap("null-bitmap", "a value is NULL or no longer is", sealed(_flip_nulls)),
    _heap("all-visible", "dead row versions are shown again", sealed(_set_all_visible), _ORDERS),
    _heap("zero-first", "the first page reads as zeros", _zero("first")),
    _heap("zero-middle", "a page reads as zeros", _zero("middle")),
    _heap("zero-last", "the last page reads as zeros", _zero("last")),
    _heap("zero-file", "a partition reads as zeros", _zero_file, "public.payments_2025"),
    _heap("truncated-half", "the second half is gone", _truncate(0.5)),
    _heap("truncated-page", "the last page is gone", _truncate(1)),
    _heap("truncated-all", "the file is empty", _truncate(0)),
    _heap("stale-page", "a page is as it was long before", _stale_page),
    _heap("torn-page", "a page is half of now, half of then", _torn_page),
    _heap("torn-page-sealed", "the same, sealed", sealed(_torn_page)),
    _heap("stale-file", "the file is as it was long before", _stale_file),
    _heap("swapped-pages", "two pages have changed places", _swap_pages),
    _heap("swapped-pages-sealed", "the same, sealed", sealed(_swap_pages)),
    _heap("doubled-page", "a page is there twice, another is not", _double_page),
    _heap("doubled-page-sealed", "the same, sealed", sealed(_double_page)),
    _heap("repeated-page", "a page is there once more", sealed(_repeat_last), "public.pairs"),
    _heap("lost-file", "the file is gone", _lose_file),
    _heap(
        "swapped-partitions", "two partitions' files are swapped", _swap_files, "public.payments"
    ),
    _heap("swapped-tables", "two tables' files are swapped", _swap_other_files),
    _heap("garbage-sector", "a sector is garbage", _garbage(1)),
    _heap("garbage-page", "a page is garbage", _garbage(16)),
    _heap("garbage-sealed", "half a page is garbage, sealed", sealed(_garbage(8))),
    _heap("ones", "a page reads as ones", _ones),
    _heap("zero-sector", "a sector reads as zeros", _zero_sector),
    _heap("zero-sector-sealed", "the same, sealed", sealed(_zero_sector)),
    _heap("hostile-name", "a page of a table with a hostile name", _hostile_name, "Täble {0} %s"),
    _heap("other-database", "a page in the other database", _other_database, "public.measures"),
    _harmless("hole", "a page's unused space", _fill_hole, checksums_tell=True),
    _harmless("hole-sealed", "the same, sealed", sealed(_fill_hole)),
    _harmless("checksum", "a page's checksum itself", _flip_checksum, checksums_tell=True),
    _harmless("lsn-past", "a page's LSN is of long ago", sealed(_set_lsn(0))),
    _harmless("hint-bits", "hint bits are gone", sealed(_clear_hints)),
    _harmless("prune-hint", "a page's hint for pruning", sealed(_change_prune_hint)),
    _harmless("ctid-of-live-row", "what no live row's ctid is used for", sealed(_forward_ctid)),
    _harmless("appended-zeros", "three empty pages at the end", _append(bytes(3 * PAGE_BYTES))),
    _harmless("appended-half-page", "half a page at the end", _append(b"x" * (PAGE_BYTES // 2))),
    _harmless("stray-segment", "a second segment that nothing leads to", _stray_segment),
    Damage(
        "heap-lsn-future",
        "unseen",
        "a page's LSN lies far in the future",
        surgery=sealed(_set_lsn(0x7F000000)),
        expected=Expected.UNSEEN,
    ),
)
