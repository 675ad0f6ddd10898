"""The constraints of a table as conditions that a broken row meets, made from the catalog."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
# Whether rows that break it can only be damage: it holds for a row for good once it has held. A new
# column or field changes what a whole row or a composite is, a function of an extension comes anew
# with its next version; timezone() reads the time zones of the system, to_tsvector() dictionaries.
_HOLDS_FOR_GOOD = """
({0}::text !~ ':varattno 0 |:argisrow true|[{{](FIELDSELECT|ROWCOMPARE|MINMAX) '
 AND NOT EXISTS (SELECT FROM regexp_matches({0}::text, ':(?:op)?funcid ([0-9]+)', 'g') m
                  WHERE m[1]::bigint >= 16384 OR m[1] IN ('1159', '2037', '2069', '3745')))
"""
# By which collations its functions answer, but for those that compare or count byte by byte: = and
# <> of text, bpchar and name, and the lengths.
_COLLATIONS_OF = """
ARRAY(SELECT DISTINCT m[2]::bigint
        FROM regexp_matches({0}::text,
                            ':(?:op)?funcid ([0-9]+)[^{{}}]*:inputcollid ([0-9]+)', 'g') m
       WHERE m[1] NOT IN ('67', '157', '1048', '1053', '62', '659',
                          '1257', '1317', '1318', '1381'))
"""
# Collations that PostgreSQL itself sorts by. A library's may change under an index, and let in what
# its order kept out.
_SORTED_FOR_GOOD = """
SELECT l.oid::bigint FROM pg_catalog.pg_collation l
  JOIN pg_catalog.pg_database d ON d.datname = current_database()
 WHERE CASE WHEN l.collprovider = 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
            ELSE l.collprovider::text END = 'b'
    OR CASE WHEN l.collprovider = 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
            ELSE l.collprovider::text END = 'c'
       AND CASE WHEN l.collprovider = 'd' THEN d.datcollate::text
                ELSE l.collcollate::text END IN ('C', 'POSIX')
"""
# What there is to be read of a table: most have few kinds of constraints.
_KINDS = """
SELECT ARRAY(SELECT DISTINCT CASE WHEN o.conexclop IS NULL THEN o.contype::text ELSE 'x' END
               FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid)
       || CASE WHEN c.relispartition THEN 'bound' END
       || CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute a
                              JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                               AND t.typtype = 'd') THEN 'domain' END
  FROM pg_catalog.pg_class c WHERE c.oid = %s::oid
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
       {_MUST_ANSWER_ALIKE.format("o.conbin")}, {_HOLDS_FOR_GOOD.format("o.conbin")},
       {_COLLATIONS_OF.format("o.conbin")}
  FROM pg_catalog.pg_constraint o
 WHERE o.conrelid = %s::oid AND o.contype = 'c' AND o.convalidated
   AND coalesce((to_jsonb(o) ->> 'conenforced')::bool, true)
 ORDER BY o.conname
