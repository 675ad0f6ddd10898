"""What no index finds is no damage: odd values of every type under every kind of index.

Each table has a primary key, some NULL, and the odd values; the server is sound.
"""

from collections.abc import Iterator, Mapping, Sequence

import pytest
from psycopg2 import sql

from campaign.arena import Source, Statement, Taken
from lambdas.drill.checks.indexes import fresh
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result
from tests.checks.physical import assert_wrong, examined, path_of, prepared, stale, together
from tests.examples import some

DATABASE = "odd_values"
EXTENSIONS = (
    "btree_gist",
    "btree_gin",
    "cube",
    "seg",
    "hstore",
    "ltree",
    "intarray",
    "pg_trgm",
    "bloom",
)
BOXES = (
    "(NaN,1),(2,3)",
    "(NaN,NaN),(NaN,NaN)",
    "(Infinity,1),(0,0)",
    "(0,0),(0,0)",
    "(-0,1),(1,1)",
)
POLYGONS = ("((NaN,1),(2,3))", "((NaN,NaN))", "((0,0),(0,0))", "((0,0),(1,1))", "((0,0),(NaN,5))")
CIRCLES = (
    "<(3,5),NaN>",
    "<(NaN,5),1>",
    "<(1,5),Infinity>",
    "<(1,1),0>",
    "<(-Infinity,1),Infinity>",
)
POINTS = ("(NaN,1)", "(NaN,NaN)", "(Infinity,1)", "(-Infinity,-Infinity)", "(-0,0)")
ARRAYS = ("{}", "{NULL}", "{1,NULL}", "{1,1}", "{{1,2},{3,4}}")
TEXTS = ("", " ", "a", "%", "日本", "it's \\ b")
RANGES = ("empty", "(,)", "[NaN,NaN]", "[1,NaN]", "(,NaN)")
TIMES = ("infinity", "-infinity")
NUMBERS = ("NaN", "Infinity", "-0", "0", "1")
DOCUMENTS = ("{}", "[]", "null", '"a"', '{"a": null}', "[[]]", "[null]")

