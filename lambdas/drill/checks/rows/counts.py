"""Exact row counts and contents, read from the heap, bounded by what the source held.

The sandwich: a row version that is visible before and after the snapshot was visible at every
instant between, and a storage snapshot keeps its ``xmin``. Counted are the *stable* rows: those
written by transactions that had ended before the first reading (older than its horizon). Such rows
can only vanish, so the copy must hold at least as many as the second reading saw, and at most as
many as the first. A storage snapshot keeps their ``ctid`` too, so this holds in each *bucket* of
neighbouring blocks, which keeps it sharp on a table that is being written. Where the stable rows
of a bucket are the same in both readings, count and content, they must be the same on the copy. No
tolerance is needed, and a quiet table is proven exactly. The content is a sum of hashes, made in
the same pass (see :mod:`lambdas.drill.checks.rows.fingerprint`).

Younger rows may come and go, but none is of a transaction that had not ended when the second
reading began: on a source that stood still, that is any row that somebody added to the copy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.common.shortened import shortened
from lambdas.common.versions import read_as
from lambdas.drill.check_names import ROWS, ROWS_CHECK, STABLE_ROWS, YOUNGER_ROWS
from lambdas.drill.checks.hidden_rows import see_all_rows
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.refusals import explaining
from lambdas.drill.checks.rows import large_objects
from lambdas.drill.checks.rows.bounds import (
    COLUMNS_CHANGED,
    Bound,
    Bounded,
    bounds_by_bucket,
    bounds_of,
    within,
)
from lambdas.drill.checks.rows.stable_rows import (
    BEYOND,
    Buckets,
    Counted,
    count_all,
    count_stable_rows,
    why_exempt,
)
from lambdas.drill.checks.shape import Check, CheckContext, Relation, Survey, SurveyedDatabase
from lambdas.drill.units import Claim, Measurement, Unit, block_ranges

NAME = ROWS_CHECK

FINDINGS_SHOWN = 5

# One whose text names the table, or something else that may write: a statement that calls or builds
# others, a function of the user's own, a table with triggers or rules. A text in another language
# than PL/pgSQL may say anything.
_LOGIN_TRIGGERS = """
WITH named AS (SELECT e.evtfoid, l.lanname, lower(p.prosrc) AS body
                 FROM pg_catalog.pg_event_trigger e
                 JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
                 JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                WHERE e.evtevent = 'login' AND e.evtenabled <> 'D')
SELECT EXISTS (SELECT FROM named n
                WHERE n.lanname <> 'plpgsql' OR strpos(n.body, lower(%s)) > 0
                   OR n.body ~ '\\m(execute|perform|call|select|copy|merge)\\M'
                   OR EXISTS (SELECT FROM pg_catalog.pg_proc f
                               WHERE f.oid >= 16384 AND f.oid <> n.evtfoid
                                 AND strpos(n.body, lower(f.proname)) > 0)
                   OR EXISTS (SELECT FROM pg_catalog.pg_class c
                               WHERE c.oid >= 16384 AND (c.relhastriggers OR c.relhasrules)
                                 AND c.relkind IN ('r', 'p', 'f', 'v')
                                 AND strpos(n.body, lower(c.relname)) > 0))
"""

ADVICE = "count the same blocks on the source; if its rows are right, take another snapshot"


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each relation, or for each block range of a large one."""
    for database in survey.databases:
        for relation in _as_read(survey, database):
            exempt = why_exempt(relation)
            if exempt:
                yield _unit(survey, database.name, relation, (0, None), exempt=exempt)
                continue
            ranges = list(block_ranges(relation.size_bytes, survey.block_bytes))
            bounded = within(bounds_of(survey, database, relation), ranges)
            for blocks in ranges:
                yield _unit(survey, database.name, relation, blocks, bounded)


