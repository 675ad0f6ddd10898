"""What a session sets before its first query; why: :mod:`lambdas.adapters.session_settings`."""

from collections.abc import Iterable

from psycopg2 import sql

from lambdas.adapters.session_settings import AT_LOGIN, PRINTED, Purpose, given_back, pinned

# The driver sets it when it connects; no value of ours is made a date of Python's.
_DATES = sql.SQL("RESET DateStyle; ")
# A database may have its sessions begin as another role than the one that has logged in.
_OURSELVES = sql.SQL("SET SESSION AUTHORIZATION DEFAULT; SET ROLE NONE; ")


def at_login(statement_seconds: float, lock_seconds: float) -> str:
    """The options of the start-up packet."""
    settings = {
        "statement_timeout": str(int(statement_seconds * 1000)),
        "lock_timeout": str(int(lock_seconds * 1000)),
        **AT_LOGIN,
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def preparation(purpose: Purpose, server_version: int, *, read_only: bool) -> sql.Composable:
    """The statements that make a session one for this purpose, whatever its database carries.

    Args:
        server_version: as ``server_version_num``.
    """
    settings = {
        **dict(pinned(purpose, server_version)),
        "default_transaction_read_only": "on" if read_only else "off",
    }
    who = sql.SQL("") if purpose is Purpose.LOADING else _OURSELVES
    return sql.SQL("{}{}{}").format(_DATES, _set(settings.items()), who)


def for_asking(server_version: int) -> sql.Composable:
    """The statements that make a session for reading one for a query of the user's."""
    back = [sql.SQL("RESET {}; ").format(_named(name)) for name in given_back(server_version)]
    return sql.SQL("{}{}").format(
        sql.SQL("").join(back), _set(pinned(Purpose.ASKING, server_version))
    )


def to_print_alike() -> sql.Composable:
    """The statements after which values print the same in every session."""
    return _set(PRINTED.items())


def _set(settings: Iterable[tuple[str, str]]) -> sql.Composable:
    return sql.SQL("").join(
        sql.SQL("SET {} = {}; ").format(_named(name), sql.Literal(value))
        for name, value in settings
    )


def _named(setting: str) -> sql.Identifier:
    return sql.Identifier(*setting.split("."))
