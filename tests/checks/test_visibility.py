"""Pages that are wrongly marked all-visible or all-frozen are found, with and without the tool."""

from collections.abc import Iterator, Mapping

import pytest

from campaign.arena import Source, Taken
from lambdas.drill.checks.files import visibility
from lambdas.drill.units import Claim, Status
from tests.checks.physical import (
    assert_wrong,
    examined,
    hide_tools,
    path_of,
    prepared,
    stale,
    together,
)

DATABASE = "visibility"

_SETUP = (
    "CREATE TABLE seen (id int PRIMARY KEY, body text)",
    "INSERT INTO seen SELECT i, md5(i::text) FROM generate_series(1, 3000) i",
    "CREATE TABLE bare AS TABLE seen",
    "CREATE TABLE frozen AS TABLE seen",
    "CREATE TABLE quiet AS TABLE seen",
    "ALTER TABLE quiet ADD PRIMARY KEY (id)",
    'CREATE TABLE "od d%s" ("i\'d" int)',
    'INSERT INTO "od d%s" SELECT generate_series(1, 50)',
    "CREATE TABLE long (body text)",
    "ALTER TABLE long ALTER body SET STORAGE EXTERNAL",
    "INSERT INTO long SELECT repeat('x', 9000) FROM generate_series(1, 30)",
    "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)",
    "VACUUM",
    "VACUUM (FREEZE) frozen",
)
_REST = (
    "DELETE FROM seen WHERE id = 200",
    "DELETE FROM bare WHERE id = 200",
    "UPDATE frozen SET body = 'y' WHERE id = 200",
    "DELETE FROM long WHERE ctid = '(0,7)'",
)

Prepared = tuple[Taken, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Prepared]:
    with prepared(source, DATABASE, _SETUP, _REST) as found:
        yield found


def test_true_maps_are_proven_with_the_tool_and_consistent_without(copied: Prepared) -> None:
    with copied[0].restored() as copy:
        found = examined(copied[0], copy, "visibility", DATABASE)
        assert all(r.status is Status.OK and r.claim is Claim.PROVEN for r in found.values())
        assert {"public.seen", 'public."od d%s"', "the system catalogs"} <= found.keys()
        assert "public.fleeting" not in found

        hide_tools(copy, DATABASE)
        found = examined(copied[0], copy, "visibility", DATABASE)
        assert found["public.seen"].status is Status.OK
        assert found["public.seen"].claim is Claim.CONSISTENT
        assert visibility.WITHOUT_TOOL in found["public.seen"].notes
        assert found["public.bare"].status is Status.EXEMPT
        assert visibility.WITHOUT_INDEX in found["public.bare"].notes


def test_a_map_that_lies_is_found_with_block_and_tuple(copied: Prepared) -> None:
    """Stale maps say that pages are all-visible from which rows were deleted since."""
    taken, old = copied
    toast = toast_of_long(taken.source)
    damage = together(
        *(
            stale(path_of(taken.source, DATABASE, name, "_vm"), old[f"{bare}_vm"])
            for name, bare in (
                ("seen", "seen"),
                ("bare", "bare"),
                ("frozen", "frozen"),
                (toast, toast.split(".")[1]),
            )
        )
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "visibility", DATABASE)
        for table in ("seen", "bare"):
            assert_wrong(found[f"public.{table}"], "block 1, tuple 80", "pg_check_visible")
        assert_wrong(found["public.frozen"], "frozen", "pg_check_frozen", "block 1,")
        assert_wrong(found["public.long"], toast, "pg_check_visible")
        assert found["public.quiet"].status is Status.OK

        hide_tools(copy, DATABASE)
        found = examined(taken, copy, "visibility", DATABASE)
        assert_wrong(found["public.seen"], "3,000 rows by an index-only scan", "2,999")
        assert found["public.quiet"].status is Status.OK


def toast_of_long(source: Source) -> str:
    """The name of the TOAST table behind the table with long values."""
    with source.server.admin(DATABASE) as cursor:
        cursor.execute("SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 'long'")
        (name,) = cursor.fetchone()
        return str(name)
