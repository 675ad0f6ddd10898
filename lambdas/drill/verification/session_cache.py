"""One connection for the work of one check, or all looks of a survey, while nothing goes wrong.

To connect costs a login, a process of the server's and its empty caches: of small tables more than
their reading. Work that fails, hangs or leaves a transaction open takes its connection along, so
what comes next begins on a new one.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from lambdas.adapters.postgres import Session
from lambdas.errors import DatabaseUnreachable, QueryFailed

Connect = Callable[[str], AbstractContextManager[Session]]


class SessionCache:
    """Opens sessions for one owner after the other; use it in a ``with``.

    One session is kept at most, and never next to one that is in use.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._kept: tuple[tuple[str, str], Session] | None = None
        self._open = ExitStack()

    def __enter__(self) -> "SessionCache":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def sessions_for(self, owner: str, seconds: float = math.inf) -> Connect:
        """Opens sessions of an owner, whose statements may take ``seconds`` at most."""

        @contextmanager
        def opened_for(database: str) -> Iterator[Session]:
            key = (owner, database)
            session = self._renewed(key) or self._opened(database)
            try:
                if seconds < session.statement_seconds:
                    session.limit_statements(seconds)
                yield session
            except BaseException:
                self._close()
                raise
            self._kept = (key, session)

        return opened_for

    def _renewed(self, key: tuple[str, str]) -> Session | None:
        """The kept session, as it was when it was new; None when it is another's or was lost."""
        kept, self._kept = self._kept, None
        if kept is not None and kept[0] == key:
            # Idle, it may have been lost to a crash that is none of the next unit's doing.
            with suppress(DatabaseUnreachable, QueryFailed):
                kept[1].renew()
                return kept[1]
        return None

    def _opened(self, database: str) -> Session:
        self._close()
        return self._open.enter_context(self._connect(database))

    def _close(self) -> None:
        self._kept = None
        self._open.close()
