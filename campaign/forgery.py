"""A value changes, and nothing of the transaction that changed it is left.

An UPDATE on a copy is found by any comparison of row versions: it leaves a young one. What a fault
below PostgreSQL, or a tool that writes pages, leaves behind is the old version with another value.
So the UPDATE is done, and its new version is put in the old one's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql

from campaign.pages import (
    CTID_AT,
    HEADER_BYTES,
    INFOMASK2_AT,
    INFOMASK_AT,
    LOWER_AT,
    POINTER_BYTES,
    XMAX_AT,
    XMAX_COMMITTED,
    XMAX_INVALID,
    XMIN_AT,
    XMIN_COMMITTED,
    NothingChanged,
    PageFile,
    Row,
    number,
    rows_in,
)
from local.postgres import PostgresServer

_UPDATED = 0x2000
_HOT_UPDATED, _HEAP_ONLY = 0x4000, 0x8000
_KEYS_UPDATED = 0x2000
_POINTER_NUMBER = (
    "SELECT split_part(trim('()' FROM ctid::text), ',', {})::int FROM {} WHERE id = %s"
)


@dataclass(frozen=True)
class _Place:
    """Where a row version is: its block, and its line pointer's number, from 1."""

    block: int
    pointer: int


def forge(
    server: PostgresServer,
    data: Path,
    database: str,
    statements: Sequence[str],
    row: tuple[str, int],
) -> None:
    """Run the statements, stop the server, and make the row's change look like no change.

    Args:
        server: running; it is stopped afterwards.
        row: the table and the ``id`` of the one row that changes.

    Raises:
        NothingChanged: the row is as it was, or has moved to another page.
    """
    table, key = row
    with server.admin(database) as cursor:
        cursor.execute("SELECT pg_relation_filepath(%s)", [table])
        path = data / cursor.fetchone()[0]
        before = _place(cursor, table, key)
        for statement in statements:
            cursor.execute(statement)
        after = _place(cursor, table, key)
    server.stop()
    if before == after or before.block != after.block:
        raise NothingChanged(f"the row of {table} was not rewritten in its page")
    pages = PageFile(path, sealed=True)
    page = pages.read(before.block)
    pages.write(before.block, _in_place(page, before, after))


def _place(cursor: Any, table: str, key: int) -> _Place:
    found = []
    for part in (1, 2):
        statement = sql.SQL(_POINTER_NUMBER).format(sql.Literal(part), sql.Identifier(table))
        cursor.execute(statement, [key])
        found.append(cursor.fetchone()[0])
    return _Place(*found)


def _in_place(page: bytes, before: _Place, after: _Place) -> bytes:
    changed = bytearray(page)
    old, new = _row(page, before), _row(page, after)
    if page[old.data_at : old.at + old.length] == page[new.data_at : new.at + new.length]:
        raise NothingChanged("the row holds the same bytes")
    changed[new.at + XMIN_AT : new.at + XMIN_AT + 4] = page[old.at + XMIN_AT : old.at + XMIN_AT + 4]
    changed[new.at + XMAX_AT : new.at + XMAX_AT + 4] = bytes(4)
    address = before.block.to_bytes(4, "little")
    block_halves = address[2:] + address[:2]
    changed[new.at + CTID_AT : new.at + CTID_AT + 6] = block_halves + before.pointer.to_bytes(
        2, "little"
    )
    masks = number(page, new.at + INFOMASK_AT) & ~_UPDATED & ~XMAX_COMMITTED
    masks |= XMIN_COMMITTED | XMAX_INVALID
    changed[new.at + INFOMASK_AT : new.at + INFOMASK_AT + 2] = masks.to_bytes(2, "little")
    more = number(page, new.at + INFOMASK2_AT) & ~_HOT_UPDATED & ~_HEAP_ONLY & ~_KEYS_UPDATED
    changed[new.at + INFOMASK2_AT : new.at + INFOMASK2_AT + 2] = more.to_bytes(2, "little")
    changed[old.pointer_at : old.pointer_at + 4] = page[new.pointer_at : new.pointer_at + 4]
    changed[new.pointer_at : new.pointer_at + 4] = bytes(4)
    return bytes(changed)


def _row(page: bytes, place: _Place) -> Row:
    at = HEADER_BYTES + POINTER_BYTES * (place.pointer - 1)
    if at >= number(page, LOWER_AT):
        raise NothingChanged("the row is not in its page")
    (found,) = [row for row in rows_in(page) if row.pointer_at == at]
    return found
