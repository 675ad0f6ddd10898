"""A PostgreSQL server: bounded connections, composed SQL, errors without a row's value."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any, Protocol

import psycopg2
from psycopg2 import extensions, sql

from lambdas.adapters.postgres_errors import copy_error, translated
from lambdas.adapters.search_paths import SearchPaths
from lambdas.adapters.session_preparation import for_asking, to_print_alike
from lambdas.adapters.silence import SILENCE_SECONDS, SilenceWatch
from lambdas.errors import (
    DatabaseUnreachable,
    NotExchanged,
    QueryFailed,
)
from lambdas.remedies import WAS_SILENT

MAINTENANCE_DATABASE = "postgres"
TIME_OUT_STEP_SECONDS = 1

FEED_BYTES = 1 << 20


NOTHING = sql.SQL("")


# Of several statements sent at once the settings end with their transaction (LOCAL).
_BY_INDEX = (
    "SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = on;"
    " SET LOCAL enable_seqscan = off;"
)
_BY_SCAN = (
    "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off;"
    " SET LOCAL enable_seqscan = on"
)


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
        prepare: sql.Composable = NOTHING,
        *,
        has_no_path: bool = False,
    ) -> None:
        self._connection = connection
        self._remaining = remaining
        self._prepare = prepare
        self._paths = SearchPaths(self._rows, has_none=has_no_path)
        self._granted_seconds = statement_seconds
        self.database = database
        self.statement_seconds = statement_seconds

    def prepare(self) -> None:
        """Settle what the session's queries rely on."""
        self._paths.reset()
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
            action: what for, with the relation's name; the start of an error's message.

        Raises:
            QueryFailed: PostgreSQL refused it.
            DatabaseUnreachable: the connection was lost meanwhile, or cut for the server's silence.
        """
        try:
            return self._rows(query, parameters, action)
        except QueryFailed as error:
            if not self.lacks_a_path(error) or self._is_in_transaction():
                raise
            with self._paths.others() as paths:
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
        with self._paths.understanding(query, action):
            yield

    def lacks_a_path(self, error: QueryFailed) -> bool:
        """Whether a name was not found that may be one without a schema, in a user's function."""
        return self._paths.lacked(error)

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
        self._paths.are_the_databases()
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
            # A lost connection has rolled back already, and can't do it again.
            with suppress(DatabaseUnreachable, QueryFailed):
                self.run("ROLLBACK", action=action)
            raise
        self.run("COMMIT", action=action)

    def copy_in(self, statement: sql.Composable, feed: Feed, *, relation: str, action: str) -> int:
        """Run a ``COPY … FROM STDIN``; return the number of rows.

        Args:
            relation: the name of the table, without its schema.

        Raises:
            RowRefused: PostgreSQL refused a row; named by line and column, never by value.
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
                raise copy_error(error, relation, action, self._connection) from None
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
        watch = SilenceWatch(self._connection, self.statement_seconds + SILENCE_SECONDS)
        try:
            with watch:
                yield
        except psycopg2.Error as error:
            if watch.has_cut:
                message = (
                    f"{action}: no answer, not even to the time-out, so it was cut; {WAS_SILENT}"
                )
                raise DatabaseUnreachable(message, lost=True) from None
            raise translated(error, action, self._connection) from None
        except UnicodeError as error:
            remedy = (
                "a text of it is not in the encoding that its database has; see the database's"
                " encoding, and mend the text on the source"
            )
            raise NotExchanged(type(error).__name__, action, remedy) from None


def _as_it_is(value: str | bytes | None, _: Any) -> str | bytes | None:
    return value


_AS_PRINTED = extensions.new_type(
    tuple(number for number in extensions.string_types if isinstance(number, int)),
    "AS_PRINTED",
    _as_it_is,
)
