"""What kinds of objects have in common: whose they are, and rows of other catalogs of theirs."""

from lambdas.drill.checks.catalog.kind import Kind, Rows
from lambdas.drill.checks.tool_names import TOOLS_SCHEMA

FIRST_NUMBER = 16384
"""Objects with smaller numbers are those of ``initdb``."""


RELATIONS = """CASE o.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialised view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
    WHEN 'c' THEN 'composite type' ELSE o.relkind::text END"""


OF_TABLE = """JOIN pg_class c ON c.oid = {column}
    JOIN pg_namespace n ON n.oid = c.relnamespace"""


TABLE = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"


NOT_OURS = """NOT EXISTS (SELECT FROM ours u
    WHERE u.classid = o.classoid AND u.objid = o.objoid)"""


ABOUT = """(SELECT concat_ws(' ', coalesce(i.type, o.classoid::regclass::text),
    coalesce(i.identity, concat_ws(' ', o.objoid, o.objsubid)))
    FROM pg_identify_object(o.classoid, o.objoid, o.objsubid) i)"""


def of_users(number: str = "o.oid") -> str:
    """What is not PostgreSQL's own, wherever it lies: some extensions bring things to its schemas.

    Args:
        number: of the object; PostgreSQL's own are compared in :data:`DATABASE_GROUPS`.
    """
    return f"""n.nspname NOT IN ('pg_toast', '{TOOLS_SCHEMA}')
    AND n.nspname !~ '^pg_(toast_)?temp_'
    AND (n.nspname NOT IN ('pg_catalog', 'information_schema') OR {number} >= {FIRST_NUMBER})"""


def permanent(number: str = "o.oid") -> str:
    """The condition on a relation of the users' that is not temporary."""
    return f"c.relpersistence <> 't' AND {of_users(number)}"


def itself(catalog: str) -> str:
    """The name that PostgreSQL gives to the object of a row."""
    number = f"'pg_catalog.{catalog}'::regclass"
    return (
        f"(SELECT coalesce(i.identity, o.oid::text) FROM pg_identify_object({number}, o.oid, 0) i)"
    )


def in_schema(
    kind: str,
    catalog: str,
    prefix: str,
    rows: tuple[Rows, ...] = (),
    name: str = "",
    kin: tuple[str, ...] = ("o.oid",),
) -> Kind:
    """A kind of object that lies in a schema."""
    return Kind(
        f"'{kind}'",
        catalog,
        name or f"quote_ident(n.nspname) || '.' || quote_ident(o.{prefix}name)",
        f"JOIN pg_namespace n ON n.oid = o.{prefix}namespace",
        of_users(),
        rows,
        kin=kin,
    )


def on_table(kind: str, catalog: str, table: str, name: str, where: str = "true") -> Kind:
    """A kind of object that belongs to a table."""
    return Kind(
        f"'{kind}'",
        catalog,
        f"{TABLE} || '.' || quote_ident(o.{name})",
        OF_TABLE.format(column=f"o.{table}"),
        f"{permanent()} AND {where}",
        kin=("c.oid", "o.oid"),
    )


def plain(kind: str, catalog: str, name: str, rows: tuple[Rows, ...] = ()) -> Kind:
    """A kind of object with a name and no schema."""
    return Kind(f"'{kind}'", catalog, f"quote_ident(o.{name})", rows=rows)


INDEX_COLUMNS = Rows(
    "pg_attribute",
    ("attrelid",),
    "p.attnum",
    where="p.attnum > 0 AND p.attrelid IN (SELECT x.indexrelid FROM pg_index x)",
)


INDEX_ROW = Rows("pg_index", ("indexrelid",), "p.indexrelid")


# Those of a sequence are three each, always the same: as objects they would be many.
COLUMNS_OF_ITS_OWN = Rows(
    "pg_attribute",
    ("attrelid",),
    "p.attnum",
    where="p.attnum < 0 OR p.attrelid IN (SELECT s.seqrelid FROM pg_sequence s)",
)


# What lies in pg_toast is reported with the table that it belongs to.
TOAST = (
    Rows("pg_class", ("oid",), "p.oid", ("o.reltoastrelid",), "p.relkind = 't'"),
    Rows(
        "pg_index",
        ("indrelid",),
        "p.indexrelid",
        ("o.reltoastrelid",),
        "p.indrelid IN (SELECT t.oid FROM pg_class t WHERE t.relkind = 't')",
    ),
    Rows(
        "pg_class",
        ("oid",),
        "p.oid",
        ("(SELECT min(x.indexrelid) FROM pg_index x WHERE x.indrelid = o.reltoastrelid)",),
        "p.relkind = 'i'",
    ),
)


VIEW = Rows("pg_rewrite", ("ev_class",), "p.oid", where="p.rulename = '_RETURN'")


MEMBERS = Rows(
    "pg_depend",
    ("refobjid",),
    "p.classid, p.objid, p.objsubid",
    where="p.refclassid = 'pg_catalog.pg_extension'::regclass AND p.deptype = 'e'",
)


SIGNATURE = "o.oid::regprocedure::text"


OF_THIS_DATABASE = """(SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"""
