"""What PostgreSQL refuses only for now is distinguished, and every refusal says what helps.

For sessions that a state machine tries again as a whole; the codes are those of PostgreSQL's
appendix "PostgreSQL Error Codes".
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2 import errorcodes

from lambdas.errors import DatabaseBusy, QueryFailed

_ONLY_FOR_NOW = {
    errorcodes.LOCK_NOT_AVAILABLE: (
        "another session holds a lock on the table; docs/runbook.md, What a load waits for, has"
        " the SQL that names it"
    ),
    errorcodes.DEADLOCK_DETECTED: (
        "other sessions write the table at the same time; load when they do not"
    ),
    errorcodes.SERIALIZATION_FAILURE: (
        "other sessions write the table at the same time; load when they do not"
    ),
    errorcodes.READ_ONLY_SQL_TRANSACTION: (
        "the server takes no writes: it is failing over, or it is a replica; load into the writer"
    ),
    errorcodes.TOO_MANY_CONNECTIONS: (
        "no connection is free; end some, load with fewer streams, or raise the limit"
    ),
}

_FOR_GOOD = {
    errorcodes.QUERY_CANCELED: (
        "it took longer than is left of a function's 15 minutes, or somebody cancelled it; load"
        " fewer objects at once, drop indexes first, or take a larger instance"
    ),
}


@contextmanager
def errors_with_remedies() -> Iterator[None]:
    """Around a session.

    Raises:
        DatabaseBusy: for a QueryFailed that a later try may not meet.
        QueryFailed: with what helps a load; lambdas/remedies.py has what helps otherwise.
    """
    try:
        yield
    except QueryFailed as error:
        if error.sqlstate in _ONLY_FOR_NOW:
            raise DatabaseBusy(f"{error.message}; {_ONLY_FOR_NOW[error.sqlstate]}") from None
        if error.sqlstate in _FOR_GOOD:
            raise error.with_remedy(_FOR_GOOD[error.sqlstate]) from None
        raise
