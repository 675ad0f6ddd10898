"""A library that the restored engine lacks is found, whatever kind of functions it holds."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg2 import sql

from campaign.arena import Source, Taken, sessions, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.catalog import extensions as extensions_check
from lambdas.drill.checks.shape import CheckContext, Survey
from lambdas.drill.units import Status
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import Result
from lambdas.drill.verification.batch import measure_batch
from lambdas.drill.verification.survey import survey_copy
from local.postgres import PostgresServer
from tests.checks.sandwich import results_of

pytestmark = pytest.mark.xdist_group("checks-logical")

NAME = "extended"
NOT_CALLED = {"amcheck", "dict_int", "pg_visibility", "pg_prewarm", "tsm_system_rows"}
"""Of those below: their functions are for others than us, or need arguments that mean something."""

COMPLAINS = {"lo", "moddatetime"}
"""Their triggers refuse a call with the code that a library of another major version gives too."""

WANTED = (
    "hstore",
    "pg_trgm",
    "citext",
    "ltree",
    "cube",
    "intarray",
    "unaccent",
    "btree_gin",
    "btree_gist",
    "bloom",
    "postgres_fdw",
    "dblink",
    "tablefunc",
    "pg_stat_statements",
    "moddatetime",
    "fuzzystrmatch",
    "seg",
    "isn",
    "pgcrypto",
    "uuid-ossp",
    "vector",
    "file_fdw",
    "tcn",
    "lo",
    "earthdistance",
    "dict_int",
    "amcheck",
    "pg_visibility",
    "pg_prewarm",
    "tsm_system_rows",
    "plpgsql",
)


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        with source.server.admin(NAME) as cursor:
            cursor.execute("CREATE SCHEMA elsewhere")
            cursor.execute(
                "SELECT name FROM pg_available_extensions WHERE name = ANY (%s)", [list(WANTED)]
            )
            for (name,) in cursor.fetchall():
                statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA elsewhere CASCADE")
                if name != "plpgsql":
                    cursor.execute(statement.format(sql.Identifier(name)))
        with taken(source, BASELINE_NONE) as copied:
            yield copied
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


def _results(found: Taken, copy: PostgresServer) -> dict[str, Result]:
    results = results_of(found.judged(copy), "extensions", NAME)
    return {subject.split(" ")[0]: result for subject, result in results.items()}


def test_each_library_answers_to_an_ordinary_user(found: Taken) -> None:
    with found.restored() as copy:
        results = _results(found, copy)
    bad = {name: r.findings for name, r in results.items() if r.status is Status.WRONG}
    exempt = {name for name, result in results.items() if result.status is Status.EXEMPT}
    assert not bad
    assert exempt <= NOT_CALLED | COMPLAINS
    assert len(results) >= 20


_LOSE = (
    "UPDATE pg_proc SET prosrc = CASE probin WHEN '$libdir/hstore' THEN 'gone_' ELSE ''"
    " END || prosrc, probin = CASE probin WHEN '$libdir/hstore' THEN '' ELSE 'gone_'"
    " END || probin WHERE probin IS NOT NULL AND oid >= 16384"
    " AND probin !~ '(bloom|amcheck|pg_visibility|pg_prewarm)$'"
)
"""But for our own tools', and an index method's: PostgreSQL 18 loads it to plan any join."""


@pytest.mark.parametrize(
    ("engine", "status"),
    [(None, Status.UNMEASURED), ("the same", Status.OK), ("another", Status.WRONG)],
)
def test_a_library_or_a_function_of_it_that_is_missing_is_found(
    found: Taken, engine: str | None, status: Status
) -> None:
    """It is the copy's fault where the source's engine is another."""
    with found.restored() as copy:
        with copy.admin(NAME) as cursor:
            cursor.execute(_LOSE)
            cursor.execute(extensions_check.OFFERED)
            offered = list(cursor.fetchone() or ())
        if engine == "another":
            offered = ["PostgreSQL 14.1", *offered[1:]]
        reading = {NAME: {"read": {"extensions": offered}}} if engine else {}
        judged = replace(found, before={"databases": reading}) if engine else found
        results = _examined(judged, copy)
    kept = NOT_CALLED | {"bloom"}
    assert {r.status for name, r in results.items() if name not in kept} == {status}
    message = " ".join(
        text for r in results.values() for text in (*r.findings, *r.warnings, *r.notes)
    )
    for words in ("lacks a function that the catalog has", "gone_", "can't be loaded"):
        assert words in message


def _examined(found: Taken, copy: PostgresServer) -> dict[str, Result]:
    master = found.source.master
    databases, block_bytes = survey_copy(sessions(copy, master, read_only=False))
    units = [
        unit
        for unit in extensions_check.plan(Survey(databases, BASELINE_NONE, block_bytes=block_bytes))
        if unit.database == NAME
    ]
    context = CheckContext(sessions(copy, master), found.before, {})
    results = fold(units, measure_batch(units, context, lambda: 60.0))
    return {result.subject.split(" ")[0]: result for result in results}
