"""Each row finds itself through each kind of index; what is wrong with one is found and named."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from psycopg2 import sql

from campaign.arena import Source, Statement, Taken
from campaign.pages import HEADER_BYTES, PAGE_BYTES, NothingChanged, PageFile, rows_in
from lambdas.adapters import postgres
from lambdas.drill.checks.indexes import definition
from lambdas.drill.units import Claim, Status
from lambdas.drill.verification import batch
from local.rds import MASTER
from tests.checks.physical import (
    Damage,
    assert_wrong,
    examined,
    path_of,
    prepared,
    stale,
    together,
    zeroed,
)

DATABASE = "self_find"
TUPLE_HEADER_BYTES = 8
GIST_RIGHT_AT, GIST_FLAGS_AT = PAGE_BYTES - 8, PAGE_BYTES - 4
GIST_LEAF, GIST_FOLLOW_RIGHT = 1, 8
NOWHERE = 0xFFFFFFFF
GIN_VERSION_AT = HEADER_BYTES + 48
GIN_NULLS_AT, GIN_CATEGORY_AT, GIN_EMPTY, GIN_NULL = 7, 16, 2, 3
HAS_NULL_KEY = 0x80
DIVIDES_BY_ZERO = 18
"""The major version that plans with whatever the first page of a BRIN says, on Intel at least."""

_EXTENSIONS = (
    "btree_gist",
    "btree_gin",
    "pg_trgm",
    "hstore",
    "intarray",
    "ltree",
    "cube",
    "seg",
    "bloom",
)
_TABLE = """
CREATE TABLE "od d%s" (
  id int, n numeric, t text COLLATE "C", v varchar(40), a int[], ta text[], j jsonb, ts tsvector,
  p point, b box, g polygon, c circle, r int4range, m int4multirange, ip inet, h hstore, l ltree,
  cu cube, s seg, d date, low int, f float8, "k1" int, "we 'ird" text,
  ch char(8))
"""
_ROWS = """
SELECT i, i / 7.0, 'text ' || md5(i::text), CASE WHEN i % 5 > 0 THEN 'v' || i % 50 END,
       ARRAY[i % 10, i % 7, i],
       CASE WHEN i % 11 = 0 THEN '{}' WHEN i % 13 > 0 THEN ARRAY['a' || i % 20, 'b''\\' || i] END,
       jsonb_build_object('k', i % 10, 'list', jsonb_build_array(i, i % 3)),
       to_tsvector('simple', 'word' || i % 30 || ' it''s C:\\foo' || i), point(i % 100, i / 100),
       box(point(i, i), point(i + 5, i + 5)), polygon(box(point(i, i), point(i + 5, i + 9))),
       circle(point(i, i), 3), CASE WHEN i % 9 = 0 THEN 'empty' ELSE int4range(i, i + 10) END,
       int4multirange(int4range(i, i + 3)), ('10.' || i % 200 || '.0.1')::inet,
       hstore('a' || i % 10, i::text), ('top.n' || i % 20 || '.m' || i)::ltree,
       cube(ARRAY[i, i + 1.0]), (i || '..' || i + 3)::seg, date '2020-01-01' + i, i % 10,
       CASE WHEN i % 50 = 0 THEN 'NaN' ELSE i * 1.5 END, i, 'X' || i % 100,
       CASE WHEN i % 8 > 0 THEN 'c' || i % 40 END