def _as_read(survey: Survey, database: SurveyedDatabase) -> list[Relation]:
    """In the order in which the readings lie in the evidence: no document is fetched twice."""
    reading = survey.before.get("databases", {}).get(database.name, {})
    places = {oid: place for place, oid in enumerate(reading.get("order", ()))}
    return sorted(database.relations, key=lambda relation: places.get(str(relation.oid), -1))


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Count on the copy, and hold each bucket against the source's two readings."""
    first, last = unit.detail["blocks"]
    outcome = Outcome()
    relation = read_as(Relation, unit.detail["relation"])
    with context.session(unit.database) as session, explaining(session, relation):
        see_all_rows(session, relation)
        if not unit.bounds:
            outcome.measured.update(count_all(session, relation, (first, last)))
            # Rows that were to be compared, and that the source's reader could not read, prove
            # nothing.
            if unit.detail["unread"]:
                outcome.not_measured(unit.why)
            return outcome.measurement(unit)
        buckets = read_as(Buckets, unit.detail["buckets"])
        following, excused = unit.detail["beyond"] or (None, 0)
        counted = count_stable_rows(
            session, relation, unit.detail["horizon"], buckets, (first, last), following
        )
        _tell_beyond(session, relation.table, counted.sums.get(BEYOND, 0), excused, outcome)
    bounds = _inside(unit, context, buckets)
    outcome.measured.update({n: rows for n, rows in counted.sums.items() if rows or n != BEYOND})
    if counted.columns != unit.detail["columns"]:
        bounds = [Bound(bound.low, bound.high) for bound in bounds]
        # Nothing of its content is compared, so the claim is that of rows without a counterpart.
        outcome.measured[YOUNGER_ROWS] = outcome.measured[ROWS]
        outcome.remark(COLUMNS_CHANGED)
    differing = list(_differing(counted, bounds, first, buckets))
    message = [f"{text}; {ADVICE}" for _, text in differing]
    for text in shortened(message, FINDINGS_SHOWN, "more such stretches"):
        outcome.wrong(text)
    if differing and relation.oid == large_objects.PAGES_NUMBER:
        start, _ = differing[0]
        with context.session(unit.database) as session:
            for text in large_objects.concerned(session, (start, start + buckets.blocks_each)):
                outcome.wrong(text)
    return outcome.measurement(unit)


def _tell_beyond(session: Session, table: str, rows: int, excused: int, outcome: Outcome) -> None:
    """What to say of rows that were written after the snapshot; nobody but us works on a copy.

    A trigger of the user's may write down its logins; no other is run by what the drill does there.

    Args:
        table: its bare name.
    """
    if rows <= excused:
        return
    message = (
        f"{rows:,} rows are of transactions that had not begun on the source after the snapshot"
    )
    if session.row(_LOGIN_TRIGGERS, [table], action="looking for login triggers")[0]:
        outcome.not_asked(f"{message}: a login trigger may have written them here")
    else:
        outcome.wrong(f"{message}; {ADVICE}")


def _unit(
    survey: Survey,
    database: str,
    relation: Relation,
    blocks: tuple[int, int | None],
    bounded: Bounded | None = None,
    exempt: str = "",
) -> Unit:
    unread = bounded is not None and bounded.unread
    detail: dict[str, Any] = {
        "relation": asdict(relation),
        "blocks": list(blocks),
        "unread": unread,
    }
    bounds = {}
    if bounded is not None and bounded.total is not None and bounded.buckets is not None:
        bounds = {STABLE_ROWS: bounded.total}
        detail["buckets"] = asdict(bounded.buckets)
        detail["horizon"] = bounded.horizon
        detail["columns"] = bounded.columns
        detail["by_bucket"] = bool(bounded.each)
        detail["beyond"] = bounded.beyond
    return Unit(
        id=f"{NAME}/{database}/{relation.oid}/{blocks[0]}",
        check=NAME,
        database=database,
        subject=relation.name,
        cost_bytes=0 if exempt else _cost(relation, survey, *blocks),
        bounds=bounds,
        claim=bounded.claim if bounded else Claim.NOT_COMPARED,
        why=bounded.why if bounded else exempt,
        exempt=bool(exempt),
        detail=detail,
    )


def _inside(unit: Unit, context: CheckContext, buckets: Buckets) -> list[Bound]:
    """The bounds of the unit's own buckets; a plan that held those of all would be too large."""
    if not unit.detail["by_bucket"]:
        return []
    key = str(unit.detail["relation"]["oid"])
    before, after = (
        reading["databases"][unit.database]["rows"][key]
        for reading in (context.before, context.after)
    )
    return bounds_by_bucket(before, after)[buckets.inside(*unit.detail["blocks"])]


def _differing(
    counted: Counted, bounds: Sequence[Bound], first: int, buckets: Buckets
) -> Iterator[tuple[int, str]]:
    """The first block of each bucket that is not as on the source, and how it differs."""
    for number, (value, content, bound) in enumerate(
        zip(counted.standing, counted.hashes, bounds, strict=False)
    ):
        start = first + number * buckets.blocks_each
        where = f"in blocks {start:,} to {start + buckets.blocks_each - 1:,}"
        if not bound.low <= value <= bound.high:
            exact = bound.low == bound.high
            wanted = f"{bound.low:,}" if exact else f"{bound.low:,} to {bound.high:,}"
            yield start, f"{value:,} stable rows {where} where the source held {wanted}"
        elif bound.content not in (None, content):
            message = f"{value:,} stable rows {where} have another content than on the source"
            yield start, message


def _cost(relation: Relation, survey: Survey, first: int, last: int | None) -> int:
    start = first * survey.block_bytes
    end = relation.size_bytes if last is None else last * survey.block_bytes
    return max(0, end - start)


CHECK = Check(
    NAME,
    "every row and value of every table and materialised view, read from the heap. With"
    " baseline `exact` each range of blocks must hold as many rows as the source held, with"
    " the same content where it did not change: `proven` if all of it did, `consistent` where"
    " it was being written",
    plan,
    run,
)
