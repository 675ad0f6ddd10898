"""A PostgreSQL server: bounded connections, composed SQL, errors without a row's value."""

import hashlib
import io
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg2
from psycopg2 import errorcodes, extensions, sql

from lambdas.adapters.secrets import Credentials
from lambdas.adapters.session_preparation import at_login, for_asking, preparation, to_print_alike
from lambdas.adapters.session_settings import Purpose
from lambdas.errors import (
    DatabaseUnreachable,
    NotExchanged,
    QueryFailed,
    RowRefused,
    TimeMachineError,
)
from lambdas.remedies import AT_LOGIN, NO_ENTRY, WAS_LOST, WAS_SILENT, remedy_of

MAINTENANCE_DATABASE = "postgres"
CONNECT_SECONDS = 10
LOCK_SECONDS = 5
TIME_OUT_STEP_SECONDS = 1
SILENCE_SECONDS = 15
"""How long after its own time-out a statement may go unanswered. A backend that loops in damaged
data heeds neither ``statement_timeout`` nor a cancel; then the connection is cut from our side."""

FEED_BYTES = 1 << 20

_TRANSACTION_TIMEOUT = "25P04"
"""Since PostgreSQL 17; psycopg2 has no name for it."""

_LOST_CONNECTION = {
    errorcodes.ADMIN_SHUTDOWN,
    errorcodes.CRASH_SHUTDOWN,
    errorcodes.CANNOT_CONNECT_NOW,
    errorcodes.DATABASE_DROPPED,
}

_ENDED_FOR_WAITING = {
    errorcodes.IDLE_IN_TRANSACTION_SESSION_TIMEOUT: "idle_in_transaction_session_timeout",
    errorcodes.IDLE_SESSION_TIMEOUT: "idle_session_timeout",
    _TRANSACTION_TIMEOUT: "transaction_timeout",
}

_NAMES_NOTHING = {
    errorcodes.UNDEFINED_FUNCTION,
    errorcodes.UNDEFINED_TABLE,
    errorcodes.UNDEFINED_OBJECT,
    errorcodes.INVALID_SCHEMA_NAME,
}
_ALL_SCHEMAS = """
SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ',
           nullif(pg_catalog.current_setting('search_path'), ''),
           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(nspname), ', ' ORDER BY nspname)
              FROM pg_catalog.pg_namespace
             WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')), false)
"""
_OTHER_PATHS = ("RESET search_path", _ALL_SCHEMAS)
_NOTHING = sql.SQL("")
_NO_PATH = "SET search_path = ''"


