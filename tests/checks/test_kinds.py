"""One of each kind of object that the copy lost or has otherwise, while the source stood still."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2 import sql

from campaign.arena import Source, Taken, sessions, taken
from lambdas.drill.checks.catalog import catalog, gathered_kinds
from lambdas.drill.checks.catalog import kinds as catalog_kinds
from lambdas.drill.checks.catalog.cluster_kinds import CLUSTER_KINDS
from lambdas.drill.checks.catalog.kind import LEFT_OUT
from lambdas.drill.checks.shape import CheckContext, Survey
from lambdas.drill.checks.tool_names import TOOLS_SCHEMA
from lambdas.drill.units import Claim, Measurement, Status
from lambdas.drill.verdict.verdict import Verdict
from lambdas.drill.verification.survey import survey_copy
from local.postgres import PostgresServer
from tests.checks import hostile, kinds, richest

pytestmark = pytest.mark.xdist_group("checks-kinds")

DATABASE = "kinds"
COMPARING = ("databases", "catalog", "counts")
NOT_COMPARED = {
    "foreign: its rows are on another server; prove that one too": "c.relkind = 'f'",
    "a materialised view that is not populated": "c.relkind = 'm' AND NOT c.relispopulated",
    "unlogged: a snapshot need not hold its rows; SET LOGGED what must come back": (
        "c.relkind = 'r' AND c.relpersistence = 'u'"
    ),
}
"""All that is not compared of a database where nobody writes, and why not."""


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    """A database with every type and every kind of object, read by a login that sees every row."""
    _log_in_as_the_master_made_it(source)
    try:
        _fill(source)
        with taken(source) as readings, readings.settled() as settled:
            yield settled
    finally:
        _tidy(source)


def _log_in_as_the_master_made_it(source: Source) -> None:
    reader, master = source.reader.username, source.master.username
    source.run_as_master("postgres", f"CREATE ROLE {hostile.OWNER}")
    source.run(
        "postgres",
        f"ALTER ROLE {reader} BYPASSRLS",
        f"GRANT {reader} TO {master} {source.server.binaries.may_pass_on}",
        "CREATE ROLE tm_other",
        f"CREATE DATABASE {DATABASE}",
    )


def _fill(source: Source) -> None:
    major = source.server.binaries.major
    source.run(DATABASE, *richest.setup(richest.source_has(source)))
    with source.server.admin(DATABASE) as cursor:
        for statement in richest.statements(richest.types(cursor)):
            cursor.execute(statement)
    source.run(DATABASE, *richest.objects(major))
    source.run(DATABASE, *hostile.statements())
    source.run(DATABASE, *kinds.SHARED)
    for _, case in kinds.cases(major):
        source.run(DATABASE, *case.setup)


def _tidy(source: Source) -> None:
    with source.server.admin(DATABASE) as cursor:
        cursor.execute("SELECT subname FROM pg_subscription")
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("DROP SUBSCRIPTION {}").format(sql.Identifier(name)))
    with source.server.admin() as cursor:
        cursor.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        for look, drop in kinds.AWAY:
            cursor.execute(look)
            for (name,) in cursor.fetchall():
                if drop:
                    cursor.execute(sql.SQL(drop).format(sql.Identifier(name)))
        cursor.execute(f"DROP OWNED BY {hostile.OWNER}")
        cursor.execute(f"DROP ROLE tm_other, {hostile.OWNER}")
        cursor.execute(f"ALTER ROLE {source.reader.username} NOBYPASSRLS")
        cursor.execute(f"REVOKE {source.reader.username} FROM {source.master.username}")


@pytest.fixture(scope="module")
def message(source: Source, found: Taken) -> Iterator[list[str]]:
    """What the check says of a copy to which all of it was done; more than a report would show."""
    with pytest.MonkeyPatch.context() as patch, found.restored() as copy:
        patch.setattr(catalog, "FINDINGS_SHOWN", 1000)
        with copy.admin(DATABASE) as cursor:
            for _, case in kinds.cases(source.server.binaries.major):
                for statement in case.damage.split("; "):
                    cursor.execute(statement)
        yield [text for one in _by_the_catalog(source, found, copy) for text in one.findings]


def _by_the_catalog(source: Source, found: Taken, copy: PostgresServer) -> list[Measurement]:
    """What this one check measures; the others take longer."""
    databases, _ = survey_copy(sessions(copy, source.master, read_only=False))
    survey = Survey(databases, found.kind, found.before, found.after)
    context = CheckContext(sessions(copy, source.master), found.before, found.after)
    units = [unit for unit in catalog.CHECK.plan(survey) if not unit.exempt]
    return [catalog.CHECK.run(unit, context) for unit in units]


def test_each_object_that_is_lost_or_changed_is_told_by_its_name(
    source: Source, message: list[str]
) -> None:
    silent = {
        name: case.finding
        for name, case in kinds.cases(source.server.binaries.major)
        if not [text for text in message if text.startswith(case.finding) and _says(name, text)]
    }
    assert not silent


def _says(name: str, text: str) -> bool:
    return f"{name.split(', ')[1]} on the copy" in text


def test_the_richest_database_is_passed_with_nothing_left_out_that_could_be_compared(
    source: Source, found: Taken
) -> None:
    with found.restored() as copy:
        judgement = found.judged(copy)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    weak = {
        (result.subject, *result.notes)
        for result in judgement.results
        if (result.check in COMPARING and result.database == DATABASE)
        and (result.status is not Status.OK or result.claim is not Claim.PROVEN)
    }
    with source.server.admin(DATABASE) as cursor:
        assert weak == set(_not_compared(cursor))


def _not_compared(cursor: Any) -> Iterator[tuple[str, str]]:
    for reason, condition in NOT_COMPARED.items():
        cursor.execute(
            "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c"
            f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {condition}"
        )
        yield from ((name, reason) for (name,) in cursor.fetchall())


def test_no_type_is_forgotten_and_all_have_values_but_those_listed(
    source: Source, found: Taken
) -> None:
    with source.server.admin(DATABASE) as cursor:
        cursor.execute(richest.FORGOTTEN)
        assert cursor.fetchall() == []
        empty = richest.without_a_value(cursor, richest.types(cursor))
        assert empty <= richest.barren(cursor)


def test_what_the_verifier_brings_to_the_copy_is_not_production_s(
    source: Source, found: Taken
) -> None:
    with found.restored() as copy:
        with copy.admin(DATABASE) as cursor:
            cursor.execute(f"CREATE SCHEMA {TOOLS_SCHEMA}")
            cursor.execute(f"CREATE EXTENSION amcheck SCHEMA {TOOLS_SCHEMA}")
            cursor.execute(f"CREATE EXTENSION pg_visibility SCHEMA {TOOLS_SCHEMA}")
            cursor.execute(f"CREATE TYPE {TOOLS_SCHEMA}.t AS (a int)")
            cursor.execute(f"COMMENT ON SCHEMA {TOOLS_SCHEMA} IS 'ours'")
            cursor.execute(f"CREATE TABLE {TOOLS_SCHEMA}.u (a int PRIMARY KEY)")
        measured = _by_the_catalog(source, found, copy)

    assert any(one.measured for one in measured)
    assert [text for one in measured for text in (*one.findings, *one.notes)] == []


def test_every_catalog_of_this_postgresql_is_compared_or_left_out_for_a_reason(
    source: Source,
) -> None:
    kinds_ = (*catalog_kinds.DATABASE_KINDS, *CLUSTER_KINDS)
    compared = {kind.catalog for kind in kinds_} | {
        rows.catalog for kind in kinds_ for rows in kind.rows
    }
    compared |= {group.catalog for group in gathered_kinds.DATABASE_GROUPS} | {"pg_depend"}
    with source.server.admin() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"
        )
        catalogs = {name for (name,) in cursor.fetchall()}

    assert catalogs <= compared | catalog_kinds.NOT_COMPARED.keys()
    assert not compared & catalog_kinds.NOT_COMPARED.keys()
    assert LEFT_OUT.keys() <= compared
