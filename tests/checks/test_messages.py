"""The user's own queries, and what may be told of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import pytest

from campaign.arena import Source, Taken, sessions, taken
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.checks.shape import CheckContext, Survey
from lambdas.drill.units import Status
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import Judgement, Result, Verdict, judge
from lambdas.drill.verification.batch import measure_batch
from local.postgres import PostgresServer

pytestmark = pytest.mark.xdist_group("checks-messages")

DATABASE = "messages"
VALUE = "planted-hunter2"

_SETUP = (
    "CREATE TABLE people (id int PRIMARY KEY, body text)",
    f"INSERT INTO people VALUES (1, '{VALUE}'), (2, '20000-01-01')",
    "CREATE FUNCTION shout(text) RETURNS int LANGUAGE plpgsql"
    " AS $$BEGIN RAISE EXCEPTION 'value %', $1 USING DETAIL = $1, HINT = $1; END$$",
    "CREATE DOMAIN plain AS text CHECK (VALUE !~ 'planted')",
    "CREATE SCHEMA own",
    "CREATE FUNCTION own.count(int) RETURNS int LANGUAGE sql AS 'SELECT 42'",
    f"ALTER DATABASE {DATABASE} SET search_path = own, public",
)

FAILING = {
    "cast to a number": "SELECT body::int FROM people WHERE id = 1",
    "cast to a date": "SELECT body::timestamptz FROM people WHERE id = 1",
    "cast to json": "SELECT body::json->>'a' FROM people WHERE id = 1",
    "cast to an enum's text": "SELECT body::regclass FROM people WHERE id = 1",
    "domain": "SELECT body::plain FROM people WHERE id = 1",
    "raised": "SELECT shout(body) FROM people WHERE id = 1",
    "pattern": "SELECT 'x' ~ ('[' || body) FROM people WHERE id = 1",
    "date that Python has not": "SELECT body::date FROM people WHERE id = 2",
    "interval that Python has not": "SELECT interval '20000000 years'",
    "syntax": f"SELECT {VALUE} '{VALUE}",
    "write": f"INSERT INTO people VALUES (3, '{VALUE}') RETURNING 1",
    "duplicate key": "BEGIN READ WRITE; INSERT INTO people SELECT 1, body FROM people WHERE id = 1",
}
"""Each fails, and PostgreSQL's or the driver's message quotes the value."""

UNDECIDED = {
    "value that is no number": ("SELECT body FROM people WHERE id = 1", "> 0"),
    "not a number": ("SELECT 'NaN'::float8", "> 0"),
    "two rows": ("SELECT id FROM people", "> 0"),
    "two columns": ("SELECT id, body FROM people WHERE id = 1", "> 0"),
    "no row": ("SELECT id FROM people WHERE id = 99", "> 0"),
    "nothing": ("SET statement_timeout = 5000", "> 0"),
}
MET = {
    "count": ("SELECT count(*) FROM people", "= 2"),
    "own search path": ("SELECT count(5)", "= 42"),
    "percent signs": ("SELECT count(*) FROM people WHERE body LIKE '%hunter%'", "= 1"),
    "null": ("SELECT max(id) FROM people WHERE id = 99", "= null"),
    "text": ("SELECT body FROM people WHERE id = 1", f"= '{VALUE}'"),
    "truth": ("SELECT bool_and(id > 0) FROM people", "= true"),
}
NOT_MET = {
    "too few": ("SELECT count(*) FROM people", "> 2"),
    "other text": ("SELECT body FROM people WHERE id = 1", "= 'x'"),
    "null": ("SELECT max(id) FROM people WHERE id = 99", "> 0"),
}


@pytest.fixture(scope="module")
def copied(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {DATABASE}")
    try:
        source.run(DATABASE, *_SETUP)
        with taken(source) as found:
            yield found
    finally:
        source.run("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture(scope="module")
def copy(copied: Taken) -> Iterator[PostgresServer]:
    with copied.restored() as server:
        yield server


@pytest.fixture(scope="module")
def sound(copied: Taken, copy: PostgresServer) -> Sequence[Result]:
    """What every other check says of the copy; it is the same whatever is expected."""
    judgement = copied.judged(copy)
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    return judgement.results


Ask = Callable[[str, str], tuple[Judgement, Result]]


@pytest.fixture
def ask(copied: Taken, copy: PostgresServer, sound: Sequence[Result]) -> Ask:
    """The verdict of a copy with one expectation, and the result of that."""

    def asked(query: str, expect: str) -> tuple[Judgement, Result]:
        wanted = {"name": "mine", "database": DATABASE, "sql": query, "expect": expect}
        units = list(CHECKS["expectations"].plan(Survey((), "", expectations=[wanted])))
        context = CheckContext(sessions(copy, copied.source.master), {}, {})
        (result,) = fold(units, measure_batch(units, context, lambda: 60.0))
        return judge([*sound, result]), result

    return asked


@pytest.mark.parametrize("name", FAILING)
def test_the_message_of_a_query_that_failed_holds_no_value(ask: Ask, name: str) -> None:
    judgement, result = ask(FAILING[name], "> 0")

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert result.status is Status.UNMEASURED
    assert any("mine" in text for text in judgement.reasons)
    message = json.dumps(asdict(judgement))
    assert VALUE not in message
    assert "20000" not in message


@pytest.mark.parametrize("name", UNDECIDED)
def test_a_query_without_one_comparable_value_is_not_measured(ask: Ask, name: str) -> None:
    judgement, result = ask(*UNDECIDED[name])

    assert (judgement.verdict, result.status) == (Verdict.INCONCLUSIVE, Status.UNMEASURED)
    assert VALUE not in json.dumps(asdict(judgement))


@pytest.mark.parametrize("name", MET)
def test_a_query_that_gives_what_is_expected_passes(ask: Ask, name: str) -> None:
    judgement, result = ask(*MET[name])

    assert (judgement.verdict, result.status) == (Verdict.PASSED, Status.OK), judgement.reasons


@pytest.mark.parametrize("name", NOT_MET)
def test_a_query_that_gives_another_value_fails_without_telling_it(ask: Ask, name: str) -> None:
    judgement, result = ask(*NOT_MET[name])

    assert (judgement.verdict, result.status) == (Verdict.FAILED, Status.WRONG)
    assert VALUE not in json.dumps(asdict(judgement))


def test_a_query_of_one_database_that_is_not_there_is_not_measured(
    copied: Taken, copy: PostgresServer
) -> None:
    wanted = {"name": "mine", "database": "nowhere", "sql": "SELECT 1", "expect": "= 1"}

    judgement = copied.judged(copy, [wanted])

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "nowhere: mine" in judgement.reasons[0]