# Of several statements sent at once the settings end with their transaction (LOCAL).
_BY_INDEX = (
    "SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = on;"
    " SET LOCAL enable_seqscan = off;"
)
_BY_SCAN = (
    "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off;"
    " SET LOCAL enable_seqscan = on"
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
    """One connection to one database; every statement is its own transaction.

    Attributes:
        statement_seconds: how long a statement may take.
    """

    def __init__(
        self,
        connection: Any,
        database: str,
        statement_seconds: float,
        remaining: Callable[[], float] | None = None,
        prepare: sql.Composable = _NOTHING,
        *,
        has_no_path: bool = False,
    ) -> None:
        self._connection = connection
        self._remaining = remaining
        self._prepare = prepare
        self._starts_without_path = self._has_no_path = has_no_path
        self._granted_seconds = statement_seconds
        self.database = database
        self.statement_seconds = statement_seconds

    def prepare(self) -> None:
        """Settle what the session's queries rely on."""
        self._has_no_path = self._starts_without_path
        self.run(self._prepare, action="preparing the session")

    def renew(self) -> None:
        """Make it as it was when it was new, for its next user.

        Raises:
            QueryFailed: a transaction is open.
            DatabaseUnreachable: the connection was lost.
        """
        self.run("DISCARD ALL", action="discarding what the last user has left")
        self.statement_seconds = self._granted_seconds
        self.prepare()

    def rows(
        self, query: str | sql.Composable, parameters: Sequence[Any] = (), *, action: str
    ) -> list[tuple[Any, ...]]:
        """Run one query and return its rows.

        Args:
            doing: what for, with the relation's name; the start of an error's message.

        Raises:
            QueryFailed: PostgreSQL refused it.
            DatabaseUnreachable: the connection was lost meanwhile, or cut for the server's silence.
        """
        try:
            return self._rows(query, parameters, action)
        except QueryFailed as error:
            if not self.lacks_a_path(error) or self._is_in_transaction():
                raise
            with self._other_paths() as paths:
                for _ in paths:
                    try:
                        return self._rows(query, parameters, action)
                    except QueryFailed as another:
                        if not self.lacks_a_path(another):
                            raise
            raise

    def _rows(
        self, query: str | sql.Composable, parameters: Sequence[Any], action: str
    ) -> list[tuple[Any, ...]]:
        with self._watched(action), self._connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def planned(self, query: sql.Composable, *, action: str) -> Iterator[None]:
        """Run a query, and keep the path that its names were found under until the end.

        For what follows in a transaction, where :meth:`rows` can't try another path.
        """
        try:
            self._rows(query, (), action)
        except QueryFailed as error:
            if not self.lacks_a_path(error):
                raise
            with self._other_paths() as paths:
                if not any(self._is_understood(query, action) for _ in paths):
                    raise
                yield
        else:
            yield

    def _is_understood(self, query: sql.Composable, action: str) -> bool:
        try:
            self._rows(query, (), action)
        except QueryFailed as error:
            if not self.lacks_a_path(error):
                raise
            return False
        return True

    def lacks_a_path(self, error: QueryFailed) -> bool:
        """Whether a name was not found that may be one without a schema, in a user's function.

        The planner puts the body of a function in SQL in its call's place, and so looks into it
        for each index over one, whatever is asked of the table.
        """
        return self._has_no_path and error.sqlstate in _NAMES_NOTHING

    @contextmanager
    def _other_paths(self) -> Iterator[Iterator[None]]:
        """Sets one path after the other; in the end the session has none again.

        First the database's or the role's own, then with every schema after it: the path of the
        function's own users is theirs, and need not be the path of ours.
        """
        try:
            yield self._set_paths()
        finally:
            with suppress(DatabaseUnreachable, QueryFailed):
                self._rows(_NO_PATH, (), "setting the search path")

    def _set_paths(self) -> Iterator[None]:
        for path in _OTHER_PATHS:
            # In a damaged catalog not even this may be found.
            with suppress(QueryFailed):
                self._rows(path, (), "setting the search path")
                yield

    def printed(
        self, query: str | sql.Composable, *, action: str
    ) -> tuple[list[tuple[str | None, ...]], list[int]]:
        """The first two rows of a query as PostgreSQL prints them, and the types of its columns.

        No value is made one of Python's, which has not all that PostgreSQL has.
        """
        with self._watched(action), self._connection.cursor() as cursor:
            extensions.register_type(_AS_PRINTED, cursor)
            cursor.execute(query)
            if cursor.description is None:
                return [], []
            types = [int(column.type_code) for column in cursor.description]
            return list(cursor.fetchmany(2)), types

    def ask_as_the_user(self) -> None:
        """Give the database's own path and plans back, for a query of the user's."""
        self._has_no_path = False
        self.run(for_asking(self._connection.server_version), action="preparing the session")

    def print_alike(self) -> None:
        """Have values print the same in every session from here on."""
        self.run(to_print_alike(), action="preparing the session")

    def row(
        self, query: str | sql.Composable, parameters: Sequence[Any] = (), *, action: str
    ) -> tuple[Any, ...]:
        """The first row of a query that always has one."""
        return self.rows(query, parameters, action=action)[0]

    def looked_up(
        self, query: str, parameters: Sequence[Any] = (), *, action: str
    ) -> list[tuple[Any, ...]]:
        """The rows of a query of the catalogs for one relation, found by their indexes.

        To read a whole catalog for each relation takes a time that grows with the square of their
        number. The settings end with the query; in a longer transaction they are undone.
        """
        found = self.rows(_BY_INDEX + query, parameters, action=action)
        if self._is_in_transaction():
            self.run(_BY_SCAN, action=action)
        return found

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

    def run(self, statement: str | sql.Composable, *, action: str) -> None:
        """Run a statement for its effect on the session."""
        self.rows(statement, action=action)

    def change(self, statement: sql.Composable, *, action: str) -> int:
        """Run a statement that changes rows; return how many."""
        with self._watched(action), self._connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.rowcount)

    @contextmanager
    def transaction(self, *, action: str) -> Iterator[None]:
        """All or nothing of what is done within; an error inside rolls back."""
        self.run("BEGIN", action=action)
        try:
            yield
        except BaseException:
            # A lost connection has rolled back already, and can't be told to.
            with suppress(DatabaseUnreachable, QueryFailed):
                self.run("ROLLBACK", action=action)
            raise
        self.run("COMMIT", action=action)

    def copy_in(self, statement: sql.Composable, feed: Feed, *, relation: str, action: str) -> int:
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
                raise _copy_error(error, relation, action, self._connection) from None
            return int(cursor.rowcount)

    def limit_statements(self, seconds: float) -> None:
        """Give each further statement at most ``seconds``."""
        milliseconds = max(1000, int(seconds * 1000))
        self.statement_seconds = milliseconds / 1000
        with self._answered("setting the statement time-out"), self._connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(milliseconds)])

    @contextmanager
    def _watched(self, action: str) -> Iterator[None]:
        """No statement takes longer than what remains when it begins."""
        if self._remaining is not None and not self._has_failed():
            left = self._remaining()
            if left < self.statement_seconds - TIME_OUT_STEP_SECONDS:
                self.limit_statements(left)
        with self._answered(action):
            yield

    def _is_in_transaction(self) -> bool:
        status = self._connection.info.transaction_status
        return bool(status != extensions.TRANSACTION_STATUS_IDLE)

    def _has_failed(self) -> bool:
        """Whether a transaction is open that takes nothing but its end."""
        status = self._connection.info.transaction_status
        return bool(status == extensions.TRANSACTION_STATUS_INERROR)

    @contextmanager
    def _answered(self, action: str) -> Iterator[None]:
        watch = _Watch(self._connection, self.statement_seconds + SILENCE_SECONDS)
        try:
            with watch:
                yield
        except psycopg2.Error as error:
            if watch.has_cut:
                message = (
                    f"{action}: no answer, not even to the time-out, so it was cut; {WAS_SILENT}"
                )
                raise DatabaseUnreachable(message, lost=True) from None
            raise _in_our_words(error, action, self._connection) from None
        except UnicodeError as error:
            remedy = (
                "a text of it is not in the encoding that its database has; see the database's"
                " encoding, and mend the text on the source"
            )
            raise NotExchanged(type(error).__name__, action, remedy) from None


