"""The constraints of a table as conditions that a broken row meets, made from the catalog."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session

EXCLUSION_BYTES = 256 * 2**20
"""Beyond it an exclusion is not asked for: each row looks its neighbours up."""

# Functions written in SQL or a procedural language may have been replaced since the row came in.
# 12 and 13 are the languages internal and C. A conversion through text may depend on settings.
_MUST_ANSWER_ALIKE = """
({0}::text !~ '[{{](SQLVALUEFUNCTION|COERCEVIAIO|NEXTVALUEEXPR|COERCETODOMAIN|SUBLINK|SUBPLAN) '
 AND NOT EXISTS (SELECT FROM regexp_matches({0}::text, ':(?:op)?funcid ([0-9]+)', 'g') m
                   LEFT JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
                  WHERE m[1] <> '0' AND (p.oid IS NULL OR p.provolatile <> 'i'
                                         OR p.prolang NOT IN (12, 13))))
"""
# PostgreSQL 18 marks a column before its NOT NULL is valid.
_NOT_NULL = """
SELECT a.attname FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
   AND a.attgenerated <> 'v'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o
                    WHERE o.conrelid = a.attrelid AND o.contype = 'n' AND NOT o.convalidated
                      AND o.conkey[1] = a.attnum)
 ORDER BY a.attnum
"""
_CHECKS = f"""
SELECT quote_ident(o.conname), pg_catalog.pg_get_expr(o.conbin, o.conrelid),
       {_MUST_ANSWER_ALIKE.format("o.conbin")}
  FROM pg_catalog.pg_constraint o
 WHERE o.conrelid = %s::oid AND o.contype = 'c' AND o.convalidated
   AND coalesce((to_jsonb(o) ->> 'conenforced')::bool, true)
 ORDER BY o.conname
"""
_BOUND = """
SELECT pg_catalog.pg_get_partition_constraintdef(c.oid)
  FROM pg_catalog.pg_class c WHERE c.oid = %s::oid AND c.relispartition
"""
_DOMAINS = f"""
WITH RECURSIVE domain (attname, oid, outer_oid, base) AS (
    SELECT a.attname, t.oid, t.oid, t.typbasetype
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'd'
     UNION ALL
    SELECT d.attname, t.oid, d.outer_oid, t.typbasetype
      FROM domain d JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype = 'd')
SELECT d.attname, n.nspname, t.typname,
       (SELECT pg_catalog.format_type(b.base, NULL) FROM domain b
          JOIN pg_catalog.pg_type k ON k.oid = b.base
         WHERE b.attname = d.attname AND k.typtype <> 'd' LIMIT 1),
       bool_and(o.convalidated AND {_MUST_ANSWER_ALIKE.format("o.conbin")})
  FROM domain d JOIN pg_catalog.pg_constraint o ON o.contypid = d.oid AND o.contype = 'c'
  JOIN pg_catalog.pg_type t ON t.oid = d.outer_oid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 GROUP BY d.attname, n.nspname, t.typname ORDER BY d.attname
