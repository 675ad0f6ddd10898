"""An entry too many is found in every kind of index that a search relies on, or its claim is less.

Made as a lost write makes it, and on a sound server: the catalog says for a while that the index is
not ready, so that a row is removed and vacuumed, and another takes its place, without the index.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from campaign.arena import Source
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result
from tests.checks.physical import assert_wrong, examined, prepared

DATABASE = "absent_keys"
EXTENSIONS = ("btree_gist", "btree_gin", "hstore", "intarray", "pg_trgm", "bloom")


@dataclass(frozen=True)
class Kind:
    """An index of a column of some type, values of it for each ``i``, and one more and another.

    Attributes:
        gone: the value of the row that is removed; its entry leads to a row with ``another``.
        beside: another index of the table.
    """

    index: str
    type: str
    values: str
    gone: str
    another: str
    beside: str = ""


SEEN = (
    Kind("gin (v)", "int[]", "ARRAY[i, i + 1]", "ARRAY[999]", "ARRAY[1, 2]"),
    Kind("gin (v)", "int[]", "ARRAY[i, i + 1]", "ARRAY[7]", "ARRAY[99]"),
    Kind("gin (v gin__int_ops)", "int[]", "ARRAY[i, i + 1]", "ARRAY[999]", "ARRAY[1, 2]"),
    Kind("gin (v)", "bigint[]", "ARRAY[i * 2::bigint]", "ARRAY[77::bigint]", "ARRAY[2::bigint]"),
    Kind("gin (v)", "tsvector", "to_tsvector('simple', 'word' || i)", "'ghost'", "'word1'"),
    Kind("gin (v)", "tsvector", "to_tsvector('simple', 'word' || i)", "'wordy'", "'word1'"),
    Kind("gin (v)", "tsvector", "to_tsvector('simple', 'word' || i)", "'word12x'", "'word1'"),
    Kind("gin (v)", "tsvector", "to_tsvector('simple', 'it''s' || i)", "'b\\\\x'", "'word1'"),
    Kind("gin (v)", "int", "i", "70000", "2"),
    Kind("gin (v)", "int", "i * 10", "-5", "1000"),
    Kind("gin (v)", "text", "'t' || i", "'ghost'", "'t2'"),
    Kind("gin (v)", "timestamptz", "now() + i * interval '1 h'", "'infinity'", "now()"),
    Kind("gin (v)", "numeric", "i / 7.0", "'NaN'", "1"),
    Kind("gist (v)", "circle", "circle(point(i, i), 1)", "'<(1,2),3>'", "'<(5,5),1>'"),
    Kind("gist (v)", "polygon", "polygon(box(point(i, i), point(0, 0)))", "'(9,1)'", "'(1,1)'"),
    Kind("gist (v)", "int", "i", "70000", "2"),
    Kind("gist (v)", "int4range", "int4range(i, i + 3)", "'[9000,9001)'", "'[1,2)'"),
    Kind("gist (v)", "point", "point(i, i)", "'(9999,1)'", "'(2,2)'"),
    Kind("gist (v)", "tsvector", "to_tsvector('simple', 'word' || i)", "'ghost'", "'word1'"),
    Kind("gist (v gist_trgm_ops)", "text", "md5(i::text)", "'ghost town'", "md5('1')"),
    Kind("gist (v)", "hstore", "hstore('a' || i, 'b')", "'ghost=>1'", "'a1=>b'"),
    Kind("spgist (v)", "text", "'t' || i", "'ghost'", "'t2'"),
    Kind("spgist (v)", "point", "point(i, i)", "'(9999,1)'", "'(2,2)'"),
    Kind("spgist (v)", "inet", "('10.0.' || i % 200 || '.1')::inet", "'99.0.0.1'", "'10.0.1.1'"),
    Kind("spgist (v)", "int4range", "int4range(i, i + 3)", "'[9000,9001)'", "'[1,2)'"),
    Kind("btree (v)", "int", "i", "70000", "2"),
    # The planner takes the other one for a search by id alone: not all is looked up.
    Kind(
        "gin (v, id)",
        "tsvector",
        "to_tsvector('simple', 'word' || i)",
        "'ghost'",
        "'word1'",
        beside="gin (id)",
    ),
)
"""A search for the key gives a row that has another one: wrong."""

HARMLESS = (
    Kind("gin (v)", "jsonb", "jsonb_build_object('k', i)", "'{\"ghost\": 1}'", "'{\"k\": 1}'"),
    Kind(
        "gin (v jsonb_path_ops)",
        "jsonb",
        "jsonb_build_object('k', i)",
        "'{\"ghost\": 1}'",
        "'{\"k\": 1}'",
    ),
    Kind("gin (v gin_trgm_ops)", "text", "md5(i::text)", "'ghost town'", "md5('1')"),
    Kind("hash (v)", "int", "i", "70000", "2"),
    Kind("brin (v)", "int", "i", "70000", "2"),
    Kind("bloom (v)", "int", "i", "70000", "2"),
)
"""PostgreSQL compares what they give once more, so that no search gives the row."""

UNSEEN = (
    Kind("gin (v)", "text[]", "ARRAY['t' || i]", "ARRAY['ghost']", "ARRAY['t1']"),
    Kind("gin (v)", "int[]", "ARRAY[i]", "ARRAY[2000000]", "ARRAY[1]"),
    Kind("gin (v)", "hstore", "hstore('a' || i, 'b')", "'ghost=>1'", "'a1=>b'"),
)
"""No key of theirs can be listed or guessed: the claim is less, and says so."""

EVERY = (*SEEN, *HARMLESS, *UNSEEN)


def statements(number: int, kind: Kind) -> tuple[str, ...]:
    """The table, and the entry too many; the row that has it comes to lie in the other's place."""
    table, index = f"t{number}", f"i{number}"
    ready = f"UPDATE pg_index SET indisready = {{}} WHERE indexrelid = '{index}'::regclass"
    return (
        f"CREATE TABLE {table} (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,"
        f" v {kind.type} NOT NULL) WITH (autovacuum_enabled = off)",
        f"CREATE INDEX {index} ON {table} USING {kind.index}",
        *([f"CREATE INDEX beside_{index} ON {table} USING {kind.beside}"] if kind.beside else []),
        f"INSERT INTO {table} (v) SELECT {kind.values} FROM generate_series(1, 200) i",
        f"INSERT INTO {table} (v) VALUES ({kind.gone})",
        f"CREATE TABLE of_{table} AS SELECT ctid AS place FROM {table} WHERE id = 201",
        f"VACUUM {table}",
        ready.format(False),
        f"DELETE FROM {table} WHERE id = 201",
        f"VACUUM (INDEX_CLEANUP on, TRUNCATE off) {table}",
        ready.format(True),
        f"INSERT INTO {table} (v) VALUES ({kind.another})",
        f"ANALYZE {table}",
    )


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[dict[str, Result]]:
    """What the checks of indexes say of each, by its subject."""
    setup = [f"CREATE EXTENSION {name}" for name in EXTENSIONS]
    for number, kind in enumerate(EVERY):
        setup += statements(number, kind)
    with prepared(source, DATABASE, tuple(setup)) as (taken, _), taken.restored() as copy:
        with copy.admin(DATABASE) as cursor:
            for number, kind in enumerate(EVERY):
                query = (
                    "SELECT (SELECT place FROM of_t{0}) = (SELECT ctid FROM t{0} WHERE id = 202)"
                )
                cursor.execute(query.format(number))
                assert cursor.fetchone() == (True,), kind
        trees = examined(taken, copy, "btrees", DATABASE)
        yield {**trees, **examined(taken, copy, "self_find", DATABASE)}


