"""An entry too many in a B-tree is found, whatever its order; sound ones stay proven."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign import leaves
from campaign.arena import Source, Statement, Taken
from campaign.leaves import Entry
from campaign.pages import PageFile
from lambdas.drill.checks.indexes import planner, row_counts, scans_by_condition
from lambdas.drill.units import Claim, Status
from local.postgres import PostgresServer
from tests.checks.physical import (
    Damage,
    assert_wrong,
    examined,
    hide_tools,
    path_of,
    prepared,
    together,
)

DATABASE = "ghosts"

_TABLE = """
CREATE TABLE model (
  id int, t text, v varchar(40), c char(8), plain text COLLATE "C", d numeric(9, 2), f float8,
  whole positive, feeling mood, a int[], r int4range, n name, j jsonb, ip inet, mail citext,
  "od d" text, at timestamptz, maybe int)
"""
_ROWS = """
INSERT INTO model
SELECT i, md5(i::text), 'v' || i, 'c' || i, 'Pl' || i, i / 7.0,
       CASE WHEN i % 9 = 0 THEN 'NaN' ELSE i * 1.5 END, i, (ARRAY['sad', 'ok'])[1 + i % 2]::mood,
       ARRAY[i, i % 7], int4range(i, i + 10), 'n' || i, jsonb_build_object('k', i),
       ('10.0.' || i % 200 || '.1')::inet, 'Mail' || i, 'it''s ' || i,
       timestamptz '2026-01-01 00:00+00' + i * interval '1 hour', CASE WHEN i % 5 > 0 THEN i END
  FROM generate_series(1, 700) i
"""
INDEXES = (
    "(id)",
    "(id DESC)",
    "(maybe NULLS FIRST)",
    "(maybe DESC NULLS LAST, t)",
    "(feeling DESC, id, v DESC NULLS LAST)",
    "(t text_pattern_ops)",
    "(t text_pattern_ops DESC, id)",
    "(v varchar_pattern_ops)",
    "(v varchar_ops)",
    "(c bpchar_pattern_ops)",
    '(t COLLATE "C")',
    '(v COLLATE "C" DESC)',
    '(plain COLLATE "default")',
    "(mail)",
    "(mail citext_pattern_ops)",
    "(whole)",
    "(feeling, whole)",
    "(a)",
    "(r)",
    "(n)",
    "(j, id)",
    "(ip, id)",
    '("od d")',
    "(lower(t))",
    "(lower(t) text_pattern_ops, (id % 10) DESC)",
    "((id + maybe), at) WHERE maybe IS NOT NULL",
    "(t) WHERE id % 3 = 0 AND NOT v LIKE 'x%'",
    "(id) INCLUDE (a, t)",
    "(id, t) INCLUDE (id, a)",
    "(at DESC, f) INCLUDE (j) WHERE id > 20",
    "((row(id, t)::pair) record_image_ops)",
    "(id without_order)",
    "(id without_order, maybe)",
)
"""Each on a table of its own, so that no other index can serve."""

_SETUP: tuple[Statement, ...] = (
    "CREATE EXTENSION citext",
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE OPERATOR CLASS without_order FOR TYPE int USING btree"
    " AS OPERATOR 3 =, FUNCTION 1 btint4cmp (int, int)",
    _TABLE,
    _ROWS,
    *(
        statement
        for number, index in enumerate(INDEXES)
        for statement in (
            f'CREATE TABLE "t{number} %s" AS TABLE model',
            f'CREATE INDEX "i{number} %s" ON "t{number} %s" {index}',
        )
    ),
    # As many tables have them: keys that begin alike, and others beside.
    "CREATE TABLE usual"
    " (id int PRIMARY KEY, owner int, at timestamptz, mail text UNIQUE, gone bool)",
    "INSERT INTO usual SELECT i, i % 90, now() + i * interval '1 hour', 'm' || i, i % 4 = 0"
    "  FROM generate_series(1, 3000) i",
    "CREATE INDEX usual_owner ON usual (owner)",
    "CREATE INDEX usual_owner_at ON usual (owner, at DESC)",
    "CREATE INDEX usual_lower ON usual (lower(mail))",
    "CREATE INDEX usual_gone ON usual (id) WHERE gone",
    "CREATE INDEX usual_beside ON usual (id) INCLUDE (mail)",
    "DELETE FROM usual WHERE id % 50 = 0",
    "CREATE TABLE empty (id int PRIMARY KEY, a int)",
    "CREATE INDEX empty_a ON empty (a)",
    "CREATE TABLE parted (id int PRIMARY KEY, a int) PARTITION BY RANGE (id)",
    "CREATE INDEX parted_a ON parted (a)",
    "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (1000)",
    "INSERT INTO parted SELECT i, -i FROM generate_series(1, 500) i",
    "CREATE MATERIALIZED VIEW seen AS SELECT id, a FROM parted",
    "CREATE UNIQUE INDEX seen_id ON seen (id)",
    "CREATE MATERIALIZED VIEW unseen AS SELECT id FROM parted WITH NO DATA",
    "CREATE INDEX unseen_id ON unseen (id)",
    "CREATE TABLE twins (id int)",
    "INSERT INTO twins SELECT generate_series(1, 400)",
    "CREATE INDEX twin_a ON twins (id)",
    "CREATE INDEX twin_b ON twins (id)",
    "CREATE FUNCTION slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN"
    " IF current_query() LIKE '%TABLESAMPLE%' THEN PERFORM pg_catalog.pg_sleep(0.05); END IF;"
    " RETURN a; END $$",
    "CREATE TABLE slow_one AS SELECT generate_series(1, 50) id",
    "SET statement_timeout = 0",
    "CREATE INDEX slowly ON slow_one (id) WHERE slow(id) > 0",
    "ANALYZE usual",
    "CREATE TABLE pages_all_visible (id int PRIMARY KEY)",
    "INSERT INTO pages_all_visible SELECT generate_series(1, 900)",
    "VACUUM pages_all_visible",
)
NOTED = {"public.twins", "public.slow_one"}


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    with prepared(source, DATABASE, _SETUP) as (found, _):
        yield found


def title(number: int) -> str:
    return f'public."i{number} %s"'


def haunted(path: str) -> Damage:
    """Some row gets a second entry under another's key, in the right order."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        for block in leaves.blocks(pages):
            page = pages.read(block)
            places = [place for entry in leaves.entries_in(page) for place in entry.places]
            for entry in leaves.lonely(page):
                if leaves.has_room(page, entry):
                    place = next(place for place in places if entry.takes(place))
                    pages.write(block, leaves.with_ghost(page, entry, place))
                    return
        raise AssertionError("no leaf has room")

    return damage


