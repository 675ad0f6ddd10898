"""Statistics that would keep a table from being asked are found; sound ones of any type are not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.arena import Source, Taken
from campaign.pages import PageFile
from lambdas.drill.units import Claim, Status
from tests.checks.physical import Damage, assert_wrong, examined, path_of, prepared

DATABASE = "planner"
SECRET = "nobody may read this in a report"
DEPENDENCIES = 0xB4549A2C
"""``STATS_DEPS_MAGIC``, the number that functional dependencies begin with."""

_SETUP = (
    "CREATE EXTENSION hstore",
    "CREATE DOMAIN narrow AS int CHECK (VALUE < 100)",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS (a int, b text)",
    'CREATE TABLE "od d%s" (id int, body text, v varchar(50), d narrow, m mood, p pair, a int[],'
    " ts tsvector, r int4range, mr int4multirange, j jsonb, h hstore, acl aclitem, acls aclitem[],"
    " ch char(9), at tid, ip inet, n numeric, f float8, c regclass)",
    f"INSERT INTO \"od d%s\" SELECT i, '{SECRET}' || i % 9, 'v' || i % 9, i % 9, 'ok'::mood,"
    " row(i % 3, 'z')::pair, ARRAY[i % 4], to_tsvector('simple', 'w' || i % 9),"
    " int4range(i % 9, 20),"
    " int4multirange(int4range(i % 9, 20)), to_jsonb(i % 9), hstore('a', (i % 4)::text),"
    " 'tm_reader=r/tm_reader', '{tm_reader=r/tm_reader}', 'c' || i % 3,"
    " ('(0,' || i % 9 || ')')::tid,"
    " ('10.0.0.' || i % 9)::inet, i / 3.0, i / 7.0, 'pg_class' FROM generate_series(1, 900) i",
    'CREATE INDEX ON "od d%s" (lower(body), (id::numeric))',
    'CREATE INDEX ON "od d%s" USING gin (a)',
    'CREATE STATISTICS together ON v, d, ch FROM "od d%s"',
    'CREATE STATISTICS computed (ndistinct) ON (id / 10), lower(body) FROM "od d%s"',
    'CREATE TABLE parted (LIKE "od d%s") PARTITION BY LIST (d)',
    "CREATE TABLE part PARTITION OF parted DEFAULT",
    'INSERT INTO parted TABLE "od d%s"',
    "ANALYZE",
    'ALTER TABLE "od d%s" ALTER n TYPE text',
)


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    with prepared(source, DATABASE, _SETUP) as (found, _):
        yield found


def flipped(path: str, number: int) -> Damage:
    """A bit of a number of four bytes, wherever it stands first."""

    def damage(data: Path) -> None:
        pages = PageFile(data / path, sealed=True)
        wanted = number.to_bytes(4, "little")
        (block, at) = next(
            (block, at) for block in range(len(pages)) if (at := pages.read(block).find(wanted)) > 0
        )
        pages.flip(block, at, 0x01)

    return damage


def test_statistics_of_columns_of_any_type_are_sound(copied: Taken) -> None:
    with copied.restored() as copy:
        (result,) = examined(copied, copy, "statistics", DATABASE).values()
    assert (result.status, result.claim, result.notes) == (Status.OK, Claim.PROVEN, ())


def test_values_of_another_type_are_found(copied: Taken) -> None:
    """Planning a query of that column would end the server; the check does not."""
    other = (
        "UPDATE pg_statistic s SET stavalues1 = o.stavalues1, stakind1 = o.stakind1"
        " FROM pg_statistic o WHERE s.starelid = '\"od d%s\"'::regclass"
        " AND o.starelid = s.starelid AND s.staattnum = 3 AND o.staattnum = 2"
    )
    with copied.restored() as copy, copy.admin(DATABASE) as cursor:
        cursor.execute(other)
        (result,) = examined(copied, copy, "statistics", DATABASE).values()
    assert_wrong(result, 'public."od d%s"', "column v", "another type", "ANALYZE")
    assert SECRET[:6] not in str(result.findings)


def test_extended_statistics_that_cannot_be_read_are_named(copied: Taken) -> None:
    path = path_of(copied.source, DATABASE, "pg_catalog.pg_statistic_ext_data")
    with copied.restored(damage=flipped(path, DEPENDENCIES)) as copy:
        (result,) = examined(copied, copy, "statistics", DATABASE).values()
    assert_wrong(result, "public.together", "XX", "ANALYZE")
    assert "public.computed" not in str(result.findings)


def test_statistics_that_row_security_hides_are_not_proven(copied: Taken) -> None:
    with copied.restored() as copy, copy.admin(DATABASE) as cursor:
        cursor.execute("CREATE ROLE somebody")
        cursor.execute("ALTER TABLE parted OWNER TO somebody")
        cursor.execute("ALTER TABLE parted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        (result,) = examined(copied, copy, "statistics", DATABASE).values()
    assert (result.status, result.claim) == (Status.OK, Claim.CONSISTENT)
    (note,) = result.notes
    assert "those of 1 tables may not be read" in note
    assert "BYPASSRLS" in note


@pytest.mark.parametrize("numbers", ["NULL", "'{NULL}'", "'{{0.1}}'", "'{0.1}'"])
def test_numbers_that_the_planner_stumbles_over_are_found(copied: Taken, numbers: str) -> None:
    """It looks at them when a query is planned, and then gives an error or reads too far."""
    others = (
        f"UPDATE pg_statistic SET stanumbers1 = {numbers}"
        " WHERE starelid = '\"od d%s\"'::regclass AND staattnum = 3 AND stakind1 = 1"
    )
    with copied.restored() as copy, copy.admin(DATABASE) as cursor:
        cursor.execute(others)
        assert cursor.rowcount == 1
        (result,) = examined(copied, copy, "statistics", DATABASE).values()
    assert_wrong(result, 'public."od d%s"', "column v", "can't use", "ANALYZE")
