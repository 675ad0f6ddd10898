"""Damage to what stands beside what is read: it changes later answers, or those of few operators.

A value's send function leaves parts of it out, an index is only searched, TOAST is fetched without
asking whether its chunks are there to stay, and a hint of a header is asked by few.
"""

import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace

from campaign.damage import Body, Damage, Expected, Surgery, overwrite, sealed
from campaign.damages.transactions import ABORTED, STATUS
from campaign.pages import (
    HEADER_BYTES,
    INFOMASK_AT,
    LOWER_AT,
    PAGE_BYTES,
    SPECIAL_AT,
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
    live_rows_in,
    number,
    rows_in,
)

_POLYGON = struct.pack("<i4d", 3, 1, 1, 0, 0)
"""Of ``((0,0),(1,1),(1,0))``: its number of points, and the box around them."""

GIST_SPECIAL_BYTES, GIST_RIGHT, GIST_FLAGS = 16, 8, 12
FOLLOW_RIGHT, GIST_LEAF = 8, 1
NOWHERE = 0xFFFFFFFF
INDEX_HEAD_BYTES = 8

HASH_OVERFLOW_POINT, HASH_SPARES = HEADER_BYTES + 36, HEADER_BYTES + 52
GIN_HEAD, GIN_TAIL, GIN_ROOM, GIN_VERSION = (HEADER_BYTES + at for at in (0, 4, 8, 48))
GIN_EMPTY, GIN_NULL = 2, 3
SPGIST_KNOWN, SPGIST_KNOWN_NUMBER = HEADER_BYTES + 4, 8
BRIN_LAST_MAP = HEADER_BYTES + 12
FAR_AWAY = 100_000
BLOOM_BEGIN, BLOOM_KNOWN = HEADER_BYTES + 4, HEADER_BYTES + 144
HAS_NULL_KEY = 0x8000


def _first(pages: PageFile, wanted: Callable[[bytes, Row], int]) -> tuple[int, bytes, int]:
    """The first place within a live row that ``wanted`` finds: block, page, offset."""
    for block in range(len(pages)):
        page = pages.read(block)
        for row in live_rows_in(page):
            at = wanted(page, row)
            if at >= 0:
                return block, page, at
    raise NothingChanged(f"nothing of the kind in {pages.path.name}")


def _holding(content: bytes) -> Callable[[bytes, Row], int]:
    return lambda page, row: page.find(content, row.data_at, row.at + row.length)


def _stretch_polygon(body: Body) -> None:
    pages = body.main("public.typed")
    block, _, at = _first(pages, _holding(_POLYGON))
    pages.change(block, at + 4, struct.pack("<d", 9))


def _shorten_special(body: Body) -> None:
    """A page of rows keeps its end for something else."""
    pages = body.main("sales.orders")
    block, _ = body.live_rows(pages)
    pages.change(block, SPECIAL_AT, (PAGE_BYTES - 512).to_bytes(2, "little"))


def _delete_chunk(body: Body) -> None:
    """By the transaction that wrote it. Whoever fetches a value does not ask."""
    pages = body.toast("public.late_documents")
    page = bytearray(pages.read(0))
    row = rows_in(page)[0]
    mask = number(page, row.at + INFOMASK_AT) & ~(XMAX_INVALID | XMAX_LOCK) | XMAX_COMMITTED
    page[row.at + INFOMASK_AT : row.at + INFOMASK_AT + 2] = mask.to_bytes(2, "little")
    page[row.at + XMAX_AT : row.at + XMAX_AT + 4] = page[row.at : row.at + 4]
    pages.write(0, bytes(page))


