"""The kinds of objects that all databases of a server share, as data: SQL expressions."""

from lambdas.drill.checks.catalog.comparison import MEMBERSHIP, NUMBERED
from lambdas.drill.checks.catalog.kind import Kind
from lambdas.drill.checks.catalog.kind_rows import ABOUT
from lambdas.drill.checks.catalog.of_rds import (
    GRANTS_ON_PARAMETERS,
    SUPERUSER,
    not_of_rds,
    role_not_of_rds,
    shared_not_of_rds,
)

_ITS_DATABASE = "coalesce(d.datname, '')"


def _role(versions: str, joins: str = "", needs: str = "", instead_of: str = "") -> Kind:
    """As the view shows it; of the catalog itself the version alone is read, never a password."""
    return Kind(
        "'role'",
        "pg_roles",
        "quote_ident(o.rolname)",
        joins,
        not_of_rds("o.rolname"),
        parts=("nullif(o.rolvaliduntil, 'infinity')",),
        versions=versions,
        kin=(),
        number="",
        needs=needs,
        instead_of=instead_of,
    )


CLUSTER_KINDS = (
    _role("a.xmin::text", "JOIN pg_authid a ON a.oid = o.oid", needs="pg_authid"),
    _role(f"'{NUMBERED}' || o.oid", instead_of="pg_authid"),
    Kind(
        "'database'",
        "pg_database",
        "quote_ident(o.datname)",
        where=not_of_rds("o.datname"),
        number="",
    ),
    # RDS gives to roles of its own, and its roles to the master user, which it may do again when it
    # restores.
    Kind(
        f"'{MEMBERSHIP}'",
        "pg_auth_members",
        "concat('of role #', o.member, ' in role #', o.roleid)",
        where="(NOT EXISTS (SELECT FROM pg_auth_members s JOIN pg_roles r ON r.oid = s.roleid"
        f" WHERE s.member = o.member AND r.rolname = '{SUPERUSER}')"
        f" OR {role_not_of_rds('o.roleid')})"
        f" AND {role_not_of_rds('o.member')}",
        kin=(),
        number="",
    ),
    Kind(
        "'setting'",
        "pg_db_role_setting",
        "concat_ws(' ', CASE WHEN o.setrole <> 0 THEN 'of role #' || o.setrole END,"
        " CASE WHEN o.setdatabase <> 0"
        " THEN 'in the database ' || coalesce(quote_ident(d.datname), o.setdatabase::text) END)",
        "LEFT JOIN pg_database d ON d.oid = o.setdatabase",
        f"{role_not_of_rds('o.setrole')} AND {not_of_rds(_ITS_DATABASE)}",
        kin=("o.setdatabase",),
        number="",
    ),
    Kind(
        "'privileges on a parameter'",
        "pg_parameter_acl",
        "quote_ident(o.parname)",
        where=f"cardinality({GRANTS_ON_PARAMETERS}) > 0",
        parts=(f"{GRANTS_ON_PARAMETERS}::text",),
        number="",
    ),
    Kind(
        "'tablespace'",
        "pg_tablespace",
        "quote_ident(o.spcname)",
        where=not_of_rds("o.spcname"),
        number="",
    ),
    Kind(
        "'replication origin'",
        "pg_replication_origin",
        "quote_ident(o.roname)",
        kin=(),
        number="",
    ),
    Kind(
        "'comment'",
        "pg_shdescription",
        "CASE o.classoid WHEN 'pg_catalog.pg_authid'::regclass THEN concat('on role #', o.objoid)"
        f" ELSE {ABOUT.replace('o.objsubid', '0')} END",
        where=shared_not_of_rds(),
        kin=("o.objoid",),
        number="",
    ),
    Kind(
        "'security label'",
        "pg_shseclabel",
        "quote_ident(o.provider) || CASE o.classoid WHEN 'pg_catalog.pg_authid'::regclass"
        f" THEN concat(' on role #', o.objoid) ELSE {ABOUT.replace('o.objsubid', '0')} END",
        where=shared_not_of_rds(),
        kin=("o.objoid",),
        number="",
    ),
)