"""
_COLLATION = "CASE WHEN k.coll <> a.attcollation THEN k.coll END"
_UNIQUE = f"""
SELECT quote_ident(c.relname), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
       array_agg(a.attname::text ORDER BY k.place),
       array_agg(ln.nspname::text ORDER BY k.place), array_agg(l.collname::text ORDER BY k.place),
       bool_and(p.opcdefault)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[], i.indclass::oid[])
                    WITH ORDINALITY k (number, coll, class, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
  JOIN pg_catalog.pg_opclass p ON p.oid = k.class
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = {_COLLATION}
  LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
 WHERE i.indrelid = %s::oid AND i.indisunique AND i.indisvalid AND NOT i.indisexclusion
   AND i.indexprs IS NULL AND i.indpred IS NULL AND k.place <= i.indnkeyatts
 GROUP BY i.indexrelid, c.relname, 2 ORDER BY 1
"""
# A key of a partitioned table has a row for each of its partitions too.
_FOREIGN = """
SELECT quote_ident(o.conname), o.confmatchtype = 'f', coalesce((to_jsonb(o) ->> 'conperiod')::bool,
       false), n.nspname, p.relname, p.relkind = 'r',
       quote_ident(n.nspname) || '.' || quote_ident(p.relname),
       array_agg(a.attname::text ORDER BY k.place), array_agg(b.attname::text ORDER BY k.place),
       array_agg(s.nspname::text ORDER BY k.place), array_agg(e.oprname::text ORDER BY k.place)
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class p ON p.oid = o.confrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
 CROSS JOIN LATERAL unnest(o.conkey, o.confkey, o.conpfeqop)
                    WITH ORDINALITY k (here, there, operator, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.here
  JOIN pg_catalog.pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = k.there
  JOIN pg_catalog.pg_operator e ON e.oid = k.operator
  JOIN pg_catalog.pg_namespace s ON s.oid = e.oprnamespace
 WHERE o.conrelid = %s::oid AND o.contype = 'f' AND o.convalidated
   AND coalesce((to_jsonb(o) ->> 'conenforced')::bool, true)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint u
                    WHERE u.oid = o.conparentid AND u.conrelid = o.conrelid)
 GROUP BY o.oid, o.conname, o.confmatchtype, 3, n.nspname, p.relname, p.relkind ORDER BY 1
"""
_TABLES = """
SELECT %s::oid::bigint
 UNION
SELECT o.confrelid::bigint FROM pg_catalog.pg_constraint o
 WHERE o.conrelid = %s::oid AND o.contype = 'f'
"""
_EXCLUSIONS = """
SELECT quote_ident(o.conname), i.indexprs IS NULL AND i.indpred IS NULL,
       array_agg(a.attname::text ORDER BY k.place),
       array_agg(s.nspname::text ORDER BY k.place), array_agg(e.oprname::text ORDER BY k.place)
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_index i ON i.indexrelid = o.conindid
 CROSS JOIN LATERAL unnest(o.conkey, o.conexclop) WITH ORDINALITY k (number, operator, place)
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number
  JOIN pg_catalog.pg_operator e ON e.oid = k.operator
  JOIN pg_catalog.pg_namespace s ON s.oid = e.oprnamespace
 WHERE o.conrelid = %s::oid AND o.conexclop IS NOT NULL AND i.indisvalid
 GROUP BY o.oid, o.conname, 2 ORDER BY 1
"""


@dataclass(frozen=True)
class Rule:
    """A constraint that one row alone can break.

    Attributes:
        name: for a sentence: ``check positive``.
        what: what is wrong with a row that breaks it, after the number of such rows.
        broken: the condition that such a row meets.
    """

    name: str
    what: str
    broken: sql.Composable


@dataclass(frozen=True)
class WideRule:
    """A constraint that takes other rows to break.

    Attributes:
        query: gives the number of rows that break it and the place of the first.
        by_index: whether the query needs an index to end.
    """

    name: str
    what: str
    query: sql.Composable
    by_index: bool = False


def tables_of(session: Session, oid: int, doing: str) -> list[int]:
    """The tables whose rows a table's rules ask for: itself, and those that it refers to."""
    return [number for (number,) in session.rows(_TABLES, [oid, oid], doing=doing)]


def rules_of(
    session: Session, table: Mapping[str, Any], doing: str
) -> tuple[list[Rule], list[WideRule], list[str]]:
    """The rules of a table, and notes on those that can't be asked again.

    Args:
        table: ``oid``, ``schema``, ``table``, ``size_bytes``.
    """
    name = sql.Identifier(table["schema"], table["table"])

    def rows(query: str) -> list[tuple[Any, ...]]:
        return session.rows(query, [table["oid"]], doing=doing)

    found: list[Rule | WideRule | str] = [_not_null(column) for (column,) in rows(_NOT_NULL)]
    found += [_check(*row) for row in rows(_CHECKS)]
    found += [_bound(bound) for (bound,) in rows(_BOUND) if bound]
    found += [_domain(name, *row) for row in rows(_DOMAINS)]
    found += [_unique(name, *row) for row in rows(_UNIQUE)]
    for row in rows(_FOREIGN):
        found += _foreign(name, *row)
    found += [_exclusion(name, table["size_bytes"], *row) for row in rows(_EXCLUSIONS)]
    return (
        [item for item in found if isinstance(item, Rule)],
        [item for item in found if isinstance(item, WideRule)],
        [item for item in found if isinstance(item, str)],
    )


def _not_null(column: str) -> Rule:
    # IS NULL is true of a composite whose fields are all null; the constraint means the value.
    broken = sql.SQL("num_nulls({}) > 0").format(sql.Identifier(column))
    return Rule(f"not null {column}", "have no value", broken)


def _check(name: str, expression: str, alike: bool) -> Rule | str:
    if not alike:
        return f"check {name} is not asked again: it need not answer as it did"
    return Rule(f"check {name}", "break it", sql.SQL("({}) IS FALSE").format(_verbatim(expression)))


def _bound(expression: str) -> Rule:
    broken = sql.SQL("({}) IS FALSE").format(_verbatim(expression))
    return Rule("partition bound", "belong into another partition", broken)


def _domain(
    table: sql.Composable, column: str, schema: str, name: str, base: str, alike: bool
) -> WideRule | str:
    domain = sql.Identifier(schema, name)
    if not alike:
        return f"the domain of {column} is not asked again: it need not answer as it did"
    query = sql.SQL(
        "SELECT 0 * count({0}::{1}::{2}), NULL FROM ONLY {3} WHERE num_nulls({0}) = 0"
    ).format(sql.Identifier(column), _verbatim(base), domain, table)
    return WideRule(f"domain of {column}", "has a value that its domain forbids", query=query)


def _unique(  # the columns of _UNIQUE
    table: sql.Composable,
    name: str,
    nulls_too: bool,
    columns: Sequence[str],
    schemas: Sequence[str | None],
    collations: Sequence[str | None],
    ordinary: bool,
) -> WideRule | str:
    if not ordinary:
        return f"unique key {name} is not asked again: its equality is not that of its types"
    keys = sql.SQL(", ").join(
        _collated(*key) for key in zip(columns, schemas, collations, strict=True)
    )
    filled = sql.SQL("true") if nulls_too else sql.SQL("num_nulls({}) = 0").format(_list(columns))
    query = sql.SQL(
        "SELECT count(*), min(place) FROM (SELECT min(ctid) AS place FROM ONLY {} WHERE {}"
        " GROUP BY {} HAVING count(*) > 1) twice"
    ).format(table, filled, keys)
    return WideRule(f"unique key {name}", "(by key) are there more than once", query=query)


def _foreign(  # the columns of _FOREIGN
    table: sql.Composable,
    name: str,
    full: bool,
    temporal: bool,
    schema: str,
    other: str,
    alone: bool,
    other_name: str,
    columns: Sequence[str],
    keys: Sequence[str],
    schemas: Sequence[str],
    operators: Sequence[str],
) -> Iterator[Rule | WideRule | str]:
    if temporal:
        yield f"foreign key {name} is not asked again: it is temporal"
        return
    matches = sql.SQL(" AND ").join(
        sql.SQL("p.{} OPERATOR({}.{}) c.{}").format(
            sql.Identifier(key), sql.Identifier(space), _verbatim(operator), sql.Identifier(column)
        )
        for key, space, operator, column in zip(keys, schemas, operators, columns, strict=True)
    )
    query = sql.SQL(
        "SELECT count(*), min(c.ctid) FROM ONLY {} c WHERE num_nulls({}) = 0"
        " AND NOT EXISTS (SELECT FROM {}{} p WHERE {})"
    ).format(
        table,
        sql.SQL(", ").join(sql.SQL("c.{}").format(sql.Identifier(column)) for column in columns),
        sql.SQL("ONLY " if alone else ""),
        sql.Identifier(schema, other),
        matches,
    )
    yield WideRule(f"foreign key {name}", f"have no counterpart in {other_name}", query=query)
    if full:
        nulls = sql.SQL("num_nulls({}) NOT IN (0, {})")
        broken = nulls.format(_list(columns), sql.Literal(len(columns)))
        yield Rule(f"foreign key {name}", "are neither all null nor all filled", broken)


def _exclusion(  # the columns of _EXCLUSIONS
    table: sql.Composable,
    size_bytes: int,
    name: str,
    plain: bool,
    columns: Sequence[str | None],
    schemas: Sequence[str],
    operators: Sequence[str],
) -> WideRule | str:
    named = [column for column in columns if column is not None]
    if not plain or len(named) < len(columns):
        return f"exclusion {name} is not asked again: it is over expressions or a part of the rows"
    if size_bytes > EXCLUSION_BYTES:
        return f"exclusion {name} is not asked again: the table is too large for it"
    meets = sql.SQL(" AND ").join(
        sql.SQL("b.{0} OPERATOR({1}.{2}) a.{0}").format(
            sql.Identifier(column), sql.Identifier(space), _verbatim(operator)
        )
        for column, space, operator in zip(named, schemas, operators, strict=True)
    )
    query = sql.SQL(
        "SELECT count(*), min(a.ctid) FROM ONLY {0} a"
        " WHERE EXISTS (SELECT FROM ONLY {0} b WHERE b.ctid <> a.ctid AND {1})"
    ).format(table, meets)
    return WideRule(f"exclusion {name}", "exclude each other", query=query, by_index=True)


def _verbatim(text: str) -> sql.Composable:
    """What the catalog itself prints as SQL."""
    return sql.SQL(text)


def _list(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _collated(column: str, schema: str | None, collation: str | None) -> sql.Composable:
    if schema is None or collation is None:
        return sql.Identifier(column)
    return sql.SQL("{} COLLATE {}").format(
        sql.Identifier(column), sql.Identifier(schema, collation)
    )