def _abort_chunks(body: Body) -> None:
    """Rows are marked as committed, their chunks ask what became of the transaction: aborted."""
    pages = body.toast("public.late_documents")
    page = pages.read(0)
    row = rows_in(page)[0]
    if number(page, row.at + INFOMASK_AT) & (XMIN_COMMITTED | XMIN_INVALID):
        raise NothingChanged("the chunks are marked")
    transaction = int.from_bytes(page[row.at + XMIN_AT : row.at + XMIN_AT + 4], "little")
    content = bytearray((body.data / STATUS).read_bytes())
    shift = transaction % 4 * 2
    content[transaction // 4] &= ~(3 << shift) & 0xFF
    content[transaction // 4] |= ABORTED << shift
    overwrite(body.data / STATUS, bytes(content))


def _fewer_spares(body: Body) -> None:
    """A hash index takes its last overflow page for one that is yet to come."""
    pages = body.main("public.readings_sensor")
    page = pages.read(0)
    (point,) = struct.unpack_from("<I", page, HASH_OVERFLOW_POINT)
    at = HASH_SPARES + 4 * point
    (spares,) = struct.unpack_from("<I", page, at)
    pages.change(0, at, struct.pack("<I", spares - 1))


def _stale_first(index: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(index)
        pages.write(0, body.old(pages).read(0))

    return surgery


def _cut_pending(body: Body) -> None:
    """The list of entries that are yet to be sorted in ends with its first page."""
    pages = body.main("public.articles_words")
    page = pages.read(0)
    if page[GIN_HEAD : GIN_HEAD + 4] == page[GIN_TAIL : GIN_TAIL + 4]:
        raise NothingChanged("the list has one page")
    pages.change(0, GIN_TAIL, page[GIN_HEAD : GIN_HEAD + 4] + bytes(4))


def _old_version(body: Body) -> None:
    body.main("public.articles_words").change(0, GIN_VERSION, bytes(4))


def _wordless(body: Body) -> None:
    """GIN's entry for texts without a word stands for NULL."""
    pages = body.main("public.articles_words")
    for block in range(1, len(pages)):
        page = pages.read(block)
        for at in range(HEADER_BYTES, number(page, LOWER_AT), 4):
            word = int.from_bytes(page[at : at + 4], "little")
            entry = word & 0x7FFF
            if not word >> 17 or not number(page, entry + 6) & HAS_NULL_KEY:
                continue
            # The head, a bitmap of NULLs with its padding, then what kind of NULL it is.
            if page[entry + 16] == GIN_EMPTY:
                return pages.change(block, entry + 16, bytes([GIN_NULL]))
    raise NothingChanged("no entry for texts without a word")


def _far_pages(body: Body) -> None:
    """The pages with room that an SP-GiST index remembers are not there."""
    pages = body.main("public.users_ip")
    place = struct.pack("<Ii", FAR_AWAY, 8000)
    pages.change(0, SPGIST_KNOWN, place * SPGIST_KNOWN_NUMBER)


def _no_map(body: Body) -> None:
    """A BRIN index has no map of its ranges: all of them count as not summarised."""
    body.main("public.readings_at").change(0, BRIN_LAST_MAP, bytes(4))


def _lower_end(body: Body) -> None:
    """The upper end of one number in a GiST index, which is its lower end too, is another."""
    pages = body.main("public.no_overlap")
    for block in range(len(pages)):
        page = pages.read(block)
        if page[PAGE_BYTES - GIST_SPECIAL_BYTES + GIST_FLAGS] & GIST_LEAF:
            for row in rows_in(page):
                if page[row.at + INDEX_HEAD_BYTES :].startswith(struct.pack("<ii", 15, 15)):
                    at = row.at + INDEX_HEAD_BYTES + 4
                    return pages.change(block, at, struct.pack("<i", -1))
    raise NothingChanged("no such room")


def _far_page(body: Body) -> None:
    """The one page with room that a bloom index remembers is not there."""
    pages = body.main("public.users_bloom")
    pages.change(0, BLOOM_BEGIN, struct.pack("<HH", 0, 1))
    pages.change(0, BLOOM_KNOWN, struct.pack("<I", FAR_AWAY))


def _zero_template(body: Body) -> None:
    """The functions of the template that takes no connections."""
    path = body.data / "base/4/1255"
    overwrite(path, bytes(path.stat().st_size))


def _follow_right(index: str) -> Surgery:
    """A leaf says that its right neighbour has no entry of its own above."""

    def surgery(body: Body) -> None:
        pages = body.main(index)
        for block in range(1, len(pages)):
            page = pages.read(block)
            special = PAGE_BYTES - GIST_SPECIAL_BYTES
            (right,) = struct.unpack_from("<I", page, special + GIST_RIGHT)
            if right not in (NOWHERE, 0) and page[special + GIST_FLAGS] & GIST_LEAF:
                return pages.flip(block, special + GIST_FLAGS, FOLLOW_RIGHT)
        raise NothingChanged("no leaf has a neighbour")

    return surgery


_CHECKSUMS = "pg_checksums"


def _other_checksums(body: Body) -> None:
    """Off where they were on, else on."""
    for way in ("--disable", "--enable"):
        ended = subprocess.run(
            [str(body.binaries.program(_CHECKSUMS)), way, str(body.data)],
            check=False,
            capture_output=True,
            cwd="/",
            **body.binaries.identity(),
        )
        if ended.returncode == 0:
            return
    raise NothingChanged("the checksums stayed as they were")


def _beside(name: str, what: str, surgery: Surgery, *words: str) -> Damage:
    return Damage(name, "beside", what, words, sealed(surgery))


def _later(damage: Damage) -> Damage:
    return replace(damage, expected=Expected.LATER)


def _stale(name: str, index: str) -> Damage:
    return _beside(
        f"{name}-first-stale",
        f"{index}: its first page is of long before",
        _stale_first(f"public.{index}"),
        index,
    )


def _said(
    name: str, what: str, word: str, *statements: str, database: str = "shop", since: int = 0
) -> Damage:
    return Damage(
        name, "beside", what, (word,), statements=statements, database=database, since=since
    )


DAMAGES = (
    _beside("polygon-box", "the box around a polygon is another", _stretch_polygon, "typed"),
    _later(_beside("page-special", "a page of rows ends early", _shorten_special, "orders")),
    _later(
        _beside(
            "chunk-deleted", "a chunk of a long value is deleted", _delete_chunk, "late_documents"
        )
    ),
    _beside(
        "chunks-aborted",
        "the chunks of long values are of an aborted transaction, their rows are not",
        _abort_chunks,
        "late_documents",
    ),
    _later(
        _beside("hash-spares", "a hash index has fewer pages", _fewer_spares, "readings_sensor")
    ),
    *(
        _stale(name, index)
        for name, index in (("hash", "users_token"), ("gist-spans", "users_visits"))
    ),
    *(
        _later(_stale(name, index))
        for name, index in (("hash-small", "readings_sensor"), ("gist", "users_home"))
    ),
    _later(
        _beside("gin-tail", "the list of new entries ends early", _cut_pending, "articles_words")
    ),
    _beside("gin-version", "a GIN index is of an old version", _old_version, "articles_words"),
    _beside("gin-wordless", "GIN takes texts without a word for NULL", _wordless, "articles_words"),
    _later(
        _beside(
            "spgist-pages", "SP-GiST remembers pages that are not there", _far_pages, "users_ip"
        )
    ),
    _later(_beside("brin-map", "a BRIN index has no map", _no_map, "readings_at")),
    _beside(
        "gist-follow-right",
        "a leaf of GiST is read twice",
        _follow_right("public.typed_circles"),
        "typed_circles",
    ),
    _beside(
        "gist-follow-right-spans",
        "a leaf of GiST over multiranges is read twice",
        _follow_right("public.typed_spans"),
        "typed_spans",
    ),
    _beside("gist-upper", "GiST has another upper end of a number", _lower_end, "no_overlap"),
    _later(
        _beside("bloom-page", "bloom remembers a page that is not there", _far_page, "users_bloom")
    ),
    _later(
        _beside(
            "template0-zero", "the functions of template0 are zeros", _zero_template, "template0"
        )
    ),
    _later(
        Damage(
            "checksums-other",
            "beside",
            "data checksums are off, or on",
            ("checksum",),
            _other_checksums,
            program=_CHECKSUMS,
        )
    ),
    _later(
        _said(
            "owner-forgotten",
            "pg_shdepend does not know that a role owns anything",
            "shop_owner",
            "DELETE FROM pg_shdepend WHERE refobjid = 'shop_owner'::regrole",
        )
    ),
    _later(
        _said(
            "template-language-lost",
            "new databases have no PL/pgSQL",
            "template1",
            "DROP EXTENSION plpgsql",
            database="template1",
        )
    ),
    _later(
        _said(
            "template-table",
            "new databases have a table",
            "template1",
            "CREATE TABLE stranger (a int)",
            database="template1",
        )
    ),
    _said(
        "membership-of-master-lost",
        "the master user is no member of a role any more",
        "auditor",
        "DELETE FROM pg_auth_members WHERE roleid = 'auditor'::regrole"
        " AND member = 'postgres'::regrole",
        since=16,
    ),
    _said(
        "built-in-schema-owner",
        "a clerk owns PostgreSQL's own schema",
        "pg_catalog",
        "UPDATE pg_namespace SET nspowner = 'clerk'::regrole WHERE nspname = 'pg_catalog'",
    ),
    *(
        _said(
            f"statistics-{name}",
            f"the frequencies in a column's statistics are {value}",
            "public.pairs",
            f"UPDATE pg_statistic SET stanumbers1 = {value}"
            " WHERE starelid = 'pairs'::regclass AND stakind1 = 1",
        )
        for name, value in (("null", "NULL"), ("of-null", "'{NULL}'"), ("of-rows", "'{{0.1}}'"))
    ),
    _said(
        "sequence-column-grant",
        "a clerk may read a column of a sequence",
        "invoice_numbers",
        "UPDATE pg_attribute SET attacl = '{clerk=r/postgres}'"
        " WHERE attrelid = 'invoice_numbers'::regclass AND attname = 'last_value'",
    ),
    _said(
        "sequence-column-type",
        "a column of a sequence has another type",
        "invoice_numbers",
        "UPDATE pg_attribute SET atttypid = 'float8'::regtype"
        " WHERE attrelid = 'invoice_numbers'::regclass AND attname = 'log_cnt'",
    ),
    _said(
        "login-trigger-denied",
        "pg_database denies that the database has a login trigger",
        "shop",
        "UPDATE pg_database SET dathasloginevt = false WHERE datname = 'shop'",
        since=17,
    ),
)
