"""A search through a GIN index for a key that no row has gives no row.

Each row finding itself says nothing of an entry too many, under a key that no row has: as the lost
write of a vacuumed page leaves it, it leads to whatever row lies in that place now. GiST, SP-GiST
and B-trees are scanned whole for such (:mod:`row_counts`). A hash index, BRIN and bloom do no harm
with them: PostgreSQL compares each row that they give once more (``recheck``), and so it does for
some operator classes of GIN. The others' entries can't be listed over SQL, so that keys have to be
guessed: each lexeme's beginnings with another letter behind, the numbers between an array's, values
below and above for what has an order. What was not guessed stays unseen, and this is said.
"""

from collections.abc import Iterator
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.hidden_rows import seeing_all_rows
from lambdas.drill.checks.indexes import planner
from lambdas.drill.checks.indexes.definition import Key, Operator, Target
from lambdas.drill.checks.indexes.queries import with_comparable_rows
from lambdas.drill.checks.indexes.query_parts import lexeme_query
from lambdas.drill.checks.outcome import Outcome
from lambdas.errors import QueryFailed

_ALWAYS_COMPARED = frozenset({"jsonb_ops", "jsonb_path_ops", "gin_trgm_ops"})
"""Their ``consistent`` functions ask for each row to be compared again (jsonb_gin.c, trgm_gin.c).
"""

GUESSES = 50_000
"""So many keys are searched for at most: some seconds."""
BOUNDS = 100
"""Of what has an order, so many values are compared with."""
LARGE_BYTES = 256 * 2**20
"""Of a larger table no key is guessed: what its rows have would have to be listed first."""

_NUMBERS = {"smallint", "integer", "bigint"}

ADVICE = (
    "REINDEX it, on the source as well if a search through it there gives such rows; where it gives"
    " none, the snapshot is wrong"
)
UNSEEN = (
    "{}: GIN does not compare again what it finds, and its keys can't be listed over SQL: {}; an"
    " entry under another key that no row has would not be seen, so that a search for it might give"
    " a row that has not got it. REINDEX it where that matters"
)
FOUND = (
    "{} has entries too many: {:,} searches through it give rows that have not the key searched for"
)


def look_for(session: Session, target: Target, outcome: Outcome) -> None:
    """Search for keys that no row has, and tell what is left open.

    Raises:
        QueryFailed: the table or the index could not be read.
    """
    compared = [key for key in target.keys if key.family not in _ALWAYS_COMPARED]
    if target.index.method != "gin" or not compared:
        return
    with seeing_all_rows(session, [target.index.table_oid], target.index.subject):
        for key in compared:
            _ask(session, target, key, outcome)


def _ask(session: Session, target: Target, key: Key, outcome: Outcome) -> None:
    asked = 0
    try:
        if target.index.table_bytes <= LARGE_BYTES:
            for query in _queries(session, target, key):
                number, beyond = _answer(session, target, query, outcome)
                asked += number
                if beyond:
                    outcome.wrong(f"{FOUND.format(target.title, beyond)}; {ADVICE}")
                    return
        message = f"{asked:,} keys that might be there were searched for, and give no row too many"
    except QueryFailed as error:
        if error.sqlstate != errorcodes.QUERY_CANCELED and not error.sqlstate.startswith("42"):
            raise
        message = f"no others were searched for: {error}"
    outcome.not_asked(UNSEEN.format(target.title, message))


def _answer(
    session: Session, target: Target, query: sql.Composable, outcome: Outcome
) -> tuple[int, int]:
    """How many keys were searched for, and for how many of them rows came that should not."""
    plan = planner.forced(
        session,
        query,
        lambda plan: planner.searches(plan, target.index.name),
        planner.search(target.index.method),
        outcome,
        index=target.title,
        unasked="keys that no row has were not searched for",
    )
    if plan is None:
        return 0, 0
    number, beyond = session.row(query, action=f"searching {target.title} for keys of no row")
    return int(number), int(beyond)


def _queries(session: Session, target: Target, key: Key) -> Iterator[sql.Composable]:
    """Each gives one row: how many keys, and for how many of them rows too many."""
    overlaps = key.named("&&")
    if key.is_text and key.of_elements is not None:
        yield _beginnings(session, target, key, key.of_elements)
    elif key.is_array and overlaps is not None:
        yield from _elements(session, target, key, overlaps)
    elif key.has_order:
        for name in ("<", ">"):
            operator = next(o for o in key.operators if o.name == name and o.same)
            yield _bounds(target, key, operator)


