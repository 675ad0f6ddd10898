"""Rows that row security hides from the copy's master user, even as a member of the owner's role.

``FORCE ROW LEVEL SECURITY`` holds for owners too. Only a role with ``BYPASSRLS`` sees such rows,
and that attribute is not inherited: the session has to become the role. A source that is read
with such a role has it on the copy as well.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.shape import Relation
from lambdas.errors import DatabaseUnreachable

_WHO_SEES = """
WITH tables AS MATERIALIZED (
    SELECT c.oid, c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::oid[]))
SELECT r.rolname
  FROM pg_catalog.pg_roles r
 WHERE EXISTS (SELECT FROM tables t WHERE row_security_active(t.oid))
   AND r.rolbypassrls AND NOT r.rolsuper AND pg_has_role(r.oid, 'MEMBER')
   AND NOT EXISTS (SELECT FROM tables t
                    WHERE NOT has_table_privilege(r.oid, t.oid, 'SELECT')
                       OR NOT has_schema_privilege(r.oid, t.relnamespace, 'USAGE'))
 ORDER BY r.rolname
 LIMIT 1
"""


def see_all_rows(session: Session, relation: Relation) -> None:
    """Become a role that sees a relation's rows, where the session's own does not.

    Where there is none the session stays what it is, and reading the relation fails.
    """
    _become(session, [relation.oid], relation.name)


@contextmanager
def seeing_all_rows(session: Session, oids: Sequence[int], name: str) -> Iterator[None]:
    """The same for some tables that are read together, and for a while.

    Args:
        name: what for, in the message of an error.
    """
    if not _become(session, oids, name):
        yield
        return
    try:
        yield
    finally:
        # A lost connection is reported by what lost it.
        with suppress(DatabaseUnreachable):
            session.run("SET ROLE NONE", action="becoming the copy's master user again")


def _become(session: Session, oids: Sequence[int], name: str) -> bool:
    action = f"looking for a role that sees the rows of {name}"
    found = session.looked_up(_WHO_SEES, [list(oids)], action=action)
    for (role,) in found:
        statement = sql.SQL("SET ROLE {}").format(sql.Identifier(role))
        session.run(statement, action=f"becoming a role that sees the rows of {name}")
    return bool(found)
