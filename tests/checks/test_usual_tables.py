"""Indexes on tables as people have them: a primary key, NOT NULL, several indexes on a column.

Each index is either proven or it is said what was not asked of it; and damage is never silent.
"""

from collections.abc import Iterator

import pytest

from campaign.arena import Source, Statement, Taken
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result
from tests.checks.physical import assert_wrong, examined, path_of, prepared, together
from tests.checks.test_self_find import read_twice

DATABASE = "usual_tables"

_TABLE = """
CREATE TABLE {} (
  id int PRIMARY KEY, owner int NOT NULL, area circle NOT NULL, place point NOT NULL,
  during int4range NOT NULL, mail text NOT NULL UNIQUE, kind label NOT NULL,
  code varchar(20) NOT NULL, fixed char(8) NOT NULL, gone bool,
  words tsvector NOT NULL, maybe circle, gone_at timestamptz)
"""
_ROWS = """
INSERT INTO {}
SELECT i, i % 90, circle(point(i, i), 1), point(i, -i), int4range(i, i + 2), 'm' || i,
  'k' || i, 'c' || i,
  'f' || i % 1000, i % 4 = 0, to_tsvector('simple', 'word' || i),
  CASE WHEN i % 3 > 0 THEN circle(point(i, i), 1) END, now()
  FROM generate_series({}, {}) i
"""
ALONE = (
    "gist (area)",
    "gist (area, owner)",
    "gist (owner, area)",
    "gist (place)",
    "gist (during)",
    "gist (words)",
    "gist (maybe)",
    "gist (maybe, area)",
    "gist (kind)",
    "gist (code)",
    "gist (fixed)",
    "gist (lower(mail) gist_trgm_ops)",
    "gist (area) WHERE gone",
    "gist (area) INCLUDE (owner)",
    "spgist (place)",
    "spgist (during)",
    "spgist (code)",
)
"""Each on a table of its own, beside its primary key and a B-tree on the owner."""

TOGETHER = (
    "gist (area)",
    "gist (area, owner)",
    "gist (owner)",
    "gist (during)",
    "spgist (during)",
    "btree (during)",
    "gist (place)",
    "spgist (place)",
    "gist (place, during)",
    "gist (maybe)",
    "gist (maybe, area)",
)
"""All on one table."""
NOT_CHOSEN = 7
"""Of these at most: where another index serves alike."""
ADVICE = (
    "REINDEX it to be sure of it; only if another index has the same method, columns, operator"
    " classes and predicate, drop one of the two"
)
"""A GiST and an SP-GiST on one column serve different queries: neither is to be dropped."""


def _setup() -> Iterator[Statement]:
    yield "CREATE EXTENSION btree_gist"
    yield "CREATE EXTENSION pg_trgm"
    yield "CREATE DOMAIN label AS text CHECK (VALUE <> '')"
    for number, index in enumerate(ALONE):
        table = f"alone_{number}"
        yield _TABLE.format(table)
        yield f"CREATE INDEX ON {table} (owner)"
        yield f"CREATE INDEX {table}_ix ON {table} USING {index}"
        yield _ROWS.format(table, 1, 2000)
    yield _TABLE.format("crowd")
    for number, index in enumerate(TOGETHER):
        yield f"CREATE INDEX crowd_{number} ON crowd USING {index}"
    yield _ROWS.format("crowd", 1, 2000)
    yield "CREATE TABLE parted (id int, area circle NOT NULL) PARTITION BY RANGE (id)"
    yield "CREATE INDEX parted_area ON parted USING gist (area)"
    for number in range(3):
        yield (
            f"CREATE TABLE part_{number} PARTITION OF parted"
            f" FOR VALUES FROM ({number * 1000}) TO ({number * 1000 + 1000})"
        )
    yield "ALTER TABLE parted ADD PRIMARY KEY (id)"
    yield "INSERT INTO parted SELECT i, circle(point(i, i), 1) FROM generate_series(0, 2999) i"
    yield "CREATE TABLE parent (id int PRIMARY KEY, area circle NOT NULL)"
    yield "CREATE TABLE child (more int) INHERITS (parent)"
    yield "CREATE INDEX parent_area ON parent USING gist (area)"
    yield "CREATE INDEX child_area ON child USING gist (area)"
    yield "INSERT INTO parent SELECT i, circle(point(i, i), 1) FROM generate_series(0, 2999) i"
    yield "INSERT INTO child SELECT i, circle(point(i, i), 1) FROM generate_series(0, 2999) i"
    yield "CREATE MATERIALIZED VIEW seen AS SELECT id, area FROM parent"
    yield "CREATE INDEX seen_area ON seen USING gist (area)"
    yield "CREATE MATERIALIZED VIEW unseen AS SELECT id, area FROM parent WITH NO DATA"
    yield "CREATE INDEX unseen_area ON unseen USING gist (area)"
    yield "VACUUM ANALYZE"


OTHERS = ("part_0_area_idx", "part_2_area_idx", "parent_area", "child_area", "seen_area")
GIST = (
    *(f"alone_{n}_ix" for n, index in enumerate(ALONE) if index.startswith("gist")),
    *(f"crowd_{n}" for n, index in enumerate(TOGETHER) if index.startswith("gist")),
    *OTHERS,
)


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    with prepared(source, DATABASE, tuple(_setup())) as (found, _):
        yield found


@pytest.fixture(scope="module")
def sound(copied: Taken) -> dict[str, Result]:
    with copied.restored() as copy:
        return examined(copied, copy, "self_find", DATABASE)


@pytest.fixture(scope="module")
def damaged(copied: Taken) -> dict[str, Result]:
    paths = [path_of(copied.source, DATABASE, f"public.{name}") for name in GIST]
    with copied.restored(damage=together(*map(read_twice, paths))) as copy:
        return examined(copied, copy, "self_find", DATABASE)


@pytest.mark.parametrize("name", [*(f"alone_{number}_ix" for number in range(len(ALONE))), *OTHERS])
def test_an_index_beside_a_primary_key_is_proven(sound: dict[str, Result], name: str) -> None:
    result = sound[f"public.{name}"]
    assert (result.status, result.claim, result.notes) == (Status.OK, Claim.PROVEN, ())


@pytest.mark.parametrize("name", GIST)
def test_rows_that_come_twice_are_never_proven(damaged: dict[str, Result], name: str) -> None:
    """An index that another stands in for can't be asked; then that is said, with what to do."""
    result = damaged[f"public.{name}"]
    if name.startswith("crowd") and result.status is not Status.WRONG:
        assert result.claim is not Claim.PROVEN
        assert any(ADVICE in note for note in result.notes)
    else:
        assert_wrong(result, name, "REINDEX")


def test_what_can_not_be_asked_of_many_indexes_is_said(sound: dict[str, Result]) -> None:
    weak = [
        result
        for number in range(len(TOGETHER))
        if (result := sound.get(f"public.crowd_{number}")) and result.claim is not Claim.PROVEN
    ]
    assert len(weak) <= NOT_CHOSEN, [result.subject for result in weak]
    assert all(ADVICE in result.notes[0] for result in weak)


def test_a_view_without_data_is_told(sound: dict[str, Result]) -> None:
    result = sound["public.unseen_area"]
    assert result.status in {Status.OK, Status.EXEMPT}
    assert "REFRESH" in result.notes[0]
