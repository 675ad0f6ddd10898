"""A B-tree that does not hold its table's rows is found, with amcheck and without."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import pytest

from campaign.arena import Source, Taken, sessions
from lambdas.adapters import connecting
from lambdas.drill.checks.files.storage import list_indexes
from lambdas.drill.checks.indexes import btrees, row_counts
from lambdas.drill.checks.shape import CheckContext
from lambdas.drill.units import Claim, Status, Unit
from lambdas.drill.verification.batch import measure_batch
from lambdas.drill.verification.survey import survey_copy
from local.damage import PAGE_BYTES
from local.postgres import PostgresServer
from tests.checks.physical import (
    assert_wrong,
    examined,
    flipped,
    hide_tools,
    path_of,
    prepared,
    removed,
    stale,
    together,
    zeroed,
)
from tests.checks.sandwich import assert_failed

DATABASE = "btrees"

_SETUP = (
    "CREATE TABLE plain (id int PRIMARY KEY, body text)",
    "INSERT INTO plain SELECT i, repeat(md5(i::text), 2) FROM generate_series(1, 3000) i",
    "CREATE INDEX by_body ON plain (body DESC, id) WHERE id > 5",
    'CREATE TABLE "od d%s" ("i\'d" int, note text)',
    'CREATE UNIQUE INDEX "by ""%s""" ON "od d%s" ((lower(note) || "i\'d"))',
    "INSERT INTO \"od d%s\" SELECT i, nullif('A', 'A') FROM generate_series(1, 9) i",
    "CREATE TABLE t2 (id int PRIMARY KEY)",
    "CREATE TABLE t3 (id int PRIMARY KEY)",
    "CREATE TABLE t4 (id int PRIMARY KEY)",
    "INSERT INTO t2 SELECT generate_series(1, 2000)",
    "INSERT INTO t3 SELECT generate_series(1, 2000)",
    "INSERT INTO t4 SELECT generate_series(1, 2000)",
    "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)",
    "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)",
    "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (100)",
    "CREATE TABLE long (body text)",
    "ALTER TABLE long ALTER body SET STORAGE EXTERNAL",
    "INSERT INTO long SELECT repeat('x', 9000) FROM generate_series(1, 30)",
    "CREATE INDEX unfinished ON long (md5(body))",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'unfinished'::regclass",
)
SOUND = {
    "public.plain",
    "public.part",
    "public.long",
    "public.t2",
    "public.t3",
    "public.t4",
    'public."od d%s"',
    "the system catalogs",
}
# Of all statements only amcheck's is slow.
_SLOW = """
CREATE FUNCTION public.slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_query() LIKE '%bt_index%' THEN PERFORM pg_catalog.pg_sleep(0.01); END IF;
    RETURN a;
END $$
"""
_REST = ("INSERT INTO plain SELECT i, 'new' FROM generate_series(3001, 3050) i",)

Prepared = tuple[Taken, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Prepared]:
    with prepared(source, DATABASE, _SETUP, _REST) as found:
        yield found


