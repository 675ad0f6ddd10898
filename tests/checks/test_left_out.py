"""What a drill leaves out is told where people look: in a warning, or it is no PASSED."""

import pytest

from campaign.arena import Source, taken
from lambdas.drill.verdict.verdict import Verdict
from tests.checks.conftest import MakeDatabase

CLOSED = {
    "no connections": "ALTER DATABASE {} ALLOW_CONNECTIONS false",
    "a limit of 0": "ALTER DATABASE {} CONNECTION LIMIT 0",
}
NOT_OURS = "REVOKE CONNECT ON DATABASE {} FROM PUBLIC; REVOKE CONNECT ON DATABASE {} FROM tm_owner"


@pytest.fixture
def shop(source: Source, make_database: MakeDatabase) -> str:
    """What is proven beside that which is left out."""
    name = make_database("tm_left")
    source.run(name, "CREATE TABLE t AS SELECT 1 AS id", "GRANT SELECT ON t TO PUBLIC")
    return name


@pytest.mark.parametrize("baseline", ["none", "exact"])
@pytest.mark.parametrize("how", CLOSED)
def test_a_closed_database_is_a_warning_that_names_it(
    source: Source, shop: str, make_database: MakeDatabase, how: str, baseline: str
) -> None:
    assert shop
    name = make_database("Archive of '99")
    source.run(name, "CREATE TABLE ledger AS SELECT n FROM generate_series(1, 500) n")
    source.run("postgres", CLOSED[how].format(f'"{name}"'))
    with taken(source, baseline) as copied, copied.restored() as copy:
        judgement = copied.judged(copy)
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    (warning,) = judgement.warnings
    assert warning.startswith(f"the whole database {name} was left out, nothing of it is proven")
    assert "to have it verified" in warning


def test_a_database_that_only_the_master_may_not_enter_is_no_passed(
    source: Source, shop: str, make_database: MakeDatabase
) -> None:
    """It can be mended, and then it is proven."""
    assert shop
    name = make_database("tm_kept_out")
    source.run("postgres", f"CREATE ROLE tm_owner; ALTER DATABASE {name} OWNER TO tm_owner")
    source.run("postgres", NOT_OURS.replace("{}", name))
    try:
        with taken(source, "none") as copied, copied.restored() as copy:
            judgement = copied.judged(copy)
    finally:
        source.run("postgres", f"DROP DATABASE {name}", "DROP ROLE tm_owner")
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert any(name in message and "grant CONNECT" in message for message in judgement.reasons)


def test_unlogged_and_foreign_tables_are_warnings(source: Source, shop: str) -> None:
    source.run(
        shop,
        "CREATE UNLOGGED TABLE cache AS SELECT 1 AS id",
        "CREATE FOREIGN DATA WRAPPER tm_far",
        "CREATE SERVER tm_far FOREIGN DATA WRAPPER tm_far",
        "CREATE FOREIGN TABLE far (id int) SERVER tm_far",
    )
    with taken(source, "none") as copied, copied.restored() as copy:
        judgement = copied.judged(copy)
    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    message = " | ".join(judgement.warnings)
    assert "public.cache: unlogged" in message
    assert "SET LOGGED" in message
    assert "public.far: foreign" in message


@pytest.mark.parametrize("statements", [(), ("CREATE UNLOGGED TABLE cache (id int)",)])
def test_a_server_without_a_table_to_read_proves_nothing(
    source: Source, make_database: MakeDatabase, statements: tuple[str, ...]
) -> None:
    name = make_database("tm_nothing")
    source.run(name, *statements)
    with taken(source, "exact") as copied, copied.restored() as copy:
        judgement = copied.judged(copy)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    (reason,) = judgement.reasons
    assert "nothing was proven" in reason
