"""The SQL of look-ups through one index: which values, with which operators, and what they give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from lambdas.drill.checks.indexes.definition import Key, Operator, Target

SECONDS = 60
"""How long the look-ups of one query go on; those that are left are told as such."""

FEW, MANY = 200, 20_000
"""So many rows that were not found are listed: some first, and more where those are no damage."""

_BY_COLUMN = {"gin", "brin"}
"""These keep something of each column apart; the others combine them."""

# A table may be called like an alias of ours: a name that nobody gives to a table.
_OUTER = sql.Identifier("tm outer")
_INNER = sql.Identifier("tm inner")
_ROW = sql.Identifier("tm row")


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


Asked = tuple[Key, Operator]
"""A column and the operator that it is asked with."""


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
    condition = _unless_all(besides)
    rows = _rows(target, [key for key, _ in asked], condition)
    each, holds, wanted = [], [], []
    same: list[sql.Composable] = []
    for number, (key, operator) in enumerate(asked, start=1):
        name = sql.SQL("s.{}").format(_column(number))
        outer = sql.SQL("{}.{}").format(_OUTER, _column(number))
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
    ).format(rows=_rows(target, [key]), elements=sql.SQL(elements))
    by_value = sql.SQL(
        "SELECT d.k1, count(*) AS n, sum(pg_catalog.hashtid(d.tid)) AS h, min(d.tid) AS tid"
        " FROM ({}) d GROUP BY d.k1"
    ).format(each)
    by_row = sql.SQL(
        "SELECT d.k1, 1::bigint AS n, pg_catalog.hashtid(d.tid)::bigint AS h, d.tid FROM ({}) d"
    ).format(each)
    element = sql.SQL("{}.k1").format(_OUTER)
    asked = lexeme_query(element) if key.is_text else sql.SQL("ARRAY[{}]").format(element)
    wanted = [operator(key.value, asked), *_is_comparable(key)]
    every = _by_value(target, by_value, wanted) if target.is_whole else None
    return _query(target, by_row, wanted, every)


def _everything(target: Target, key: Key, operator: Operator) -> Query:
    """All rows that have a value, an empty one too; a text by a lexeme that it has not."""
    asked = _NO_LEXEME if key.is_text else sql.SQL("'{}'")
    return _at_once(target, key, operator(_VALUE, asked), operator(key.value, asked))


def _nulls(target: Target, key: Key) -> Query:
    """All rows without a value."""
    which = sql.SQL("{} IS NULL")
    return _at_once(target, key, which.format(_VALUE), which.format(key.value))


def _at_once(target: Target, key: Key, which: sql.Composable, wanted: sql.Composable) -> Query:
    rows = _rows(target, [key])
    by_value = sql.SQL(
        "SELECT count(*) AS n, sum(pg_catalog.hashtid(s.tid)) AS h, min(s.tid) AS tid"
        " FROM ({}) s WHERE {} HAVING count(*) > 0"
    ).format(rows, which)
    by_row = sql.SQL(
        "SELECT 1::bigint AS n, pg_catalog.hashtid(s.tid)::bigint AS h, s.tid FROM ({}) s WHERE {}"
    ).format(rows, which)
    every = [wanted, *_is_comparable(key)]
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
        rows=_rows(target, [key]),
        holds=operator(sql.SQL("s.k1"), sql.SQL("s.k1")),
    )
    wanted = operator(key.value, sql.SQL("{}.k1").format(_OUTER))
    return _query(target, rows, [wanted], None)


def _query(
    target: Target,
    rows: sql.Composable,
    wanted: Sequence[sql.Composable],
    by_value: sql.Composable | None,
) -> Query:
    """What is ``wanted`` of each of the rows, and of all with one value at once where that goes."""
    alone = [*wanted, _ITSELF]
    found = _each_with_what_is_found(target, rows, alone)
    by_address = _counted(_each_with_what_is_found(target, rows, alone, _one_row(target)))
    return Query(by_value, _counted(found), by_address, _unfound(found))


_ITSELF = sql.SQL("ctid = {}.tid").format(_OUTER)
_VALUE = sql.SQL("s.k1")
_NO_LEXEME = sql.SQL("$$!'time machine: no lexeme'$$::tsquery")


def lexeme_query(lexeme: sql.Composable, mark: str = "") -> sql.Composable:
    """A text search for a lexeme, with ``:*`` for all that begin so."""
    quoted = sql.SQL(
        "(chr(39) || replace(replace({}, chr(92), repeat(chr(92), 2)), chr(39), repeat(chr(39), 2))"
        " || chr(39) || {})::tsquery"
    )
    return quoted.format(lexeme, sql.Literal(mark))


def with_comparable_rows(query: str, target: Target, key: Key) -> sql.Composable:
    """A query of ``rows``, each with its address, ``tid``, and its value in the index, ``k1``."""
    return sql.SQL(query).format(rows=_rows(target, [key]))


def _column(number: int) -> sql.Composable:
    return sql.Identifier(f"k{number}")


def _unless_all(asked: Sequence[Asked]) -> sql.Composable | None:
    """A condition on rows one of whose values is missing, so that not all can be asked for."""
    if not asked:
        return None
    holds = sql.SQL(" AND ").join(operator(key.value, key.value) for key, operator in asked)
    return sql.SQL("({}) IS NOT TRUE").format(holds)


def _rows(
    target: Target, keys: Sequence[Key], condition: sql.Composable | None = None
) -> sql.Composable:
    """What the index has of each row, read from the heap: nothing else can give a sample."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_comparable(key), _column(number))
        for number, key in enumerate(keys, start=1)
    )
    conditions = [each for each in (target.only, condition) if each is not None]
    return sql.SQL(
        "SELECT {}, ctid AS tid FROM ONLY {} TABLESAMPLE SYSTEM ({}) REPEATABLE (0){}"
    ).format(columns, target.table, sql.Literal(target.percent), target.where(*conditions))


