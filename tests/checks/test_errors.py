"""What can't be read: files that are damaged, and what a privilege or a lock keeps from us."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.adapters import connecting
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Verdict
from tests.checks.sandwich import assert_failed, results_of, sandwich

pytestmark = pytest.mark.xdist_group("checks-errors")

BLOCK_BYTES = 8192

_SETUP = (
    "CREATE TABLE victim (id int, body text)",
    "INSERT INTO victim SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n",
    "CREATE TABLE other (id int CHECK (id > 0))",
    "INSERT INTO other SELECT generate_series(1, 100)",
    "CREATE POLICY p ON other USING (true)",
    "CHECKPOINT",
)


@dataclass(frozen=True)
class Damaged:
    """A database with one table to damage, and where the files lie in a data folder."""

    copied: Taken
    database: str
    heap: str
    policies: str
    folder: str


@pytest.fixture(scope="module")
def damaged(source: Source) -> Iterator[Damaged]:
    name = "damaged"
    source.run("postgres", f"CREATE DATABASE {name} CONNECTION LIMIT 50")
    try:
        source.run(name, *_SETUP)
        with source.server.admin(name) as cursor:
            cursor.execute(
                "SELECT pg_relation_filepath('victim'), pg_relation_filepath('pg_policy'),"
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            heap, policies, oid = cursor.fetchone()
        with taken(source) as found, found.settled() as copied:
            yield Damaged(copied, name, heap, policies, f"base/{oid}")
    finally:
        source.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def _flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[3 * BLOCK_BYTES + 5000] ^= 0xFF
    file.write_bytes(content)


def _zero_a_page(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[2 * BLOCK_BYTES : 3 * BLOCK_BYTES] = bytes(BLOCK_BYTES)
    file.write_bytes(content)


def _cut_in_half(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // BLOCK_BYTES // 2 * BLOCK_BYTES)


def _swap_two_pages(file: Path) -> None:
    """Both are sound pages, and each stands where the other belongs."""
    content = bytearray(file.read_bytes())
    content[: 2 * BLOCK_BYTES] = content[BLOCK_BYTES : 2 * BLOCK_BYTES] + content[:BLOCK_BYTES]
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (_flip_a_byte, "XX001"),
        (_swap_two_pages, "XX001"),
        (Path.unlink, "58P01"),
        (_zero_a_page, "stable rows"),
        (_cut_in_half, "stable rows"),
    ],
)
def test_a_damaged_heap_is_found_and_its_table_named(
    damaged: Damaged, damage: Callable[[Path], None], word: str
) -> None:
    with damaged.copied.restored(damage=lambda data: damage(data / damaged.heap)) as copy:
        judgement = damaged.copied.judged(copy)

    assert_failed(judgement, damaged.database, "public.victim", word)
    counted = results_of(judgement, "counts", damaged.database)
    assert counted["public.other"].claim is Claim.PROVEN


def test_a_damaged_catalog_is_found(damaged: Damaged) -> None:
    def damage(data: Path) -> None:
        file = data / damaged.policies
        content = bytearray(file.read_bytes())
        content[BLOCK_BYTES - 20] ^= 0xFF
        file.write_bytes(content)

    with damaged.copied.restored(damage=damage) as copy:
        judgement = damaged.copied.judged(copy)

    assert_failed(judgement, damaged.database, "catalog", "XX001")


def test_a_catalog_whose_names_are_gone_is_found(damaged: Damaged) -> None:
    """What belongs to a relation that lost its row has no name any more, and ends no check."""
    with damaged.copied.restored({"allow_system_table_mods": "on"}) as copy:
        with copy.admin(damaged.database) as cursor:
            cursor.execute("DELETE FROM pg_class WHERE relname IN ('other', 'victim')")
        judgement = damaged.copied.judged(copy)

    assert_failed(judgement, damaged.database, "the catalog is damaged", "have no name")


@pytest.mark.parametrize("everything", [True, False])
def test_a_database_without_its_files_is_found(damaged: Damaged, everything: bool) -> None:
    def damage(data: Path) -> None:
        shutil.rmtree(data / damaged.folder)
        if not everything:
            (data / damaged.folder).mkdir()
            shutil.copy(data / "PG_VERSION", data / damaged.folder)
            damaged.copied.source.server.binaries.own(data / damaged.folder)

    with damaged.copied.restored(damage=damage) as copy:
        judgement = damaged.copied.judged(copy)

    assert_failed(judgement, f"{damaged.database}: ")
    assert results_of(judgement, "databases", "postgres")[""].status is Status.OK


def test_a_table_that_the_reader_may_not_read_is_named_and_proves_nothing(
    source: Source, database: str
) -> None:
    reader = source.reader.username
    source.run(
        database,
        "CREATE TABLE hidden (id int)",
        "INSERT INTO hidden SELECT generate_series(1, 12)",
        "CREATE TABLE shown (id int)",
        f"GRANT SELECT ON shown TO {reader}",
        f"REVOKE pg_read_all_data FROM {reader}",
    )
    try:
        judgement = sandwich(source)
    finally:
        source.run(database, f"GRANT pg_read_all_data TO {reader}")

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    counted = results_of(judgement, "counts", database)
    assert counted["public.shown"].claim is Claim.PROVEN
    hidden = counted["public.hidden"]
    assert (hidden.claim, hidden.measured["rows"]) == (Claim.NOT_COMPARED, 12)
    assert "42501" in hidden.notes[0]


def test_a_database_that_the_reader_may_not_enter_is_named_and_proves_nothing(
    source: Source, database: str
) -> None:
    source.run(
        database,
        "CREATE TABLE t (id int)",
        f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
    )

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    (result,) = results_of(judgement, "counts", database).values()
    assert result.claim is Claim.NOT_COMPARED
    assert "could not be read" in result.notes[0]
    (catalog,) = results_of(judgement, "catalog", database).values()
    assert (catalog.status, catalog.notes[0][:10]) == (Status.UNMEASURED, "the source")


def test_a_lock_that_outlives_the_restore_leaves_its_table_unmeasured(
    source: Source, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prepared transaction keeps its locks, on the copy too, where nobody will end it."""
    monkeypatch.setattr(connecting, "LOCK_SECONDS", 0.3)
    source.run(
        database,
        "CREATE TABLE locked (id int DEFAULT 1 CHECK (id > 0))",
        "CREATE VIEW v AS SELECT id FROM locked",
        "CREATE INDEX ON locked ((id + 1)) WHERE id > 5",
        "CREATE POLICY p ON locked USING (id > 0)",
        "CREATE TABLE free (id int)",
        "BEGIN",
        "LOCK TABLE locked IN ACCESS EXCLUSIVE MODE",
        "PREPARE TRANSACTION 'left'",
    )

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    assert all("public.locked" in text and "55P03" in text for text in judgement.reasons)
    assert results_of(judgement, "catalog", database)["catalog"].status is Status.OK
    assert results_of(judgement, "counts", database)["public.free"].claim is Claim.PROVEN


def test_what_no_time_is_left_for_is_said_to_be_unmeasured(damaged: Damaged) -> None:
    with damaged.copied.restored() as copy:
        judgement = damaged.copied.judged(copy, seconds=0)

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "out of time" in judgement.reasons[0]
    assert {result.status for result in judgement.results} <= {Status.UNMEASURED, Status.EXEMPT}