"""


def rows(table: str, first: int, last: int) -> sql.Composable:
    """Some of each type, with what is empty, missing or not a number among them."""
    return sql.SQL(" ").join(
        [
            sql.SQL("INSERT INTO"),
            sql.Identifier(table),
            sql.SQL(_ROWS),
            sql.SQL(f"FROM generate_series({first}, {last}) i"),
        ]
    )


INDEXES = (
    "hash (id)",
    "hash (v)",
    'hash (lower("we \'ird"))',
    "gist (low, r)",
    "gist (m)",
    "gist (p)",
    "gist (b)",
    "gist (g)",
    "gist (c)",
    "gist (ip inet_ops)",
    "gist (t gist_trgm_ops)",
    "gist (h)",
    "gist (l)",
    "gist (cu)",
    "gist (s)",
    "gist (ts)",
    "gist (a gist__int_ops)",
    "gist (d) WHERE low > 3",
    "gin (a)",
    "gin (a gin__int_ops)",
    "gin (low, ta, ts)",
    "gin (j)",
    "gin (j jsonb_path_ops)",
    "gin (h)",
    "gin (t gin_trgm_ops)",
    "gin (to_tsvector('simple', t)) WHERE id < 200",
    "spgist (p)",
    "spgist (p kd_point_ops)",
    "spgist (b)",
    "spgist (t)",
    "spgist (r)",
    "spgist (ip)",
    "brin (k1) WITH (pages_per_range = 2)",
    "brin (d, n, r range_inclusion_ops)",
    "brin (t text_bloom_ops)",
    "brin (f float8_minmax_multi_ops)",
    "brin (b)",
    "bloom (id, t) WITH (length = 80)",
    "gist (ch, n, t, d, v)",
    "gist (r) INCLUDE (id, p, ch)",
    "spgist (t) INCLUDE (ch, low) WHERE low > 3",
    "gist (cidr(ip))",
)
"""Each on a table of its own, so that no other index can serve."""

_SETUP: tuple[Statement, ...] = (
    *(f"CREATE EXTENSION {name}" for name in _EXTENSIONS),
    _TABLE,
    rows("od d%s", 1, 300),
    'DELETE FROM "od d%s" WHERE id % 17 = 0',
    *(
        statement
        for number, index in enumerate(INDEXES)
        for statement in (
            f'CREATE TABLE "t{number} %s" AS TABLE "od d%s"',
            f'CREATE INDEX "i{number} %s" ON "t{number} %s" USING {index}',
        )
    ),
    f'ALTER TABLE "t{INDEXES.index("brin (b)")} %s" OWNER TO {MASTER}',
    f'ALTER TABLE "t{INDEXES.index("gist (g)")} %s" ALTER g SET NOT NULL',
    "CREATE TABLE served (id int PRIMARY KEY)",
    "INSERT INTO served SELECT generate_series(1, 3000)",
    "CREATE INDEX served_too ON served USING brin (id) WITH (pages_per_range = 1)",
    "CREATE INDEX twin_a ON served USING hash (id)",
    "CREATE INDEX twin_b ON served USING hash (id)",
    "CREATE TABLE crowded (id int, t text)",
    "INSERT INTO crowded SELECT i, 't' || i FROM generate_series(1, 2000) i",
    "CREATE INDEX crowded_id ON crowded (id)",
    "CREATE INDEX crowded_t ON crowded USING hash (t)",
    "CREATE INDEX crowded_both ON crowded USING bloom (id, t)",
    "ANALYZE crowded",
    "CREATE FUNCTION mine(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'",
    "CREATE TABLE computed AS TABLE served",
    "CREATE INDEX computed_mine ON computed USING hash (mine(id))",
    "CREATE OR REPLACE FUNCTION mine(int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
    " AS 'BEGIN RETURN $1 / 0; END'",
    "CREATE TABLE texts (words tsvector)",
    "INSERT INTO texts SELECT to_tsvector('simple', repeat('word' || i, sign(i % 9)::int))"
    "  FROM generate_series(1, 200) i",
    "CREATE INDEX texts_words ON texts USING gin (words)",
    "CREATE TABLE pairs (shop int NOT NULL, words tsvector NOT NULL, low int)",
    "INSERT INTO pairs SELECT i % 50, to_tsvector('simple', 'w' || i), nullif(i % 2, 0)"
    "  FROM generate_series(1, 1000) i",
    "CREATE INDEX pairs_both ON pairs USING gist (shop, words)",
    "CREATE TABLE halves AS TABLE pairs",
    "CREATE INDEX halves_both ON halves USING gist (low, shop)",
    "CREATE UNLOGGED TABLE fleeting (id int)",
    "CREATE INDEX fleeting_id ON fleeting USING hash (id)",
)
STALE = {
    "hash (id)": 0,
    "gist (low, r)": 3,
    "gin (a)": 18,
    "spgist (p)": 26,
    "brin (k1) WITH (pages_per_range = 2)": 32,
}
_REST = tuple(rows(f"t{number} %s", 301, 330) for number in STALE.values())

Prepared = tuple[Taken, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Prepared]:
    with prepared(source, DATABASE, _SETUP, _REST) as found:
        yield found


def title(number: int) -> str:
    return f'public."i{number} %s"'


def keys_unseen(number: int) -> bool:
    """GIN gives what it finds for these uncompared, and has no list of its keys."""
    index = INDEXES[number]
    return index.startswith("gin (") and not index.startswith(("gin (j", "gin (t gin_trgm"))


def test_each_row_finds_itself_through_each_kind_of_index(copied: Prepared) -> None:
    """Where the planner prefers another index, nothing is claimed and nothing is wrong."""
    with copied[0].restored() as copy:
        found = examined(copied[0], copy, "self_find", DATABASE)
    message = {name: r.findings + r.notes for name, r in found.items() if r.status is not Status.OK}
    assert "unlogged" in message.pop("public.fleeting_id")[0]
    (cause,) = message.pop("public.computed_mine")
    assert "22012" in cause, "what the rows themselves give no answer to is no damage of the index"
    assert found["public.computed_mine"].status is Status.UNMEASURED
    assert not message
    weak = {name: r for name, r in found.items() if r.notes and r.status is Status.OK}
    (twin,) = (weak.pop(name) for name in ("public.twin_a", "public.twin_b") if name in weak)
    assert twin.claim is Claim.NOT_COMPARED
    assert "another way" in twin.notes[0]
    assert weak.keys() == {
        title(number) for number in range(len(INDEXES)) if keys_unseen(number)
    } | {"public.texts_words"}
    for result in weak.values():
        assert result.claim is Claim.CONSISTENT
        assert "its keys can't be listed" in result.notes[0]
    proven = [r for name, r in found.items() if r.status is Status.OK and not r.notes]
    assert all(r.claim is Claim.PROVEN for r in proven)
    for number, index in enumerate(INDEXES):
        looked_up = found[title(number)].measured["rows looked up"]
        enough = 2 if index.startswith("brin") else 150
        assert looked_up >= enough, (index, looked_up)
    assert found[title(INDEXES.index("gist (p)"))].notes == (), "its values were read"
    assert found["public.served_too"].measured["rows looked up"] > 20
    assert found["public.crowded_both"].measured["rows looked up"] == 2000


def test_an_index_that_lacks_rows_is_found_with_block_and_tuple(copied: Prepared) -> None:
    """Stale files: every page of them reads well. So do pages of zeros.

    The first page of a BRIN divides by zero then, which is no code of damaged data: it is wrong
    since the rows themselves give no error. Older planners refuse it, and take it made again.
    """
    taken, old = copied
    brin, crowded = title(INDEXES.index("brin (b)")), "public.crowded_both"
    damage = together(
        *(
            stale(path_of(taken.source, DATABASE, title(number)), old[f"i{number} %s"])
            for number in STALE.values()
        ),
        zeroed(path_of(taken.source, DATABASE, brin), 0),
        zeroed(path_of(taken.source, DATABASE, crowded), 1),
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    wrong = {name for name, result in found.items() if result.status is Status.WRONG}
    assert wrong - {brin} == {*(title(number) for number in STALE.values()), crowded}
    divides = taken.source.server.binaries.major >= DIVIDES_BY_ZERO
    assert_wrong(found[brin], brin, "without this index gave no error" if divides else "made again")
    assert_wrong(found[title(0)], "rows can't be found", "at block", "on the source")


def other_end(path: str) -> Damage:
    """What a leaf of a GiST index over points keeps besides the point that ``~=`` reads."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        page = bytearray(pages.read(1))
        page[rows_in(page)[3].at + TUPLE_HEADER_BYTES + 7] ^= 0x01
        pages.write(1, bytes(page))

    return damage


