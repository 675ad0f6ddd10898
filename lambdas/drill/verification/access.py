"""Letting the copy's master user read everything; only ever done on a copy.

The master user of RDS is a member of ``rds_superuser``, not a superuser. Tables of other owners and
the TOAST tables behind all of them need ``pg_read_all_data`` (PostgreSQL 14), and row security
bends only to the owner's role, or where it is forced to one with ``BYPASSRLS``. What can't be
granted stays unreadable and is reported as not measured, never dropped.
"""

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import QueryFailed

_UNREADABLE = """
SELECT NOT pg_has_role('pg_read_all_data', 'USAGE'),
       (SELECT array_agg(DISTINCT pg_get_userbyid(c.relowner)::text)
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
           AND row_security_active(c.oid)),
       (SELECT array_agg(r.rolname::text) FROM pg_catalog.pg_roles r
         WHERE r.rolbypassrls AND NOT r.rolsuper AND r.rolname !~ '^(pg|rds)_'
           AND EXISTS (SELECT FROM pg_catalog.pg_class c
                        WHERE c.relforcerowsecurity AND row_security_active(c.oid)))
"""


def grant_reading(session: Session) -> None:
    """Grant the session's own user what it lacks to read the database's tables."""
    action = "looking for tables that can't be read"
    unreadable, owners, seeing = session.row(_UNREADABLE, action=action)
    roles = ["pg_read_all_data"] if unreadable else []
    for role in (*roles, *(owners or ()), *(seeing or ())):
        statement = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role))
        try:
            session.run(statement, action=f"granting {role} to the copy's master user")
        except QueryFailed:
            continue  # its tables are reported as not measured
