"""Another library of collations than the one that sorted the indexes is told, with the indexes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Result
from tests.checks.sandwich import results_of

pytestmark = pytest.mark.xdist_group("checks-logical")

NAME = "collated"


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    """A collation that has versions, and what says that this one is of another."""
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        with source.server.admin(NAME) as cursor:
            cursor.execute(
                "SELECT quote_ident(collname) FROM pg_collation"
                " WHERE pg_collation_actual_version(oid) IS NOT NULL ORDER BY oid LIMIT 1"
            )
            (collation,) = cursor.fetchone() or pytest.skip("no collation has a version")
            cursor.execute(f"CREATE COLLATION old FROM {collation}")
            cursor.execute('CREATE TABLE t (a text COLLATE old, b text COLLATE "C")')
            cursor.execute('CREATE INDEX "first %s" ON t (a)')
            cursor.execute("CREATE INDEX other ON t (b)")
        with taken(source, "catalog") as copied:
            yield copied
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


def _result(found: Taken, *statements: str) -> Result:
    with found.restored() as copy:
        with copy.admin(NAME) as cursor:
            for statement in statements:
                cursor.execute(statement)
        return results_of(found.judged(copy), "collations", NAME)["collation versions"]


def test_another_version_on_the_copy_names_the_indexes(found: Taken) -> None:
    result = _result(found, "UPDATE pg_collation SET collversion = '0.1' WHERE collname = 'old'")
    assert result.status is Status.OK
    (warning,) = result.warnings
    assert "public.old was version 0.1" in warning
    assert "on the restored engine" in warning
    assert warning.endswith('public."first %s"')


def test_the_same_versions_say_nothing(found: Taken) -> None:
    result = _result(replace(found, kind=BASELINE_NONE, before={}, after={}))
    assert (result.status, result.warnings, result.measured) == (
        Status.OK,
        (),
        {"versions that differ": 0},
    )