def test_a_value_that_only_an_index_only_scan_gives_is_held_against_the_table(
    copied: Prepared,
) -> None:
    taken, _ = copied
    points = title(INDEXES.index("gist (p)"))
    with taken.restored(damage=other_end(path_of(taken.source, DATABASE, points))) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert {name for name, r in found.items() if r.status is Status.WRONG} == {points}
    assert_wrong(found[points], "other values of the column p", "REINDEX")


def read_twice(path: str) -> Damage:
    """A leaf of a GiST index says that its right neighbour has no entry of its own above."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        for block in range(1, len(pages)):
            page = pages.read(block)
            right = int.from_bytes(page[GIST_RIGHT_AT : GIST_RIGHT_AT + 4], "little")
            if right not in (0, NOWHERE) and page[GIST_FLAGS_AT] & GIST_LEAF:
                return pages.flip(block, GIST_FLAGS_AT, GIST_FOLLOW_RIGHT)
        raise NothingChanged("no leaf has a neighbour")

    return damage


def test_rows_that_come_twice_through_an_index_are_counted(copied: Prepared) -> None:
    """Those of a column that may be NULL, of one that never is, and of several columns."""
    taken, _ = copied
    twice = [
        title(INDEXES.index(index)) for index in ("gist (c)", "gist (g)", "gist (ch, n, t, d, v)")
    ]
    damage = together(*(read_twice(path_of(taken.source, DATABASE, name)) for name in twice))
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert {name for name, r in found.items() if r.status is Status.WRONG} == {*twice}
    for name in twice:
        assert_wrong(found[name], f"{name} gives ", "REINDEX")


def lower_end(path: str) -> Damage:
    """The upper of the two equal ends that GiST keeps of a number is less than the other."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        upper_at = rows_in(pages.read(1))[3].at + TUPLE_HEADER_BYTES + 4
        pages.change(1, upper_at, b"\xff" * 4)

    return damage


