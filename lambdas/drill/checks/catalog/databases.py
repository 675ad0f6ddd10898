"""Every database of the instance can be connected to, and none is missing.

``pg_class`` is read in each: a database whose files are gone accepts the login and then fails. Of
``template1``, which new databases are made from, nothing else is looked at.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg2 import errorcodes

from lambdas.adapters.connecting import CONNECT_SECONDS
from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.adapters.session_settings import READ
from lambdas.drill.check_names import DATABASES_CHECK
from lambdas.drill.checks.shape import Check, CheckContext, Survey, failed
from lambdas.drill.units import Claim, Measurement, Status, Unit
from lambdas.errors import DatabaseUnreachable, QueryFailed

NAME = DATABASES_CHECK

ATTEMPTS = 3
PAUSE_SECONDS = 1

ADVICE = "connect to it on the source; if it is there and answers, take another snapshot"

SETTINGS = "settings"
"""What a reading of the source calls that which :func:`unsafe_settings` tells."""

LOGIN_TRIGGER = (
    "the database has a login trigger, which may have refused the login or kept it waiting beyond"
    f" {CONNECT_SECONDS} seconds: look for it in pg_event_trigger and in the server's log, and have"
    " it let this login in"
)

_IN_RECOVERY = "SELECT pg_catalog.pg_is_in_recovery()"

TEMPLATE = "template1"
STANDBY = (
    "the copy is still in recovery, as a standby is, and takes no writes; see its server's log for"
    " why recovery does not end, drill again"
)

_NOT_UNDERSTOOD = frozenset(
    {
        errorcodes.UNDEFINED_FUNCTION,
        errorcodes.UNDEFINED_TABLE,
        errorcodes.UNDEFINED_COLUMN,
        errorcodes.UNDEFINED_OBJECT,
    }
)

# Below 12000 are the objects that every database has, and nobody can drop (access/transam.h).
_PINNED = """
SELECT (SELECT count(*) FROM pg_catalog.pg_class WHERE oid < 12000),
       (SELECT count(*) FROM pg_catalog.pg_proc WHERE oid < 12000)
"""
_TEMPLATE = """
SELECT datallowconn AND datconnlimit <> -2
  FROM pg_catalog.pg_database WHERE datname = %s
"""
_SETTINGS = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY (%s) ORDER BY name"
# Login triggers came with PostgreSQL 17.
_HAS_LOGIN_TRIGGER = """
SELECT coalesce((to_jsonb(d) ->> 'dathasloginevt')::bool, false)
  FROM pg_catalog.pg_database d WHERE d.datname = %s
"""
# A superuser's connections are counted, and never refused.
_LIMITS = """
SELECT has_database_privilege(d.oid, 'CONNECT'), d.datconnlimit,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity a
         WHERE a.datid = d.oid AND a.backend_type = 'client backend')
  FROM pg_catalog.pg_database d
 WHERE d.datname = %s
"""


def unsafe_settings(session: Session) -> list[str]:
    """What is not as it must be for a reading to count, and not ours to change."""
    action = f"reading the settings of {session.database}"
    return [
        f"{name} is {value} in our sessions: {READ[name].effect}, so what is read proves nothing;"
        f" ALTER DATABASE or ALTER ROLE … RESET {name} on the source, wherever it is set"
        for name, value in session.rows(_SETTINGS, [sorted(READ)], action=action)
        if value != READ[name].safe
    ]


def why_no_connection(session: Session, database: str) -> str:
    """What may keep us out of a database, as another one of its server shows it; or nothing."""
    action = f"looking for login triggers of {database}"
    found = session.rows(_HAS_LOGIN_TRIGGER, [database], action=action)
    return LOGIN_TRIGGER if found and found[0][0] else ""


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
                "unsafe": [
                    f"on the source, {message}"
                    for message in before.get(database.name, {}).get("read", {}).get(SETTINGS, ())
                ],
            },
        )
    yield Unit(f"{NAME}/{TEMPLATE}", NAME, TEMPLATE, "", claim=Claim.PROVEN)
    for name in sorted((before.keys() & after.keys()) - here):
        known = _identity(before[name])
        if known is not None and known == _identity(after[name]):
            yield Unit(f"{NAME}/{name}", NAME, name, "", detail={"missing": True})
        else:
            why = "may have been dropped, renamed or created again on the source meanwhile"
            yield Unit(f"{NAME}/{name}", NAME, name, "", why=why, exempt=True)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Connect and read the list of relations."""
    if unit.detail.get("missing"):
        return Measurement(unit.id, Status.WRONG, findings=(f"missing on the copy; {ADVICE}",))
    if unit.detail.get("damaged"):
        return Measurement(unit.id, Status.WRONG, findings=(f"{unit.detail['closed']}; {ADVICE}",))
    if unit.database == TEMPLATE:
        return _template(unit, context)
    for _ in _attempts():
        try:
            with context.session(unit.database) as session:
                session.row("SELECT count(*) FROM pg_catalog.pg_class", action="reading pg_class")
                (standby,) = session.row(_IN_RECOVERY, action="asking whether it is a standby")
                unsafe = unsafe_settings(session)
        except DatabaseUnreachable as error:
            last = error
        except QueryFailed as error:
            return failed(unit, error)
        else:
            return _reached(unit, unsafe, standby=standby)
    return _unreached(unit, context, last)


