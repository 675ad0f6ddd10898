"""Damage to values that lie out of line: their chunks, their index, what leads to them."""

from typing import Literal

from campaign.damage import Body, Damage, Surgery, sealed
from campaign.pages import PageFile

DOCUMENTS = "sales.documents"
SEQUENCE_AT = 4
"""Of a chunk's number within its data, after the value's id."""

Which = Literal["chunks", "index"]


def _file(body: Body, which: Which) -> PageFile:
    return body.toast(DOCUMENTS) if which == "chunks" else body.toast_index(DOCUMENTS)


def _zero(which: Which) -> Surgery:
    def surgery(body: Body) -> None:
        pages = _file(body, which)
        pages.zero(body.middle(pages))

    return surgery


def _truncate(which: Which) -> Surgery:
    def surgery(body: Body) -> None:
        pages = _file(body, which)
        pages.truncate(len(pages) // 2)

    return surgery


def _stale(which: Which) -> Surgery:
    return lambda body: body.make_stale(_file(body, which).path)


def _lose(which: Which) -> Surgery:
    return lambda body: body.remove(_file(body, which).path)


def _swap(which: Which) -> Surgery:
    def surgery(body: Body) -> None:
        pages = _file(body, which)
        pages.swap(1, len(pages) // 2)

    return surgery


def _flip_chunk(body: Body) -> None:
    pages = body.toast(DOCUMENTS)
    block, rows = body.live_rows(pages)
    pages.flip(block, rows[0].data_at + 100, 0x01)


def _renumber_chunk(body: Body) -> None:
    pages = body.toast(DOCUMENTS)
    block, rows = body.live_rows(pages)
    pages.flip(block, rows[0].data_at + SEQUENCE_AT, 0x20)


def _strand_value(body: Body) -> None:
    """A row ends with its last value's pointer: the value's id, then the oid of the TOAST table."""
    pages = body.main(DOCUMENTS)
    block, rows = body.live_rows(pages)
    pages.flip(block, rows[0].at + rows[0].length - 8, 0x40)


def _toast(name: str, what: str, surgery: Surgery) -> Damage:
    return Damage(f"toast-{name}", "toast", what, (DOCUMENTS,), surgery)


DAMAGES = (
    _toast("flip", "a bit of a chunk is flipped", _flip_chunk),
    _toast("flip-sealed", "the same, under a checksum that fits", sealed(_flip_chunk)),
    _toast("chunk-number", "a chunk has another number", sealed(_renumber_chunk)),
    _toast("stranded", "a row leads to a value that is not there", sealed(_strand_value)),
    _toast("zero", "a page of chunks reads as zeros", _zero("chunks")),
    _toast("truncated", "half of the chunks are gone", _truncate("chunks")),
    _toast("stale", "the chunks are as they were long before", _stale("chunks")),
    _toast("swapped-pages", "two pages of chunks are swapped", _swap("chunks")),
    _toast("lost", "the file of the chunks is gone", _lose("chunks")),
    _toast("index-zero", "a page of the index reads as zeros", _zero("index")),
    _toast("index-stale", "the index is as it was long before", _stale("index")),
    _toast("index-truncated", "half of the index is gone", _truncate("index")),
    _toast("index-lost", "the file of the index is gone", _lose("index")),
)
