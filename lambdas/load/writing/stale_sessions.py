"""What a function that was lost has left running at the server is ended before the next try."""

import time

from lambdas.adapters.postgres import Session
from lambdas.errors import DatabaseUnreachable

WAIT_SECONDS = 10
LOOK_SECONDS = 0.05

_END = """
SELECT count(pg_catalog.pg_terminate_backend(a.pid))
FROM pg_catalog.pg_stat_activity a
WHERE pg_catalog.starts_with(a.application_name, %s)
    AND a.usename = current_user AND a.pid <> pg_catalog.pg_backend_pid()
"""


def end_others(session: Session, name: str) -> None:
    """End every other session of ours whose name begins so, and wait until they are gone.

    A function that was ended by its time-out may leave its session behind, in the middle of a
    COPY that waits for more; and what it has locked or is about to commit.

    Raises:
        DatabaseUnreachable: one does not end.
    """
    end = time.monotonic() + WAIT_SECONDS
    while session.row(_END, [name], action="ending lost sessions")[0]:
        if time.monotonic() > end:
            raise DatabaseUnreachable(
                f"a session of an earlier try does not end; see {name} in pg_stat_activity, and end"
                " it"
            )
        time.sleep(LOOK_SECONDS)
