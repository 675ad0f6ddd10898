"""Why PostgreSQL refuses us a relation: who holds it, or whose it is. As far as we may see."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2 import errorcodes

from lambdas.adapters.postgres import Session
from lambdas.common.shortened import shortened
from lambdas.drill.checks.shape import Relation
from lambdas.errors import DatabaseUnreachable, QueryFailed

HOLDERS_SHOWN = 3

# Every session may read pg_locks; of others' sessions pg_stat_activity shows an ordinary role the
# pid and the role only (manual, "The Cumulative Statistics System"). A prepared transaction's locks
# have no pid (manual, pg_locks).
_HOLDERS = """
SELECT DISTINCT l.pid, a.usename, a.application_name, l.mode,
       CASE WHEN l.pid IS NULL THEN x.gid END
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_prepared_xacts x
         ON l.virtualtransaction = '-1/' || x.transaction::text
 WHERE l.locktype = 'relation' AND l.granted AND l.relation = %s::oid
   AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                           WHERE d.datname = current_database()))
   AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
   AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'SIReadLock')
 ORDER BY 1, 4
"""
_OWNER = """
SELECT pg_catalog.pg_get_userbyid(c.relowner), current_user, c.relrowsecurity, c.relforcerowsecurity
  FROM pg_catalog.pg_class c WHERE c.oid = %s::oid
"""
_TELLING = {
    errorcodes.LOCK_NOT_AVAILABLE: _HOLDERS,
    errorcodes.INSUFFICIENT_PRIVILEGE: _OWNER,
}


@contextmanager
def explaining(session: Session, relation: Relation) -> Iterator[None]:
    """Around what is asked of one relation, outside of a transaction; see :func:`explained`."""
    try:
        yield
    except QueryFailed as error:
        raise explained(session, relation, error) from None


def explained(session: Session, relation: Relation, error: QueryFailed) -> QueryFailed:
    """The same error with the remedy for this very relation, where it is known.

    Args:
        session: with no transaction open; what it asks may fail, and then nothing more is known.
    """
    query = _TELLING.get(error.sqlstate)
    if query is None:
        return error
    try:
        action = f"asking why {relation.name} is refused"
        rows = session.looked_up(query, [relation.oid], action=action)
    except (QueryFailed, DatabaseUnreachable):
        return error
    if not rows:
        return error
    if error.sqlstate == errorcodes.LOCK_NOT_AVAILABLE:
        return error.with_remedy(_held(rows))
    return error.with_remedy(_owned(relation, *rows[0]))


def _held(rows: list[tuple[Any, ...]]) -> str:
    holders = shortened([_holder(*row) for row in rows], HOLDERS_SHOWN)
    return (
        f"held by {', '.join(holders)}; let that end, or end it (pg_terminate_backend, ROLLBACK"
        " PREPARED), drill again"
    )


def _holder(pid: int | None, role: str | None, application: str | None, mode: str, gid: str) -> str:
    if pid is None:
        return f"the prepared transaction {gid or 'in pg_prepared_xacts'} ({mode})"
    of_role = f" of {role}" if role else ""
    by = f" by {application}" if application else ""
    return f"the session with pid {pid}{of_role}{by} ({mode})"


def _owned(relation: Relation, owner: str, role: str, has_policies: bool, forced: bool) -> str:
    bypass = f"ALTER ROLE {role} BYPASSRLS"
    if has_policies and forced:
        return (
            f"its row security is forced and would hide rows from {role}: {bypass} on the source,"
            f" or ALTER TABLE {relation.name} NO FORCE ROW LEVEL SECURITY there and GRANT {owner}"
            f" TO {role}; drill again"
        )
    if has_policies:
        return (
            f"its row security would hide rows from {role}: GRANT {owner} TO {role} on the source,"
            f" or {bypass}; drill again"
        )
    return (
        f"{role} may not read it: GRANT {owner} TO {role} on the source, or pg_read_all_data;"
        " drill again"
    )
