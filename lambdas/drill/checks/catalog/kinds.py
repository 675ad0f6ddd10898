"""The kinds of objects of a database of PostgreSQL 14 to 18, as data: SQL expressions.

Names of roles can't be told from older ones, for their catalog is the superuser's: whatever is
named after a role has its number in its name (``role #16400``), and is told with its name.
"""

from lambdas.drill.checks.catalog.kind import Gathered, Kind, Rows
from lambdas.drill.checks.tool_names import TOOLS_SCHEMA

FIRST_NUMBER = 16384
"""Objects with smaller numbers are those of ``initdb``."""

_RELATIONS = """CASE o.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialised view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
    WHEN 'c' THEN 'composite type' ELSE o.relkind::text END"""
_OF_TABLE = """JOIN pg_class c ON c.oid = {column}
    JOIN pg_namespace n ON n.oid = c.relnamespace"""
_TABLE = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
_NOT_OURS = """NOT EXISTS (SELECT FROM ours u
    WHERE u.classid = o.classoid AND u.objid = o.objoid)"""
ABOUT = """(SELECT concat_ws(' ', coalesce(i.type, o.classoid::regclass::text),
    coalesce(i.identity, concat_ws(' ', o.objoid, o.objsubid)))
    FROM pg_identify_object(o.classoid, o.objoid, o.objsubid) i)"""


def _of_users(number: str = "o.oid") -> str:
    """What is not PostgreSQL's own, wherever it lies: some extensions bring things to its schemas.

    Args:
        number: of the object; PostgreSQL's own are compared in :data:`DATABASE_GROUPS`.
    """
    return f"""n.nspname NOT IN ('pg_toast', '{TOOLS_SCHEMA}')
    AND n.nspname !~ '^pg_(toast_)?temp_'
    AND (n.nspname NOT IN ('pg_catalog', 'information_schema') OR {number} >= {FIRST_NUMBER})"""


def _permanent(number: str = "o.oid") -> str:
    return f"c.relpersistence <> 't' AND {_of_users(number)}"


def _itself(catalog: str) -> str:
    """The name that PostgreSQL gives to the object of a row."""
    number = f"'pg_catalog.{catalog}'::regclass"
    return (
        f"(SELECT coalesce(i.identity, o.oid::text) FROM pg_identify_object({number}, o.oid, 0) i)"
    )


def _in_schema(
    kind: str,
    catalog: str,
    prefix: str,
    rows: tuple[Rows, ...] = (),
    name: str = "",
    kin: tuple[str, ...] = ("o.oid",),
) -> Kind:
    return Kind(
        f"'{kind}'",
        catalog,
        name or f"quote_ident(n.nspname) || '.' || quote_ident(o.{prefix}name)",
        f"JOIN pg_namespace n ON n.oid = o.{prefix}namespace",
        _of_users(),
        rows,
        kin=kin,
    )


def _on_table(kind: str, catalog: str, table: str, name: str, where: str = "true") -> Kind:
    return Kind(
        f"'{kind}'",
        catalog,
        f"{_TABLE} || '.' || quote_ident(o.{name})",
        _OF_TABLE.format(column=f"o.{table}"),
        f"{_permanent()} AND {where}",
        kin=("c.oid", "o.oid"),
    )


def _plain(kind: str, catalog: str, name: str, rows: tuple[Rows, ...] = ()) -> Kind:
    return Kind(f"'{kind}'", catalog, f"quote_ident(o.{name})", rows=rows)