def _comparable(key: Key) -> sql.Composable:
    """Its value; none where no operator of the index takes it."""
    if not key.refuses_null_elements:
        return key.value
    return sql.SQL("CASE WHEN NOT {} THEN {} END").format(holds_null(key), key.value)


def _is_comparable(key: Key) -> list[sql.Composable]:
    """The same of the rows that an index gives; GIN does so without asking the operator."""
    return [sql.SQL("NOT {}").format(holds_null(key))] if key.refuses_null_elements else []


def holds_null(key: Key) -> sql.Composable:
    """Whether an array has an element that is NULL."""
    query = 'EXISTS (SELECT FROM pg_catalog.unnest({}) AS "tm e" ("tm e") WHERE "tm e" IS NULL)'
    return sql.SQL(query).format(key.value)


def may_hide_others(keys: Sequence[Key]) -> sql.Composable:
    """Whether an index may not find a row's neighbours for its values.

    True of what is not a number, and of what its own operator does not hold for.
    """
    conditions = []
    for key in keys:
        conditions.append(sql.SQL("{}::text ~ 'NaN'").format(key.value))
        if key.operator is not None and not key.refuses_null_elements:
            holds = key.operator(key.value, key.value)
            message = "({} IS NOT NULL AND ({}) IS NOT TRUE)"
            conditions.append(sql.SQL(message).format(key.value, holds))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))


def _predicate(target: Target, word: str) -> sql.Composable:
    if target.predicate is None:
        return sql.SQL("")
    return sql.SQL(" {} ({})").format(sql.SQL(word), sql.SQL(target.predicate))


def _one_row(target: Target) -> sql.Composable:
    """The outer row itself, by its address, with its columns under their own names.

    No condition passes through OFFSET, so that none of an index's is looked for.
    """
    return sql.SQL(
        "(SELECT {row}.*, {row}.ctid FROM ONLY {table} AS {row} WHERE {row}.ctid = {outer}.tid"
        " OFFSET 0) AS {row}"
    ).format(row=_ROW, table=target.table, outer=_OUTER)


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
        o=_OUTER,
        i=_INNER,
        limit=sql.SQL("{}::interval").format(sql.Literal(f"{SECONDS} s")),
        rows=rows,
        among=among or sql.SQL("ONLY {}").format(target.table),
        wanted=sql.SQL(" AND ").join(wanted),
        predicate=_predicate(target, "AND"),
    )


def _by_value(
    target: Target, rows: sql.Composable, wanted: Sequence[sql.Composable]
) -> sql.Composable:
    return _counted(_each_with_what_is_found(target, rows, wanted))


def _counted(found: sql.Composable) -> sql.Composable:
    return (
        sql.SQL(
            "SELECT coalesce(sum({o}.n) FILTER (WHERE NOT {o}.late), 0)::bigint,"
            " coalesce(sum({o}.n) FILTER (WHERE {o}.late), 0)::bigint,"
            " coalesce(sum(greatest({o}.n - {i}.n, 1)) FILTER (WHERE {bad}), 0)::bigint,"
            " (min({o}.tid) FILTER (WHERE {bad}))::text,"
            " coalesce(sum({i}.n - {o}.n) FILTER (WHERE {bad} AND {i}.n > {o}.n), 0)::bigint"
        ).format(o=_OUTER, i=_INNER, bad=_bad())
        + found
    )


def _unfound(found: sql.Composable) -> sql.Composable:
    head = sql.SQL("SELECT {o}.tid::text").format(o=_OUTER)
    return head + found + sql.SQL(" WHERE {}").format(_bad())


def _bad() -> sql.Composable:
    return sql.SQL("NOT {0}.late AND ({0}.n, {0}.h) IS DISTINCT FROM ({1}.n, {1}.h)").format(
        _OUTER, _INNER
    )
