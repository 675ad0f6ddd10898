"""Measuring a batch of units, one after the other, within the function's time.

A damaged page can hang or kill a backend, and a crash takes every connection along. So no check
shares a connection with another, each unit has a time-out of its own, and one that loses its
connection is measured again: the server may have fallen over somebody else's unit. Lost twice, it
is a finding.

A damaged catalog also answers what no check can make sense of: NULL for a name, no row where there
is always one. Such an answer costs its unit, which is then reported as not measured, and no other.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from lambdas.adapters.postgres import MAINTENANCE_DATABASE
from lambdas.common.budget import OUT_OF_TIME, SecondsLeft
from lambdas.common.versions import read_as
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.checks.shape import (
    Check,
    CheckContext,
    Discovered,
    Survey,
    SurveyedDatabase,
    failed,
)
from lambdas.drill.units import Measurement, Status, Unit
from lambdas.drill.verification.session_cache import SessionCache
from lambdas.drill.verification.unexpected import UNEXPECTED_ERRORS, describe
from lambdas.errors import DatabaseUnreachable, QueryFailed

UNIT_SECONDS = 180
SLOW_BYTES_PER_SECOND = 5_000_000
"""A volume that has just been restored fetches its blocks from S3 when they are first read."""

LOSSES = 2
RECOVERY_SECONDS = 60
RECOVERY_STEP_SECONDS = 1

ENDS_IT = (
    "reading it, or what was read beside it, ends the server; look into the server's log, and do"
    " not rely on this snapshot for it"
)


def plan_units(survey: Survey) -> list[Unit]:
    """The units of every check in the registry, and one for each look that saw nothing."""
    planned = [unit for check in CHECKS.values() for unit in _planned(check, survey)]
    planned += [unit for database in survey.databases for unit in _unseen(database)]
    return list(_told_apart(planned))


def _told_apart(units: Sequence[Unit]) -> Iterator[Unit]:
    """Two units with one id would be taken for one; a database's name may hold what ids are of."""
    seen = Counter[str]()
    for unit in units:
        seen[unit.id] += 1
        again = seen[unit.id] - 1
        yield replace(unit, id=f"{unit.id}#{again}") if again else unit


def _planned(check: Check, survey: Survey) -> Iterator[Unit]:
    """The units of a check, or one that says that it could not make sense of the survey."""
    try:
        yield from list(check.plan(survey))
    except UNEXPECTED_ERRORS as error:
        yield _not_seen(
            check.name, MAINTENANCE_DATABASE, Discovered(unread=describe(error, check.name))
        )


def measure_batch(
    units: Sequence[Unit], context: CheckContext, seconds_left: SecondsLeft
) -> Iterator[Measurement]:
    """Measure each unit; the ones that no time is left for are reported as unmeasured."""
    with SessionCache(context.session) as session_cache:
        for unit in units:
            if unit.exempt:
                yield Measurement(unit.id, Status.EXEMPT)
            elif seconds_left() <= 0:
                yield Measurement(unit.id, Status.UNMEASURED, notes=(OUT_OF_TIME,))
            else:
                yield _measure(unit, context, session_cache, seconds_left)


def unit_seconds(unit: Unit) -> float:
    """How long a statement of a unit may take, by what it has to read."""
    return UNIT_SECONDS + unit.cost_bytes / SLOW_BYTES_PER_SECOND


def _measure(
    unit: Unit, context: CheckContext, session_cache: SessionCache, seconds_left: SecondsLeft
) -> Measurement:
    began = time.monotonic()
    measured = _of_the_survey(unit) or _tried(unit, context, session_cache, seconds_left)
    return replace(measured, seconds=round(time.monotonic() - began, 3))


def _tried(
    unit: Unit, context: CheckContext, session_cache: SessionCache, seconds_left: SecondsLeft
) -> Measurement:
    lent = replace(context, session=session_cache.sessions_for(unit.check, unit_seconds(unit)))
    for loss in range(1, LOSSES + 1):
        try:
            return CHECKS[unit.check].run(unit, lent)
        except QueryFailed as error:
            return failed(unit, error)
        except UNEXPECTED_ERRORS as error:
            return Measurement(unit.id, Status.UNMEASURED, notes=(describe(error, unit.id),))
        except DatabaseUnreachable as error:
            if not error.lost or not _is_back(context, seconds_left):
                return failed(unit, error)
            last = f"{error} ({loss} times, and the server was there again): {ENDS_IT}"
    return Measurement(unit.id, Status.WRONG, findings=(last,))


def _is_back(context: CheckContext, seconds_left: SecondsLeft) -> bool:
    """Wait until the server takes connections again; it recovers from a crash by itself."""
    end = time.monotonic() + min(RECOVERY_SECONDS, seconds_left())
    while time.monotonic() < end:
        try:
            with context.session(MAINTENANCE_DATABASE):
                return True
        except (DatabaseUnreachable, QueryFailed):
            time.sleep(RECOVERY_STEP_SECONDS)
    return False


def _unseen(database: SurveyedDatabase) -> Iterator[Unit]:
    for name, seen in database.seen.items():
        if seen.unread:
            yield _not_seen(name, database.name, seen)


def _not_seen(check: str, database: str, seen: Discovered) -> Unit:
    return Unit(
        id=f"{check}/{database}/unseen",
        check=check,
        database=database,
        subject="",
        detail={"unseen": asdict(seen)},
    )


def _of_the_survey(unit: Unit) -> Measurement | None:
    """What the survey already knows of a unit."""
    if "unseen" not in unit.detail:
        return None
    seen = read_as(Discovered, unit.detail["unseen"])
    if seen.damaged:
        return Measurement(unit.id, Status.WRONG, findings=(seen.unread,))
    return Measurement(unit.id, Status.UNMEASURED, notes=(seen.unread,))