CASES: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("gist (v)", "point", POINTS),
    ("gist (v)", "box", BOXES),
    ("gist (v)", "polygon", POLYGONS),
    ("gist (v)", "circle", CIRCLES),
    ("gist (v)", "cube", ("(NaN)", "(NaN,1)", "(Infinity)", "()")),
    ("gist (v)", "seg", ("1 .. 2", "~1", "1 ..", ".. 2")),
    ("gist (v)", "float8", NUMBERS),
    ("gist (v)", "numeric", ("NaN", "1e1000", "-1e-1000")),
    ("gist (v)", "numrange", RANGES),
    ("gist (v)", "int4multirange", ("{}", "{(,)}", "{[1,2)}")),
    ("gist (v)", "tsrange", ("empty", "[infinity,infinity]", "[-infinity,)")),
    ("gist (v)", "timestamptz", TIMES),
    ("gist (v)", "interval", ("1 mon", "30 days", "-1 s")),
    ("gist (v)", "tsvector", ("", "a b", "'it''s'")),
    ("gist (v)", "tsquery", ("", "a & b", "!a")),
    ("gist (v)", "hstore", ("", "a=>NULL", "a=>1")),
    ("gist (v)", "ltree", ("", "a.b")),
    ("gist (v)", "ltree[]", ("{}", "{a.b}")),
    ("gist (v gist_trgm_ops)", "text", TEXTS),
    ("gist (v gist__int_ops)", "int[]", ("{}", "{1,1}")),
    ("gist (v inet_ops)", "inet", ("0.0.0.0/0", "::/0", "1.2.3.4/8")),
    ("gist (v, id)", "circle", CIRCLES),
    ("gist (v) INCLUDE (id)", "polygon", POLYGONS),
    ("gist (v) WHERE id > 1", "box", BOXES),
    ("gist (polygon(v))", "box", BOXES),
    ("spgist (v)", "point", POINTS),
    ("spgist (v kd_point_ops)", "point", POINTS),
    ("spgist (v)", "box", BOXES),
    ("spgist (v)", "polygon", POLYGONS),
    ("spgist (v)", "numrange", RANGES),
    ("spgist (v)", "text", TEXTS),
    ("spgist (v)", "inet", ("0.0.0.0/0", "::/0", "1.2.3.4/8")),
    ("gin (v)", "int[]", ARRAYS),
    ("gin (v gin__int_ops)", "int[]", ARRAYS),
    ("gin (v)", "text[]", ("{}", "{NULL}", '{""}', "{a,NULL}")),
    ("gin (v)", "float8[]", ("{NaN}", "{}", "{-0,0}")),
    ("gin (v)", "tsvector", ("", "a b", "'it''s'", "'\\\\'")),
    ("gin (v)", "jsonb", DOCUMENTS),
    ("gin (v jsonb_path_ops)", "jsonb", DOCUMENTS),
    ("gin (v)", "hstore", ("", "a=>NULL", "a=>1")),
    ("gin (v gin_trgm_ops)", "text", TEXTS),
    ("gin (v)", "float8", NUMBERS),
    ("gin (v)", "timestamptz", TIMES),
    ("gin (v)", "text", TEXTS),
    ("brin (v)", "box", BOXES),
    ("brin (v)", "float8", NUMBERS),
    ("brin (v float8_minmax_multi_ops)", "float8", NUMBERS),
    ("brin (v numeric_bloom_ops)", "numeric", ("NaN", "1e1000", "0")),
    ("brin (v)", "numrange", RANGES),
    ("brin (v)", "timestamptz", TIMES),
    ("brin (v)", "inet", ("0.0.0.0/0", "::/0", "1.2.3.4/8")),
    ("hash (v)", "float8", NUMBERS),
    ("hash (v)", "numrange", RANGES),
    ("hash (v)", "interval", ("1 mon", "30 days")),
    ("bloom (v)", "text", TEXTS),
)

UNFINDABLE = {"gist (v) circle", "gist (v) point", "gist (v) polygon", "brin (v) box"}
"""Of these, no index finds some on any major version."""

_AMONG_OTHERS: tuple[tuple[str, str, str], ...] = (
    ("gist (v)", "point(i, i)", "point('NaN', i)"),
    ("gist (v)", "box(point(i, i), point(i + 1, i + 1))", "box(point('NaN', i), point(1, 1))"),
    ("gist (v)", "polygon(box(point(i, i), point(0, 0)))", "polygon '((NaN,1),(2,3))'"),
    ("gist (v)", "circle(point(i, i), 1)", "circle '<(-Infinity,1),Infinity>'"),
    ("gist (v)", "cube(ARRAY[i, i]::float8[])", "cube '(NaN)'"),
    ("gist (v)", "i::float8", "float8 'NaN'"),
    ("gist (v)", "numrange(i, i + 1)", "numrange(i, 'NaN')"),
    ("gist (id, v)", "point(i, i)", "point(i, 'NaN')"),
    ("gist (v) WHERE id > 40", "point(i, i)", "point('NaN', 'NaN')"),
    ("spgist (v kd_point_ops)", "point(i, i)", "point('NaN', i)"),
    ("spgist (v)", "box(point(i, i), point(i + 1, i + 1))", "box(point('NaN', i), point(1, 1))"),
    ("brin (v) WITH (pages_per_range = 4)", "box(point(i, i), point(0, 0))", "box '(NaN,1),(2,3)'"),
    ("brin (v)", "box(point(i, i), point(0, 0))", "box '(NaN,NaN),(NaN,NaN)'"),
    ("brin (v) WITH (pages_per_range = 4)", "i::float8", "float8 'NaN'"),
    ("brin (v float8_minmax_multi_ops)", "i::float8", "float8 'NaN'"),
    ("gin (v)", "ARRAY[i]::float8[]", "ARRAY['NaN'::float8, i]"),
)
"""An index, a value of most rows, and of a few."""

