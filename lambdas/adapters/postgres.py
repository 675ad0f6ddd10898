"""A PostgreSQL server: bounded connections, composed SQL, errors without a row's value."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errorcodes, sql

from lambdas.adapters.secrets import Credentials
from lambdas.errors import DatabaseUnreachable, QueryFailed

MAINTENANCE_DATABASE = "postgres"
CONNECT_SECONDS = 10
LOCK_SECONDS = 5

_LOST_CONNECTION = {
    errorcodes.ADMIN_SHUTDOWN,
    errorcodes.CRASH_SHUTDOWN,
    errorcodes.CANNOT_CONNECT_NOW,
    errorcodes.DATABASE_DROPPED,
}

_READ_HONESTLY = (
    # count(*) may otherwise read an index, which says nothing about the heap.
    "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;"
    # A database's own settings may forbid the scan that is left, or compile each count at length.
    "SET enable_seqscan = on; SET jit = off;"
    # Row security would hide rows without a word; off turns that into an error.
    "SET row_security = off;"
    # Definitions print with every name qualified.
    "SET search_path = ''"
)


@dataclass(frozen=True)
class Server:
    """Where a server is and how to log in."""

    host: str
    port: int
    credentials: Credentials
    tls_mode: str
    tls_ca_file: str


class Session:
    """One connection to one database; every statement is its own transaction."""

    def __init__(self, connection: Any, database: str) -> None:
        self._connection = connection
        self.database = database

    def rows(
        self, query: str | sql.Composable, parameters: Sequence[Any] = (), *, doing: str
    ) -> list[tuple[Any, ...]]:
        """Run one query and return its rows.

        Args:
            doing: what for, with the relation's name; the start of an error's message.

        Raises:
            QueryFailed: PostgreSQL refused it.
            DatabaseUnreachable: the connection was lost meanwhile.
        """
        with _errors_in_our_words(doing), self._connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def row(
        self, query: str | sql.Composable, parameters: Sequence[Any] = (), *, doing: str
    ) -> tuple[Any, ...]:
        """The first row of a query that always has one."""
        return self.rows(query, parameters, doing=doing)[0]

    def digest(self, expression: sql.Composable) -> str:
        """A short name of a composed expression; equal expressions have equal ones."""
        return hashlib.sha256(expression.as_string(self._connection).encode()).hexdigest()[:16]

    def run(self, statement: str | sql.Composable, *, doing: str) -> None:
        """Run a statement for its effect on the session."""
        self.rows(statement, doing=doing)

    def limit_statements(self, seconds: float) -> None:
        """Give each further statement at most ``seconds``."""
        milliseconds = max(1000, int(seconds * 1000))
        self.rows(
            "SELECT set_config('statement_timeout', %s, false)",
            [str(milliseconds)],
            doing="setting the statement time-out",
        )


@contextmanager
def connect(
    server: Server, database: str, *, statement_seconds: float, read_only: bool = True
) -> Iterator[Session]:
    """A session with all time-outs set, read-only unless asked otherwise.

    Raises:
        DatabaseUnreachable: no connection. The driver's message is dropped: it holds the address,
            the user and sometimes more.
    """
    try:
        connection = psycopg2.connect(
            host=server.host,
            port=server.port,
            user=server.credentials.username,
            password=server.credentials.password,
            dbname=database,
            sslmode=server.tls_mode,
            sslrootcert=server.tls_ca_file or None,
            connect_timeout=CONNECT_SECONDS,
            application_name="rds-time-machine",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            client_encoding="UTF8",
            options=(
                f"-c statement_timeout={int(statement_seconds * 1000)}"
                f" -c lock_timeout={LOCK_SECONDS * 1000}"
                " -c idle_in_transaction_session_timeout=60000"
                f" -c default_transaction_read_only={'on' if read_only else 'off'}"
            ),
        )
    except psycopg2.Error:
        raise DatabaseUnreachable(f"no connection to the database {database}") from None
    try:
        connection.autocommit = True
        session = Session(connection, database)
        session.run(_READ_HONESTLY, doing="preparing the session")
        yield session
    finally:
        connection.close()


@contextmanager
def _errors_in_our_words(doing: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        code = error.pgcode
        if code is None or code.startswith("08") or code in _LOST_CONNECTION:
            raise DatabaseUnreachable(f"{doing}: the connection was lost") from None
        raise QueryFailed(code, _condition(code), doing) from None


def _condition(sqlstate: str) -> str:
    try:
        return str(errorcodes.lookup(sqlstate)).lower()
    except KeyError:
        return "no published name"
