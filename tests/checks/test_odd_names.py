"""No name that a user chose is taken for one of ours, wherever it stands."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2 import sql

import lambdas
from campaign.arena import Source
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Judgement
from tests.checks.sandwich import sandwich
from tests.examples import some

pytestmark = pytest.mark.xdist_group("checks-odd-names")

DATABASE = "odd_names"

SCHEMA = "hash"

MANY = 50
"""Fewer aliases, and they were not looked for where they are."""

_SQL_IN = ("drill", "adapters")
_STRINGS = re.compile(r'"""(?:.|\n)*?"""|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_ALIASES = re.compile(
    r'(?:\bAS\s+|\)\s+|\b(?:FROM|JOIN)\s+(?:ONLY\s+)?[\w.{}"]+\s+(?:AS\s+)?)("[^"]+"|[a-z_][a-z_0-9]*)'
)
_IDENTIFIERS = re.compile(r'sql\.Identifier\("([^"]+)"\)')
_SQL_WORD = re.compile(r"\b(SELECT|FROM|JOIN|WHERE)\b")
_KEYWORDS = frozenset(
    {"and", "or", "on", "where", "join", "left", "group", "order", "is", "in", "as", "for", "from"}
)


def _aliases() -> Iterator[str]:
    """Every alias in the SQL of the functions, of a relation or of a column, as far as seen."""
    for folder in _SQL_IN:
        for file in sorted((Path(lambdas.__file__).parent / folder).rglob("*.py")):
            source = file.read_text()
            yield from _IDENTIFIERS.findall(source)
            for text in _STRINGS.findall(source):
                if _SQL_WORD.search(text):
                    for name in _ALIASES.findall(text):
                        yield name.strip('"')


ALIASES = sorted({name for name in _aliases() if name.lower() not in _KEYWORDS and "{" not in name})

OF_POSTGRESQL = (
    "oid",
    "count",
    "given",
    "held",
    "hash",
    "version",
    "standing",
    "rows",
    "content",
    "beyond",
    "low",
    "high",
    "number",
    "min",
    "sum",
    "age",
    "unnest",
    "row",
    "tid",
    "tm row",
    "tm bucket",
    "tm sums",
    "pg_class",
    "pg_proc",
    "pg_index",
    "pg_settings",
    "pg_database",
    "public",
    "pg catalog",
    "information_schema_",
    "current_setting",
    "set_config",
    "text",
    "int4",
    "record",
    "true",
    "null",
    "time machine",
    "ONLY",
    "User",
)
"""What is like a name of a catalog, of its columns, functions and types, or like one of ours."""

IMPROBABLE = frozenset({"tm outer", "tm inner"})
"""A condition of an index may name its table, so that look-ups can't give it another name."""

NAMES = some(sorted({*ALIASES, *OF_POSTGRESQL, *string.ascii_lowercase} - IMPROBABLE), 4)

_STATEMENTS = (
    "CREATE TABLE {table} (id int PRIMARY KEY, {name} text NOT NULL, {other} int,"
    " tid int, k1 int, n int CHECK (n > 0), h int, late bool, hash text, rows int, tags text[])",
    "INSERT INTO {table} SELECT g, 'x' || g, g, g, g, g, g, true, 'h' || g, g, ARRAY['a' || g]"
    " FROM generate_series(1, 40) g",
    "CREATE INDEX ON {table} USING gin (tags)",
    "CREATE INDEX ON {table} USING hash ({name})",
    "CREATE INDEX ON {table} USING brin ((lower({name})))",
    "CREATE INDEX ON {table} (hash, (n + tid)) WHERE late AND {name} IS NOT NULL",
    "CREATE FUNCTION {table}({table}) RETURNS text LANGUAGE sql AS $$SELECT 'odd'$$",
)
"""A table, a column, a composite type and a function of one name."""

_OF_THE_TABLE = {"id", "tid", "k1", "n", "h", "late", "hash", "rows", "tags", "at"}

