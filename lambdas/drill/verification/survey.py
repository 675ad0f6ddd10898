"""What the copy holds, before anything is measured."""

from dataclasses import replace

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.drill.checks.catalog import databases
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.checks.rows import stable_rows
from lambdas.drill.checks.shape import Discover, Discovered, SurveyedDatabase, is_damage
from lambdas.drill.verification.access import grant_reading
from lambdas.drill.verification.session_cache import Connect, SessionCache
from lambdas.drill.verification.tool_extensions import install_tools
from lambdas.drill.verification.unexpected import UNEXPECTED_ERRORS, describe
from lambdas.errors import DatabaseUnreachable, QueryFailed

# A template of somebody's own is a database like any other; from these two new ones are made only.
_DATABASES = """
SELECT datname, oid::bigint, datallowconn, datconnlimit
  FROM pg_catalog.pg_database
 WHERE datname NOT IN ('template0', 'template1', 'rdsadmin')
 ORDER BY datname
"""
TOOLS_MADE = "tools"
"""Among what the checks saw: that the tool extensions could not be made for damage."""

_INTERRUPTED_DROP = -2
"""``datconnlimit`` of a database whose DROP was interrupted; nobody can connect to it."""


def list_databases(session: Session) -> list[SurveyedDatabase]:
    """Every database of the instance but PostgreSQL's two templates and RDS's own."""
    rows = session.rows(_DATABASES, action="listing the databases")
    return [
        SurveyedDatabase(name, oid, exempt=_why_exempt(allowed, limit))
        for name, oid, allowed, limit in rows
    ]


def survey_copy(connect: Connect) -> tuple[list[SurveyedDatabase], int]:
    """The copy's databases with their relations, and its block size in bytes.

    A database that can't be looked into is returned as ``closed`` with the reason: its check will
    not come out well, and nothing of it is dropped.

    Raises:
        DatabaseUnreachable, QueryFailed: not even the maintenance database could be read.
    """
    with connect(MAINTENANCE_DATABASE) as session:
        (block_bytes,) = session.row(
            "SELECT current_setting('block_size')::int", action="reading the block size"
        )
        listed = list_databases(session)
    return [_look_into(connect, database) for database in listed], block_bytes


def _look_into(connect: Connect, database: SurveyedDatabase) -> SurveyedDatabase:
    if database.exempt:
        return database
    try:
        with connect(database.name) as session:
            grant_reading(session)
            relations = stable_rows.relations(session)
    except DatabaseUnreachable as error:
        return replace(database, closed=why_closed(connect, database.name, error))
    except QueryFailed as error:
        return replace(database, closed=str(error), damaged=is_damage(error))
    except UNEXPECTED_ERRORS as error:
        return replace(database, closed=describe(error, f"surveying {database.name}"))
    seen = _tools(connect, database.name)
    with SessionCache(connect) as session_cache:
        for check in CHECKS.values():
            if check.look is not None:
                seen[check.name] = _seen(
                    session_cache.sessions_for("looks"), database.name, check.look
                )
    return replace(database, relations=relations, seen=seen)


def why_closed(connect: Connect, database: str, error: DatabaseUnreachable) -> str:
    """Why there is no connection to a database, with what its server shows of it elsewhere."""
    if not error.at_login:
        return str(error)
    try:
        with connect(MAINTENANCE_DATABASE) as session:
            why = databases.why_no_connection(session, database)
    except (DatabaseUnreachable, QueryFailed):
        return str(error)
    return f"{error}; {why}" if why else str(error)


def _tools(connect: Connect, database: str) -> dict[str, Discovered]:
    """Make the tools; an error only if the database could not bear it."""
    try:
        with connect(database) as session:
            install_tools(session)
    except DatabaseUnreachable as error:
        return {TOOLS_MADE: Discovered(unread=str(error))}
    except QueryFailed as error:
        return {TOOLS_MADE: Discovered(unread=str(error), damaged=is_damage(error))}
    return {}


def _seen(connect: Connect, database: str, look: Discover) -> Discovered:
    """What breaks one look breaks no other."""
    try:
        with connect(database) as session:
            return Discovered(look(session))
    except DatabaseUnreachable as error:
        return Discovered(unread=str(error))
    except QueryFailed as error:
        return Discovered(unread=str(error), damaged=is_damage(error))
    except UNEXPECTED_ERRORS as error:
        return Discovered(unread=describe(error, f"looking into {database}"))


def _why_exempt(allowed: bool, limit: int) -> str:
    if limit == _INTERRUPTED_DROP:
        return "its DROP was interrupted on the source, nobody can connect; repeat it there"
    if not allowed:
        return (
            "closed to connections on the source (datallowconn is off); to have it verified, there:"
            " ALTER DATABASE … ALLOW_CONNECTIONS true"
        )
    if limit == 0:
        return (
            "closed to connections on the source (its connection limit is 0); to have it verified,"
            " there: ALTER DATABASE … CONNECTION LIMIT -1"
        )
    return ""
