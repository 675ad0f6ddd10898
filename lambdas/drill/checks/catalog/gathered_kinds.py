"""Kinds of objects that are too many, or not the users', to be compared one by one, as data."""

from lambdas.drill.checks.catalog.kind import Gathered
from lambdas.drill.checks.catalog.kind_rows import (
    FIRST_NUMBER,
)

LARGE_OBJECTS_EACH = 256


BUILT_IN = (
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
        f"concat(o.oid::bigint / {LARGE_OBJECTS_EACH} * {LARGE_OBJECTS_EACH}, ' to ',"
        f" (o.oid::bigint / {LARGE_OBJECTS_EACH} + 1) * {LARGE_OBJECTS_EACH} - 1)",
        "true",
    ),
    *(
        Gathered(
            "built-in objects", catalog, f"'in {catalog}'", f"o.{number} < {FIRST_NUMBER}", False
        )
        for catalog, number in BUILT_IN
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