def to_nothing(path: str) -> Damage:
    """The greatest key and one leads to a place behind the rows of the first block."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        (block,) = (b for b in leaves.blocks(pages) if leaves.is_last(pages.read(b)))
        page = pages.read(block)
        last = leaves.entries_in(page)[-1]
        key = (int.from_bytes(last.key, "little") + 1).to_bytes(8, "little")
        ghost = Entry(last.position + 1, key, ((0, 280),), last.flags)
        pages.write(block, leaves.with_entry(page, ghost))

    return damage


def answers(copy: PostgresServer, queries: list[str]) -> list[Any]:
    """What an application gets for each of them, through indexes."""
    with copy.admin(DATABASE) as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        found = []
        for query in queries:
            cursor.execute(query)
            found.append(cursor.fetchall())
        return found


def test_sound_trees_of_every_order_are_proven(
    copied: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two that are the same is not: the planner has no reason to read it."""
    monkeypatch.setattr(row_counts, "SECONDS", 1)
    with copied.restored() as copy:
        found = examined(copied, copy, "btrees", DATABASE)
    weak = {name: r for name, r in found.items() if r.notes or r.claim is not Claim.PROVEN}
    assert all(r.status is Status.OK for r in found.values()), found
    assert weak.keys() == NOTED, weak
    assert all(r.claim is Claim.CONSISTENT for r in weak.values())
    (message,) = weak["public.twins"].notes
    assert message in {
        planner.elsewhere(f"public.twin_{name}", scans_by_condition.UNASKED) for name in "ab"
    }
    (message,) = weak["public.slow_one"].notes
    assert "can't be counted" in message
    assert "57014" in message


@pytest.mark.parametrize("hidden", [False, True], ids=["amcheck", "lookups"])
def test_a_ghost_is_found_in_each(copied: Taken, hidden: bool) -> None:
    """Of it amcheck has nothing to say of it. Look-ups of an existing key see it, too."""
    paths = {
        name: path_of(copied.source, DATABASE, name)
        for name in (
            *(title(number) for number in range(len(INDEXES))),
            "public.usual_owner",
            "public.usual_lower",
            "public.usual_gone",
            "public.usual_beside",
            "public.part_a_idx",
        )
    }
    damage = together(*(haunted(path) for path in paths.values()))
    with copied.restored(damage=damage) as copy:
        if hidden:
            hide_tools(copy, DATABASE)
        found = examined(copied, copy, "btrees", DATABASE)
    findings = [text for result in found.values() for text in result.findings]
    message = "" if hidden else " gives 1 rows more than its table holds"
    silent = {name for name in paths if not any(name + message in text for text in findings)}
    assert not silent
    assert len(findings) == len(paths), findings
    for result in found.values():
        assert (result.status is Status.WRONG) == bool(result.findings), result


def test_what_a_ghost_does_to_answers_is_why_it_is_wrong(copied: Taken) -> None:
    by_id, visible = INDEXES.index("(id)"), "public.pages_all_visible_pkey"
    with copied.restored() as copy:
        query = f'SELECT id FROM "t{by_id} %s" WHERE ctid IS NOT NULL AND id = {{}}'
        every = range(1, 701)
        queries = [*map(query.format, every), "SELECT id FROM pages_all_visible WHERE id = 901"]
        assert answers(copy, queries) == [*([(i,)] for i in every), []]
    damage = together(
        haunted(path_of(copied.source, DATABASE, title(by_id))),
        to_nothing(path_of(copied.source, DATABASE, visible)),
    )
    with copied.restored(damage=damage) as copy:
        *found_by_id, ghost = answers(copy, queries)
        wrong = [rows for i, rows in zip(every, found_by_id, strict=True) if rows != [(i,)]]
        assert [len(rows) for rows in wrong] == [2]
        assert ghost == [(901,)]
        found = examined(copied, copy, "btrees", DATABASE)
    assert_wrong(found[f'public."t{by_id} %s"'], title(by_id), "1 rows more", "REINDEX")
    assert_wrong(found["public.pages_all_visible"], visible, "1 rows more", "REINDEX")


def test_entries_of_a_large_table_are_not_counted_and_this_is_told(
    copied: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_counts, "EVERYTHING_BYTES", 0)
    with copied.restored() as copy:
        found = examined(copied, copy, "btrees", DATABASE)
    usual = found["public.usual"]
    assert (usual.status, usual.claim) == (Status.OK, Claim.CONSISTENT)
    assert usual.notes == (row_counts.TOO_LARGE.format("public.usual"),)
    assert found["public.empty"].claim is Claim.PROVEN
    assert found["the system catalogs"].claim is Claim.PROVEN