def of(found: dict[str, Result], kind: Kind) -> Result:
    number = EVERY.index(kind)
    table = kind.index.startswith("btree")
    return found[f"public.{'t' if table else 'i'}{number}"]


@pytest.mark.parametrize("kind", SEEN, ids=lambda kind: f"{kind.index} of {kind.type}")
def test_an_entry_too_many_is_wrong(found: dict[str, Result], kind: Kind) -> None:
    result = of(found, kind)
    assert_wrong(result, f"i{EVERY.index(kind)}", "REINDEX")
    assert any("another way" in note for note in result.notes) == bool(kind.beside)


@pytest.mark.parametrize("kind", HARMLESS, ids=lambda kind: kind.index)
def test_one_that_no_search_gives_costs_nothing(found: dict[str, Result], kind: Kind) -> None:
    result = of(found, kind)
    assert (result.status, result.claim, result.notes) == (Status.OK, Claim.PROVEN, ())


@pytest.mark.parametrize("kind", UNSEEN, ids=lambda kind: f"{kind.index} of {kind.type}")
def test_where_none_can_be_seen_less_is_claimed(found: dict[str, Result], kind: Kind) -> None:
    result = of(found, kind)
    assert (result.status, result.claim) == (Status.OK, Claim.CONSISTENT)
    assert "its keys can't be listed over SQL" in result.notes[0]
    assert "REINDEX" in result.notes[0]
