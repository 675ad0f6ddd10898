"""The engine sorts text as the one that made the indexes, or the indexes in doubt are named.

A library of collations that has changed makes no row wrong. It makes an index on text wrong where
it sorts otherwise, and :mod:`lambdas.drill.checks.indexes.btrees` finds that entry by entry; so
this is a warning where that check can run, and *not measured* where it can't.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Unit

NAME = "collations"
SUBJECT = "collation versions"
SHOWN = 10
FINDING_LENGTH = 440

_DATABASE_HAS_VERSION = 15

_VERSIONS = """
SELECT c.oid::text, quote_ident(n.nspname) || '.' || quote_ident(c.collname), c.collversion,
       pg_catalog.pg_collation_actual_version(c.oid)
  FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
 WHERE c.collversion <> pg_catalog.pg_collation_actual_version(c.oid)
"""
OF_THE_DATABASE = "the database's own collation"
_OF_THE_DATABASE = """
SELECT '100', 'the database''s own collation', d.datcollversion,
       pg_catalog.pg_database_collation_actual_version(d.oid)
  FROM pg_catalog.pg_database d
 WHERE d.datname = current_database()
   AND d.datcollversion <> pg_catalog.pg_database_collation_actual_version(d.oid)
"""
_INDEXES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.amname = 'btree'
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am a ON a.oid = c.relam
 WHERE %s::oid = ANY (i.indcollation::oid[]) AND c.relkind = 'i' ORDER BY 1
"""
_CAN_CHECK_TREES = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p
                WHERE p.proname = 'bt_index_parent_check'
                  AND has_function_privilege(p.oid, 'EXECUTE'))
       OR EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck')
"""


def read(session: Session) -> dict[str, list[str]]:
    """By its number, each collation of another version than recorded: name, recorded, actual."""
    action = f"reading the collation versions of {session.database}"
    found = session.rows(_VERSIONS, action=action)
    if session.server_major >= _DATABASE_HAS_VERSION:
        found += session.rows(_OF_THE_DATABASE, action=action)
    return {number: list(rest) for number, *rest in found}


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each database that can be looked into."""
    for database in survey.databases:
        if not database.exempt and not database.closed:
            yield Unit(
                id=f"{NAME}/{database.name}",
                check=NAME,
                database=database.name,
                subject=SUBJECT,
                claim=Claim.NOT_COMPARED,
            )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Compare what is recorded with what the engine has, and both with the source."""
    outcome = Outcome()
    there = _on_the_source(unit, context.before)
    with context.session(unit.database) as session:
        found = read(session)
        (can_check,) = session.row(_CAN_CHECK_TREES, action="looking for amcheck")
        outcome.measured["versions that differ"] = len(found)
        for number, (name, recorded, actual) in found.items():
            indexes = session.rows(_INDEXES, [number], action=f"listing the indexes on {name}")
            same = there is not None and there.get(number) == [name, recorded, actual]
            message = _told(name, recorded, actual, [index for index, _ in indexes], same)
            if indexes and not can_check and not same:
                outcome.not_measured(
                    f"{message}; amcheck, which would look at them, is not to be had"
                )
            else:
                outcome.warning(message)
    return outcome.measurement(unit)


def _told(name: str, recorded: str, actual: str, indexes: list[str], same: bool) -> str:
    where = "on the source too" if same else "on the restored engine"
    message = f"{name} was version {recorded} when it was recorded and is {actual} {where}"
    refresh = f"ALTER COLLATION {name} REFRESH VERSION"
    if name == OF_THE_DATABASE:
        refresh = "ALTER DATABASE … REFRESH COLLATION VERSION"
    if not indexes:
        return f"{message}; no index depends on it: {refresh}"
    shown = ", ".join(indexes[:SHOWN])
    more = f" and {len(indexes) - SHOWN:,} more" if len(indexes) > SHOWN else ""
    return f"{message}; REINDEX, then {refresh}: {shown}{more}"[:FINDING_LENGTH]


def _on_the_source(unit: Unit, reading: Mapping[str, Any]) -> Mapping[str, Any] | None:
    database = reading.get("databases", {}).get(unit.database, {})
    found: Mapping[str, Any] | None = database.get("read", {}).get(NAME)
    return found


CHECK = Check(
    NAME,
    "text sorts as it did when the indexes were made, or the indexes in doubt are named",
    plan,
    run,
)
