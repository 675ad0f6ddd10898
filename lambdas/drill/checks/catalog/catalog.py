"""Nothing missing, nothing extra, nothing defined otherwise, against the source's catalog."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.common.shortened import shortened
from lambdas.drill.checks.catalog import comparison
from lambdas.drill.checks.catalog.object_inventory import cluster_objects, database_objects
from lambdas.drill.checks.catalog.of_rds import SUPERUSER
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Unit

__all__ = ["CHECK", "cluster_objects", "database_objects"]

NAME = "catalog"

CLUSTER = "roles and databases"
ADVICE = "ask the source's catalog; if that one is right, take another snapshot"

FINDINGS_SHOWN = 50

_ROLES = "SELECT oid::bigint::text, quote_ident(rolname) FROM pg_catalog.pg_roles"
_MASTERS = f"""
SELECT m.member::bigint::text FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid = m.roleid WHERE r.rolname = '{SUPERUSER}'
"""
_ROLE_NUMBER = re.compile(r"role #(\d+)")


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each database that the baseline knows, and one for what they share."""
    if not survey.before:
        return
    gap = str(survey.before["gap"])
    yield _unit(MAINTENANCE_DATABASE, CLUSTER, unread=gap)
    for database in survey.databases:
        before = survey.before["databases"].get(database.name)
        after = survey.after["databases"].get(database.name)
        if database.exempt or database.closed or before is None or after is None:
            continue
        if closed := before["closed"] or after["closed"]:
            yield _unit(database.name, NAME, unread=closed)
            continue
        recreated = "the database was dropped and created again on the source meanwhile"
        yield _unit(database.name, NAME, "" if survey.read_twice(database) else recreated)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Read the copy's inventory and compare it with the source's two."""
    outcome = Outcome()
    if unit.detail.get("unread"):
        outcome.not_measured(unit.detail["unread"])
        return outcome.measurement(unit)
    readings = (context.before, context.after)
    cluster = unit.subject == CLUSTER
    with context.session(unit.database) as session:
        documents = (cluster_objects if cluster else database_objects)(session)
        names = _role_names(session, context)
        masters = session.rows(_MASTERS, action="reading who is a master user") if cluster else []
    sources = [_documents(unit, reading) for reading in readings]
    known = itertools.chain(*sources)
    read = [*sources, comparison.without_more(documents, known, [number for (number,) in masters])]
    unread = {kind: name for side in read for kind, name in comparison.unread_from(side).items()}
    before, after, here = (
        comparison.without(comparison.objects_from(side), unread) for side in read
    )
    first, last, copied = (comparison.named(side) for side in (before, after, here))
    found = list(comparison.differences(first, last, copied, comparison.meanwhile(*readings)))
    for kind in sorted(comparison.stray(before, after, here).items()):
        outcome.wrong(_why_stray(*kind))
    for text in _told([item for item in found if item.certain], names):
        outcome.wrong(f"{text}; {ADVICE}")
    for text in _told([item for item in found if item.undecided], names):
        outcome.not_measured(f"{text}, unless it was changed and changed back meanwhile")
    for text in _told([item for item in found if not item.certain and not item.undecided], names):
        outcome.not_asked(f"{text}, changed around the snapshot")
    for kind_unread, name in sorted(unread.items()):
        outcome.not_asked(_why_unread(kind_unread, name))
    for kind_here, number in Counter(kind for kind, _ in here).items():
        outcome.measured[f"{kind_here} objects"] = number
    return outcome.measurement(unit)


def _documents(unit: Unit, reading: Mapping[str, Any]) -> list[list[str]]:
    if unit.subject == CLUSTER:
        return list(reading["cluster"]["objects"])
    return list(reading["databases"][unit.database]["objects"])


def _why_stray(kind: str, number: int) -> str:
    return (
        f"the catalog is damaged: {number:,} objects of the kind {kind} have no name, for what they"
        " belong to is gone; do not rely on this snapshot"
    )


def _why_unread(kind: str, name: str) -> str:
    return (
        f"{kind}: not compared, a login may not read {name};"
        " grant pg_read_all_data to the source's reader"
    )


def _role_names(session: Session, context: CheckContext) -> dict[str, str]:
    """The names of roles by number: the copy's, and the source's where the copy lost one."""
    names = {
        item.versions.removeprefix(comparison.NUMBERED): item.name
        for item in comparison.objects_from(context.before["cluster"]["objects"]).values()
        if item.kind == "role"
    }
    return names | dict(session.rows(_ROLES, action="reading the names of roles"))


def _unit(database: str, subject: str, exempt: str = "", unread: str = "") -> Unit:
    return Unit(
        id=f"{NAME}/{database}/{subject}",
        check=NAME,
        database=database,
        subject=subject,
        claim=Claim.PROVEN,
        why=exempt,
        exempt=bool(exempt),
        detail={"unread": unread},
    )


def _told(found: list[comparison.Difference], roles: Mapping[str, str]) -> tuple[str, ...]:
    """In words; what belongs to a relation that is itself missing is not named again."""
    gone = tuple(
        f"{item.name}{mark}"
        for item in found
        if item.what.startswith(("missing", "only")) and item.kind != "type"
        for mark in (".", "[]")
    )
    relations = {item.name for item in found if item.kind != "type"}
    message = [
        _named(f"{item.kind} {item.name} is {item.what}", roles)
        for item in found
        if not item.name.startswith(gone or ("\0",))
        and not (item.kind == "type" and item.name in relations)
    ]
    message.sort(key=lambda text: not text.startswith(("table ", "materialised view ")))
    return shortened(message, FINDINGS_SHOWN, "more objects")


def _named(text: str, roles: Mapping[str, str]) -> str:
    return _ROLE_NUMBER.sub(lambda found: f"role {roles.get(found[1], '#' + found[1])}", text)


CHECK = Check(
    NAME,
    "against the source before and after the snapshot: nothing missing, nothing extra,"
    " nothing defined otherwise",
    plan,
    run,
)