class _Watch:
    """Cuts a connection when its server is silent for too long; a deadline of the client's own."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self.has_cut = False
        self._connection = connection
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        """Shut the socket down, which wakes the driver; closing it is the driver's."""
        self.has_cut = True
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)


def _as_it_is(value: str | bytes | None, _: Any) -> str | bytes | None:
    return value


_AS_PRINTED = extensions.new_type(
    tuple(number for number in extensions.string_types if isinstance(number, int)),
    "AS_PRINTED",
    _as_it_is,
)


@contextmanager
def connect(
    server: Server,
    database: str,
    *,
    statement_seconds: float,
    read_only: bool = True,
    purpose: Purpose = Purpose.READING,
    prepare: sql.Composable = _NOTHING,
    remaining: Callable[[], float] | None = None,
) -> Iterator[Session]:
    """A session with all time-outs set, read-only unless asked otherwise.

    Args:
        purpose: what it is prepared for, see :mod:`lambdas.adapters.session_settings`.
        prepare: what is set besides.
        remaining: the seconds that are left for work; asked before each statement, which gets no
            more than that.

    Raises:
        DatabaseUnreachable: no connection. The driver's message is dropped: it holds the address,
            the user and sometimes more.
    """
    began = time.monotonic()
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
            options=at_login(statement_seconds, LOCK_SECONDS),
        )
    except psycopg2.Error as error:
        raise _no_connection(error, database, time.monotonic() - began) from None
    try:
        connection.autocommit = True
        first = preparation(purpose, connection.server_version, read_only=read_only)
        session = Session(
            connection,
            database,
            statement_seconds,
            remaining,
            sql.SQL("{}{}").format(first, prepare),
            has_no_path=purpose is Purpose.READING,
        )
        try:
            session.prepare()
        except DatabaseUnreachable as error:
            # Not over what it is opened for.
            raise DatabaseUnreachable(str(error)) from None
        yield session
    finally:
        connection.close()


