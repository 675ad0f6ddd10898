"""A source's own faults come back faithfully: a warning that says what is odd, and never FAILED.

All share one database and three sandwiches, one for each baseline.
"""

import contextlib

import psycopg2
import pytest

from campaign.arena import Source, taken
from lambdas.drill.admission.request import BASELINE_CATALOG, BASELINE_EXACT, BASELINE_NONE
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Judgement, Verdict
from tests.checks.faulty import FAULTS, Fault

pytestmark = pytest.mark.xdist_group("checks-faulty")

NAME = "faulty"
ON_THE_SERVER = {"prepared"}
"""Told of the server, not of a schema."""

CONTEXT = "SET allow_system_table_mods = on"


def _known(source: Source) -> dict[str, Fault]:
    major = source.server.binaries.major
    return {name: fault for name, fault in FAULTS.items() if fault.since <= major}


def _make(source: Source, name: str, fault: Fault) -> None:
    """In a session of its own; what begins with TRY is to fail."""
    with source.server.admin(NAME) as cursor:
        cursor.execute(CONTEXT)
        cursor.execute(f"CREATE SCHEMA s_{name}")
        cursor.execute(f"SET search_path = s_{name}, public, pg_catalog")
        for statement in fault.setup:
            if statement.startswith("TRY "):
                with contextlib.suppress(psycopg2.Error):
                    cursor.execute(statement.removeprefix("TRY "))
            else:
                cursor.execute(statement)


def _judged(source: Source, kind: str, *, by_itself: bool) -> Judgement:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        for name, fault in _known(source).items():
            if by_itself or not fault.by_itself:
                _make(source, name, fault)
        with taken(source, kind) as found, found.restored(last=True) as copy:
            return found.judged(copy)
    finally:
        source.run(NAME, "ROLLBACK PREPARED 'tm_faulty'")
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.fixture(scope="module", params=[BASELINE_EXACT, BASELINE_CATALOG, BASELINE_NONE])
def judgement(source: Source, request: pytest.FixtureRequest) -> tuple[str, Judgement]:
    kind: str = request.param
    return kind, _judged(source, kind, by_itself=kind == BASELINE_EXACT)


def _of(judgement: Judgement, name: str) -> list[str]:
    """What is said of a fault's schema, with the subject before it."""
    return [
        text
        for result in judgement.results
        for warning in result.warnings
        for text in [f"{result.title}: {warning}"]
        if name in ON_THE_SERVER or f"s_{name}." in text
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_source_is_no_damage(
    source: Source, judgement: tuple[str, Judgement], name: str
) -> None:
    kind, found = judgement
    fault = FAULTS[name]
    if fault.since > source.server.binaries.major or (fault.by_itself and kind != BASELINE_EXACT):
        return
    wrong = [
        (result.title, result.findings)
        for result in found.results
        if result.status is Status.WRONG and f"s_{name}." in f"{result.title} {result.findings}"
    ]
    assert not wrong
    message = _of(found, name)
    for words in fault.message if name != "library_gone" else ():
        assert any(words in text for text in message), (words, message)
    assert not [text for text in message for words in fault.silent if words in text], message
    assert fault.message or not message


def test_the_whole_is_passed_but_for_a_library_that_nothing_was_read_of(
    judgement: tuple[str, Judgement],
) -> None:
    kind, found = judgement
    wrong = [(r.title, r.check, r.findings) for r in found.results if r.status is Status.WRONG]
    assert not wrong
    unsure = [(r.title, r.check, r.notes) for r in found.results if r.status is Status.UNMEASURED]
    if kind == BASELINE_NONE:
        assert [check for _, check, _ in unsure] == ["extensions"], unsure
        return
    assert found.verdict is Verdict.PASSED, unsure
    assert any("lacks it too" in text for r in found.results for text in r.warnings)
