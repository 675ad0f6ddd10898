"""Large objects hold together: no page without its object, twice, too long or out of place.

Their pages are rows of ``pg_largeobject``, so :mod:`lambdas.drill.checks.rows.counts` counts and
hashes them
as it does any table's, and compares them with the source bucket by bucket. ``pg_read_all_data``
reads it since PostgreSQL 14; ``lo_get`` needs a grant on each object, and no role has them all.
Here is what needs no baseline, and says so when the pages can't be read at all.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.admission.request import BASELINE_EXACT
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey, SurveyedDatabase
from lambdas.drill.units import RANGE_BYTES, Claim, Measurement, Unit, block_ranges

NAME = "large objects"
SUBJECT = "large objects"

PAGES = "pg_catalog.pg_largeobject"
REMEDY = "do not rely on these objects of this snapshot"
REMEDY_THERE = "compare lo_get of these objects with what they should hold"
UNREAD = f"SELECT on {PAGES} is missing; grant pg_read_all_data to the copy's master user"
UNCOMPARED = (
    f"not compared with the source: SELECT on {PAGES} is missing there, or there were none; grant"
    " pg_read_all_data to the source's reader"
)
COMPARED = f"their content is compared under {PAGES}"

PAGES_NUMBER = 2613
"""``pg_largeobject``'s own number, in every PostgreSQL."""

TOO_MANY = (
    "more pages than one query can sort in its time: whether one stands twice is left to the check"
    " of their unique index"
)

NAMED = 10
"""Large objects that a finding names."""

_SEEN = """
SELECT pg_catalog.pg_relation_size('pg_catalog.pg_largeobject')::bigint,
       has_table_privilege('pg_catalog.pg_largeobject', 'SELECT'),
       (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata)
"""
# A page holds a quarter of a block (LOBLKSIZE). The last of an object may be any shorter, and so
# may one before a hole, which reads as zeros; a missing page is a hole by right.
_PAGES = """
SELECT count(*),
       count(*) FILTER (WHERE stray), min(place) FILTER (WHERE stray),
       min(number) FILTER (WHERE stray),
       count(*) FILTER (WHERE odd), min(place) FILTER (WHERE odd), min(number) FILTER (WHERE odd)
  FROM (SELECT p.ctid, p.loid::bigint, o.oid IS NULL,
               p.pageno < 0 OR length(p.data) > {page_bytes}
          FROM pg_catalog.pg_largeobject p
          LEFT JOIN pg_catalog.pg_largeobject_metadata o ON o.oid = p.loid
         WHERE p.ctid >= {first}::tid{end}) page (place, number, stray, odd)
"""
_OBJECTS = """
SELECT coalesce(sum(pages - numbers), 0)::bigint, min(loid) FILTER (WHERE pages > numbers),
       count(*) FILTER (WHERE numbers <= last)
  FROM (SELECT loid::bigint, count(*) AS pages, count(DISTINCT pageno) AS numbers,
               max(pageno) AS last
          FROM pg_catalog.pg_largeobject GROUP BY loid) o
"""
# Of an object that has lost all of its pages only its number is left, as of one that is empty.
_CONCERNED = """
SELECT number::text FROM (
    SELECT p.loid::bigint FROM pg_catalog.pg_largeobject p WHERE p.ctid >= {first}::tid{end}
     UNION
    SELECT o.oid::bigint FROM pg_catalog.pg_largeobject_metadata o
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject p WHERE p.loid = o.oid)) c (number)
 ORDER BY c.number LIMIT {most}
"""


def concerned(session: Session, blocks: tuple[int, int | None]) -> tuple[str, ...]:
    """Which large objects to ask about where pages in a range of blocks are not the source's."""
    query = sql.SQL(_CONCERNED).format(most=sql.Literal(NAMED + 1), **_within(*blocks))
    found = [number for (number,) in session.rows(query, action="reading pg_largeobject")]
    if not found:
        return ()
    more = " and others" if len(found) > NAMED else ""
    message = f"the large objects {', '.join(found[:NAMED])}{more}, or one that is gone"
    return (f"this may be any of {message}: compare lo_get with the source's",)


