"""The constraints of a table as conditions that a broken row meets, made from the catalog."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.constraints.constraint_queries import (
    BOUND,
    CHECKS,
    DOMAINS,
    EXCLUSIONS,
    FOREIGN,
    KINDS,
    NOT_NULL,
    SORTED_FOR_GOOD,
    TABLES,
    UNIQUE,
    UNIQUE_OF_MORE,
)

EXCLUSION_BYTES = 256 * 2**20
"""Beyond it an exclusion is not asked for: each row looks its neighbours up."""


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
    return [number for (number,) in session.looked_up(TABLES, [oid, oid], action=action)]


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
        return frozenset(oid for (oid,) in session.rows(SORTED_FOR_GOOD, action=action))

    kinds = {kind for (each,) in rows(KINDS) for kind in each}
    found: list[Rule | WideRule | str] = [_not_null(column) for (column,) in rows(NOT_NULL)]
    found += [_check(lasting, *row) for row in rows(CHECKS, "c")]
    found += [_bound(lasting, *row) for row in rows(BOUND, "bound") if row[0]]
    found += [_domain(name, *row) for row in rows(DOMAINS, "domain")]
    found += [_unique(name, lasting, *row) for row in rows(UNIQUE)]
    found += [
        f"unique key {key} is not asked again: it is over expressions or a part of the rows"
        for (key,) in rows(UNIQUE_OF_MORE)
    ]
    for row in rows(FOREIGN, "f"):
        found += _foreign(name, *row)
    size_bytes = table["size_bytes"]
    found += [_exclusion(name, size_bytes, lasting, *row) for row in rows(EXCLUSIONS, "x")]
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


def _unique(  # the columns of UNIQUE
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


def _foreign(  # the columns of FOREIGN
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


def _exclusion(  # the columns of EXCLUSIONS
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