_IN_A_FUNCTION = "CONTEXT:"
"""How libpq begins the context of a server's error (``PQsetErrorContextVisibility``). The error of
a login has one where a function raised it; no SQLSTATE of a login comes through the driver."""


def _no_connection(error: psycopg2.Error, database: str, seconds: float) -> DatabaseUnreachable:
    message = f"no connection to the database {database}"
    if seconds >= CONNECT_SECONDS - 1:
        return DatabaseUnreachable(
            f"{message} within {CONNECT_SECONDS} seconds; {NO_ENTRY}", at_login=True
        )
    if _IN_A_FUNCTION in str(error):
        return DatabaseUnreachable(f"{message}: {AT_LOGIN}", at_login=True)
    return DatabaseUnreachable(f"{message}; {NO_ENTRY}")


def _in_our_words(error: psycopg2.Error, action: str, connection: Any) -> TimeMachineError:
    """An error without an SQLSTATE is the driver's own, or the end of the connection."""
    code = error.pgcode
    if code in _ENDED_FOR_WAITING:
        message = f"the server ended the session for its {_ENDED_FOR_WAITING[code]}"
        return DatabaseUnreachable(f"{action}: {message}; see who sets it, and try again")
    if code is None and not connection.closed:
        remedy = "give a statement that is a query, is not empty, and is no COPY"
        return NotExchanged(type(error).__name__, action, remedy)
    if code is None or code.startswith("08") or code in _LOST_CONNECTION:
        return DatabaseUnreachable(f"{action}: the connection was lost; {WAS_LOST}", lost=True)
    return QueryFailed(code, _condition(code), action, remedy_of(code, connection.info.user))


_PLACE = r"^COPY {}, line (\d+)(?:, column (.*?))?(?:: \"|: null input|$)"
"""In the context of a COPY's error, maybe after those of triggers: ``COPY orders, line 3, column
qty: "…"``. What stands after the colon is the value, and is dropped."""


_OF_A_ROW = ("22", "23", "P0")
"""Classes of what is wrong with a row: data, constraint, a trigger's own. A cancelled statement or
a full disk carries a line too, and says nothing of the row in it."""


def _copy_error(
    error: psycopg2.Error, relation: str, action: str, connection: Any
) -> TimeMachineError:
    code = error.pgcode
    pattern = _PLACE.replace("{}", re.escape(relation))
    place = re.search(pattern, error.diag.context or "", re.MULTILINE | re.DOTALL)
    if code is None or place is None or not code.startswith(_OF_A_ROW):
        return _in_our_words(error, action, connection)
    column = place[2] or error.diag.column_name or ""
    return RowRefused(code, _condition(code), action, int(place[1]), column)


def _condition(sqlstate: str) -> str:
    try:
        return str(errorcodes.lookup(sqlstate)).lower()
    except KeyError:
        return "no published name"