AMONG_OTHERS = some(_AMONG_OTHERS, 5)

SHAPES = ("at once", "row by row", "one alone", "few left")
"""How an index came to be, and of which rows: it decides which are beside an odd one."""


def _setup() -> Iterator[Statement]:
    for name in EXTENSIONS:
        yield f"CREATE EXTENSION {name}"
    # What a type refuses, or an index, no source has.
    yield (
        "CREATE PROCEDURE add(t regclass, value text) LANGUAGE plpgsql AS $$ BEGIN"
        " EXECUTE format('INSERT INTO %s (v) VALUES (%L)', t, value);"
        " EXCEPTION WHEN data_exception OR internal_error THEN NULL; END $$"
    )
    for number, (index, type_name, values) in enumerate(CASES):
        yield (
            f"CREATE TABLE t{number} (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,"
            f" v {type_name})"
        )
        yield f"CREATE INDEX i{number} ON t{number} USING {index}"
        yield f"INSERT INTO t{number} (v) VALUES (NULL)"
        for value in values:
            yield sql.SQL(f"CALL add('t{number}', {{}})").format(sql.Literal(value))
    for number, case in enumerate(AMONG_OTHERS):
        for shape in SHAPES:
            yield from _among_others(f'"n{number} {shape}"', f'"o{number} {shape}"', shape, *case)
    yield "CREATE TABLE points (id int PRIMARY KEY, v point NOT NULL)"
    yield "INSERT INTO points SELECT i, point(i, i) FROM generate_series(1, 3000) i"
    yield "INSERT INTO points VALUES (0, point('NaN', 7))"
    yield "CREATE INDEX points_v ON points USING gist (v)"
    yield "CREATE TABLE many (id int PRIMARY KEY, v polygon NOT NULL)"
    yield "CREATE INDEX many_v ON many USING gist (v)"
    yield (
        "INSERT INTO many SELECT i, CASE WHEN i % 50 = 0 THEN '((NaN,NaN))'"
        " ELSE polygon(box(point(i, i), point(0, 0))) END FROM generate_series(1, 3000) i"
    )


def _among_others(
    table: str, name: str, shape: str, index: str, value: str, odd: str
) -> Iterator[Statement]:
    which = "i = 500" if shape == "one alone" else "i % 50 = 0"
    rows = f"SELECT i AS id, CASE WHEN {which} THEN {odd} ELSE {value} END AS v"
    made = f"CREATE INDEX {name} ON {table} USING {index}"
    yield f"CREATE TABLE {table} AS {rows} FROM generate_series(0, 0) i"
    yield from [made] if shape == "row by row" else []
    yield f"INSERT INTO {table} {rows} FROM generate_series(1, 1000) i"
    yield from [] if shape == "row by row" else [made]
    if shape == "few left":
        yield f"DELETE FROM {table} WHERE id % 15 > 0"
        yield f"VACUUM {table}"


REST = (
    "INSERT INTO points SELECT i, point(i, i) FROM generate_series(3001, 3030) i",
    "INSERT INTO many SELECT i, polygon(box(point(i, i), point(0, 0)))"
    " FROM generate_series(3001, 3030) i",
)

RIGHTS = {
    "TEMPORARY ON DATABASE": (
        "ALTER DATABASE {} OWNER TO CURRENT_USER",
        "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
    ),
    "SET ON PARAMETER": ("REVOKE SET ON PARAMETER session_replication_role FROM rds_superuser",),
}
"""How the copy's user comes to lack each."""

Prepared = tuple[Taken, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Prepared]:
    with prepared(source, DATABASE, tuple(_setup()), REST) as found:
        yield found


@pytest.fixture(scope="module")
def sound(copied: Prepared) -> dict[str, Result]:
    taken, _ = copied
    with taken.restored() as copy:
        return examined(taken, copy, "self_find", DATABASE)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: " ".join(CASES[n][:2]))