def test_the_end_of_a_number_that_only_its_order_reads_is_looked_up(copied: Prepared) -> None:
    taken, _ = copied
    numbers = title(INDEXES.index("gist (low, r)"))
    with taken.restored(damage=lower_end(path_of(taken.source, DATABASE, numbers))) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert {name for name, r in found.items() if r.status is Status.WRONG} == {numbers}
    assert_wrong(found[numbers], "1 rows can't be found", "at block 0")


def other_key(path: str, column: int) -> Damage:
    """What the first leaf of a GiST index over a number and a text keeps of one of them."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        page = bytearray(pages.read(1))
        for entry in rows_in(page):
            start = entry.at + TUPLE_HEADER_BYTES
            at = range(start, start + 8) if column == 0 else _content(page, start + 8)
            for position in at:
                page[position] ^= 0x55
        pages.write(1, bytes(page))

    return damage


def _content(page: bytearray, at: int) -> range:
    """Of a value of varying length, behind its length and the signature's flags."""
    if page[at] & 1:
        return range(at + 5, at + (page[at] >> 1))
    return range(at + 8, at + (int.from_bytes(page[at : at + 4], "little") >> 2))


@pytest.mark.parametrize("column", [0, 1])
def test_each_column_of_an_index_is_looked_up(copied: Prepared, column: int) -> None:
    """One with an operator of its own type, and one that only its elements are searched by."""
    taken, _ = copied
    damage = other_key(path_of(taken.source, DATABASE, "public.pairs_both"), column)
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert {name for name, r in found.items() if r.status is Status.WRONG} == {
        "public.pairs_both"
    }, found["public.pairs_both"]
    assert_wrong(found["public.pairs_both"], "rows can't be found", "at block 0")


