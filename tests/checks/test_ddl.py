"""DDL between the two readings, there and back again: the copy may hold a state neither saw.

Every scenario has a schema of its own, ``s_<name>``, and all share one sandwich.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from campaign.arena import Source, taken
from lambdas.drill.verdict.verdict import Judgement, Verdict
from tests.checks.conftest import MakeDatabase
from tests.checks.sandwich import assert_failed, assert_not_failed, sandwich

pytestmark = pytest.mark.xdist_group("checks-ddl")

_TABLE = "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0), b int DEFAULT 1)"
_INDEX = "indexrelid = to_regclass('i')"


@dataclass(frozen=True)
class Scenario:
    """``change`` happens before the copy, ``back`` after it. ``{s}`` is the schema."""

    setup: tuple[str, ...]
    change: tuple[str, ...]
    back: tuple[str, ...]


SCENARIOS = {
    "table_renamed": Scenario(
        (_TABLE, "CREATE INDEX i ON t (a)", "CREATE VIEW v AS SELECT a FROM t"),
        ("ALTER TABLE t RENAME TO u",),
        ("ALTER TABLE u RENAME TO t",),
    ),
    "table_renamed_twice": Scenario(
        (_TABLE, "CREATE INDEX i ON t (a)", "CREATE VIEW v AS SELECT a FROM t"),
        ("ALTER TABLE t RENAME TO u",),
        ("ALTER TABLE u RENAME TO w",),
    ),
    "tables_swapped": Scenario(
        (_TABLE, "CREATE INDEX i ON t (a)", "CREATE TABLE u (a bigint, c text)"),
        (
            "ALTER TABLE t RENAME TO old",
            "ALTER TABLE u RENAME TO t",
            "ALTER TABLE old RENAME TO u",
        ),
        (
            "ALTER TABLE t RENAME TO old",
            "ALTER TABLE u RENAME TO t",
            "ALTER TABLE old RENAME TO u",
        ),
    ),
    "column_renamed": Scenario(
        (
            _TABLE,
            "CREATE INDEX i ON t (a)",
            "CREATE VIEW v AS SELECT a FROM t",
            "CREATE TABLE r (a int)",
            "ALTER TABLE t ADD UNIQUE (a)",
            "ALTER TABLE r ADD FOREIGN KEY (a) REFERENCES t (a)",
            "CREATE POLICY p ON t USING (a > 0)",
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER g BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION f()",
        ),
        ("ALTER TABLE t RENAME a TO z",),
        ("ALTER TABLE t RENAME z TO a",),
    ),
    "referenced_table_renamed": Scenario(
        (
            "CREATE TABLE r (a int PRIMARY KEY)",
            "CREATE TABLE t (a int REFERENCES r)",
            "CREATE FUNCTION f(r) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION f() RETURNS SETOF r LANGUAGE sql AS 'SELECT NULL::int'",
        ),
        ("ALTER TABLE r RENAME TO q",),
        ("ALTER TABLE q RENAME TO r",),
    ),
    "schema_renamed": Scenario(
        (
            _TABLE,
            "CREATE INDEX i ON t (a)",
            "CREATE VIEW v AS SELECT a FROM t",
            "CREATE TYPE e AS ENUM ('a')",
            "ALTER TABLE t ADD c e",
            "CREATE FUNCTION f(e) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE SEQUENCE q",
            "CREATE POLICY p ON t USING (a > 0)",
        ),
        ("ALTER SCHEMA {s} RENAME TO {s}_",),
        ("ALTER SCHEMA {s}_ RENAME TO {s}",),
    ),
    "moved_to_another_schema": Scenario(
        (_TABLE, "CREATE INDEX i ON t (a)", "CREATE VIEW v AS SELECT a FROM t"),
        ("ALTER TABLE t SET SCHEMA public",),
        ("ALTER TABLE public.t SET SCHEMA {s}",),
    ),
    "type_renamed": Scenario(
        (
            "CREATE TYPE e AS ENUM ('a', 'b')",
            "CREATE TABLE t (a e DEFAULT 'a', b e[])",
            "CREATE DOMAIN d AS e DEFAULT 'a' CHECK (VALUE <> 'b')",
            "CREATE FUNCTION f(e) RETURNS e LANGUAGE sql AS 'SELECT $1'",
            "CREATE VIEW v AS SELECT 'a'::e AS a",
        ),
        ("ALTER TYPE e RENAME TO other",),
        ("ALTER TYPE other RENAME TO e",),
    ),
    "label_renamed": Scenario(
        ("CREATE TYPE e AS ENUM ('a', 'b')", "CREATE TABLE t (a e DEFAULT 'a' CHECK (a <> 'b'))"),
        ("ALTER TYPE e RENAME VALUE 'a' TO 'z'",),
        ("ALTER TYPE e RENAME VALUE 'z' TO 'a'",),
    ),
    "label_added": Scenario(
        ("CREATE TYPE e AS ENUM ('a')",),
        ("ALTER TYPE e ADD VALUE 'b'",),
        ("ALTER TYPE e ADD VALUE 'c' BEFORE 'a'",),
    ),
    "function_renamed": Scenario(
        (
            _TABLE,
            "CREATE FUNCTION f() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()",
            "ALTER TABLE t ALTER b SET DEFAULT f()",
            "ALTER TABLE t ADD CHECK (a > f())",
            "CREATE INDEX i ON t ((a + f()))",
            "CREATE VIEW v AS SELECT f()",
            "CREATE POLICY p ON t USING (a > f())",
        ),
        ("ALTER FUNCTION f() RENAME TO z", "ALTER FUNCTION g() RENAME TO y"),
        ("ALTER FUNCTION z() RENAME TO f", "ALTER FUNCTION y() RENAME TO g"),
    ),
    "sequence_renamed": Scenario(
        ("CREATE SEQUENCE q", "CREATE TABLE t (a int DEFAULT nextval('q'))"),
        ("ALTER SEQUENCE q RENAME TO z",),
        ("ALTER SEQUENCE z RENAME TO q",),
    ),
    "sequence_altered": Scenario(
        ("CREATE SEQUENCE q",),
        ("ALTER SEQUENCE q INCREMENT 5",),
        ("ALTER SEQUENCE q INCREMENT 1",),
    ),
    "view_replaced": Scenario(
        ("CREATE VIEW v AS SELECT 1 AS a",),
        ("CREATE OR REPLACE VIEW v AS SELECT 2 AS a",),
        ("CREATE OR REPLACE VIEW v AS SELECT 1 AS a",),
    ),
    "recreated": Scenario(
        (_TABLE, "CREATE VIEW v AS SELECT 1 AS a", "CREATE SEQUENCE q"),
        ("DROP TABLE t", "DROP VIEW v", "DROP SEQUENCE q"),
        (_TABLE, "CREATE VIEW v AS SELECT 1 AS a", "CREATE SEQUENCE q"),
    ),
    "reindexed_concurrently": Scenario(
        ("CREATE TABLE t (a int PRIMARY KEY, b text UNIQUE)",),
        ("REINDEX TABLE CONCURRENTLY t", "ANALYZE t"),
        ("REINDEX TABLE CONCURRENTLY t",),
    ),
    "index_half_made": Scenario(
        (
            "CREATE TABLE t (a int)",
            "CREATE INDEX i ON t (a)",
            f"UPDATE pg_index SET indisready = false, indisvalid = false WHERE {_INDEX}",
        ),
        (f"UPDATE pg_index SET indisready = true WHERE {_INDEX}",),
        (f"UPDATE pg_index SET indisvalid = true WHERE {_INDEX}",),
    ),
    "index_half_dropped": Scenario(
        ("CREATE TABLE t (a int)", "CREATE INDEX i ON t (a)"),
        (
            f"UPDATE pg_index SET indisvalid = false WHERE {_INDEX}",
            f"UPDATE pg_index SET indislive = false, indisready = false WHERE {_INDEX}",
        ),
        ("DROP INDEX i",),
    ),
    "created_and_dropped": Scenario((), (_TABLE, "CREATE INDEX i ON t (a)"), ("DROP TABLE t",)),
    "trigger_switched": Scenario(
        (
            _TABLE,
            "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()",
        ),
        ("ALTER TABLE t DISABLE TRIGGER g",),
        ("ALTER TABLE t ENABLE TRIGGER g",),
    ),
    "granted": Scenario(
        (_TABLE,),
        (
            "GRANT SELECT ON t TO PUBLIC",
            "GRANT USAGE ON SCHEMA {s} TO PUBLIC",
            "GRANT SELECT (a) ON t TO PUBLIC",
        ),
        (
            "REVOKE ALL ON t FROM PUBLIC",
            "REVOKE ALL ON SCHEMA {s} FROM PUBLIC",
            "REVOKE SELECT (a) ON t FROM PUBLIC",
        ),
    ),
    "partition_detached": Scenario(
        (
            "CREATE TABLE p (a int PRIMARY KEY) PARTITION BY RANGE (a)",
            "CREATE TABLE t PARTITION OF p FOR VALUES FROM (1) TO (9)",
        ),
        ("ALTER TABLE p DETACH PARTITION t",),
        ("ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM (1) TO (9)",),
    ),
    "column_altered": Scenario(
        (_TABLE, "INSERT INTO t SELECT generate_series(1, 100)"),
        (
            "ALTER TABLE t ALTER a TYPE bigint",
            "ALTER TABLE t ALTER b DROP DEFAULT",
            "ALTER TABLE t ALTER b SET NOT NULL",
        ),
        (
            "ALTER TABLE t ALTER a TYPE int",
            "ALTER TABLE t ALTER b SET DEFAULT 1",
            "ALTER TABLE t ALTER b DROP NOT NULL",
        ),
    ),
    "constraint_renamed": Scenario(
        (_TABLE, "ALTER TABLE t ADD CONSTRAINT k UNIQUE (b)"),
        (
            "ALTER TABLE t RENAME CONSTRAINT c TO z",
            "ALTER TABLE t RENAME CONSTRAINT k TO y",
        ),
        (
            "ALTER TABLE t RENAME CONSTRAINT z TO c",
            "ALTER TABLE t RENAME CONSTRAINT y TO k",
        ),
    ),
    "emptied_and_filled": Scenario(
        (_TABLE, "INSERT INTO t SELECT generate_series(1, 100)"),
        ("TRUNCATE t",),
        ("INSERT INTO t SELECT generate_series(1, 200)",),
    ),
    "role_renamed": Scenario(
        (
            _TABLE,
            "ALTER TABLE t OWNER TO tm_role",
            "CREATE POLICY p ON t TO tm_role USING (true)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "GRANT EXECUTE ON FUNCTION f() TO tm_role",
            "CREATE TYPE e AS ENUM ('a')",
            "ALTER TYPE e OWNER TO tm_role",
            "GRANT ALL ON SCHEMA {s} TO tm_role",
        ),
        ("ALTER ROLE tm_role RENAME TO tm_other",),
        ("ALTER ROLE tm_other RENAME TO tm_role",),
    ),
    "role_altered": Scenario(
        (),
        ("ALTER ROLE tm_switched CONNECTION LIMIT 0",),
        ("ALTER ROLE tm_switched CONNECTION LIMIT -1",),
    ),
    "role_recreated": Scenario((), ("DROP ROLE tm_dropped",), ("CREATE ROLE tm_dropped",)),
}
ROLES = ("tm_role", "tm_switched", "tm_dropped")


@pytest.fixture(scope="module")
def judgement(source: Source) -> Iterator[Judgement]:
    for role in ROLES:
        source.run("postgres", f"CREATE ROLE {role}")
    source.run("postgres", "CREATE DATABASE ddl")
    try:
        for name, scenario in SCENARIOS.items():
            source.run("ddl", f"CREATE SCHEMA s_{name}")
            _run(source, name, scenario.setup)
        yield sandwich(
            source,
            meanwhile=lambda: _run_all(source, lambda scenario: scenario.change),
            afterwards=lambda: _run_all(source, lambda scenario: scenario.back),
        )
    finally:
        source.run("postgres", "DROP DATABASE ddl WITH (FORCE)")
        for role in ROLES:
            source.run("postgres", f"DROP ROLE {role}")


def _run(source: Source, name: str, statements: tuple[str, ...]) -> None:
    schema = f"s_{name}"
    path = f"SET search_path = {schema}, pg_catalog"
    source.run("ddl", path, *(statement.format(s=schema) for statement in statements))


def _run_all(source: Source, part: Callable[[Scenario], tuple[str, ...]]) -> None:
    for name, scenario in SCENARIOS.items():
        _run(source, name, part(scenario))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_state_that_neither_reading_saw_is_no_damage(judgement: Judgement, name: str) -> None:
    message = [text for result in judgement.results for text in result.findings]
    mark = f"s_{name}" if SCENARIOS[name].setup else "tm_"

    assert not [text for text in message if mark in text]


def test_nothing_else_is_found_either(judgement: Judgement) -> None:
    assert_not_failed(judgement)


def test_a_role_that_was_changed_and_changed_back_is_explained_where_versions_are_read(
    judgement: Judgement,
) -> None:
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    notes = [text for result in judgement.results for text in result.notes]
    assert any("tm_switched" in text and "changed around" in text for text in notes)


@pytest.fixture
def bare_reader(source: Source) -> Iterator[None]:
    """A login on the source that may read what anybody may."""
    reader = source.reader.username
    source.run("postgres", f"REVOKE pg_read_all_data FROM {reader}")
    yield
    source.run("postgres", f"GRANT pg_read_all_data TO {reader}")


@pytest.mark.usefixtures("bare_reader")
def test_what_a_login_may_not_read_is_named_and_leaves_roles_undecided(
    source: Source, database: str
) -> None:
    """Nobody but a superuser and a reader of all data can see when a role was changed."""
    source.run(
        database,
        "CREATE ROLE tm_watched",
        "CREATE FOREIGN DATA WRAPPER w",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        "CREATE USER MAPPING FOR tm_watched SERVER s OPTIONS (password 'hidden')",
    )
    try:
        judgement = sandwich(
            source,
            "catalog",
            lambda: source.run("postgres", "ALTER ROLE tm_watched CONNECTION LIMIT 0"),
            lambda: source.run("postgres", "ALTER ROLE tm_watched CONNECTION LIMIT -1"),
        )
    finally:
        source.run(database, "DROP FOREIGN DATA WRAPPER w CASCADE", "DROP ROLE tm_watched")

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert any("tm_watched" in text and "changed back" in text for text in judgement.reasons)
    notes = [text for result in judgement.results for text in result.notes]
    assert any("user mapping: not compared" in text for text in notes)
    assert not any("subscription: not compared" in text for text in notes)


def test_ddl_elsewhere_does_not_excuse_what_is_missing(source: Source, database: str) -> None:
    source.run(
        database,
        "CREATE TABLE quiet (a int)",
        "CREATE INDEX i ON quiet (a)",
        "CREATE TABLE busy (a int)",
        "CREATE VIEW v AS SELECT a FROM quiet",
    )
    change = ("ALTER TABLE busy ADD b int", "CREATE VIEW w AS SELECT 1")
    with (
        taken(source, meanwhile=partial(source.run, database, *change)) as found,
        found.restored() as copy,
    ):
        with copy.admin(database) as cursor:
            cursor.execute("DROP INDEX i")
            cursor.execute("DROP VIEW v")
        judgement = found.judged(copy)

    assert_failed(judgement, database, "index public.quiet.i is missing")
    assert_failed(judgement, database, "view public.v is missing")


def test_a_database_made_anew_from_a_template_is_not_compared_with_the_old_one(
    source: Source, make_database: MakeDatabase
) -> None:
    """Its tables have the numbers, the files and the row versions of the template's."""
    make_database("tm_template")
    source.run(
        "tm_template", "CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 100)"
    )
    make_database("staging", "TEMPLATE tm_template")
    source.run("staging", "DELETE FROM t WHERE a > 90", "CREATE TABLE extra (a int)")

    def make_anew() -> None:
        source.run(
            "postgres",
            "DROP DATABASE staging WITH (FORCE)",
            "CREATE DATABASE staging TEMPLATE tm_template",
        )

    assert_not_failed(sandwich(source, afterwards=make_anew))
    assert_not_failed(sandwich(source, meanwhile=make_anew, afterwards=make_anew))


@pytest.mark.parametrize("back", [True, False])
def test_a_database_that_was_renamed_or_dropped_meanwhile_is_not_missing(
    source: Source, make_database: MakeDatabase, back: bool
) -> None:
    make_database("moving")
    source.run("moving", "CREATE TABLE t (a int)")

    def leave() -> None:
        if back:
            source.run("postgres", "ALTER DATABASE moving RENAME TO moved")
        else:
            source.run("postgres", "DROP DATABASE moving WITH (FORCE)")

    def return_() -> None:
        if back:
            source.run("postgres", "ALTER DATABASE moved RENAME TO moving")
        else:
            source.run("postgres", "CREATE DATABASE moving")

    judgement = sandwich(source, meanwhile=leave, afterwards=return_)

    assert_not_failed(judgement)
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
