"""The SQL of look-ups through one index: which values, with which operators, and what they give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from lambdas.drill.checks.indexes.definition import Key, Operator, Target
from lambdas.drill.checks.indexes.query_parts import (
    INNER,
    ITSELF,
    NO_LEXEME,
    OUTER,
    VALUE,
    Asked,
    column_of,
    counting,
    finding_unfound,
    is_comparable,
    lexeme_query,
    one_row,
    predicate_of,
    rows_of,
    unless_all,
)

SECONDS = 60
"""How long the look-ups of one query go on; those that are left are noted as such."""

FEW, MANY = 200, 20_000
"""So many rows that were not found are listed: some first, and more where those are no damage."""

_BY_COLUMN = {"gin", "brin"}
"""These keep something of each column apart; the others combine them."""


@dataclass(frozen=True)
class Query:
    """Look-ups in one statement: by value, or row by row where values can't be put together.

    Each gives one row: rows looked up, rows that no time was left for, rows that were not found (or
    that others came with), the ``ctid`` of one of these, and how many came too many.
    ``by_address`` asks the same of each row without any index, so that the planner has nothing to
    read of one: what it can't answer no index could. ``unfound`` gives the ``ctid`` of each that
    was not found.
    """

    by_value: sql.Composable | None
    by_row: sql.Composable
    by_address: sql.Composable
    unfound: sql.Composable

    def lost(self, most: int) -> sql.Composable:
        """Some of the rows that were not found, maybe one for each of its elements."""
        return self.unfound + sql.SQL(" LIMIT {}").format(sql.Literal(most))


def queries(target: Target) -> Iterator[Query]:
    """All that one index is asked; none where no operator serves."""
    if target.index.method in _BY_COLUMN:
        for key in target.keys:
            yield from _of_one(target, key)
    else:
        yield from _of_all(target)
    if target.is_whole:
        for key in target.keys:
            if key.finds_nulls:
                yield _nulls(target, key)


def without_look_ups(target: Target) -> Iterator[Key]:
    """The keys that no look-up asks for."""
    for key in target.keys:
        if key.operator is None and (key.of_elements is None or target.index.method == "brin"):
            yield key


def _of_all(target: Target) -> Iterator[Query]:
    """All keys with an operator at once, and each alone of what has not all; the others by element.

    Every key must be asked for: a search by one says nothing of what the index keeps of the others.
    """
    asked = [(key, key.operator) for key in target.keys if key.operator is not None]
    if asked:
        yield _values(target, asked)
    if len(asked) > 1:
        for one in asked:
            yield _values(target, [one], besides=asked)
    for key in target.keys:
        if key.operator is None and key.of_elements is not None:
            yield _elements(target, key, key.of_elements)


def _of_one(target: Target, key: Key) -> Iterator[Query]:
    if target.index.method == "brin":
        if key.operator is not None:
            yield _extremes(target, key, key.operator)
    elif key.of_elements is not None:
        yield _elements(target, key, key.of_elements)
        if target.is_whole:
            yield _everything(target, key, key.of_elements)
    elif key.operator is not None:
        yield _values(target, [(key, key.operator)])


def _values(target: Target, asked: Sequence[Asked], besides: Sequence[Asked] = ()) -> Query:
    """Each row's values, with the operator of each column.

    Args:
        besides: left out are rows that are looked up by all of these.
    """
    condition = unless_all(besides)
    rows = rows_of(target, [key for key, _ in asked], condition)
    each, holds, wanted = [], [], []
    same: list[sql.Composable] = []
    for number, (key, operator) in enumerate(asked, start=1):
        name = sql.SQL("s.{}").format(column_of(number))
        outer = sql.SQL("{}.{}").format(OUTER, column_of(number))
        each.append(name)
        holds.append(operator(name, name))
        wanted.append(operator(key.value, outer))
        if target.index.method == "gist":
            # Its leaf may keep a number twice, and "=" reads one of them.
            wanted += [bound(key.value, outer) for bound in key.bounds]
        if operator.name != "=":
            # No operator that an index could be searched with, unlike "=".
            same.append(sql.SQL("{} IS NOT DISTINCT FROM {}").format(key.value, outer))
    if condition is not None:
        # The index also gives rows of that value that are looked up by all of their values.
        same.append(condition)
    parts = {
        "each": sql.SQL(", ").join(each),
        "rows": rows,
        "holds": sql.SQL(" AND ").join(holds),
    }
    by_value = sql.SQL(
        "SELECT {each}, count(*) AS n, sum(pg_catalog.hashtid(s.tid)) AS h, min(s.tid) AS tid"
        " FROM ({rows}) s WHERE {holds} GROUP BY {each}"
    ).format(**parts)
    by_row = sql.SQL(
        "SELECT {each}, 1::bigint AS n, pg_catalog.hashtid(s.tid)::bigint AS h, s.tid"
        " FROM ({rows}) s WHERE {holds}"
    ).format(**parts)
    together = target.is_whole and all(key.deterministic for key, _ in asked)
    every = _by_value(target, by_value, [*wanted, *same]) if together else None
    return _query(target, by_row, wanted, every)


def _elements(target: Target, key: Key, operator: Operator) -> Query:
    """Each element of the rows' values; an element's rows are looked up at once."""
    elements = "pg_catalog.tsvector_to_array(s.k1)" if key.is_text else "s.k1"
    each = sql.SQL(
        "SELECT DISTINCT s.tid, u.k AS k1"
        " FROM ({rows}) s CROSS JOIN LATERAL pg_catalog.unnest({elements}) AS u(k)"
        " WHERE u.k IS NOT NULL"
    ).format(rows=rows_of(target, [key]), elements=sql.SQL(elements))
    by_value = sql.SQL(
        "SELECT d.k1, count(*) AS n, sum(pg_catalog.hashtid(d.tid)) AS h, min(d.tid) AS tid"
        " FROM ({}) d GROUP BY d.k1"
    ).format(each)
    by_row = sql.SQL(
        "SELECT d.k1, 1::bigint AS n, pg_catalog.hashtid(d.tid)::bigint AS h, d.tid FROM ({}) d"
    ).format(each)
    element = sql.SQL("{}.k1").format(OUTER)
    asked = lexeme_query(element) if key.is_text else sql.SQL("ARRAY[{}]").format(element)
    wanted = [operator(key.value, asked), *is_comparable(key)]
    every = _by_value(target, by_value, wanted) if target.is_whole else None
    return _query(target, by_row, wanted, every)


def _everything(target: Target, key: Key, operator: Operator) -> Query:
    """All rows that have a value, an empty one too; a text by a lexeme that it has not."""
    asked = NO_LEXEME if key.is_text else sql.SQL("'{}'")
    return _at_once(target, key, operator(VALUE, asked), operator(key.value, asked))


def _nulls(target: Target, key: Key) -> Query:
    """All rows without a value."""
    which = sql.SQL("{} IS NULL")
    return _at_once(target, key, which.format(VALUE), which.format(key.value))


def _at_once(target: Target, key: Key, which: sql.Composable, wanted: sql.Composable) -> Query:
    rows = rows_of(target, [key])
    by_value = sql.SQL(
        "SELECT count(*) AS n, sum(pg_catalog.hashtid(s.tid)) AS h, min(s.tid) AS tid"
        " FROM ({}) s WHERE {} HAVING count(*) > 0"
    ).format(rows, which)
    by_row = sql.SQL(
        "SELECT 1::bigint AS n, pg_catalog.hashtid(s.tid)::bigint AS h, s.tid FROM ({}) s WHERE {}"
    ).format(rows, which)
    every = [wanted, *is_comparable(key)]
    return _query(target, by_row, every, _by_value(target, by_value, every))


def _extremes(target: Target, key: Key, operator: Operator) -> Query:
    """Two rows of each block range: the least and the greatest, or any where there is no order.

    A BRIN gives whole ranges, so that looking every row up would read the table over and over.
    """
    order = sql.SQL("s.k1" if key.has_order else "pg_catalog.hashtid(s.tid)")
    rows = sql.SQL(
        "SELECT r.k1, 1::bigint AS n, pg_catalog.hashtid(r.tid)::bigint AS h, r.tid FROM ("
        "SELECT s.k1, s.tid, row_number() OVER (PARTITION BY {stretch} ORDER BY {order}) AS a,"
        " row_number() OVER (PARTITION BY {stretch} ORDER BY {order} DESC) AS z"
        " FROM ({rows}) s WHERE {holds}) r WHERE r.a = 1 OR r.z = 1"
    ).format(
        stretch=sql.SQL("(s.tid::text::point)[0]::bigint / {}").format(
            sql.Literal(target.pages_each)
        ),
        order=order,
        rows=rows_of(target, [key]),
        holds=operator(sql.SQL("s.k1"), sql.SQL("s.k1")),
    )
    wanted = operator(key.value, sql.SQL("{}.k1").format(OUTER))
    return _query(target, rows, [wanted], None)


def _query(
    target: Target,
    rows: sql.Composable,
    wanted: Sequence[sql.Composable],
    by_value: sql.Composable | None,
) -> Query:
    """What is ``wanted`` of each of the rows, and of all with one value at once where that goes."""
    alone = [*wanted, ITSELF]
    found = _each_with_what_is_found(target, rows, alone)
    by_address = counting(_each_with_what_is_found(target, rows, alone, one_row(target)))
    return Query(by_value, counting(found), by_address, finding_unfound(found))


def with_comparable_rows(query: str, target: Target, key: Key) -> sql.Composable:
    """A query of ``rows``, each with its address, ``tid``, and its value in the index, ``k1``."""
    return sql.SQL(query).format(rows=rows_of(target, [key]))


def _each_with_what_is_found(
    target: Target,
    rows: sql.Composable,
    wanted: Sequence[sql.Composable],
    among: sql.Composable | None = None,
) -> sql.Composable:
    """Args:
    rows: with ``n``, ``h``, ``tid`` and the values that are asked for.
    among: where they are looked for; the table if None.
    """
    return sql.SQL(
        " FROM (SELECT g.*, clock_timestamp() > statement_timestamp() + {limit} AS late"
        " FROM ({rows}) g OFFSET 0) {o}"
        " CROSS JOIN LATERAL (SELECT count(*) AS n, sum(pg_catalog.hashtid(ctid)) AS h"
        " FROM {among} WHERE NOT {o}.late AND {wanted}{predicate}) {i}"
    ).format(
        o=OUTER,
        i=INNER,
        limit=sql.SQL("{}::interval").format(sql.Literal(f"{SECONDS} s")),
        rows=rows,
        among=among or sql.SQL("ONLY {}").format(target.table),
        wanted=sql.SQL(" AND ").join(wanted),
        predicate=predicate_of(target, "AND"),
    )


def _by_value(
    target: Target, rows: sql.Composable, wanted: Sequence[sql.Composable]
) -> sql.Composable:
    return counting(_each_with_what_is_found(target, rows, wanted))