_INDEX_COLUMNS = Rows(
    "pg_attribute",
    ("attrelid",),
    "p.attnum",
    where="p.attnum > 0 AND p.attrelid IN (SELECT x.indexrelid FROM pg_index x)",
)
_INDEX_ROW = Rows("pg_index", ("indexrelid",), "p.indexrelid")
# Those of a sequence are three each, always the same: as objects they would be many.
_COLUMNS_OF_ITS_OWN = Rows(
    "pg_attribute",
    ("attrelid",),
    "p.attnum",
    where="p.attnum < 0 OR p.attrelid IN (SELECT s.seqrelid FROM pg_sequence s)",
)
# What lies in pg_toast is told with the table that it belongs to.
_TOAST = (
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
_VIEW = Rows("pg_rewrite", ("ev_class",), "p.oid", where="p.rulename = '_RETURN'")
_MEMBERS = Rows(
    "pg_depend",
    ("refobjid",),
    "p.classid, p.objid, p.objsubid",
    where="p.refclassid = 'pg_catalog.pg_extension'::regclass AND p.deptype = 'e'",
)
_SIGNATURE = "o.oid::regprocedure::text"
_OF_THIS_DATABASE = """(SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"""

DATABASE_KINDS = (
    Kind(
        "'schema'",
        "pg_namespace",
        "quote_ident(n.nspname)",
        "JOIN pg_namespace n ON n.oid = o.oid",
        _of_users(),
    ),
    Kind(
        _RELATIONS,
        "pg_class",
        "quote_ident(n.nspname) || '.' || quote_ident(o.relname)",
        "JOIN pg_namespace n ON n.oid = o.relnamespace",
        "o.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND o.relpersistence <> 't'"
        f" AND {_of_users()}",
        (
            _VIEW,
            _COLUMNS_OF_ITS_OWN,
            Rows("pg_sequence", ("seqrelid",), "p.seqrelid"),
            Rows("pg_partitioned_table", ("partrelid",), "p.partrelid"),
            Rows("pg_foreign_table", ("ftrelid",), "p.ftrelid"),
            *_TOAST,
        ),
    ),
    Kind(
        "'index'",
        "pg_class",
        f"{_TABLE} || '.' || quote_ident(o.relname)",
        "JOIN pg_index i ON i.indexrelid = o.oid " + _OF_TABLE.format(column="i.indrelid"),
        _permanent(),
        (_INDEX_ROW, _INDEX_COLUMNS),
        kin=("c.oid", "o.oid"),
    ),
    Kind(
        "'column'",
        "pg_attribute",
        f"{_TABLE} || '.' || quote_ident(o.attname)",
        _OF_TABLE.format(column="o.attrelid"),
        f"o.attnum > 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {_permanent('c.oid')}",
        (Rows("pg_attrdef", ("adrelid", "adnum"), "p.oid", ("o.attrelid", "o.attnum")),),
        kin=("c.oid",),
        number="",
    ),
    Kind(
        "'constraint'",
        "pg_constraint",
        "quote_ident(n.nspname) || '.' || coalesce(quote_ident(c.relname), quote_ident(t.typname))"
        " || '.' || quote_ident(o.conname)",
        "JOIN pg_namespace n ON n.oid = o.connamespace LEFT JOIN pg_class c ON c.oid = o.conrelid"
        " LEFT JOIN pg_type t ON t.oid = o.contypid",
        f"coalesce(c.relpersistence, 'p') <> 't' AND {_of_users()}",
        kin=("o.conrelid", "o.contypid", "o.confrelid", "o.oid"),
    ),
    _on_table("trigger", "pg_trigger", "tgrelid", "tgname"),
    _on_table("policy", "pg_policy", "polrelid", "polname"),
    _on_table("rule", "pg_rewrite", "ev_class", "rulename", "o.rulename <> '_RETURN'"),
    Kind(
        "'inheritance'",
        "pg_inherits",
        f"{_TABLE} || '.' || o.inhseqno",
        _OF_TABLE.format(column="o.inhrelid"),
        _permanent("c.oid"),
        kin=("c.oid",),
        number="",
    ),
    _in_schema("function", "pg_proc", "pro", name=_SIGNATURE),
    Kind(
        "'aggregate'",
        "pg_aggregate",
        "o.aggfnoid::oid::regprocedure::text",
        "JOIN pg_proc a ON a.oid = o.aggfnoid::oid JOIN pg_namespace n ON n.oid = a.pronamespace",
        _of_users("a.oid"),
        kin=("a.oid",),
        number="",
    ),
    Kind(
        "'type'",
        "pg_type",
        "quote_ident(n.nspname) || '.' || coalesce(quote_ident(e.typname) || '[]',"
        " quote_ident(o.typname))",
        "JOIN pg_namespace n ON n.oid = o.typnamespace"
        " LEFT JOIN pg_type e ON e.typarray = o.oid LEFT JOIN pg_class c ON c.oid = o.typrelid"
        " LEFT JOIN pg_class d ON d.oid = e.typrelid",
        f"coalesce(c.relpersistence, d.relpersistence, 'p') <> 't' AND {_of_users()}",
        (
            Rows("pg_enum", ("enumtypid",), "p.enumsortorder"),
            Rows("pg_range", ("rngtypid",), "p.rngtypid"),
        ),
        kin=("o.oid", "e.oid"),
    ),
    _in_schema("operator", "pg_operator", "opr", name="o.oid::regoperator::text"),
    _in_schema("operator class", "pg_opclass", "opc", name=_itself("pg_opclass")),
    _in_schema("operator family", "pg_opfamily", "opf", name=_itself("pg_opfamily")),
    Kind(
        "'operator of a family'",
        "pg_amop",
        _itself("pg_amop"),
        where=f"o.oid >= {FIRST_NUMBER}",
        kin=("o.oid", "o.amopfamily", "o.amoplefttype", "o.amoprighttype", "o.amopopr"),
    ),
    Kind(
        "'function of a family'",
        "pg_amproc",
        _itself("pg_amproc"),
        where=f"o.oid >= {FIRST_NUMBER}",
        kin=("o.oid", "o.amprocfamily", "o.amproclefttype", "o.amprocrighttype", "o.amproc::oid"),
    ),
    _in_schema("statistics", "pg_statistic_ext", "stx", kin=("o.oid", "o.stxrelid")),
    _in_schema("collation", "pg_collation", "coll"),
    _in_schema("conversion", "pg_conversion", "con"),
    _in_schema(
        "text search configuration",
        "pg_ts_config",
        "cfg",
        (Rows("pg_ts_config_map", ("mapcfg",), "p.maptokentype, p.mapseqno"),),
    ),
    _in_schema("text search dictionary", "pg_ts_dict", "dict"),
    _in_schema("text search parser", "pg_ts_parser", "prs"),
    _in_schema("text search template", "pg_ts_template", "tmpl"),
    Kind(
        "'cast'",
        "pg_cast",
        "format_type(o.castsource, NULL) || ' as ' || format_type(o.casttarget, NULL)",
        where=f"o.oid >= {FIRST_NUMBER}",
        kin=("o.oid", "o.castsource", "o.casttarget"),
    ),
    Kind(
        "'transform'",
        "pg_transform",
        "format_type(o.trftype, NULL) || ' for '"
        " || (SELECT quote_ident(l.lanname) FROM pg_language l WHERE l.oid = o.trflang)",
        kin=("o.oid", "o.trftype", "o.trflang"),
    ),
    _plain("access method", "pg_am", "amname"),
    _plain("language", "pg_language", "lanname"),
    _plain("event trigger", "pg_event_trigger", "evtname"),
    _plain("publication", "pg_publication", "pubname"),
    Kind(
        "'publication of a table'",
        "pg_publication_rel",
        f"quote_ident(u.pubname) || ' of ' || {_TABLE}",
        "JOIN pg_publication u ON u.oid = o.prpubid " + _OF_TABLE.format(column="o.prrelid"),
        kin=("o.oid", "o.prpubid", "o.prrelid"),
    ),
    Kind(
        "'publication of a schema'",
        "pg_publication_namespace",
        "quote_ident(u.pubname) || ' of ' || quote_ident(n.nspname)",
        "JOIN pg_publication u ON u.oid = o.pnpubid JOIN pg_namespace n ON n.oid = o.pnnspid",
        kin=("o.oid", "o.pnpubid", "o.pnnspid"),
    ),
    Kind(
        "'subscription'",
        "pg_subscription",
        "quote_ident(o.subname)",
        where=f"o.subdbid = {_OF_THIS_DATABASE}",
        present=f"EXISTS (SELECT FROM pg_subscription WHERE subdbid = {_OF_THIS_DATABASE})",
    ),
    Kind(
        "'subscription of a table'",
        "pg_subscription_rel",
        f"concat_ws(' ', o.srsubid, 'of', {_TABLE})",
        _OF_TABLE.format(column="o.srrelid"),
        kin=("o.srrelid",),
        number="",
    ),
    _plain("foreign-data wrapper", "pg_foreign_data_wrapper", "fdwname"),
    _plain("foreign server", "pg_foreign_server", "srvname"),
    Kind(
        "'user mapping'",
        "pg_user_mapping",
        "concat('of role #', o.umuser, ' on ', quote_ident(s.srvname))",
        "JOIN pg_foreign_server s ON s.oid = o.umserver",
        kin=("o.oid", "o.umserver"),
        present="EXISTS (SELECT FROM pg_user_mappings)",
    ),
    Kind(
        "'default privileges'",
        "pg_default_acl",
        "concat('of role #', o.defaclrole, ' in ', coalesce(quote_ident(n.nspname), 'any schema'),"
        " ' on ', CASE o.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'"
        " WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas'"
        " WHEN 'L' THEN 'large objects' ELSE o.defaclobjtype::text END)",
        "LEFT JOIN pg_namespace n ON n.oid = o.defaclnamespace",
        kin=("o.oid", "o.defaclnamespace"),
    ),
    Kind(
        "'comment'",
        "pg_description",
        f"'on ' || {ABOUT}",
        where=f"(o.objoid >= {FIRST_NUMBER} OR o.classoid = 'pg_catalog.pg_namespace'::regclass)"
        f" AND {_NOT_OURS}",
        kin=("o.objoid",),
        number="",
    ),
    Kind(
        "'security label'",
        "pg_seclabel",
        f"quote_ident(o.provider) || ' on ' || {ABOUT}",
        kin=("o.objoid",),
        number="",
    ),
    Kind(
        "'initial privileges'",
        "pg_init_privs",
        f"'of ' || {ABOUT}",
        where=f"o.objoid >= {FIRST_NUMBER} AND {_NOT_OURS}",
        kin=("o.objoid",),
        number="",
    ),
    Kind(
        "'extension'",
        "pg_extension",
        "quote_ident(o.extname)",
        "JOIN pg_namespace n ON n.oid = o.extnamespace",
        f"n.nspname <> '{TOOLS_SCHEMA}'",
        (_MEMBERS,),
    ),
)

_LARGE_OBJECTS_EACH = 256
_BUILT_IN = (
    ("pg_class", "oid"),
    ("pg_attribute", "attrelid"),
    ("pg_index", "indexrelid"),
    ("pg_constraint", "oid"),
    ("pg_rewrite", "oid"),
    ("pg_type", "oid"),
    ("pg_range", "rngtypid"),
    ("pg_proc", "oid"),
    ("pg_aggregate", "aggfnoid::oid"),
    ("pg_operator", "oid"),
    ("pg_opclass", "oid"),
    ("pg_opfamily", "oid"),
    ("pg_amop", "oid"),
    ("pg_amproc", "oid"),
    ("pg_cast", "oid"),
    ("pg_collation", "oid"),
    ("pg_conversion", "oid"),
    ("pg_ts_config", "oid"),
    ("pg_ts_config_map", "mapcfg"),
    ("pg_ts_dict", "oid"),
    ("pg_ts_parser", "oid"),
    ("pg_ts_template", "oid"),
    ("pg_description", "objoid"),
    ("pg_init_privs", "objoid"),
)

DATABASE_GROUPS = (
    Gathered(
        "large objects",
        "pg_largeobject_metadata",
        f"concat(o.oid::bigint / {_LARGE_OBJECTS_EACH} * {_LARGE_OBJECTS_EACH}, ' to ',"
        f" (o.oid::bigint / {_LARGE_OBJECTS_EACH} + 1) * {_LARGE_OBJECTS_EACH} - 1)",
        "true",
    ),
    *(
        Gathered(
            "built-in objects", catalog, f"'in {catalog}'", f"o.{number} < {FIRST_NUMBER}", False
        )
        for catalog, number in _BUILT_IN
    ),
    Gathered(
        "built-in schema",
        "pg_namespace",
        "quote_ident(o.nspname)",
        "o.nspname IN ('pg_catalog', 'pg_toast')"
        f" OR o.nspname = 'information_schema' AND o.oid < {FIRST_NUMBER}",
        False,
    ),
)
"""Privileges of built-in objects are left out: the service itself grants them."""

NOT_COMPARED = {
    "pg_authid": "passwords; the rest is compared through its view pg_roles",
    "pg_largeobject": "content, not definition: the check of large objects reads it",
    "pg_shdepend": "owners and grants, which each object has in its own row as well",
    "pg_statistic": "the planner's",
    "pg_statistic_ext_data": "the planner's",
}
"""Catalogs of PostgreSQL 14 to 18 that no kind covers, and why not."""
