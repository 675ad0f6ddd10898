"""Rows that an index of several columns lacks are found, whatever its second column is made of.

Each table has a primary key beside the index, as people's tables have.
"""

from collections.abc import Iterator

import pytest

from campaign.arena import Source, Statement
from lambdas.drill.checks.indexes.index_lookups import NAME
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result
from tests.checks.physical import assert_wrong, examined, path_of, prepared, stale, together

pytestmark = pytest.mark.thorough

DATABASE = "several_columns"
EXTENSIONS = ("btree_gist", "btree_gin", "ltree", "cube", "seg", "pg_trgm", "intarray", "bloom")
CASES: tuple[tuple[str, str, str], ...] = (
    ("gist (k, v)", "ltree[]", "ARRAY[('top.n' || i)::ltree]"),
    ("gist (v)", "ltree[]", "ARRAY[('top.n' || i)::ltree]"),
    ("gist (k, v)", "tsquery", "('w' || i || ' & x')::tsquery"),
    ("gist (v)", "tsquery", "('w' || i || ' & x')::tsquery"),
    ("gist (k, v)", "cube", "cube(ARRAY[i, i + 1.0])"),
    ("gist (k, v)", "seg", "(i || '..' || i + 3)::seg"),
    ("gist (w gist_trgm_ops, v)", "int", "i"),
    ("gist (v, k) INCLUDE (w)", "int4range", "int4range(i, i + 4)"),
    ("gin (k, v)", "int[]", "ARRAY[i, i % 7]"),
    ("gin (k, v)", "jsonb", "jsonb_build_object('k', i)"),
    ("gin (v, k)", "tsvector", "to_tsvector('simple', 'w' || i)"),
    ("gin (v, w gin_trgm_ops)", "int", "i"),
    ("spgist (v)", "inet", "('10.' || i % 200 || '.0.1')::inet"),
    ("bloom (v, w)", "int", "i"),
)
"""An index, the type of its column ``v``, and the value of row ``i``."""


def _rows(number: int, first: int, last: int) -> str:
    value = CASES[number][2]
    return (
        f"INSERT INTO t{number} SELECT i, i % 10, 'word' || i, {value}"
        f" FROM generate_series({first}, {last}) i"
    )


def _setup() -> Iterator[Statement]:
    for extension in EXTENSIONS:
        yield f"CREATE EXTENSION {extension}"
    for number, (index, kind, _) in enumerate(CASES):
        yield f"CREATE TABLE t{number} (id int PRIMARY KEY, k int NOT NULL, w text, v {kind})"
        yield f"CREATE INDEX i{number} ON t{number} USING {index}"
        yield _rows(number, 1, 600)


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[tuple[dict[str, Result], dict[str, Result]]]:
    """What is said of a sound copy, and of one whose indexes lack the last 40 rows."""
    rest = tuple(_rows(number, 601, 640) for number in range(len(CASES)))
    with prepared(source, DATABASE, tuple(_setup()), rest) as (taken, old):
        with taken.restored() as copy:
            sound = examined(taken, copy, NAME, DATABASE)
        damages = [
            stale(path_of(taken.source, DATABASE, f"public.i{number}"), old[f"i{number}"])
            for number in range(len(CASES))
        ]
        with taken.restored(damage=together(*damages)) as copy:
            yield sound, examined(taken, copy, NAME, DATABASE)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: " ".join(CASES[n][:2]))
def test_rows_that_an_index_of_several_columns_lacks_are_found(
    found: tuple[dict[str, Result], dict[str, Result]], number: int
) -> None:
    sound, damaged = (results[f"public.i{number}"] for results in found)
    assert sound.status is Status.OK, sound
    assert sound.claim is Claim.PROVEN or sound.notes
    assert_wrong(damaged, f"public.i{number}")
