"""The SQL that the look-ups through an index are put together from."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg2 import sql

from lambdas.drill.checks.indexes.definition import Key, Operator, Target

# A table may be called like an alias of ours: a name that nobody gives to a table.
OUTER = sql.Identifier("tm outer")


INNER = sql.Identifier("tm inner")


_ROW = sql.Identifier("tm row")


Asked = tuple[Key, Operator]
"""A column and the operator that it is asked with."""


ITSELF = sql.SQL("ctid = {}.tid").format(OUTER)


VALUE = sql.SQL("s.k1")


NO_LEXEME = sql.SQL("$$!'time machine: no lexeme'$$::tsquery")


def lexeme_query(lexeme: sql.Composable, mark: str = "") -> sql.Composable:
    """A text search for a lexeme, with ``:*`` for all that begin so."""
    quoted = sql.SQL(
        "(chr(39) || replace(replace({}, chr(92), repeat(chr(92), 2)), chr(39), repeat(chr(39), 2))"
        " || chr(39) || {})::tsquery"
    )
    return quoted.format(lexeme, sql.Literal(mark))


def column_of(number: int) -> sql.Composable:
    """The name of a key's value within a query."""
    return sql.Identifier(f"k{number}")


def unless_all(asked: Sequence[Asked]) -> sql.Composable | None:
    """A condition on rows one of whose values is missing, so that not all can be asked for."""
    if not asked:
        return None
    holds = sql.SQL(" AND ").join(operator(key.value, key.value) for key, operator in asked)
    return sql.SQL("({}) IS NOT TRUE").format(holds)


def rows_of(
    target: Target, keys: Sequence[Key], condition: sql.Composable | None = None
) -> sql.Composable:
    """What the index has of each row, read from the heap: nothing else can give a sample."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_comparable(key), column_of(number))
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


def is_comparable(key: Key) -> list[sql.Composable]:
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


def predicate_of(target: Target, word: str) -> sql.Composable:
    """The index's own condition behind ``WHERE`` or ``AND``; empty where it has none."""
    if target.predicate is None:
        return sql.SQL("")
    return sql.SQL(" {} ({})").format(sql.SQL(word), sql.SQL(target.predicate))


def one_row(target: Target) -> sql.Composable:
    """The outer row itself, by its address, with its columns under their own names.

    No condition passes through OFFSET, so that none of an index's is looked for.
    """
    return sql.SQL(
        "(SELECT {row}.*, {row}.ctid FROM ONLY {table} AS {row} WHERE {row}.ctid = {outer}.tid"
        " OFFSET 0) AS {row}"
    ).format(row=_ROW, table=target.table, outer=OUTER)


def counting(found: sql.Composable) -> sql.Composable:
    """How many rows there are, late and not, how many are not found or too often, and one."""
    return (
        sql.SQL(
            "SELECT coalesce(sum({o}.n) FILTER (WHERE NOT {o}.late), 0)::bigint,"
            " coalesce(sum({o}.n) FILTER (WHERE {o}.late), 0)::bigint,"
            " coalesce(sum(greatest({o}.n - {i}.n, 1)) FILTER (WHERE {bad}), 0)::bigint,"
            " (min({o}.tid) FILTER (WHERE {bad}))::text,"
            " coalesce(sum({i}.n - {o}.n) FILTER (WHERE {bad} AND {i}.n > {o}.n), 0)::bigint"
        ).format(o=OUTER, i=INNER, bad=_bad())
        + found
    )


def finding_unfound(found: sql.Composable) -> sql.Composable:
    """Where each row is that is not found."""
    head = sql.SQL("SELECT {o}.tid::text").format(o=OUTER)
    return head + found + sql.SQL(" WHERE {}").format(_bad())


def _bad() -> sql.Composable:
    return sql.SQL("NOT {0}.late AND ({0}.n, {0}.h) IS DISTINCT FROM ({1}.n, {1}.h)").format(
        OUTER, INNER
    )


class Answer(NamedTuple):
    """What a query gives: see :class:`~lambdas.drill.checks.indexes.queries.Query`."""

    looked: int
    late: int
    lost: int
    first: str
    too_many: int


def among(place: sql.Composable, places: Sequence[str]) -> sql.Composable:
    """The condition that a place is one of several."""
    return sql.SQL("{} = ANY ({}::text[]::tid[])").format(place, sql.Literal(list(places)))
