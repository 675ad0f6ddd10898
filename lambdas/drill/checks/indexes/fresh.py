"""Whether an index that is made of the same rows finds them; what none finds is no damage.

A value may be one that its own operators don't find: a polygon with a coordinate that is not a
number lies in no box, so that no GiST index leads to it, however sound. Which values these are
differs between operator classes, and extensions bring more. So the rows that were not found are
put into a temporary table with the same index, which is then asked the same, for each row alone if
need be. What it does not find no index finds.

Such a value may also hide rows beside it: a point with a NaN spoils the box of its page, and a box
with one the summary of its block range. Which rows are beside it depends on how an index came to
be, row by row or at once, and on what was deleted since. So before a row that is found alone is
called lost, the values that may hide others are put among rows of the table, with the same index
made in both manners. If one of these hides any row that is found alone, then the index under test
may do so too, and its rows are not called lost. Where the table is small, those that are left are
looked for once more, in indexes of all of the table's rows, in their order.

All of it lies in a transaction that is rolled back; nothing of the copy's changes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.indexes import planner
from lambdas.drill.checks.indexes.definition import WHOLE_PERCENT, Target
from lambdas.drill.checks.indexes.queries import FEW, MANY, Query
from lambdas.drill.checks.indexes.query_parts import among, may_hide_others

_SCHEMA, _TABLE, _INDEX = "pg_temp", "tm rows", "tm index"
_SOURCE = sql.Identifier(_SCHEMA, "tm source")
_PLACE = sql.Identifier("tm place")

WHOLE_BYTES = 64 * 2**20
"""A table up to this size is copied whole."""

_CROWD = 3000
"""So many rows fill several pages of any index, so that a value that hides others has some."""
_HIDERS = 100
"""So many of them are repetitions of what may hide the others."""

_TOGETHER = 16
"""So many rows share the only page of an index, where none hides another."""

# The definition goes on behind the table's name; both names are known, so that none misleads.
_BEHIND_THE_TABLE = """
SELECT substr(pg_get_indexdef(x.indexrelid), 1 + length(format(
         'CREATE %%sINDEX %%I ON %%I.%%I ', CASE WHEN x.indisunique THEN 'UNIQUE ' END,
         i.relname, n.nspname, t.relname)))
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE x.indexrelid = %s::oid
"""

Ask = Callable[[Target], Query]
"""The query of an index that is made here, like that of the index under test."""


@dataclass(frozen=True)
class Compared:
    """The ``ctid`` of the rows that were not found.

    Attributes:
        lost: those that the index under test has lost.
        unfindable: those that no index finds.
        hidden: those that are found alone, and may be hidden by ``hiders``, other rows.
        complete: whether all that were not found were looked at.
    """

    lost: tuple[str, ...] = ()
    unfindable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    hiders: tuple[str, ...] = ()
    complete: bool = False


def compare(session: Session, target: Target, query: Query, ask: Ask) -> Compared:
    """Sort the rows that a query does not find: a few, and many only if none of these is lost.

    Raises:
        QueryFailed: no such table or index could be made, or asked.
    """
    comparison = _Comparison(session, target, query, ask)
    try:
        verdict = comparison.of(FEW)
        if verdict.lost or verdict.complete:
            return verdict
        return comparison.of(MANY)
    except _NotSearchedError:
        return Compared()


class _NotSearchedError(Exception):
    """The planner does not search an index that was made, so that it tells nothing."""


class _Comparison:
    """One query through one index, and the same through indexes that are made here."""

    def __init__(self, session: Session, target: Target, query: Query, ask: Ask) -> None:
        self._session = session
        self._target = target
        self._query = query
        self._made = replace(
            target,
            index=replace(target.index, schema=_SCHEMA, table=_TABLE, name=_INDEX),
            percent=WHOLE_PERCENT,
        )
        self._ask = ask
        self._action = f"asking an index like {target.title} that is made of the same rows"

    def of(self, most: int) -> Compared:
        """So many of the rows that were not found, sorted."""
        if not self._is_planned(self._target, self._query.lost(most + 1)):
            return Compared()
        action = f"listing the rows that {self._target.title} does not find"
        listed = self._session.rows(self._query.lost(most + 1), action=action)
        complete = len(listed) <= most
        places = list(dict.fromkeys(tid for (tid,) in listed))
        together = self._unfound_among(places)
        unfindable = self._unfindable(together)
        left = _without(places, unfindable)
        if not left:
            return Compared((), tuple(unfindable), complete=complete)
        hiders = list(dict.fromkeys([*unfindable[:FEW], *self._that_may_hide_others()]))
        if _without(together, unfindable) or self._hides_any(hiders, left, unfindable):
            return Compared((), tuple(unfindable), tuple(left), tuple(hiders), complete)
        lost = left
        if self._target.index.table_bytes <= WHOLE_BYTES:
            for way in self._ways():
                lost = _without(lost, self._unfound_in_all(way, lost) if lost else ())
        hidden = _without(left, lost)
        return Compared(tuple(lost), tuple(unfindable), tuple(hidden), tuple(hiders), complete)

    def _is_planned(self, target: Target, query: sql.Composable) -> bool:
        name = target.index.name
        plan, _ = planner.tried(
            self._session,
            query,
            lambda plan: planner.searches(plan, name),
            planner.SEARCH,
            index=target.title,
        )
        return plan is not None

    def _ways(self) -> Sequence[bool]:
        """Whether the rows come first, or the index.

        A BRIN that comes first has no summary of what comes later, and gives all of it.
        """
        return (True,) if self._target.index.method == "brin" else (False, True)

    def _that_may_hide_others(self) -> list[str]:
        planner.steer(self._session, planner.BY_TABLE)
        action = f"looking in {self._target.index.subject} for values that may hide others"
        condition = may_hide_others(self._target.keys)
        query = sql.SQL("SELECT ctid::text FROM ONLY {}{} LIMIT {}").format(
            self._target.table, self._target.where(condition), sql.Literal(FEW)
        )
        return [tid for (tid,) in self._session.rows(query, action=action)]

    def _unfound_among(self, places: Sequence[str]) -> list[str]:
        """Those that are not found in an index that is made of them."""
        with self._transaction():
            self._fill(self._some(places))
            self._index()
            return _without(places, _without(places, self._unfound()))

    def _unfindable(self, places: Sequence[str]) -> list[str]:
        """Those that are not found in an index of their own."""
        if not places:
            return []
        alone = len(places) <= FEW or self._target.index.method == "brin"
        size = 1 if alone else _TOGETHER
        unfindable: list[str] = []
        with self._transaction():
            self._run("CREATE TEMPORARY TABLE {source} AS SELECT * FROM {made}")
            self._fill(self._some(places), into="source")
            self._index()
            for start in range(0, len(places), size):
                self._run("TRUNCATE {made}")
                batch = places[start : start + size]
                self._run(
                    "INSERT INTO {made} SELECT * FROM {source} WHERE {which}",
                    which=among(_PLACE, batch),
                )
                unfindable += self._unfound(plan=start == 0)
        return list(dict.fromkeys(unfindable))

    def _hides_any(
        self, hiders: Sequence[str], others: Sequence[str], unfindable: Sequence[str]
    ) -> bool:
        """Whether a row that is found alone is not found beside the hiders, itself one or not."""
        if not hiders:
            return False
        for rows_first in self._ways():
            with self._transaction():
                self._make(self._crowd(hiders, others), rows_first=rows_first)
                missing = _without(self._unfound(), unfindable)[:FEW]
            if _without(missing, self._unfindable(missing)):
                return True
        return False

    def _unfound_in_all(self, rows_first: bool, wanted: Sequence[str]) -> list[str]:
        """Those of the wanted that are not found in an index of all of the table's rows."""
        with self._transaction():
            self._make(self._some(None), rows_first=rows_first)
            return self._unfound(among(_PLACE, wanted))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with planner.written_to_nothing(self._session, action=self._action):
            planner.as_replica(self._session, action=self._action)
            planner.steer(self._session, planner.BY_ADDRESS)
            self._run(
                "CREATE TABLE {made} AS SELECT *, ctid AS {place} FROM ONLY {table} WITH NO DATA"
            )
            yield

    def _make(self, rows: sql.Composable, *, rows_first: bool) -> None:
        steps: list[Callable[[], None]] = [lambda: self._fill(rows), self._index]
        for step in steps if rows_first else reversed(steps):
            step()

    def _fill(self, rows: sql.Composable, into: str = "made") -> None:
        self._run(f"INSERT INTO {{{into}}} {{rows}}", rows=rows)

    def _index(self) -> None:
        oid = self._target.index.oid
        (definition,) = self._session.row(_BEHIND_THE_TABLE, [oid], action=self._action)
        self._run("CREATE INDEX {index} ON {made} {definition}", definition=sql.SQL(definition))

    def _some(self, places: Sequence[str] | None) -> sql.Composable:
        """Rows of the table with their place; all of them if None."""
        which = () if places is None else (among(sql.SQL("ctid"), places),)
        return sql.SQL("SELECT *, ctid AS {} FROM ONLY {}{}").format(
            _PLACE, self._target.table, self._target.where(*which)
        )

    def _crowd(self, hiders: Sequence[str], others: Sequence[str]) -> sql.Composable:
        """Rows of the table, repeated where they are few, with the hiders spread among them.

        An index keeps its pages when rows are deleted: a few rows may lie on many pages.
        """
        self._run("CREATE TEMPORARY TABLE {source} AS SELECT * FROM {made}")
        self._fill(self._some([*hiders, *others[:FEW]]), into="source")
        self._fill(sql.SQL("{} LIMIT {}").format(self._some(None), sql.Literal(_CROWD)), "source")
        count = sql.SQL("SELECT count(*) FROM {}").format(_SOURCE)
        (number,) = self._session.row(count, action=self._action)
        each_hider, each = max(1, _HIDERS // max(1, len(hiders))), max(1, _CROWD // max(1, number))
        return sql.SQL(
            'SELECT "tm s".* FROM {source} AS "tm s" CROSS JOIN generate_series(1, {most}) "tm n"'
            ' WHERE "tm n" <= CASE WHEN {is_hider} THEN {each_hider} ELSE {each} END'
            ' ORDER BY md5({place}::text || "tm n")'
        ).format(
            source=_SOURCE,
            most=sql.Literal(max(each_hider, each)),
            is_hider=among(_PLACE, hiders),
            each_hider=sql.Literal(each_hider),
            each=sql.Literal(each),
            place=_PLACE,
        )

    def _unfound(self, only: sql.Composable | None = None, *, plan: bool = True) -> list[str]:
        """The place of each row that the index that is made here does not find.

        Raises:
            _NotSearchedError: the planner takes another way.
        """
        query = self._ask(replace(self._made, only=only)).unfound
        if plan and not self._is_planned(self._made, query):
            raise _NotSearchedError
        missing = [tid for (tid,) in self._session.rows(query, action=self._action)]
        places = self._session.rows(
            sql.SQL("SELECT DISTINCT {}::text FROM {} WHERE {}").format(
                _PLACE, self._made.table, among(sql.SQL("ctid"), missing)
            ),
            action=self._action,
        )
        return [place for (place,) in places]

    def _run(self, statement: str, **parts: sql.Composable) -> None:
        names = {
            "made": self._made.table,
            "source": _SOURCE,
            "index": sql.Identifier(_INDEX),
            "place": _PLACE,
            "table": self._target.table,
        }
        self._session.run(sql.SQL(statement).format(**names, **parts), action=self._action)


def _without(places: Sequence[str], others: Iterable[str]) -> list[str]:
    left_out = set(others)
    return [place for place in places if place not in left_out]
