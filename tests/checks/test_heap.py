"""A row that does not lie whole in its block is found, though reading it gives no error."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.arena import Source, Taken
from campaign.pages import CHECKSUM_AT, checksum
from lambdas.drill.checks.files import heap
from lambdas.drill.units import Claim, Status
from local.damage import PAGE_BYTES
from tests.checks.physical import (
    Damage,
    assert_wrong,
    examined,
    hide_tools,
    path_of,
    prepared,
    together,
    zeroed,
)

DATABASE = "heap"
SECRET = "nobody may read this in a report"
RANGE_BYTES = 64 * 1024

_SETUP = (
    "CREATE TABLE plain (id int, body text)",
    f"INSERT INTO plain SELECT i, '{SECRET}' || i FROM generate_series(1, 3000) i",
    'CREATE TABLE "od d%s" (body text)',
    'ALTER TABLE "od d%s" ALTER body SET STORAGE EXTERNAL',
    "INSERT INTO \"od d%s\" SELECT repeat('x', 9000 + i) FROM generate_series(1, 30) i",
    "CREATE MATERIALIZED VIEW seen AS TABLE plain",
    "CREATE TABLE updated AS TABLE plain",
    "UPDATE updated SET id = -id WHERE id % 3 = 0",
    "DELETE FROM updated WHERE id % 7 = 0",
    "VACUUM (FREEZE) updated",
    "UPDATE updated SET body = '' WHERE id % 5 = 0",
    "CREATE TABLE empty (id int)",
    "CREATE UNLOGGED TABLE fleeting (id int)",
)


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    with prepared(source, DATABASE, _SETUP) as (found, _):
        yield found


def shortened(path: str, block: int, number: int, data_bytes: int = 16) -> Damage:
    """A line pointer that ends before its row does, under a checksum that fits."""

    def damage(data: Path) -> None:
        with (data / path).open("r+b") as file:
            file.seek(block * PAGE_BYTES)
            page = bytearray(file.read(PAGE_BYTES))
            at = 24 + 4 * (number - 1)
            word = int.from_bytes(page[at : at + 4], "little") - (data_bytes << 17)
            page[at : at + 4] = word.to_bytes(4, "little")
            page[CHECKSUM_AT : CHECKSUM_AT + 2] = checksum(bytes(page), block).to_bytes(2, "little")
            file.seek(block * PAGE_BYTES)
            file.write(page)

    return damage


def test_rows_that_lie_whole_are_proven_and_nothing_is_said_without_the_tool(
    copied: Taken,
) -> None:
    with copied.restored() as copy:
        found = examined(copied, copy, "heap", DATABASE)
        assert all((r.status, r.claim) == (Status.OK, Claim.PROVEN) for r in found.values()), found
        assert {"public.plain", "public.seen", "the system catalogs"} <= found.keys()
        assert "public.fleeting" not in found

        hide_tools(copy, DATABASE)
        (result,) = examined(copied, copy, "heap", DATABASE).values()
    assert (result.status, result.notes) == (Status.EXEMPT, (heap.WITHOUT_TOOL,))


def test_a_row_cut_short_is_found_with_its_place_and_without_its_value(copied: Taken) -> None:
    """In a table, in TOAST, in a catalog; a page that can't be read hides no other table's."""
    source = copied.source
    paths = [
        path_of(source, DATABASE, name)
        for name in ("plain", toast_of(source), "pg_catalog.pg_description", "seen")
    ]
    damage = together(
        *(shortened(path, 1, 2) for path in paths),
        *(shortened(paths[0], 1, number) for number in range(3, 9)),
    )
    with copied.restored(damage=damage) as copy:
        found = examined(copied, copy, "heap", DATABASE)
    assert_wrong(found["public.plain"], "public.plain: block 1, tuple 2, attribute", "the source")
    assert len(found["public.plain"].findings) == heap.SHOWN
    assert "one of 7 findings" in found["public.plain"].findings[0]
    assert_wrong(found['public."od d%s"'], "pg_toast", "block 1, tuple 2")
    assert_wrong(found["public.seen"], "block 1, tuple 2")
    assert_wrong(found["the system catalogs"], "pg_catalog.pg_description: block 1, tuple 2")
    assert not [text for r in found.values() for text in r.findings if SECRET[:6] in text]
    assert found["public.updated"].status is Status.OK


def test_each_range_of_a_large_table_is_looked_at(
    copied: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heap, "RANGE_BYTES", RANGE_BYTES)
    path = path_of(copied.source, DATABASE, "plain")
    last = (copied.data / path).stat().st_size // PAGE_BYTES - 1
    assert last > 2 * RANGE_BYTES // PAGE_BYTES
    damage = together(shortened(path, 9, 2), shortened(path, last, 2))
    with copied.restored(damage=damage) as copy:
        found = examined(copied, copy, "heap", DATABASE)
    assert_wrong(found["public.plain"], "block 9, tuple 2")
    assert_wrong(found["public.plain"], f"block {last}, tuple 2")
    assert len(found["public.plain"].findings) == 2


def test_long_values_are_followed_where_that_is_cheap(copied: Taken) -> None:
    """A zeroed page of chunks reads as empty; nothing but the value itself misses them."""
    damage = zeroed(path_of(copied.source, DATABASE, toast_of(copied.source)), 3)
    with copied.restored(damage=damage) as copy:
        found = examined(copied, copy, "heap", DATABASE)
    assert_wrong(found['public."od d%s"'], 'public."od d%s": block 0', "toast value")


def toast_of(source: Source) -> str:
    """The TOAST table of the table with long values."""
    with source.server.admin(DATABASE) as cursor:
        cursor.execute(
            "SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 'od d%s'"
        )
        (name,) = cursor.fetchone()
    return str(name)
