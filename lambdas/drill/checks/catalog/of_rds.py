"""What belongs to RDS and not to its customer: SQL conditions, in one place.

A restored copy comes up on the newest host agent, which may make and change what is ``rdsadmin``'s:
its roles and their memberships, settings, comments and labels, its database, its tablespace
(``rds_temp_tablespace``), and the privileges on parameters that it grants to its own roles. None of
it is the customer's data, so it is not compared. What ``rdsadmin`` owns besides in a customer's
database (schema ``public``, say) is made by ``initdb`` or at the customer's wish.
"""

ADMIN = "rdsadmin"
"""The service's superuser, and its database."""

SUPERUSER = "rds_superuser"
"""What the service makes a master user a member of."""

NAMES = "^rds(_|admin$|repladmin$|topmgr$|writeforwarduser$)"
"""Of the service's roles, databases and tablespaces."""


def not_of_rds(column: str) -> str:
    """Whether a name is the customer's."""
    return f"{column} !~ '{NAMES}'"


def role_not_of_rds(number: str) -> str:
    """The same of a role, by its number."""
    return (
        f"NOT EXISTS (SELECT FROM pg_roles s WHERE s.oid = {number} AND NOT"
        f" {not_of_rds('s.rolname')})"
    )


def shared_not_of_rds() -> str:
    """The same of what a comment or label ``o`` is about, as the databases share it."""
    places = (
        ("pg_authid", "pg_roles", "rolname"),
        ("pg_database", "pg_database", "datname"),
        ("pg_tablespace", "pg_tablespace", "spcname"),
    )
    return " AND ".join(
        f"NOT EXISTS (SELECT FROM {catalog} s WHERE o.classoid = 'pg_catalog.{known}'::regclass"
        f" AND s.oid = o.objoid AND NOT {not_of_rds(f's.{name}')})"
        for known, catalog, name in places
    )


GRANTS_ON_PARAMETERS = f"""ARRAY(
    SELECT concat_ws('/', a.grantor, a.grantee, a.privilege_type, a.is_grantable)
      FROM aclexplode(o.paracl) a
     WHERE NOT (NOT {role_not_of_rds("a.grantor")}
                AND (a.grantee = 0 OR NOT {role_not_of_rds("a.grantee")}))
     ORDER BY 1)"""
"""The privileges on a parameter, but for those that a role of the service granted to another, or to
everybody."""