def test_sound_trees_are_proven_with_amcheck_and_consistent_without(
    copied: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names may be hostile; of unlogged, invalid and partitioned indexes nothing is claimed."""
    monkeypatch.setattr(connecting, "LOCK_SECONDS", 0.2)
    with copied[0].restored() as copy:
        found = examined(copied[0], copy, "btrees", DATABASE)
        assert {name for name, result in found.items() if result.status is Status.OK} == SOUND
        assert all(r.claim is Claim.PROVEN for r in found.values() if r.status is Status.OK)
        exempt = {name for name, result in found.items() if result.status is Status.EXEMPT}
        assert exempt == {"public.fleeting_pkey", "public.unfinished"}

        prepare(copy, "INSERT INTO part VALUES (7)")
        found = examined(copied[0], copy, "btrees", DATABASE)
        assert found["public.part"].status is Status.OK
        assert "locked" in found["public.part"].notes[0]
        assert found["public.part"].claim is Claim.CONSISTENT

        hide_tools(copy, DATABASE)
        found = examined(copied[0], copy, "btrees", DATABASE)
        assert found["public.plain"].claim is Claim.CONSISTENT
        assert btrees.WITHOUT_TOOL in found["public.plain"].notes
        assert found["the system catalogs"].status is Status.EXEMPT
        assert all(r.status in {Status.OK, Status.EXEMPT} for r in found.values()), found


def test_what_is_wrong_with_a_tree_is_found_and_named(copied: Prepared) -> None:
    """With amcheck, and without it."""
    taken, old = copied

    def path(index: str) -> str:
        return path_of(taken.source, DATABASE, index)

    toast = toast_index(taken.source)
    damage = together(
        stale(path("by_body"), old["by_body"]),
        zeroed(path("t2_pkey"), 2),
        flipped(path("t3_pkey"), 2 * PAGE_BYTES + 8000),
        removed(path("t4_pkey")),
        zeroed(path(toast), 1),
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "btrees", DATABASE)
        assert_wrong(found["public.long"], toast)
        for hidden in (False, True):
            if hidden:
                hide_tools(copy, DATABASE)
                found = examined(taken, copy, "btrees", DATABASE)
            assert_wrong(found["public.plain"], "public.by_body", "on the source")
            for table in ("t2", "t3", "t4"):
                assert_wrong(found[f"public.{table}"], f"public.{table}_pkey")
            assert found["public.part"].status is Status.OK


def test_rows_of_a_large_index_are_looked_up_where_amcheck_takes_too_long(
    copied: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a small one it is not measured: a damaged one may be why."""
    taken, _ = copied
    master = taken.source.master
    with taken.restored() as copy:
        with copy.admin(DATABASE) as cursor:
            cursor.execute(_SLOW)
            cursor.execute("CREATE INDEX slowly ON plain (slow(id))")
        survey_copy(sessions(copy, master, read_only=False))
        with sessions(copy, master)(DATABASE) as session:
            every = list_indexes(session, btrees=True)
            functions = btrees.look(session)["functions"]
        (index,) = (asdict(index) for index in every if index.name == "slowly")
        detail = {"functions": functions, "indexes": [index]}
        unit = Unit("btrees/0", "btrees", DATABASE, "public.plain", detail=detail)
        context = CheckContext(sessions(copy, master, statement_seconds=2), {}, {})
        (small,) = measure_batch([unit], context, lambda: 60.0)
        monkeypatch.setattr(btrees, "RANGE_BYTES", 0)
        (large,) = measure_batch([unit], context, lambda: 60.0)
    assert small.status is Status.UNMEASURED, small
    assert (large.status, large.claim) == (Status.OK, Claim.CONSISTENT), large
    assert "public.slowly: amcheck did not come to an end in 1 seconds" in large.notes[0]
    assert large.notes[1:] == (row_counts.NO_TIME.format("public.slowly"),)


def test_a_damaged_catalog_is_named_even_where_no_tool_can_be_made(copied: Prepared) -> None:
    """CREATE EXTENSION itself needs the catalogs."""
    taken, _ = copied
    path = path_of(taken.source, DATABASE, "pg_description_o_c_o_index")
    with taken.restored(damage=zeroed(path, 3)) as copy:
        found = examined(taken, copy, "btrees", DATABASE)
        judgement = taken.judged(copy)
    assert_wrong(found["the system catalogs"], "pg_description_o_c_o_index")
    assert_failed(judgement, DATABASE, "making")


def prepare(copy: PostgresServer, statement: str) -> None:
    """Leave a prepared transaction behind, which keeps its locks."""
    connection = copy.connect_as_admin(DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute("PREPARE TRANSACTION 'open'")
    finally:
        connection.close()


def toast_index(source: Source) -> str:
    """Of the table with long values."""
    with source.server.admin(DATABASE) as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid = (SELECT reltoastrelid FROM pg_class WHERE relname = 'long')"
        )
        (index,) = cursor.fetchone()
        return str(index)
