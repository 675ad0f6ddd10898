"""A PostgreSQL server: bounded connections, composed SQL, errors without a row's value."""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg2
from psycopg2 import errorcodes, sql

from lambdas.adapters.secrets import Credentials
from lambdas.errors import DatabaseUnreachable, QueryFailed, RowRefused, TimeMachineError

MAINTENANCE_DATABASE = "postgres"
CONNECT_SECONDS = 10
LOCK_SECONDS = 5
FEED_BYTES = 1 << 20

_LOST_CONNECTION = {
    errorcodes.ADMIN_SHUTDOWN,
    errorcodes.CRASH_SHUTDOWN,
    errorcodes.CANNOT_CONNECT_NOW,
    errorcodes.DATABASE_DROPPED,
}

READ_HONESTLY = (
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


class Feed(Protocol):
    """What COPY reads from.

    Attributes:
        error: what a read raised; psycopg2 itself tells only that one did.
    """

    error: BaseException | None

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        ...


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

    @property
    def server_major(self) -> int:
        """The server's major version."""
        return int(self._connection.server_version // 10_000)

    def text(self, expression: sql.Composable) -> str:
        """A composed expression as SQL."""
        return str(expression.as_string(self._connection))

    def digest(self, expression: sql.Composable) -> str:
        """A short name of a composed expression; equal expressions have equal ones."""
        return hashlib.sha256(expression.as_string(self._connection).encode()).hexdigest()[:16]

    def run(self, statement: str | sql.Composable, *, doing: str) -> None:
        """Run a statement for its effect on the session."""
        self.rows(statement, doing=doing)

    def change(self, statement: sql.Composable, *, doing: str) -> int:
        """Run a statement that changes rows; return how many."""
        with _errors_in_our_words(doing), self._connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.rowcount)

    @contextmanager
    def transaction(self, *, doing: str) -> Iterator[None]:
        """All or nothing of what is done within; an error inside rolls back."""
        self.run("BEGIN", doing=doing)
        try:
            yield
        except BaseException:
            # A lost connection has rolled back already, and can't be told to.
            with suppress(DatabaseUnreachable, QueryFailed):
                self.run("ROLLBACK", doing=doing)
            raise
        self.run("COMMIT", doing=doing)

    def copy_in(self, statement: sql.Composable, feed: Feed, *, relation: str, doing: str) -> int:
        """Run a ``COPY … FROM STDIN``; return the number of rows.

        Args:
            relation: the name of the table, without its schema.

        Raises:
            RowRefused: PostgreSQL refused a row; told by line and column, never by value.
            QueryFailed, DatabaseUnreachable: anything else; what ``feed`` raised comes through.
        """
        with self._connection.cursor() as cursor:
            try:
                # A session that is ended in the middle makes psycopg2 print the server's message,
                # row and all, besides raising it.
                with redirect_stderr(io.StringIO()):
                    cursor.copy_expert(statement, feed, FEED_BYTES)
            except psycopg2.Error as error:
                if feed.error is not None:
                    raise feed.error from None
                raise _copy_error(error, relation, doing) from None
            return int(cursor.rowcount)

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
    server: Server,
    database: str,
    *,
    statement_seconds: float,
    read_only: bool = True,
    prepare: str | sql.Composable = READ_HONESTLY,
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
        session.run(prepare, doing="preparing the session")
        yield session
    finally:
        connection.close()


@contextmanager
def _errors_in_our_words(doing: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        raise _in_our_words(error, doing) from None


def _in_our_words(error: psycopg2.Error, doing: str) -> TimeMachineError:
    code = error.pgcode
    if code is None or code.startswith("08") or code in _LOST_CONNECTION:
        return DatabaseUnreachable(f"{doing}: the connection was lost")
    return QueryFailed(code, _condition(code), doing)


_PLACE = r"^COPY {}, line (\d+)(?:, column (.*?))?(?:: \"|: null input|$)"
"""In the context of a COPY's error, maybe after those of triggers: ``COPY orders, line 3, column
qty: "…"``. What stands after the colon is the value, and is dropped."""


_OF_A_ROW = ("22", "23", "P0")
"""Classes of what is wrong with a row: data, constraint, a trigger's own. A cancelled statement or
a full disk carries a line too, and says nothing of the row in it."""


def _copy_error(error: psycopg2.Error, relation: str, doing: str) -> TimeMachineError:
    code = error.pgcode
    pattern = _PLACE.replace("{}", re.escape(relation))
    place = re.search(pattern, error.diag.context or "", re.MULTILINE | re.DOTALL)
    if code is None or place is None or not code.startswith(_OF_A_ROW):
        return _in_our_words(error, doing)
    column = place[2] or error.diag.column_name or ""
    return RowRefused(code, _condition(code), doing, int(place[1]), column)


def _condition(sqlstate: str) -> str:
    try:
        return str(errorcodes.lookup(sqlstate)).lower()
    except KeyError:
        return "no published name"
