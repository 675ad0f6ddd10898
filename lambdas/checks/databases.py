"""Every database of the instance can be connected to, and none is missing.

``pg_class`` is read in each: a database whose files are gone accepts the login and then fails.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE
from lambdas.checks.shape import Bench, Check, Survey, failed
from lambdas.domain.units import Claim, Measurement, Status, Unit
from lambdas.errors import DatabaseUnreachable, QueryFailed

NAME = "databases"

ATTEMPTS = 3

ADVICE = "connect to it on the source; if it is there and answers, take another snapshot"

# A superuser's connections are counted, and never refused.
_LIMITS = """
SELECT has_database_privilege(d.oid, 'CONNECT'), d.datconnlimit,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity a
         WHERE a.datid = d.oid AND a.backend_type = 'client backend')
  FROM pg_catalog.pg_database d
 WHERE d.datname = %s
"""


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each database of the copy, and for each that only the baseline knows."""
    here = {database.name for database in survey.databases}
    before, after = (reading.get("databases", {}) for reading in (survey.before, survey.after))
    for database in survey.databases:
        yield Unit(
            id=f"{NAME}/{database.name}",
            check=NAME,
            database=database.name,
            subject="",
            claim=Claim.PROVEN,
            why=database.exempt,
            exempt=bool(database.exempt),
            detail={
                "closed": database.closed,
                "damaged": database.damaged,
                "refused": _refused(before, database.name) or _refused(after, database.name),
            },
        )
    for name in sorted((before.keys() & after.keys()) - here):
        known = _identity(before[name])
        if known is not None and known == _identity(after[name]):
            yield Unit(f"{NAME}/{name}", NAME, name, "", detail={"missing": True})
        else:
            why = "may have been dropped, renamed or made anew on the source meanwhile"
            yield Unit(f"{NAME}/{name}", NAME, name, "", why=why, exempt=True)


def run(unit: Unit, bench: Bench) -> Measurement:
    """Connect and read the list of relations."""
    if unit.detail.get("missing"):
        return Measurement(unit.id, Status.WRONG, findings=(f"missing on the copy; {ADVICE}",))
    if unit.detail.get("damaged"):
        return Measurement(unit.id, Status.WRONG, findings=(f"{unit.detail['closed']}; {ADVICE}",))
    for _ in range(ATTEMPTS):
        try:
            with bench.session(unit.database) as session:
                session.row("SELECT count(*) FROM pg_catalog.pg_class", doing="reading pg_class")
        except DatabaseUnreachable as error:
            last = error
        except QueryFailed as error:
            return failed(unit, error)
        else:
            return _reached(unit)
    return _unreached(unit, bench, last)


def _reached(unit: Unit) -> Measurement:
    if unit.detail.get("closed"):
        return Measurement(unit.id, Status.UNMEASURED, notes=(unit.detail["closed"],))
    return Measurement(unit.id, Status.OK)


def _unreached(unit: Unit, bench: Bench, error: DatabaseUnreachable) -> Measurement:
    """Tell a broken database from one that has refused just now, or refuses everybody like us."""
    if not unit.detail["closed"]:
        return failed(unit, error)
    try:
        with bench.session(MAINTENANCE_DATABASE) as session:
            allowed, limit, taken = session.row(
                _LIMITS, [unit.database], doing="looking up the database"
            )
    except (DatabaseUnreachable, QueryFailed, IndexError):
        return failed(unit, error)
    why = ""
    if not allowed:
        why = "the copy's master user may not connect; grant CONNECT to the master user"
    elif 0 <= limit <= taken:
        why = f"no connection; the database's connection limit is {limit:,}"
    elif unit.detail["refused"]:
        why = "no connection, and the source refused the reader too"
    if why:
        return Measurement(unit.id, Status.UNMEASURED, notes=(why,))
    told = "can't be connected to, though the server takes the same login elsewhere"
    return Measurement(unit.id, Status.WRONG, findings=(f"{told}; {ADVICE}",))


def _refused(databases: Mapping[str, Any], name: str) -> bool:
    """Whether a reading knows the database and could not enter it."""
    return name in databases and _identity(databases[name]) is None


def _identity(reading: Mapping[str, Any]) -> tuple[int, str] | None:
    """The database's number and its row's version; None where the reading could not enter."""
    return (reading["oid"], reading["version"]) if "oid" in reading else None


CHECK = Check(NAME, "every database can be connected to", plan, run)
