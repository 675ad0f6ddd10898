"""Large objects hold together, and their pages are counted as any table's rows."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.rows import large_objects
from lambdas.drill.units import Claim, Status
from tests.checks.sandwich import assert_failed, results_of, sandwich

pytestmark = pytest.mark.xdist_group("checks-logical")

NAME = "in_large"
PAGES = "pg_catalog.pg_largeobject"

_SETUP = (
    "SELECT lo_from_bytea(n, convert_to(repeat('large ' || n, 5000), 'UTF8'))"
    " FROM generate_series(70001, 70010) n",
    "SELECT lo_from_bytea(70011, '')",
    "SELECT lo_put(lo_create(70012), 100000, 'x')",
    f"CREATE ROLE {NAME}",
    f"ALTER LARGE OBJECT 70003 OWNER TO {NAME}",
)


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        source.run(NAME, *_SETUP)
        with taken(source) as copied:
            yield copied
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)", f"DROP ROLE {NAME}")


def test_large_objects_of_any_owner_are_proven_page_by_page(found: Taken) -> None:
    """One is empty, one has a hole, one belongs to a stranger."""
    with found.restored() as copy:
        judgement = found.judged(copy)
    result = results_of(judgement, "large objects", NAME)["large objects"]
    assert result.status is Status.OK, result.findings
    assert (result.measured["objects"], "1 large objects have holes" in " ".join(result.notes)) == (
        12,
        True,
    )
    pages = results_of(judgement, "counts", NAME)[PAGES]
    assert pages.claim is Claim.PROVEN
    assert pages.measured["rows"] == result.measured["pages"]


def test_a_changed_page_is_found_against_the_source(found: Taken) -> None:
    with found.restored() as copy:
        with copy.admin(NAME) as cursor:
            cursor.execute("SELECT lo_put(70003, 7, 'other')")
        judgement = found.judged(copy)
    assert_failed(judgement, NAME, PAGES, "where the source held")
    assert_failed(judgement, "large objects 70001", "70003", "compare lo_get")


def test_pages_without_an_object_are_found_without_a_baseline(found: Taken) -> None:
    bare = replace(found, kind=BASELINE_NONE, before={}, after={})
    with bare.restored({"allow_system_table_mods": "on"}) as copy:
        with copy.admin(NAME) as cursor:
            cursor.execute("DELETE FROM pg_largeobject_metadata WHERE oid = 70005")
            cursor.execute(
                "UPDATE pg_largeobject SET pageno = -1 WHERE loid = 70007 AND pageno = 0"
            )
        judgement = bare.judged(copy)
    assert_failed(judgement, NAME, "belong to no large object", "large object 70005")
    assert_failed(judgement, "1 pages", "have a negative number", "large object 70007")


def test_what_the_reader_may_not_read_is_not_compared(source: Source, database: str) -> None:
    """The copy's own user can be granted it, and reads them all the same."""
    source.run(database, "SELECT lo_from_bytea(70001, 'large')")
    source.run("postgres", f"REVOKE pg_read_all_data FROM {source.reader.username}")
    try:
        judgement = sandwich(source)
    finally:
        source.run("postgres", f"GRANT pg_read_all_data TO {source.reader.username}")
    result = results_of(judgement, "large objects", database)["large objects"]
    assert (result.status, result.notes) == (Status.OK, (large_objects.UNCOMPARED,))
    assert results_of(judgement, "counts", database)[PAGES].claim is Claim.NOT_COMPARED