"""
_BOUND = f"""
SELECT pg_catalog.pg_get_partition_constraintdef(c.oid),
       coalesce(bool_and(l.class < 16384 AND {_HOLDS_FOR_GOOD.format("k.expressions")}), true),
       array_agg(l.coll::bigint) FILTER (WHERE p.partstrat = 'r')
       || array_agg(m.coll) FILTER (WHERE m.coll IS NOT NULL)
  FROM pg_catalog.pg_class c
 CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(c.oid) a (oid)
  JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.oid
 CROSS JOIN LATERAL (SELECT coalesce(p.partexprs::text, '')) k (expressions)
 CROSS JOIN LATERAL unnest(p.partclass::oid[], p.partcollation::oid[]) l (class, coll)
  LEFT JOIN LATERAL unnest({_COLLATIONS_OF.format("k.expressions")}) m (coll) ON true
 WHERE c.oid = %s::oid AND c.relispartition
 GROUP BY c.oid
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
       bool_and(p.opcdefault), bool_and(p.oid < 16384) AND bool_and(i.indimmediate),
       array_agg(k.coll::bigint)
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
_UNIQUE_OF_MORE = """
SELECT quote_ident(c.relname)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = %s::oid AND i.indisunique AND i.indisvalid AND NOT i.indisexclusion
   AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
 ORDER BY 1
"""
# A key of a partitioned table has a row for each of its partitions too.
_FOREIGN = """
SELECT quote_ident(o.conname), o.confmatchtype = 'f', coalesce((to_jsonb(o) ->> 'conperiod')::bool,
       false), n.nspname, p.relname, p.relkind = 'r',
       quote_ident(n.nspname) || '.' || quote_ident(p.relname),
       ARRAY(SELECT quote_ident(tn.nspname) || '.' || quote_ident(t.relname)
               FROM pg_catalog.pg_partition_tree(p.oid) l
               JOIN pg_catalog.pg_class t ON t.oid = l.relid
               JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
              WHERE p.relkind = 'p' AND t.relkind <> 'p'),
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
 GROUP BY o.oid, o.conname, o.confmatchtype, 3, n.nspname, p.oid, p.relname, p.relkind ORDER BY 1
"""
_TABLES = """
SELECT %s::oid::bigint
 UNION
SELECT o.confrelid::bigint FROM pg_catalog.pg_constraint o
 WHERE o.conrelid = %s::oid AND o.contype = 'f'
"""
_EXCLUSIONS = """
SELECT quote_ident(o.conname), i.indexprs IS NULL AND i.indpred IS NULL,
       i.indimmediate AND NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) l (class)
                                       WHERE l.class >= 16384),
       i.indcollation::oid[]::bigint[],
       array_agg(a.attname::text ORDER BY k.place),
       array_agg(s.nspname::text ORDER BY k.place), array_agg(e.oprname::text ORDER BY k.place)
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_index i ON i.indexrelid = o.conindid
 CROSS JOIN LATERAL unnest(o.conkey, o.conexclop) WITH ORDINALITY k (number, operator, place)
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number
  JOIN pg_catalog.pg_operator e ON e.oid = k.operator
  JOIN pg_catalog.pg_namespace s ON s.oid = e.oprnamespace
 WHERE o.conrelid = %s::oid AND o.conexclop IS NOT NULL AND i.indisvalid
 GROUP BY o.oid, o.conname, 2, 3, 4 ORDER BY 1
"""

TRIGGERS_OFF = "such rows come in while triggers are off"
DOMAIN_CHANGED = "a changed domain or a cast without a function lets such values in"
COLLATION_CHANGED = "a library of collations that changed lets such rows in"
DEFERRED = (
    "such rows come in while the triggers of a deferrable key are off, or with another version of"
    " the extension that compares them"
)
REDEFINED = "a new field, or another version of an extension or of time zones, can break it"

BY_LIBRARY = frozenset({COLLATION_CHANGED, DEFERRED, REDEFINED})
"""With these, rows that are equal to the source's may break the rule on the copy alone."""

Lasting = Callable[[], frozenset[int]]
"""Collations that sort as they always did; read only where a rule depends on one."""


@dataclass(frozen=True)
class Rule:
    """A constraint that one row alone can break.

    Attributes:
        name: for a sentence: ``check positive``.
        what: what is wrong with a row that breaks it, after the number of such rows.
        broken: the condition that such a row meets.
        cause: how a healthy server comes to hold such a row; empty: it does not.
    """

    name: str
    what: str
    broken: sql.Composable
    cause: str = ""


@dataclass(frozen=True)
class WideRule:
    """A constraint that takes other rows to break.

    Attributes:
        query: gives the number of rows that break it and the place of the first.
        by_index: whether the query needs an index to end.
        cause: as of :class:`Rule`.
        others: the names of the other tables whose rows it asks.
    """

    name: str
    what: str
    query: sql.Composable
    by_index: bool = False
    cause: str = ""
    others: tuple[str, ...] = ()


def tables_of(session: Session, oid: int, action: str) -> list[int]:
    """The tables whose rows a table's rules ask for: itself, and those that it refers to."""
    return [number for (number,) in session.looked_up(_TABLES, [oid, oid], action=action)]


def rules_of(
    session: Session, table: Mapping[str, Any], action: str
) -> tuple[list[Rule], list[WideRule], list[str]]:
    """The rules of a table, and notes on those that can't be asked again.

    Args:
        table: ``oid``, ``schema``, ``table``, ``size_bytes``.
    """
    name = sql.Identifier(table["schema"], table["table"])

    def rows(query: str, kind: str = "") -> list[tuple[Any, ...]]:
        if kind and kind not in kinds:
            return []
        return session.looked_up(query, [table["oid"]], action=action)

    @cache
    def lasting() -> frozenset[int]:
        return frozenset(oid for (oid,) in session.rows(_SORTED_FOR_GOOD, action=action))

    kinds = {kind for (each,) in rows(_KINDS) for kind in each}
    found: list[Rule | WideRule | str] = [_not_null(column) for (column,) in rows(_NOT_NULL)]
    found += [_check(lasting, *row) for row in rows(_CHECKS, "c")]
    found += [_bound(lasting, *row) for row in rows(_BOUND, "bound") if row[0]]
    found += [_domain(name, *row) for row in rows(_DOMAINS, "domain")]
    found += [_unique(name, lasting, *row) for row in rows(_UNIQUE)]
    found += [
        f"unique key {key} is not asked again: it is over expressions or a part of the rows"
        for (key,) in rows(_UNIQUE_OF_MORE)
    ]
    for row in rows(_FOREIGN, "f"):
        found += _foreign(name, *row)
    size_bytes = table["size_bytes"]
    found += [_exclusion(name, size_bytes, lasting, *row) for row in rows(_EXCLUSIONS, "x")]
    return (
        [item for item in found if isinstance(item, Rule)],
        [item for item in found if isinstance(item, WideRule)],
        [item for item in found if isinstance(item, str)],
    )


