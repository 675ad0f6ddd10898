"""PostgreSQL's errors in this project's words, without a row's value or the server's address."""

import re
from typing import Any

import psycopg2
from psycopg2 import errorcodes

from lambdas.errors import (
    DatabaseUnreachable,
    NotExchanged,
    QueryFailed,
    RowRefused,
    TimeMachineError,
)
from lambdas.remedies import AT_LOGIN, NO_ENTRY, WAS_LOST, remedy_of

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


_IN_A_FUNCTION = "CONTEXT:"
"""How libpq begins the context of a server's error (``PQsetErrorContextVisibility``). The error of
a login has one where a function raised it; no SQLSTATE of a login comes through the driver."""


def no_connection(
    error: psycopg2.Error, database: str, seconds: float, limit_seconds: int
) -> DatabaseUnreachable:
    """Why there is none; the driver's message holds the address and the user, and is dropped."""
    message = f"no connection to the database {database}"
    if seconds >= limit_seconds - 1:
        return DatabaseUnreachable(
            f"{message} within {limit_seconds} seconds; {NO_ENTRY}", at_login=True
        )
    if _IN_A_FUNCTION in str(error):
        return DatabaseUnreachable(f"{message}: {AT_LOGIN}", at_login=True)
    return DatabaseUnreachable(f"{message}; {NO_ENTRY}")


def translated(error: psycopg2.Error, action: str, connection: Any) -> TimeMachineError:
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


def copy_error(
    error: psycopg2.Error, relation: str, action: str, connection: Any
) -> TimeMachineError:
    """A refused row by its line and column, never by its value; else as :func:`translated`."""
    code = error.pgcode
    pattern = _PLACE.replace("{}", re.escape(relation))
    place = re.search(pattern, error.diag.context or "", re.MULTILINE | re.DOTALL)
    if code is None or place is None or not code.startswith(_OF_A_ROW):
        return translated(error, action, connection)
    column = place[2] or error.diag.column_name or ""
    return RowRefused(code, _condition(code), action, int(place[1]), column)


def _condition(sqlstate: str) -> str:
    try:
        return str(errorcodes.lookup(sqlstate)).lower()
    except KeyError:
        return "no published name"
