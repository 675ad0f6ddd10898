"""The kinds of objects of a database of PostgreSQL 14 to 18, as data: SQL expressions.

Names of roles can't be distinguished from older ones, for their catalog is the superuser's: what is
named after a role has its number in its name (``role #16400``), and is reported with its name.
"""

from lambdas.drill.checks.catalog.kind import Kind, Rows
from lambdas.drill.checks.catalog.kind_rows import (
    ABOUT,
    COLUMNS_OF_ITS_OWN,
    FIRST_NUMBER,
    INDEX_COLUMNS,
    INDEX_ROW,
    MEMBERS,
    NOT_OURS,
    OF_TABLE,
    OF_THIS_DATABASE,
    RELATIONS,
    SIGNATURE,
    TABLE,
    TOAST,
    VIEW,
    in_schema,
    itself,
    of_users,
    on_table,
    permanent,
    plain,
)
from lambdas.drill.checks.tool_names import TOOLS_SCHEMA

DATABASE_KINDS = (
    Kind(
        "'schema'",
        "pg_namespace",
        "quote_ident(n.nspname)",
        "JOIN pg_namespace n ON n.oid = o.oid",
        of_users(),
    ),
    Kind(
        RELATIONS,
        "pg_class",
        "quote_ident(n.nspname) || '.' || quote_ident(o.relname)",
        "JOIN pg_namespace n ON n.oid = o.relnamespace",
        "o.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND o.relpersistence <> 't'"
        f" AND {of_users()}",
        (
            VIEW,
            COLUMNS_OF_ITS_OWN,
            Rows("pg_sequence", ("seqrelid",), "p.seqrelid"),
            Rows("pg_partitioned_table", ("partrelid",), "p.partrelid"),
            Rows("pg_foreign_table", ("ftrelid",), "p.ftrelid"),
            *TOAST,
        ),
    ),
    Kind(
        "'index'",
        "pg_class",
        f"{TABLE} || '.' || quote_ident(o.relname)",
        "JOIN pg_index i ON i.indexrelid = o.oid " + OF_TABLE.format(column="i.indrelid"),
        permanent(),
        (INDEX_ROW, INDEX_COLUMNS),
        kin=("c.oid", "o.oid"),
    ),
    Kind(
        "'column'",
        "pg_attribute",
        f"{TABLE} || '.' || quote_ident(o.attname)",
        OF_TABLE.format(column="o.attrelid"),
        f"o.attnum > 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {permanent('c.oid')}",
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
        f"coalesce(c.relpersistence, 'p') <> 't' AND {of_users()}",
        kin=("o.conrelid", "o.contypid", "o.confrelid", "o.oid"),
    ),
    on_table("trigger", "pg_trigger", "tgrelid", "tgname"),
    on_table("policy", "pg_policy", "polrelid", "polname"),
    on_table("rule", "pg_rewrite", "ev_class", "rulename", "o.rulename <> '_RETURN'"),
    Kind(
        "'inheritance'",
        "pg_inherits",
        f"{TABLE} || '.' || o.inhseqno",
        OF_TABLE.format(column="o.inhrelid"),
        permanent("c.oid"),
        kin=("c.oid",),
        number="",
    ),
    in_schema("function", "pg_proc", "pro", name=SIGNATURE),
    Kind(
        "'aggregate'",
        "pg_aggregate",
        "o.aggfnoid::oid::regprocedure::text",
        "JOIN pg_proc a ON a.oid = o.aggfnoid::oid JOIN pg_namespace n ON n.oid = a.pronamespace",
        of_users("a.oid"),
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
        f"coalesce(c.relpersistence, d.relpersistence, 'p') <> 't' AND {of_users()}",
        (
            Rows("pg_enum", ("enumtypid",), "p.enumsortorder"),
            Rows("pg_range", ("rngtypid",), "p.rngtypid"),
        ),
        kin=("o.oid", "e.oid"),
    ),
    in_schema("operator", "pg_operator", "opr", name="o.oid::regoperator::text"),
    in_schema("operator class", "pg_opclass", "opc", name=itself("pg_opclass")),
    in_schema("operator family", "pg_opfamily", "opf", name=itself("pg_opfamily")),
    Kind(
        "'operator of a family'",
        "pg_amop",
        itself("pg_amop"),
        where=f"o.oid >= {FIRST_NUMBER}",
        kin=("o.oid", "o.amopfamily", "o.amoplefttype", "o.amoprighttype", "o.amopopr"),
    ),
    Kind(
        "'function of a family'",
        "pg_amproc",
        itself("pg_amproc"),
        where=f"o.oid >= {FIRST_NUMBER}",
        kin=("o.oid", "o.amprocfamily", "o.amproclefttype", "o.amprocrighttype", "o.amproc::oid"),
    ),
    in_schema("statistics", "pg_statistic_ext", "stx", kin=("o.oid", "o.stxrelid")),
    in_schema("collation", "pg_collation", "coll"),
    in_schema("conversion", "pg_conversion", "con"),
    in_schema(
        "text search configuration",
        "pg_ts_config",
        "cfg",
        (Rows("pg_ts_config_map", ("mapcfg",), "p.maptokentype, p.mapseqno"),),
    ),
    in_schema("text search dictionary", "pg_ts_dict", "dict"),
    in_schema("text search parser", "pg_ts_parser", "prs"),
    in_schema("text search template", "pg_ts_template", "tmpl"),
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
    plain("access method", "pg_am", "amname"),
    plain("language", "pg_language", "lanname"),
    plain("event trigger", "pg_event_trigger", "evtname"),
    plain("publication", "pg_publication", "pubname"),
    Kind(
        "'publication of a table'",
        "pg_publication_rel",
        f"quote_ident(u.pubname) || ' of ' || {TABLE}",
        "JOIN pg_publication u ON u.oid = o.prpubid " + OF_TABLE.format(column="o.prrelid"),
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
        where=f"o.subdbid = {OF_THIS_DATABASE}",
        present=f"EXISTS (SELECT FROM pg_subscription WHERE subdbid = {OF_THIS_DATABASE})",
    ),
    Kind(
        "'subscription of a table'",
        "pg_subscription_rel",
        f"concat_ws(' ', o.srsubid, 'of', {TABLE})",
        OF_TABLE.format(column="o.srrelid"),
        kin=("o.srrelid",),
        number="",
    ),
    plain("foreign-data wrapper", "pg_foreign_data_wrapper", "fdwname"),
    plain("foreign server", "pg_foreign_server", "srvname"),
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
        f" AND {NOT_OURS}",
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
        where=f"o.objoid >= {FIRST_NUMBER} AND {NOT_OURS}",
        kin=("o.objoid",),
        number="",
    ),
    Kind(
        "'extension'",
        "pg_extension",
        "quote_ident(o.extname)",
        "JOIN pg_namespace n ON n.oid = o.extnamespace",
        f"n.nspname <> '{TOOLS_SCHEMA}'",
        (MEMBERS,),
    ),
)


NOT_COMPARED = {
    "pg_authid": "passwords; the rest is compared through its view pg_roles",
    "pg_largeobject": "content, not definition: the check of large objects reads it",
    "pg_shdepend": "owners and grants, which each object has in its own row as well",
    "pg_statistic": "the planner's",
    "pg_statistic_ext_data": "the planner's",
}
"""Catalogs of PostgreSQL 14 to 18 that no kind covers, and why not."""