def _beginnings(session: Session, target: Target, key: Key, operator: Operator) -> sql.Composable:
    """The rows that have a lexeme with some beginning, for each that is there and for others.

    Others differ in their last letter from one that is there; as long as there are not too many.
    """
    words = with_comparable_rows(
        "SELECT DISTINCT s.tid, u.k FROM ({rows}) s"
        " CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.tsvector_to_array(s.k1)) AS u(k)",
        target,
        key,
    )
    action = f"listing the lexemes of {target.index.subject}"
    planner.steer(session, planner.BY_TABLE)
    letters = sql.SQL(
        "SELECT pg_catalog.chr(i) FROM generate_series(33, 126) i UNION"
        " SELECT l FROM (SELECT DISTINCT k FROM words) w,"
        " LATERAL pg_catalog.regexp_split_to_table(w.k, '') AS l WHERE l <> ''"
    )
    counts = sql.SQL(
        "WITH words AS MATERIALIZED ({words}), letters (l) AS ({letters})"
        " SELECT d, count(DISTINCT pg_catalog.left(w.k, d)) * (SELECT count(*) FROM letters)"
        " FROM (SELECT DISTINCT k FROM words) w,"
        " LATERAL generate_series(0, pg_catalog.length(w.k)) d"
        " GROUP BY d ORDER BY d"
    ).format(words=words, letters=letters)
    depth, total = 0, 0
    for length, number in session.rows(counts, action=action):
        total += number
        if total > GUESSES:
            break
        depth = length + 1
    each = sql.SQL(
        "SELECT p.p, coalesce(h.n, 0) AS n FROM ("
        "SELECT n.p || l.l AS p FROM (SELECT '' AS p UNION SELECT pg_catalog.left(w.k, d)"
        " FROM words w, LATERAL generate_series(1, {depth} - 1) d) n CROSS JOIN letters l) p"
        " LEFT JOIN (SELECT pg_catalog.left(w.k, d) AS p, count(DISTINCT w.tid) AS n"
        " FROM words w, LATERAL generate_series(1, {depth}) d GROUP BY 1) h ON h.p = p.p"
    ).format(depth=sql.Literal(max(depth, 1)))
    return sql.SQL(
        "WITH words AS MATERIALIZED ({words}), letters (l) AS MATERIALIZED ({letters}),"
        " each AS MATERIALIZED ({each})"
        ' SELECT count(*), count(*) FILTER (WHERE "tm i".n > "tm o".n)'
        ' FROM each AS "tm o" CROSS JOIN LATERAL'
        ' (SELECT count(*) AS n FROM ONLY {table}{where}) AS "tm i"'
    ).format(
        words=words,
        letters=letters,
        each=each,
        table=target.table,
        where=target.where(operator(key.value, lexeme_query(sql.SQL('"tm o".p'), ":*"))),
    )


def _elements(
    session: Session, target: Target, key: Key, overlaps: Operator
) -> Iterator[sql.Composable]:
    """Numbers between and around those that are there; of other types, what was common once."""
    planner.steer(session, planner.BY_TABLE)
    there = with_comparable_rows(
        "SELECT DISTINCT u.k FROM ({rows}) s CROSS JOIN LATERAL pg_catalog.unnest(s.k1) AS u(k)"
        " WHERE u.k IS NOT NULL",
        target,
        key,
    )
    action = f"listing the elements of {target.index.subject}"
    found = session.row(
        sql.SQL(
            "SELECT pg_catalog.pg_typeof(pg_catalog.min(k))::text, pg_catalog.min(k)::text,"
            " pg_catalog.max(k)::text FROM ({}) AS e"
        ).format(there),
        action=action,
    )
    guesses = _numbers(*found)
    if guesses is None:
        return
    yield sql.SQL(
        "SELECT cardinality(g.keys), least(i.n, 1)"
        " FROM (SELECT pg_catalog.array_agg(k) AS keys FROM"
        " (({guesses}) EXCEPT ({there})) AS a (k)) AS g"
        " CROSS JOIN LATERAL (SELECT count(*) AS n FROM ONLY {table}{where}) AS i"
    ).format(
        guesses=guesses,
        there=there,
        table=target.table,
        where=target.where(overlaps(key.value, sql.SQL("g.keys"))),
    )


def _numbers(type_name: str, low: Any, high: Any) -> sql.Composable | None:
    """All between, and some beyond; near ends only where there are too many."""
    if type_name not in _NUMBERS or low is None:
        return None
    beyond = GUESSES // 4
    greatest = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}[type_name]
    first, last = max(int(low) - beyond, -greatest), min(int(high) + beyond, greatest - 1)
    ends = [(first, last)]
    if last - first > 3 * beyond:
        ends = [(first, first + 2 * beyond), (last - 2 * beyond, last)]
    return sql.SQL(" UNION ").join(
        sql.SQL("SELECT k::{} FROM pg_catalog.generate_series({}::bigint, {}::bigint) AS k").format(
            sql.SQL(type_name), sql.Literal(a), sql.Literal(b)
        )
        for a, b in ends
    )


def _bounds(target: Target, key: Key, operator: Operator) -> sql.Composable:
    """Rows below and above some values: an entry too many leads there from the other side."""
    rows = with_comparable_rows("{rows}", target, key)
    value, bound = sql.SQL("s.k1"), sql.SQL('"tm o".k1')
    return sql.SQL(
        "WITH s AS MATERIALIZED ({rows}), values_there AS (SELECT s.k1, row_number() OVER ("
        "ORDER BY s.k1) AS place, count(*) OVER () AS number FROM s WHERE s.k1 IS NOT NULL),"
        " bounds AS (SELECT k1 FROM values_there"
        " WHERE place % greatest(number / {most}, 1) = 0 OR place IN (1, number)),"
        ' each AS MATERIALIZED (SELECT "tm o".k1, (SELECT count(*) FROM s WHERE {held}) AS n'
        ' FROM bounds AS "tm o")'
        ' SELECT count(*), count(*) FILTER (WHERE "tm i".n > "tm o".n) FROM each AS "tm o"'
        ' CROSS JOIN LATERAL (SELECT count(*) AS n FROM ONLY {table}{where}) AS "tm i"'
    ).format(
        rows=rows,
        most=sql.Literal(BOUNDS),
        held=operator(value, bound),
        table=target.table,
        where=target.where(operator(key.value, bound)),
    )