def _not_null(column: str) -> Rule:
    # IS NULL is true of a composite whose fields are all null; the constraint means the value.
    broken = sql.SQL("num_nulls({}) > 0").format(sql.Identifier(column))
    return Rule(f"not null {column}", "have no value", broken)


def _check(
    lasting: Lasting,
    name: str,
    expression: str,
    alike: bool,
    for_good: bool,
    collations: Sequence[int],
) -> Rule | str:
    if not alike:
        return f"check {name} is not asked again: it need not answer as it did"
    broken = sql.SQL("({}) IS FALSE").format(_verbatim(expression))
    cause = _cause(lasting, for_good, collations, REDEFINED)
    return Rule(f"check {name}", "break it", broken, cause)


def _bound(
    lasting: Lasting, expression: str, for_good: bool, collations: Sequence[int] | None
) -> Rule:
    broken = sql.SQL("({}) IS FALSE").format(_verbatim(expression))
    cause = _cause(lasting, for_good, collations or (), REDEFINED)
    return Rule("partition bound", "belong into another partition", broken, cause)


def _cause(lasting: Lasting, for_good: bool, collations: Sequence[int], otherwise: str) -> str:
    """How a healthy server comes to break a rule that needs collations and what they sort."""
    if not for_good:
        return otherwise
    sorted_by = set(collations) - {0}
    return "" if not sorted_by or lasting() >= sorted_by else COLLATION_CHANGED


def _domain(
    table: sql.Composable, column: str, schema: str, name: str, base: str, alike: bool
) -> WideRule | str:
    domain = sql.Identifier(schema, name)
    if not alike:
        return f"the domain of {column} is not asked again: it need not answer as it did"
    query = sql.SQL(
        "SELECT 0 * count({0}::{1}::{2}), NULL FROM ONLY {3} WHERE num_nulls({0}) = 0"
    ).format(sql.Identifier(column), _verbatim(base), domain, table)
    what = "has a value that its domain forbids"
    return WideRule(f"domain of {column}", what, query, cause=DOMAIN_CHANGED)


def _unique(  # the columns of _UNIQUE
    table: sql.Composable,
    lasting: Lasting,
    name: str,
    nulls_too: bool,
    columns: Sequence[str],
    schemas: Sequence[str | None],
    collations: Sequence[str | None],
    ordinary: bool,
    for_good: bool,
    sorted_by: Sequence[int],
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
    cause = _cause(lasting, for_good, sorted_by, DEFERRED)
    return WideRule(f"unique key {name}", "(by key) are there more than once", query, cause=cause)


def _foreign(  # the columns of _FOREIGN
    table: sql.Composable,
    name: str,
    full: bool,
    temporal: bool,
    schema: str,
    other: str,
    alone: bool,
    other_name: str,
    partitions: Sequence[str],
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
    what = f"have no counterpart in {other_name}"
    others = tuple(partitions) if partitions else (other_name,)
    yield WideRule(f"foreign key {name}", what, query, cause=TRIGGERS_OFF, others=others)
    if full:
        nulls = sql.SQL("num_nulls({}) NOT IN (0, {})")
        broken = nulls.format(_list(columns), sql.Literal(len(columns)))
        what = "are neither all null nor all filled"
        yield Rule(f"foreign key {name}", what, broken, TRIGGERS_OFF)


def _exclusion(  # the columns of _EXCLUSIONS
    table: sql.Composable,
    size_bytes: int,
    lasting: Lasting,
    name: str,
    plain: bool,
    for_good: bool,
    sorted_by: Sequence[int],
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
    cause = _cause(lasting, for_good, sorted_by, DEFERRED)
    return WideRule(f"exclusion {name}", "exclude each other", query, by_index=True, cause=cause)


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
