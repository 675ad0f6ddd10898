"""No table's horizon, and no database's, lies beyond the newest transaction.

Behind ``relfrozenxid`` and ``datfrozenxid`` every row counts as frozen, and VACUUM cuts the log of
how transactions ended there; ``relminmxid`` and ``datminmxid`` say the same of the transactions
that locked a row together. A horizon in the future makes it cut off what is still needed. Rows need
not show it: those that are frozen are held against no horizon.

A healthy server holds none in the future, so one is wrong by itself, though nothing says that the
source lacks it.

A table's horizon may well lie before its database's for a while: one that a long transaction has
made, when all the others were frozen meanwhile.
"""

from collections.abc import Iterator

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.common.shortened import shortened
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Unit

NAME = "horizons"

ADVICE = "look at the source's; if it is the same there, vacuum it and mind the server's log"
SHOWN = 3
"""Horizons of one database that are named; the others are counted."""

# Views, and tables of other access methods, have none; an age of what is no transaction is endless.
_TABLES = """
SELECT 'the ' || h.name || ' of ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       h.value
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (VALUES
       ('relfrozenxid', c.relfrozenxid::text, pg_catalog.age(c.relfrozenxid)),
       ('relminmxid', c.relminmxid::text, pg_catalog.mxid_age(c.relminmxid)))
       AS h (name, value, age)
 WHERE c.relkind IN ('r', 'm', 't') AND h.age < 0
 ORDER BY 1
"""
_DATABASES = """
SELECT 'the ' || h.name || ' of the database ' || quote_ident(d.datname), h.value
  FROM pg_catalog.pg_database d
 CROSS JOIN LATERAL (VALUES
       ('datfrozenxid', d.datfrozenxid::text, pg_catalog.age(d.datfrozenxid)),
       ('datminmxid', d.datminmxid::text, pg_catalog.mxid_age(d.datminmxid)))
       AS h (name, value, age)
 WHERE h.age < 0
 ORDER BY 1
"""


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each database; that of the maintenance database looks at all databases' too."""
    for database in survey.databases:
        if not database.exempt and not database.closed:
            yield Unit(f"{NAME}/{database.name}", NAME, database.name, "", claim=Claim.PROVEN)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Look twice: a VACUUM may move a horizon past the transaction that the first look began at."""
    queries = [_TABLES, _DATABASES] if unit.database == MAINTENANCE_DATABASE else [_TABLES]
    with context.session(unit.database) as session:
        ahead = [*_ahead(session, queries)]
        if ahead:
            again = set(_ahead(session, queries))
            ahead = [found for found in ahead if found in again]
    outcome = Outcome()
    message = [
        f"{what} is {value}, beyond the newest transaction; {ADVICE}" for what, value in ahead
    ]
    for text in shortened(message, SHOWN, "more horizons"):
        outcome.wrong(text)
    return outcome.measurement(unit)


def _ahead(session: Session, queries: list[str]) -> Iterator[tuple[str, str]]:
    for query in queries:
        yield from session.rows(query, action=f"reading the horizons of {session.database}")


CHECK = Check(
    NAME,
    "no table's horizon of old transactions, and no database's, lies in the future",
    plan,
    run,
)
