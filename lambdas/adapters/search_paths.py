"""Other search paths for names without a schema, in sessions that have no path.

The planner puts the body of a function in SQL in its call's place, and so looks into it for each
index over one, whatever is asked of the table. A function that names things without a schema then
fails in a session without a path.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.errors import DatabaseUnreachable, QueryFailed

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
_NO_PATH = "SET search_path = ''"

Ask = Callable[[str | sql.Composable, Sequence[Any], str], list[tuple[Any, ...]]]
"""Runs a query with parameters, for a purpose."""


class SearchPaths:
    """What a session's names are looked for under, when it has no path of its own.

    Args:
        ask: runs a query in the session, under whatever path it has.
        has_none: whether the session begins without a path.
    """

    def __init__(self, ask: Ask, *, has_none: bool) -> None:
        self._ask = ask
        self._starts_without = self._has_none = has_none

    def reset(self) -> None:
        """The session is as it was when it was new."""
        self._has_none = self._starts_without

    def are_the_databases(self) -> None:
        """From here on the session has the database's own path."""
        self._has_none = False

    def lacked(self, error: QueryFailed) -> bool:
        """Whether a name was not found that another path may find."""
        return self._has_none and error.sqlstate in _NAMES_NOTHING

    @contextmanager
    def understanding(self, query: sql.Composable, action: str) -> Iterator[None]:
        """Run a query, and keep the path that its names were found under until the end."""
        try:
            self._ask(query, (), action)
        except QueryFailed as error:
            if not self.lacked(error):
                raise
            with self.others() as paths:
                if not any(self._is_understood(query, action) for _ in paths):
                    raise
                yield
        else:
            yield

    def _is_understood(self, query: sql.Composable, action: str) -> bool:
        try:
            self._ask(query, (), action)
        except QueryFailed as error:
            if not self.lacked(error):
                raise
            return False
        return True

    @contextmanager
    def others(self) -> Iterator[Iterator[None]]:
        """Sets one path after the other; in the end the session has none again.

        First the database's or the role's own, then with every schema after it: the path of the
        function's own users is theirs, and need not be the path of our login.
        """
        try:
            yield self._set_paths()
        finally:
            with suppress(DatabaseUnreachable, QueryFailed):
                self._ask(_NO_PATH, (), "setting the search path")

    def _set_paths(self) -> Iterator[None]:
        for path in _OTHER_PATHS:
            # In a damaged catalog not even this may be found.
            with suppress(QueryFailed):
                self._ask(path, (), "setting the search path")
                yield
