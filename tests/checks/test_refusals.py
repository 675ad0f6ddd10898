"""What PostgreSQL refuses us is told with the object's name, the cause and what to do."""

import contextlib
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import errorcodes

from campaign.arena import Source, taken
from lambdas import remedies
from lambdas.adapters import connecting
from lambdas.drill.units import Claim
from lambdas.drill.verdict.verdict import Result
from lambdas.errors import QueryFailed
from local.postgres import HOST
from tests.checks.conftest import MakeDatabase
from tests.checks.sandwich import results_of

CODES = sorted(
    code
    for name, code in vars(errorcodes).items()
    if name.isupper() and isinstance(code, str) and len(code) == 5
)
IMPERATIVES = (
    "take",
    "drill again",
    "see ",
    "run ",
    "look",
    "raise",
    "write",
    "GRANT",
    "end ",
    "let ",
    "leave",
    "free",
    "not part of this backup",
)


@pytest.mark.parametrize("code", [*CODES, "ZZ999", "RDS01", ""])
def test_every_answer_of_postgresql_has_a_remedy(code: str) -> None:
    message = str(QueryFailed(code, "condition", "reading public.orders"))
    assert message.startswith(f"reading public.orders: PostgreSQL answered {code} (condition); ")
    remedy = message.partition("; ")[2]
    assert any(word in remedy for word in IMPERATIVES), remedy
    assert "{" not in message


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errorcodes.INSUFFICIENT_PRIVILEGE, "tm_reader lacks the privilege"),
        (errorcodes.LOCK_NOT_AVAILABLE, "pg_locks"),
        (errorcodes.QUERY_CANCELED, "deadline_minutes"),
        (errorcodes.DISK_FULL, "FreeStorageSpace"),
        (errorcodes.OUT_OF_MEMORY, "larger class"),
        (errorcodes.TOO_MANY_CONNECTIONS, "max_connections"),
        (errorcodes.READ_ONLY_SQL_TRANSACTION, "takes no writes"),
        (errorcodes.FEATURE_NOT_SUPPORTED, "can't do that here"),
        (errorcodes.UNDEFINED_TABLE, "dropped, renamed or altered"),
        (errorcodes.UNDEFINED_FUNCTION, "dropped, renamed or altered"),
        (errorcodes.DEADLOCK_DETECTED, "passes by itself"),
        (errorcodes.DATA_CORRUPTED, "take another one"),
    ],
)
def test_the_usual_refusals_have_words_of_their_own(code: str, said: str) -> None:
    assert said in remedies.remedy_of(code, "tm_reader")


@pytest.fixture
def shop(source: Source, make_database: MakeDatabase) -> Iterator[str]:
    """A table that is read, and one that a test refuses."""
    name = make_database("tm_refused")
    source.run(
        name,
        "CREATE ROLE tm_app",
        "CREATE TABLE free AS SELECT 1 AS id",
        "CREATE TABLE todo AS SELECT n AS id FROM generate_series(1, 50) n",
        "ALTER TABLE todo OWNER TO tm_app",
    )
    yield name
    source.run(name, "DROP TABLE todo", "DROP ROLE tm_app")


def _todo(source: Source, database: str) -> Result:
    with taken(source) as copied, copied.restored() as copy:
        counted = results_of(copied.judged(copy), "counts", database)
    assert counted["public.free"].claim is Claim.PROVEN
    return counted["public.todo"]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["ALTER TABLE todo ENABLE ROW LEVEL SECURITY"], "GRANT tm_app TO {role}"),
        (
            [
                "ALTER TABLE todo ENABLE ROW LEVEL SECURITY",
                "ALTER TABLE todo FORCE ROW LEVEL SECURITY",
            ],
            "ALTER ROLE {role} BYPASSRLS",
        ),
    ],
)
def test_row_security_names_whose_role_to_grant(
    source: Source, shop: str, statements: list[str], said: str
) -> None:
    source.run(shop, *statements)
    on_the_copy = " ".join(_todo(source, shop).notes)
    source.run(shop, f"ALTER ROLE {source.master.username} BYPASSRLS")
    try:
        on_the_source = " ".join(_todo(source, shop).notes)
    finally:
        source.run(shop, f"ALTER ROLE {source.master.username} NOBYPASSRLS")
    for message, role in ((on_the_copy, source.master), (on_the_source, source.reader)):
        assert "public.todo: PostgreSQL answered 42501" in message
        assert said.format(role=role.username) in message
        assert "drill again" in message


def test_a_lock_that_lasts_is_told_with_its_holder(
    source: Source, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "LOCK_SECONDS", 0.3)
    with contextlib.closing(
        psycopg2.connect(
            host=HOST,
            port=source.server.port,
            user=source.master.username,
            password=source.master.password,
            dbname=shop,
            application_name="nightly-billing",
        )
    ) as connection:
        source.run(shop, f"GRANT tm_app TO {source.master.username}")
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE todo IN ACCESS EXCLUSIVE MODE")
            message = " ".join(_todo(source, shop).notes)
        pid = connection.info.backend_pid
    assert "looking at the size of public.todo: PostgreSQL answered 55P03" in message
    assert f"held by the session with pid {pid} of {source.master.username}" in message
    assert "end it (pg_terminate_backend" in message


def test_a_prepared_transaction_that_holds_a_lock_is_told_by_its_name(
    source: Source, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "LOCK_SECONDS", 0.3)
    source.run(shop, "BEGIN", "LOCK TABLE todo", "PREPARE TRANSACTION 'left behind'")
    try:
        message = " ".join(_todo(source, shop).notes)
    finally:
        source.run(shop, "ROLLBACK PREPARED 'left behind'")
    assert "the prepared transaction left behind (AccessExclusiveLock)" in message
    assert "ROLLBACK PREPARED" in message