def _template(unit: Unit, context: CheckContext) -> Measurement:
    """It holds what the maintenance database holds of what nobody can drop."""
    with context.session(MAINTENANCE_DATABASE) as session:
        wanted = session.row(_PINNED, action=f"counting what {MAINTENANCE_DATABASE} holds")
        rows = session.rows(_TEMPLATE, [TEMPLATE], action="looking up the template")
    if why := _why_no_template(rows):
        return Measurement(unit.id, Status.EXEMPT, notes=(why,))
    for _ in _attempts():
        try:
            with context.session(unit.database) as session:
                found = session.row(_PINNED, action=f"counting what {TEMPLATE} holds")
        except DatabaseUnreachable as error:
            last = error
        except QueryFailed as error:
            return _refused_there(unit, error)
        else:
            return _like(unit, found, wanted)
    return _unreached(unit, context, last)


def _attempts() -> Iterator[int]:
    """With a pause between them: a server refuses for a moment while it is busy with something."""
    for number in range(ATTEMPTS):
        if number:
            time.sleep(PAUSE_SECONDS)
        yield number


def _why_no_template(rows: Sequence[tuple[bool]]) -> str:
    if not rows:
        return "there is no such database"
    return "" if rows[0][0] else "closed to connections on the source (datallowconn is off)"


def _refused_there(unit: Unit, error: QueryFailed) -> Measurement:
    """What PostgreSQL has understood elsewhere it does not without its own functions."""
    if error.sqlstate in _NOT_UNDERSTOOD:
        return Measurement(unit.id, Status.WRONG, findings=(f"{error}; {ADVICE}",))
    return failed(unit, error)


def _like(unit: Unit, found: Sequence[int], wanted: Sequence[int]) -> Measurement:
    findings = tuple(
        f"{catalog} holds {here:,} of PostgreSQL's own {what} instead of {there:,}; {ADVICE}"
        for catalog, what, here, there in zip(
            ("pg_class", "pg_proc"), ("relations", "functions"), found, wanted, strict=True
        )
        if here != there
    )
    return Measurement(unit.id, Status.WRONG if findings else Status.OK, findings=findings)


def _reached(unit: Unit, unsafe: Sequence[str], *, standby: bool) -> Measurement:
    if standby and unit.database == MAINTENANCE_DATABASE:
        return Measurement(unit.id, Status.UNMEASURED, notes=(STANDBY,))
    if unit.detail.get("closed"):
        return Measurement(unit.id, Status.UNMEASURED, notes=(unit.detail["closed"],))
    if message := (*unsafe, *unit.detail["unsafe"]):
        return Measurement(unit.id, Status.UNMEASURED, notes=message)
    return Measurement(unit.id, Status.OK)


def _unreached(unit: Unit, context: CheckContext, error: DatabaseUnreachable) -> Measurement:
    """Tell a broken database from one that has refused just now, or refuses everybody like us."""
    if unit.database != TEMPLATE and not unit.detail["closed"]:
        return failed(unit, error)
    try:
        with context.session(MAINTENANCE_DATABASE) as session:
            allowed, limit, taken = session.row(
                _LIMITS, [unit.database], action="looking up the database"
            )
            trigger = why_no_connection(session, unit.database)
    except (DatabaseUnreachable, QueryFailed, IndexError):
        return failed(unit, error)
    why = ""
    if not allowed:
        why = "the copy's master user may not connect; grant CONNECT to the master user"
    elif 0 <= limit <= taken:
        why = (
            f"no connection; the database's connection limit is {limit:,}: raise it on the source"
            f" (ALTER DATABASE … CONNECTION LIMIT), drill again"
        )
    elif unit.detail.get("refused"):
        why = (
            "no connection, and the source refused the reader too; see there whether the database"
            " takes connections and who may CONNECT"
        )
    if trigger and error.at_login:
        why = f"{error}; {trigger}"
    if why:
        return Measurement(unit.id, Status.UNMEASURED, notes=(why,))
    message = "can't be connected to, though the server takes the same login elsewhere"
    return Measurement(unit.id, Status.WRONG, findings=(f"{message}; {ADVICE}",))


def _refused(databases: Mapping[str, Any], name: str) -> bool:
    """Whether a reading knows the database and could not enter it."""
    return name in databases and _identity(databases[name]) is None


def _identity(reading: Mapping[str, Any]) -> tuple[int, str] | None:
    """The database's number and its row's version; None where the reading could not enter."""
    return (reading["oid"], reading["version"]) if "oid" in reading else None


CHECK = Check(
    NAME,
    "every database of the instance can be connected to, none is missing, none carries a"
    " setting that hides damage; new ones can be made from `template1`",
    plan,
    run,
)
