"""One source server for each test process; a database of its own for each test."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg2 import sql

from campaign.arena import Source, started
from lambdas.adapters import connecting
from local import folders
from local.postgres import Binaries, find_binaries

ENOUGH_BYTES = 4 * 2**30

MakeDatabase = Callable[..., str]

_DROP = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")


@pytest.fixture(scope="session", autouse=True)
def short_lock_waits() -> Iterator[None]:
    """A prepared transaction on a copy lets each statement on its tables wait as long as it may."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connecting, "LOCK_SECONDS", 0.5)
        yield


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user may pass through, unlike pytest's."""
    with folders.in_memory("tm-checks-", ENOUGH_BYTES) as made:
        yield made


@pytest.fixture(scope="session")
def binaries(folder: Path) -> Binaries:
    return find_binaries(folder)


@pytest.fixture(scope="session")
def source(binaries: Binaries, folder: Path) -> Iterator[Source]:
    """A server with RDS's roles and nothing else in it."""
    with started(binaries, folder / "shared") as found:
        yield found


@pytest.fixture
def make_database(source: Source) -> Iterator[MakeDatabase]:
    """Makes databases that belong to the master user, and drops them after the test."""
    made: list[str] = []
    owner = sql.Identifier(source.master.username)

    def make(name: str, options: str = "") -> str:
        made.append(name)
        statement = sql.SQL("CREATE DATABASE {} OWNER {} " + options)
        source.run("postgres", statement.format(sql.Identifier(name), owner))
        source.run(name, sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(owner))
        return name

    yield make
    _end_prepared(source)
    for name in made:
        source.run("postgres", _DROP.format(sql.Identifier(name)))
    source.run("postgres", "CHECKPOINT")


@pytest.fixture
def database(make_database: MakeDatabase) -> str:
    """A new database of the test's own."""
    return make_database(f"db_{secrets.token_hex(4)}")


def _end_prepared(source: Source) -> None:
    """A prepared transaction outlives its session, and keeps its database from being dropped."""
    with source.server.admin() as cursor:
        cursor.execute("SELECT database, gid FROM pg_prepared_xacts")
        for database, gid in cursor.fetchall():
            source.run(database, sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