def look(session: Session) -> list[int | bool]:
    """The pages' bytes, whether they can be read, the number of objects."""
    return list(session.row(_SEEN, action=f"looking for large objects in {session.database}"))


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each range of blocks; none for a database without large objects."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        if seen is None or seen.found is None:
            continue
        size_bytes, readable, objects = seen.found
        if not size_bytes and not objects:
            continue
        why = _why(survey, database)
        if not readable:
            yield _unit(database.name, why, "unread", detail={"unread": objects})
            continue
        for first, last in block_ranges(size_bytes, survey.block_bytes):
            detail = {"blocks": [first, last], "page_bytes": survey.block_bytes // 4}
            end_bytes = size_bytes if last is None else last * survey.block_bytes
            cost_bytes = max(0, end_bytes - first * survey.block_bytes)
            yield _unit(database.name, why, str(first), cost_bytes, detail)
        whole = _unit(database.name, why, "objects", size_bytes, {"objects": objects})
        large = size_bytes > RANGE_BYTES
        yield replace(whole, cost_bytes=0, why=TOO_MANY, exempt=True) if large else whole


def _why(survey: Survey, database: SurveyedDatabase) -> str:
    if survey.baseline != BASELINE_EXACT:
        return f"the baseline ({survey.baseline}) holds no content of large objects"
    readings = (survey.before, survey.after)
    found = [reading["databases"].get(database.name, {}).get("rows", {}) for reading in readings]
    return COMPARED if all(str(PAGES_NUMBER) in rows for rows in found) else UNCOMPARED


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Look at the pages of a range, or at the objects as a whole."""
    if "unread" in unit.detail:
        outcome = Outcome()
        outcome.not_measured(f"{unit.detail['unread']:,} large objects: {UNREAD}")
        return outcome.measurement(unit)
    with context.session(unit.database) as session:
        if "objects" in unit.detail:
            return _objects(unit, session)
        return _pages(unit, session)


def _pages(unit: Unit, session: Session) -> Measurement:
    query = sql.SQL(_PAGES).format(
        page_bytes=sql.Literal(unit.detail["page_bytes"]), **_within(*unit.detail["blocks"])
    )
    pages, *found = session.row(query, action="reading pg_largeobject")
    outcome = Outcome(Counter(pages=pages))
    strays, place, which = found[:3]
    if strays:
        # Its row of pg_largeobject_metadata may be what was lost: the pages say nothing of that.
        outcome.wrong(f"{_first(strays, 'belong to no large object', place, which)}: {REMEDY}")
    odd, place, which = found[3:]
    if odd:
        message = _first(odd, "are too long or have a negative number", place, which)
        outcome.violation(message, remedy=REMEDY_THERE, relations=(PAGES,), damage_only=True)
    return outcome.measurement(unit)


def _first(number: int, what: str, place: str, which: int) -> str:
    return f"{number:,} pages {what}, the first at {place} of {PAGES}, from large object {which} on"


def _within(first: int, last: int | None) -> dict[str, sql.Composable]:
    """``first`` and ``end`` of a range of blocks, as the queries have them."""
    end: sql.Composable = sql.SQL("")
    if last is not None:
        end = sql.SQL(" AND p.ctid < {}::tid").format(sql.Literal(f"({last},0)"))
    return {"first": sql.Literal(f"({first},0)"), "end": end}


def _objects(unit: Unit, session: Session) -> Measurement:
    twice, number, holes = session.row(_OBJECTS, action="reading pg_largeobject")
    outcome = Outcome(Counter(objects=unit.detail["objects"]))
    if twice:
        message = f"{twice:,} pages are there twice, the first of large object {number}"
        outcome.violation(message, remedy=REMEDY_THERE, relations=(PAGES,), damage_only=True)
    if holes:
        outcome.remark(f"{holes:,} large objects have holes, which read as zeros")
    return outcome.measurement(unit)


def _unit(
    database: str, why: str, part: str, cost_bytes: int = 0, detail: dict[str, object] | None = None
) -> Unit:
    return Unit(
        id=f"{NAME}/{database}/{part}",
        check=NAME,
        database=database,
        subject=SUBJECT,
        cost_bytes=cost_bytes,
        claim=Claim.NOT_COMPARED,
        why=why,
        detail=detail or {},
    )


CHECK = Check(
    NAME,
    "no page of a large object without its object, twice, too long or out of place",
    plan,
    run,
    look,
)
