"""The content of rows: what a count can't see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.arena import Source, Taken, sessions, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.rows.fingerprint import row_hash
from lambdas.drill.checks.rows.stable_rows import relations
from lambdas.drill.units import Claim
from tests.checks.sandwich import assert_failed, results_of

BLOCK_BYTES = 8192
IGNORING_CHECKSUMS = {"ignore_checksum_failure": "on"}

_SETUP = """
CREATE TABLE haystack (id int, straw text);
INSERT INTO haystack SELECT n, 'straw-' || lpad(n::text, 6, '0') FROM generate_series(1, 30000) n;
CREATE TABLE long (id int, story text);
ALTER TABLE long ALTER story SET STORAGE EXTERNAL;
INSERT INTO long SELECT n, repeat('story ' || n, 1000) FROM generate_series(1, 20) n;
CREATE TABLE written (id int, straw text);
INSERT INTO written SELECT n, 'grass-' || lpad(n::text, 6, '0') FROM generate_series(1, 30000) n;
"""


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[tuple[Taken, dict[str, str]]]:
    source.run("postgres", "CREATE DATABASE content")
    try:
        source.run("content", _SETUP)
        with source.server.admin("content") as cursor:
            cursor.execute(
                "SELECT pg_relation_filepath('haystack'), pg_relation_filepath('written'),"
                " (SELECT pg_relation_filepath(reltoastrelid) FROM pg_class"
                "   WHERE oid = 'long'::regclass)"
            )
            files = dict(zip(("haystack", "written", "toast"), cursor.fetchone(), strict=True))

        def write() -> None:
            source.run("content", "UPDATE written SET straw = 'hay' WHERE id = 1")

        with taken(source, afterwards=write) as found, found.settled() as settled:
            yield settled, files
    finally:
        source.run("postgres", "DROP DATABASE content WITH (FORCE)")


def replace_bytes(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert content.count(old) == 1
    file.write_bytes(content.replace(old, new))


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [("haystack", b"straw-017000", b"straw-017001"), ("written", b"grass-029999", b"grass-029998")],
)
def test_one_changed_value_is_found_where_the_rows_stood_still(
    copied: tuple[Taken, dict[str, str]], table: str, old: bytes, new: bytes
) -> None:
    """The page's checksum is made not to matter, as it would not for a page written in error."""
    found, files = copied
    with found.restored(
        IGNORING_CHECKSUMS, lambda data: replace_bytes(data / files[table], old, new)
    ) as copy:
        judgement = found.judged(copy)
    assert_failed(judgement, "content", f"public.{table}", "have another content")


def test_without_damage_the_quiet_table_is_proven(copied: tuple[Taken, dict[str, str]]) -> None:
    found, _ = copied
    with found.restored() as copy:
        results = results_of(found.judged(copy), "counts", "content")
    assert results["public.haystack"].claim is Claim.PROVEN
    assert results["public.written"].claim is Claim.CONSISTENT


def test_damaged_toast_is_found_without_a_baseline(
    copied: tuple[Taken, dict[str, str]],
) -> None:
    found, files = copied
    bare = Taken(found.source, BASELINE_NONE, {}, {}, found.data)

    def damage(data: Path) -> None:
        content = bytearray((data / files["toast"]).read_bytes())
        content[BLOCK_BYTES + 5000] ^= 0xFF
        (data / files["toast"]).write_bytes(content)

    with bare.restored(damage=damage) as copy:
        assert_failed(bare.judged(copy), "content", "public.long", "XX001")


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("numeric", "1.0", "1.00"),
        ("float8", "0", "-0"),
        ("float4", "0", "-0"),
        ("interval", "1 month", "30 days"),
        ("jsonb", '{"a": 1.0}', '{"a": 1.00}'),
        ("json", '{"a": 1}', '{"a":1}'),
        ("int[]", "{1,2}", "[2:3]={1,2}"),
        ("int[]", "{1,2}", "{{1,2}}"),
        ("numeric[]", "{1.0}", "{1.00}"),
        ("text", "", None),
        ("text", "a", "b"),
        ("bpchar", "a", "a "),
        ("point", "(0,0)", "(0,-0)"),
        ("numrange", "[1.0,2)", "[1.00,2)"),
        ("money", "1.00", "1.01"),
        ("varbit", "10", "100"),
        ("tsvector", "a:1", "a:2"),
        ("refcursor", "a", "b"),
        ("scaled", "1.0", "1.00"),
        ("pair", "(1.0,)", "(1.00,)"),
    ],
)
def test_what_equality_hides_is_seen(
    source: Source, database: str, kind: str, one: str, other: str | None
) -> None:
    """Two tables of one row each, at the same place and by the same transaction."""
    source.run(
        database, "CREATE DOMAIN scaled AS numeric", "CREATE TYPE pair AS (a numeric, b text)"
    )
    with source.server.admin(database) as cursor:
        cursor.execute("BEGIN")
        for name, value in (("one", one), ("again", one), ("other", other)):
            cursor.execute(f"CREATE TABLE {name} (v {kind})")
            cursor.execute(f"INSERT INTO {name} VALUES (%s)", [value])
        cursor.execute("COMMIT")
    hashes = _hashes(source, database)
    assert hashes["one"] == hashes["again"]
    assert hashes["one"] != hashes["other"]


def _hashes(source: Source, database: str) -> dict[str, int]:
    """By the table, of its only row."""
    hashes = {}
    with sessions(source.server, source.reader)(database) as session:
        for relation in relations(session):
            expression = session.text(row_hash(session, relation))
            (hashes[relation.table],) = session.row(
                f"SELECT {expression} FROM {relation.name}", action="hashing"
            )
    return hashes


ROWS = (
    "(1, 'x', 'y', 1, 2)",
    "(1, 'y', 'x', 1, 2)",
    "(1, 'x', 'x', 1, 2)",
    "(1, 'y', 'y', 1, 2)",
    "(1, 'x', NULL, 1, 2)",
    "(1, NULL, 'x', 1, 2)",
    "(1, NULL, NULL, 1, 2)",
    "(1, NULL, NULL, 2, 1)",
    "(1, NULL, NULL, 1, 1)",
    "(1, NULL, NULL, 2, 2)",
    "(1, NULL, NULL, NULL, 1)",
    "(1, NULL, NULL, 1, NULL)",
    "(1, NULL, NULL, NULL, NULL)",
    "(2, NULL, NULL, NULL, NULL)",
    "(1, '', '', NULL, NULL)",
)
"""Two texts and two numbers that may be NULL: equal ones, exchanged ones, none."""


def test_values_that_may_be_null_do_not_make_up_for_each_other(
    source: Source, database: str
) -> None:
    with source.server.admin(database) as cursor:
        for number, row in enumerate(ROWS):
            cursor.execute(
                f"CREATE TABLE t{number} (id int NOT NULL, a text, b text, c int, d int)"
            )
            cursor.execute(f"INSERT INTO t{number} VALUES {row}")
    hashes = _hashes(source, database)
    assert len(hashes) == len(set(hashes.values())) == len(ROWS)
