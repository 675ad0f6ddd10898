"""A block that can't be read is found in any file; a map that can't be read fails nothing."""

from collections.abc import Iterator, Mapping

import pytest

from campaign.arena import Source, Taken
from lambdas.drill.checks.files import forks
from lambdas.drill.units import Claim, Status
from local.damage import PAGE_BYTES
from tests.checks.physical import (
    assert_wrong,
    examined,
    flipped,
    hide_tools,
    path_of,
    prepared,
    removed,
    together,
)
from tests.checks.sandwich import assert_failed

DATABASE = "forks"

_SETUP = (
    "CREATE TABLE plain (id serial PRIMARY KEY, body text)",
    "INSERT INTO plain (body) SELECT md5(i::text) FROM generate_series(1, 30000) i",
    "CREATE INDEX by_body ON plain USING hash (body)",
    "CREATE TABLE mapped AS TABLE plain",
    "CREATE TABLE gone AS SELECT 1 AS id",
    'CREATE TABLE "od d%s" ("i\'d" int)',
    'INSERT INTO "od d%s" SELECT generate_series(1, 50)',
    "CREATE TABLE long (body text)",
    "ALTER TABLE long ALTER body SET STORAGE EXTERNAL",
    "INSERT INTO long SELECT repeat('x', 9000) FROM generate_series(1, 30)",
    "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)",
    "VACUUM",
)

Prepared = tuple[Taken, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Prepared]:
    with prepared(source, DATABASE, _SETUP) as found:
        yield found


def test_files_that_read_well_are_proven_and_without_the_tool_less_is_said(
    copied: Prepared,
) -> None:
    with copied[0].restored() as copy:
        found = examined(copied[0], copy, "forks", DATABASE)
        assert all(r.status is Status.OK and r.claim is Claim.PROVEN for r in found.values())
        assert {"", "public.plain", "public.fleeting", "the sequences"} <= found.keys()
        assert found["public.plain"].measured["blocks"] > 400

        hide_tools(copy, DATABASE)
        found = examined(copied[0], copy, "forks", DATABASE)
        assert set(found) == {""}
        assert found[""].claim is Claim.CONSISTENT
        assert forks.WITHOUT_TOOL in found[""].notes


def test_failures_that_nobody_counts_prove_nothing(copied: Prepared) -> None:
    with copied[0].restored() as copy:
        with copy.admin(DATABASE) as cursor:
            cursor.execute(f"ALTER DATABASE {DATABASE} SET track_counts = off")
        found = examined(copied[0], copy, "forks", DATABASE)
    assert found[""].status is Status.OK
    assert found[""].claim is Claim.NOT_COMPARED
    assert forks.NOT_COUNTED in found[""].notes


def test_a_map_that_can_not_be_read_is_told_and_fails_nothing(copied: Prepared) -> None:
    """PostgreSQL takes a page of a free-space or visibility map that fails its check as empty."""
    taken, _ = copied
    damage = together(
        flipped(path_of(taken.source, DATABASE, "mapped", "_fsm"), 2 * PAGE_BYTES + 40),
        flipped(path_of(taken.source, DATABASE, "plain", "_vm"), 100),
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "forks", DATABASE)
        judgement = taken.judged(copy)
    assert all(result.status is Status.OK for result in found.values()), found
    assert any("free-space map" in note for note in found["public.mapped"].notes)
    assert any("visibility map" in note for note in found["public.plain"].notes)
    assert any("checksum failures were counted" in note for note in found[""].notes)
    assert not [reason for reason in judgement.reasons if DATABASE in reason], judgement.reasons


def test_what_can_not_be_read_is_found_with_its_file_and_block(copied: Prepared) -> None:
    taken, _ = copied
    source = taken.source
    toast = _name(source, "SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'long'")
    damage = together(
        flipped(path_of(source, DATABASE, "plain"), 77 * PAGE_BYTES + 8000),
        flipped(path_of(source, DATABASE, "by_body"), 3 * PAGE_BYTES + 8000),
        flipped(path_of(source, DATABASE, toast), 5 * PAGE_BYTES + 8000),
        flipped(path_of(source, DATABASE, "pg_rewrite"), 2 * PAGE_BYTES + 8000),
        flipped(path_of(source, DATABASE, "plain_id_seq"), 8180),
        removed(path_of(source, DATABASE, "gone")),
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "forks", DATABASE)
        judgement = taken.judged(copy)
    assert_wrong(found["public.plain"], "public.plain (main)", "block 77 ")
    assert_wrong(found["public.plain"], "public.by_body (main)", "block 3 ")
    assert_wrong(found["public.long"], toast, "block 5 ")
    assert_wrong(found["the system catalogs"], "pg_rewrite", "block 2 ")
    assert_wrong(found["the sequences"], "plain_id_seq", "block 0 ")
    assert_wrong(found["public.gone"], "missing")
    assert found['public."od d%s"'].status is Status.OK
    assert_failed(judgement, "public.plain", "block 77 ")


def _name(source: Source, query: str) -> str:
    with source.server.admin(DATABASE) as cursor:
        cursor.execute(query)
        (name,) = cursor.fetchone()
        return str(name)
