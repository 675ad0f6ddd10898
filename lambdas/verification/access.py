"""Letting the copy's master user read everything; only ever done on a copy.

The master user of RDS is a member of ``rds_superuser``, not a superuser. Tables of other owners
need ``pg_read_all_data`` (PostgreSQL 14), and row security bends only to the owner's role. What
can't be granted stays unreadable and is reported as not measured, never dropped.
"""

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.errors import QueryFailed

_UNREADABLE = """
SELECT bool_or(NOT has_table_privilege(c.oid, 'SELECT')
               OR NOT has_schema_privilege(c.relnamespace, 'USAGE')),
       array_agg(DISTINCT pg_get_userbyid(c.relowner)::text)
           FILTER (WHERE row_security_active(c.oid))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
"""


def grant_reading(session: Session) -> None:
    """Grant the session's own user what it lacks to read the database's tables."""
    unreadable, owners = session.row(_UNREADABLE, doing="looking for tables that can't be read")
    roles = (["pg_read_all_data"] if unreadable else []) + list(owners or [])
    for role in roles:
        statement = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role))
        try:
            session.run(statement, doing=f"granting {role} to the copy's master user")
        except QueryFailed:
            continue  # its tables are reported as not measured