def test_what_no_index_finds_is_no_damage(sound: dict[str, Result], number: int) -> None:
    result = sound[f"public.i{number}"]
    assert result.status is Status.OK, result
    assert all("no index finds" in text or "NULL in it" in text for text in result.warnings)
    if " ".join(CASES[number][:2]) in UNFINDABLE:
        assert result.warnings
    assert result.claim is Claim.PROVEN or result.notes


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "number", range(len(AMONG_OTHERS)), ids=lambda n: " ".join(AMONG_OTHERS[n])
)
def test_what_an_odd_value_hides_is_no_damage_and_nothing_is_proven_of_it(
    sound: dict[str, Result], number: int, shape: str
) -> None:
    result = sound[f'public."o{number} {shape}"']
    assert result.status is Status.OK, result
    hidden = [text for text in result.notes if "hide the rows beside them" in text]
    assert result.claim is Claim.PROVEN or result.notes
    assert not hidden or result.claim is Claim.CONSISTENT
    if " ".join(AMONG_OTHERS[number][:2]) == "gist (v) point(i, i)":
        assert hidden, "more than the odd rows themselves are not found"
        if shape == "one alone":
            assert "1 rows can't be found" in result.warnings[0], "the others are no odd ones"
            odd_one = result.warnings[0].partition("one is ")[2].partition(")")[0]
            assert f"NaN for one ({odd_one})" in hidden[0]


@pytest.mark.parametrize("whole_bytes", [fresh.WHOLE_BYTES, 0], ids=["whole", "in part"])
def test_rows_that_an_index_lacks_are_lost_though_odd_values_are_in_the_table(
    copied: Prepared, monkeypatch: pytest.MonkeyPatch, whole_bytes: int
) -> None:
    """Polygons that no index finds hide none; a point with a NaN may, so that none is proven."""
    monkeypatch.setattr(fresh, "WHOLE_BYTES", whole_bytes)
    taken, old = copied
    damage = together(
        *(
            stale(path_of(taken.source, DATABASE, f"public.{name}"), old[name])
            for name in ("many_v", "points_v")
        )
    )
    with taken.restored(damage=damage) as copy:
        found = examined(taken, copy, "self_find", DATABASE)
    assert_wrong(found["public.many_v"], "30 rows can't be found through public.many_v")
    points = found["public.points_v"]
    assert points.status is Status.WRONG or points.claim is not Claim.PROVEN


def test_a_row_that_an_index_of_its_own_finds_is_lost(copied: Prepared) -> None:
    """A stale index: beside the 30 rows that it lacks are 60 that none finds, told apart."""
    taken, old = copied
    with taken.restored() as copy:
        whole = examined(taken, copy, "self_find", DATABASE)["public.many_v"]
    assert whole.status is Status.OK, whole
    assert "60 rows can't be found" in whole.warnings[0]
    path = path_of(taken.source, DATABASE, "public.many_v")
    with taken.restored(damage=stale(path, old["many_v"])) as copy:
        found = examined(taken, copy, "self_find", DATABASE)["public.many_v"]
    assert_wrong(found, "30 rows can't be found through public.many_v", "REINDEX")
    assert "60 rows can't be found" in found.warnings[0]


@pytest.mark.parametrize("right", RIGHTS)
def test_what_can_not_be_compared_is_not_called_damage(copied: Prepared, right: str) -> None:
    """Without some right nothing tells the 60 rows from lost ones: which one it is, is said."""
    taken, _ = copied
    with taken.restored() as copy:
        with copy.admin(DATABASE) as cursor:
            for statement in RIGHTS[right]:
                cursor.execute(sql.SQL(statement).format(sql.Identifier(DATABASE)))
        found = examined(taken, copy, "self_find", DATABASE)["public.many_v"]
    assert found.status is Status.UNMEASURED, found
    not_compared, not_scanned = found.notes
    assert "rows can't be found" in not_compared
    assert "it was not scanned whole" in not_scanned
    for message in found.notes:
        assert [other for other in RIGHTS if f"GRANT {other}" in message] == [right]
