"""What the copy holds, before anything is measured."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.checks import counts
from lambdas.checks.shape import SurveyedDatabase, is_damage
from lambdas.errors import DatabaseUnreachable, QueryFailed
from lambdas.verification.access import grant_reading

Connect = Callable[[str], AbstractContextManager[Session]]

_DATABASES = """
SELECT datname, oid::bigint, datallowconn, datconnlimit
  FROM pg_catalog.pg_database
 WHERE NOT datistemplate AND datname <> 'rdsadmin'
 ORDER BY datname
"""
_INTERRUPTED_DROP = -2
"""``datconnlimit`` of a database whose DROP was interrupted; nobody can connect to it."""


def list_databases(session: Session) -> list[SurveyedDatabase]:
    """Every database of the instance but templates and RDS's own."""
    rows = session.rows(_DATABASES, doing="listing the databases")
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
            "SELECT current_setting('block_size')::int", doing="reading the block size"
        )
        databases = list_databases(session)
    return [_look_into(connect, database) for database in databases], block_bytes


def _look_into(connect: Connect, database: SurveyedDatabase) -> SurveyedDatabase:
    if database.exempt:
        return database
    try:
        with connect(database.name) as session:
            grant_reading(session)
            return replace(database, relations=counts.relations(session))
    except DatabaseUnreachable as error:
        return replace(database, closed=str(error))
    except QueryFailed as error:
        return replace(database, closed=str(error), damaged=is_damage(error))


def _why_exempt(allowed: bool, limit: int) -> str:
    if limit == _INTERRUPTED_DROP:
        return "its DROP was interrupted on the source; nobody can connect"
    return "" if allowed else "closed to connections on the source (datallowconn is off)"