_SHADOWS = (
    "CREATE FUNCTION public.count(int) RETURNS int LANGUAGE sql AS 'SELECT 42'",
    "CREATE FUNCTION public.age(xid) RETURNS int LANGUAGE sql AS 'SELECT 42'",
    "CREATE FUNCTION public.hashtid(tid) RETURNS int LANGUAGE sql AS 'SELECT 42'",
    "CREATE FUNCTION public.unnest(tid[]) RETURNS SETOF tid LANGUAGE sql AS 'SELECT NULL::tid'",
    "CREATE FUNCTION public.num_nulls(text) RETURNS int LANGUAGE sql AS 'SELECT 42'",
    "CREATE FUNCTION public.lie(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false'",
    "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.lie)",
    "CREATE OPERATOR public.< (LEFTARG = text, RIGHTARG = text, FUNCTION = public.lie)",
    "CREATE FUNCTION public.lie(tid, tid) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false'",
    "CREATE OPERATOR public.>= (LEFTARG = tid, RIGHTARG = tid, FUNCTION = public.lie)",
    "CREATE AGGREGATE public.sum(bigint) (SFUNC = int8mi, STYPE = bigint)",
    "CREATE TYPE public.text AS (a int)",
    "CREATE DOMAIN public.int8 AS int",
    "CREATE DOMAIN public.regclass AS text",
    "CREATE TABLE public.pg_stat_all_tables (relid int)",
    "CREATE VIEW public.pg_attribute AS SELECT 1 AS attrelid",
    "CREATE FUNCTION public.to_text(point) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'p'$$",
    "CREATE CAST (point AS text) WITH FUNCTION public.to_text(point) AS IMPLICIT",
    'CREATE COLLATION public.default FROM "C"',
)
_SHADOWED = frozenset({"text", "int8", "regclass", "pg_stat_all_tables", "pg_attribute"})
"""Types of ``public`` by then: a table's own type would have the same name."""


def _statements() -> Iterator[sql.Composable]:
    yield sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA))
    for number, name in enumerate(NAMES):
        schema = "public" if number % 2 and name not in _SHADOWED else SCHEMA
        column = f"{name} " if name in _OF_THE_TABLE else name
        for text in _STATEMENTS:
            yield sql.SQL(text).format(
                table=sql.Identifier(schema, name),
                name=sql.Identifier(column),
                other=sql.Identifier(f"{name}  "),
            )


@pytest.fixture(scope="module")
def judged(source: Source) -> Iterator[Judgement]:
    source.run("postgres", f"CREATE DATABASE {DATABASE}")
    try:
        source.run(DATABASE, *_statements(), *_SHADOWS)
        yield sandwich(source)
    finally:
        source.run("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.mark.parametrize("name", NAMES)
def test_a_table_and_a_column_of_any_name_are_proven(judged: Judgement, name: str) -> None:
    found = {
        (result.check, result.subject): result
        for result in judged.results
        if result.database == DATABASE and _is_of(result.subject, name)
    }
    message = [
        (result.title, result.findings, result.notes)
        for result in found.values()
        if result.status is not Status.OK or (result.check == "counts" and result.notes[1:])
    ]
    assert not message
    counted = [result.claim for (check, _), result in found.items() if check == "counts"]
    assert counted == [Claim.PROVEN]


def _is_of(subject: str, name: str) -> bool:
    quoted = name.replace('"', '""')
    tables = (quoted, f'"{quoted}"')
    return subject in [f"{schema}.{table}" for schema in ("public", SCHEMA) for table in tables]


def test_the_whole_database_is_passed(judged: Judgement) -> None:
    assert not [reason for reason in judged.reasons if reason.startswith(DATABASE)]


def test_the_aliases_of_the_functions_are_seen() -> None:
    assert {"tm row", "tm bucket", "tm sums", "tm outer"} <= set(ALIASES)
    assert len(ALIASES) > MANY
