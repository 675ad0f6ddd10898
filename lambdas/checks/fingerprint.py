"""The hash of a row version: exact, generated from the catalog, independent of session settings.

Each column goes in as itself where equal values are the same value, and as its binary image (the
type's send function) where equality hides something: the scale of a ``numeric``, the sign of a
zero, an interval's ``1 month`` against ``30 days``, the case of ``citext``, an array's bounds. A
type with neither goes in as text. ``ctid`` and ``xmin`` go in too, which a physical copy keeps: two
rows that changed places are not the same. NULL and empty differ, since a record knows its nulls.

Sums of 64-bit hashes add up over block ranges and see duplicates, which exclusive-or would cancel.
A change goes unnoticed with a probability of 2**-64, and so does any number of them. Reading every
value reads TOAST too. A virtual generated column holds nothing and is left out.
"""

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.checks.shape import Relation

MODULUS = 2**64
SEED = 8_030_728

_HASHES_RECORDS = 140000
"""``server_version_num`` of the first that has ``hash_record_extended``."""

# Types whose equality is that of their image: bool, bytea, "char", name, the integers, text,
# oid, tid, xid, cid, varchar, date, time, timestamp, timestamptz, timetz, macaddr, macaddr8, cidr,
# inet, uuid, pg_lsn, xid8. A collation that is not deterministic takes text and varchar out.
_COLUMNS = """
SELECT a.attname, n.nspname, p.proname,
       o.nspname, CASE s.typtype WHEN 'p' THEN NULL ELSE s.typname END,
       (t.oid = ANY ('{16,17,18,19,20,21,23,25,26,27,28,29,1043,1082,1083,1114,1184,1266,829,774,
                       650,869,2950,3220,5069}'::oid[])
        OR t.typtype = 'e') AND coalesce(l.collisdeterministic, true)
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type d ON d.oid = a.atttypid
  JOIN pg_catalog.pg_type t
    ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_proc p ON p.oid = t.typsend
  LEFT JOIN pg_catalog.pg_type s ON s.oid = p.proargtypes[0]
  LEFT JOIN pg_catalog.pg_namespace o ON o.oid = s.typnamespace
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
 ORDER BY a.attnum
"""


def row_hash(session: Session, relation: Relation) -> sql.Composable:
    """The expression that hashes a version of a relation's row to 64 bits."""
    doing = f"reading the columns of {relation.name}"
    columns = session.rows(_COLUMNS, [relation.oid], doing=doing)
    (version,) = session.row("SELECT current_setting('server_version_num')::int", doing=doing)
    entries = [sql.SQL("ctid"), sql.SQL("xmin"), *(_entry(*column) for column in columns)]
    record = sql.SQL("ROW({})").format(sql.SQL(", ").join(entries))
    seed = sql.Literal(SEED)
    if version >= _HASHES_RECORDS:
        return sql.SQL("hash_record_extended({}, {})").format(record, seed)
    return sql.SQL("hashtextextended(record_send({})::text, {})").format(record, seed)


def _entry(  # the columns of _COLUMNS
    name: str,
    schema: str | None,
    send: str | None,
    type_schema: str | None,
    type_name: str | None,
    exact: bool,
) -> sql.Composable:
    value: sql.Composable = sql.Identifier(name)
    if exact:
        return value
    if schema is None or send is None:
        return sql.SQL("{}::text").format(value)
    if type_schema is not None and type_name is not None:
        value = sql.SQL("{}::{}").format(value, sql.Identifier(type_schema, type_name))
    return sql.SQL("{}({})").format(sql.Identifier(schema, send), value)