def nulls_neighbour(path: str) -> Damage:
    """The number beside a NULL in entries of a GiST index over two numbers."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        for block in range(1, len(pages)):
            page = bytearray(pages.read(block))
            for entry in rows_in(page):
                if page[entry.at + 7] & HAS_NULL_KEY and page[entry.at + 8] & 3 == 2:
                    start = entry.at + 2 * TUPLE_HEADER_BYTES
                    page[start : start + 8] = b"\x7f" * 8
                    pages.write(block, bytes(page))
                    return
        raise NothingChanged("no entry holds a NULL")

    return damage


def test_a_column_is_looked_up_where_another_is_null(copied: Prepared) -> None:
    taken, _ = copied
    damage = nulls_neighbour(path_of(taken.source, DATABASE, "public.halves_both"))
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert {name for name, r in found.items() if r.status is Status.WRONG} == {"public.halves_both"}
    assert_wrong(found["public.halves_both"], "1 rows can't be found")


def of_an_old_version(path: str) -> Damage:
    """A GIN index says that it was made when none held what is NULL or empty."""

    def damage(data: Path) -> None:
        PageFile(data / path, sealed=True).change(0, GIN_VERSION_AT, bytes(4))

    return damage


def wordless(path: str) -> Damage:
    """GIN's entry for texts without a word stands for NULL."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        for block in range(1, len(pages)):
            page = pages.read(block)
            for entry in rows_in(page):
                has_null = page[entry.at + GIN_NULLS_AT] & HAS_NULL_KEY
                if has_null and page[entry.at + GIN_CATEGORY_AT] == GIN_EMPTY:
                    return pages.change(block, entry.at + GIN_CATEGORY_AT, bytes([GIN_NULL]))
        raise NothingChanged("no entry for texts without a word")

    return damage


def test_texts_without_a_word_are_found_through_gin(copied: Prepared) -> None:
    """A search for what lacks a lexeme gives them, and needs an index that holds them."""
    taken, _ = copied
    old = title(INDEXES.index("gin (to_tsvector('simple', t)) WHERE id < 200"))
    damage = together(
        of_an_old_version(path_of(taken.source, DATABASE, old)),
        wordless(path_of(taken.source, DATABASE, "public.texts_words")),
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    wrong = {name for name, result in found.items() if result.status is Status.WRONG}
    assert wrong == {old, "public.texts_words"}
    assert_wrong(found[old], "without this index gave no error")
    assert_wrong(found["public.texts_words"], "22 rows can't be found")


def test_what_is_left_out_of_a_large_table_is_said(
    copied: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GiST keeps the values of points, and its entries are counted; those of circles it has not."""
    monkeypatch.setattr(definition, "EVERYTHING_BYTES", 0)
    monkeypatch.setattr(definition, "SAMPLE_BYTES", 65536)
    with copied[0].restored() as copy:
        found = examined(copied[0], copy, "self_find", DATABASE)
    points, circles, numbers = (
        found[title(INDEXES.index(index))] for index in ("gist (p)", "gist (c)", "hash (id)")
    )
    for result in (points, circles, numbers):
        assert (result.status, result.claim) == (Status.OK, Claim.CONSISTENT), result
        assert "of the table's blocks were looked up" in result.notes[0]
    assert "values that it gives were not compared" in points.notes[1]
    assert "entries were not counted" in points.notes[2]
    assert "entries were not counted" in circles.notes[1]
    assert (len(points.notes), len(circles.notes), len(numbers.notes)) == (3, 2, 1)


def test_a_page_that_hangs_the_server_is_a_finding(
    copied: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One zeroed page of a GIN index puts a backend into a loop that heeds no time-out."""
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(batch, "UNIT_SECONDS", 2)
    taken, _ = copied
    number = INDEXES.index("gin (t gin_trgm_ops)")
    path = path_of(taken.source, DATABASE, title(number))
    with taken.restored(damage=zeroed(path, 3)) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert found[title(number)].status is Status.WRONG, found[title(number)]
    assert found[title(0)].status is Status.OK
