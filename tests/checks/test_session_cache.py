"""A connection is used again by its own check, and only when nothing has happened to it."""

from collections.abc import Iterator

import pytest

from campaign.arena import Source, sessions
from lambdas.adapters.postgres import Session
from lambdas.drill.verification.session_cache import SessionCache
from lambdas.errors import QueryFailed

DATABASE = "postgres"


@pytest.fixture
def session_cache(source: Source) -> Iterator[SessionCache]:
    with SessionCache(sessions(source.server, source.master)) as session_cache:
        yield session_cache


def backend(session: Session) -> int:
    (process,) = session.row("SELECT pg_backend_pid()", action="looking for the backend")
    return int(process)


def backend_of(session_cache: SessionCache, borrower: str, database: str = DATABASE) -> int:
    with session_cache.sessions_for(borrower)(database) as session:
        return backend(session)


def setting(session: Session, name: str) -> str:
    (value,) = session.row("SELECT current_setting(%s)", [name], action="reading a setting")
    return str(value)


def test_a_check_gets_its_connection_again_and_another_check_or_database_does_not(
    session_cache: SessionCache,
) -> None:
    first = backend_of(session_cache, "counts")
    assert backend_of(session_cache, "counts") == first
    assert backend_of(session_cache, "heap") != first
    there = backend_of(session_cache, "counts", "template1")
    assert backend_of(session_cache, "counts") != there


def test_nothing_that_the_last_user_has_set_or_made_is_left(session_cache: SessionCache) -> None:
    with session_cache.sessions_for("counts", seconds=7)(DATABASE) as session:
        first = backend(session)
        session.run("SET enable_indexscan = on; SET DateStyle = 'German'", action="setting")
        session.row("SELECT pg_advisory_lock(7)", action="locking")
        assert session.statement_seconds == 7
    with session_cache.sessions_for("counts", seconds=9)(DATABASE) as session:
        assert backend(session) == first
        assert setting(session, "enable_indexscan") == "off"
        assert setting(session, "DateStyle") == "ISO, MDY"
        assert setting(session, "statement_timeout") == "9s"
        assert setting(session, "default_transaction_read_only") == "on"
        (locks,) = session.row(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", action="counting locks"
        )
        assert locks == 0


def test_what_has_failed_or_left_a_transaction_open_takes_its_connection_along(
    session_cache: SessionCache,
) -> None:
    first = backend_of(session_cache, "counts")
    with pytest.raises(QueryFailed), session_cache.sessions_for("counts")(DATABASE) as session:
        session.row("SELECT 1/0", action="dividing")
    second = backend_of(session_cache, "counts")
    assert second != first
    with session_cache.sessions_for("counts")(DATABASE) as session:
        session.run("BEGIN", action="beginning")
    assert backend_of(session_cache, "counts") != second


def test_a_connection_that_was_lost_while_nobody_had_it_costs_the_next_nothing(
    session_cache: SessionCache, source: Source
) -> None:
    first = backend_of(session_cache, "counts")
    with source.server.admin() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert backend_of(session_cache, "counts") != first


def test_one_connection_is_open_at_most_and_none_at_the_end(source: Source) -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rds-time-machine'"
    with SessionCache(sessions(source.server, source.master)) as session_cache:
        for borrower in ("counts", "heap", "counts"):
            backend_of(session_cache, borrower)
            with source.server.admin() as cursor:
                cursor.execute(count)
                assert cursor.fetchone() == (1,)
    with source.server.admin() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), pg_sleep(0.2);" + count,
        )
        assert cursor.fetchone() == (0,)
