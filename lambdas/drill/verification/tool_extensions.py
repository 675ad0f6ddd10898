"""The extensions that checks look into files with; only ever made on a copy.

One that the database has already is used where it is. One that can't be made is no fault of the
data: its checks take their fallback, and say so.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.shape import is_damage
from lambdas.drill.checks.tool_names import TOOLS, TOOLS_SCHEMA
from lambdas.errors import QueryFailed

_MISSING = """
SELECT name FROM unnest(%s) AS name
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = name)
"""
_CREATING = """
SELECT has_database_privilege(oid, 'CREATE'), pg_get_userbyid(datdba)
  FROM pg_catalog.pg_database WHERE datname = current_database()
"""
_FIRED_BY_DDL = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_event_trigger
                WHERE evtenabled <> 'D'
                  AND (evtenabled <> 'O' OR current_setting('session_replication_role') = 'origin'))
"""


def install_tools(session: Session) -> None:
    """Make what is missing of :data:`TOOLS`, in a schema of our own.

    Raises:
        QueryFailed: the database's catalogs are too damaged for it.
    """
    rows = session.rows(_MISSING, [list(TOOLS)], action="looking for the tool extensions")
    missing = [name for (name,) in rows]
    if not missing or _would_fire(session):
        return
    _become_owner(session)
    schema = sql.Identifier(TOOLS_SCHEMA)
    with _unless_refused():
        session.run(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema), action="making our schema"
        )
        for name in missing:
            _make(session, name, schema)


def _make(session: Session, name: str, schema: sql.Identifier) -> None:
    statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}")
    with _unless_refused():
        session.run(statement.format(sql.Identifier(name), schema), action=f"making {name}")


@contextmanager
def _unless_refused() -> Iterator[None]:
    """What is not offered, or not to us, is left; damage is not a refusal."""
    try:
        yield
    except QueryFailed as error:
        if is_damage(error):
            raise


def _become_owner(session: Session) -> None:
    """Extensions are made by who may create in the database; its owner's role may."""
    allowed, owner = session.row(_CREATING, action="looking up the database's owner")
    if allowed:
        return
    statement = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner))
    with _unless_refused():
        session.run(statement, action=f"granting {owner} to the copy's master user")


def _would_fire(session: Session) -> bool:
    """Whether our DDL would run the source's event triggers, which may write into its tables.

    As a replica it does not run those that are merely enabled. Who may not be one makes nothing.
    """
    with _unless_refused():
        session.run("SET session_replication_role = replica", action="turning event triggers off")
    (fired,) = session.row(_FIRED_BY_DDL, action="looking for event triggers")
    return bool(fired)
