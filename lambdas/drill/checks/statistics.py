"""What the planner knows of columns can be read, and is what it can use.

It is part of no answer, and may keep a table from being asked at all: statistics that can't be read
are an error when a query is planned, and values of another type than the column's end the server.
"""

from collections.abc import Iterator

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.common.shortened import shortened
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey, is_damage
from lambdas.drill.units import Claim, Measurement, Unit
from lambdas.errors import QueryFailed

NAME = "statistics"

ADVICE = "ANALYZE the table on the source, and take another snapshot"
GRANT = (
    "let the copy's master user read them on the source: as a member of their owner's role, or with"
    " BYPASSRLS where row security is forced"
)
SHOWN = 3
"""Damaged statistics of one database that are named; the others are counted."""

_TABLES = """
SELECT DISTINCT quote_ident(schemaname) || '.' || quote_ident(tablename), schemaname, tablename
  FROM pg_catalog.pg_stats ORDER BY 1
"""
# What the view leaves out by itself, without a word.
_HIDDEN = """
SELECT count(DISTINCT c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind IN ('r', 'm', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
   AND (row_security_active(c.oid) OR NOT has_column_privilege(c.oid, a.attnum, 'SELECT'))
"""
_OF_COLUMNS = """
SELECT count(most_common_vals::text), count(most_common_freqs::text), count(histogram_bounds::text),
       count(most_common_elems::text), count(most_common_elem_freqs::text),
       count(elem_count_histogram::text)
  FROM pg_catalog.pg_stats
"""
_OF_TABLE = sql.SQL(" WHERE schemaname = {} AND tablename = {}")

_EXTENDED = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(s.stxname), s.oid::bigint
  FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
 ORDER BY 1
"""
_OF_EXTENDED = """
SELECT count(d.stxdndistinct::text), count(d.stxddependencies::text), count(d.stxdexpr::text),
       (SELECT count(m.values::text)
          FROM pg_catalog.pg_statistic_ext_data e, pg_catalog.pg_mcv_list_items(e.stxdmcv) AS m
         WHERE e.stxoid = ANY ({oids}::oid[]))
  FROM pg_catalog.pg_statistic_ext_data d WHERE d.stxoid = ANY ({oids}::oid[])
"""

# An array is sent with the number of its element type behind two others, each of four bytes; an
# empty one without asking how that type's values are sent. ANALYZE takes a column's values as they
# are, but for a type that brings its own way, and for an index, whose expressions have types that
# pg_attribute does not hold.
_OF_OTHER_TYPES = """
SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ': those of the column '
       || quote_ident(a.attname)
  FROM pg_catalog.pg_stats s
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 CROSS JOIN LATERAL (VALUES (s.most_common_vals), (s.histogram_bounds)) AS held (these)
 CROSS JOIN LATERAL (SELECT CASE WHEN t.typsend <> 0::oid AND cardinality(held.these) > 0
         THEN array_send(trim_array(held.these, cardinality(held.these))) END) AS sent (image)
 CROSS JOIN LATERAL (SELECT ('x' || encode(substr(sent.image, 9, 4), 'hex'))::bit(32)::bigint)
         AS had (type)
 WHERE c.relkind IN ('r', 'm', 'p', 'f') AND t.typtype <> 'd' AND t.typanalyze::oid < 16384
   AND had.type <> a.atttypid::bigint
 ORDER BY 1
"""

# The planner takes as many frequencies as there are values, two or three more of elements, and a
# histogram of their numbers, all in one row without NULL; it looks at that when it meets them.
_OUT_OF_SHAPE = """
SELECT DISTINCT quote_ident(s.schemaname) || '.' || quote_ident(s.tablename)
       || ': those of the column ' || quote_ident(s.attname)
  FROM pg_catalog.pg_stats s
 CROSS JOIN LATERAL (VALUES
         (cardinality(s.most_common_vals), cardinality(s.most_common_vals), s.most_common_freqs),
         (cardinality(s.most_common_elems) + 2, cardinality(s.most_common_elems) + 3,
          s.most_common_elem_freqs),
         (0, NULL, s.elem_count_histogram)) AS kept (least, most, numbers)
 WHERE (kept.least > 0 OR kept.numbers IS NOT NULL)
   AND NOT coalesce(array_ndims(kept.numbers) = 1
                    AND cardinality(kept.numbers) >= kept.least
                    AND (kept.most IS NULL OR cardinality(kept.numbers) <= kept.most)
                    AND (SELECT count(n) FROM unnest(kept.numbers) AS n)
                        = cardinality(kept.numbers), false)
 ORDER BY 1
"""


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each database."""
    for database in survey.databases:
        if not database.exempt and not database.closed:
            yield Unit(f"{NAME}/{database.name}", NAME, database.name, "", claim=Claim.PROVEN)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Read all of them at once; only where that fails, one table's after the other."""
    outcome = Outcome()
    with context.session(unit.database) as session:
        (hidden,) = session.row(_HIDDEN, action="counting the tables whose statistics are hidden")
        if hidden:
            outcome.not_asked(f"those of {hidden:,} tables may not be read; {GRANT}")
        findings = [*_unreadable(session)]
        try:
            findings += _unreadable_extended(session)
        except QueryFailed as error:
            if error.sqlstate != errorcodes.INSUFFICIENT_PRIVILEGE:
                raise
            outcome.not_asked(f"extended statistics may not be read; {GRANT}")
        if not findings:
            findings = [*_of_other_types(session), *_out_of_shape(session)]
    for message in shortened([f"{finding}; {ADVICE}" for finding in findings], SHOWN):
        outcome.wrong(message)
    return outcome.measurement(unit)


def _unreadable(session: Session) -> Iterator[str]:
    every = sql.SQL(_OF_COLUMNS)
    if not _damage(session, every, session.database):
        return
    for title, schema, table in session.rows(_TABLES, action="listing the statistics"):
        where = _OF_TABLE.format(sql.Literal(schema), sql.Literal(table))
        yield from _damage(session, every + where, title)


def _unreadable_extended(session: Session) -> Iterator[str]:
    listed = session.rows(_EXTENDED, action="listing the extended statistics")

    def query(oids: list[int]) -> sql.Composable:
        return sql.SQL(_OF_EXTENDED).format(oids=sql.Literal(oids))

    if listed and _damage(session, query([oid for _, oid in listed]), session.database):
        for title, oid in listed:
            yield from _damage(session, query([oid]), title)


def _damage(session: Session, query: sql.Composable, what: str) -> list[str]:
    try:
        session.row(query, action=f"reading the statistics of {what}")
    except QueryFailed as error:
        if not is_damage(error):
            raise
        return [str(error)]
    return []


def _of_other_types(session: Session) -> Iterator[str]:
    action = f"reading the types of the statistics of {session.database}"
    for (column,) in session.rows(_OF_OTHER_TYPES, action=action):
        yield f"{column} hold values of another type"


def _out_of_shape(session: Session) -> Iterator[str]:
    action = f"reading the numbers of the statistics of {session.database}"
    for (column,) in session.rows(_OUT_OF_SHAPE, action=action):
        yield f"{column} hold numbers that the planner can't use"


CHECK = Check(
    NAME,
    "the planner's statistics can be read, are of the columns' own types, and hold numbers"
    " that it can use",
    plan,
    run,
)
