"""Every B-tree holds every row of its table, in order, and each can be found from its root.

amcheck reads the index and the heap side by side. Where it can't be had, each row is looked up
through the index instead (:mod:`lambdas.drill.checks.indexes.lookups`); the system catalogs are
then left
out. Where it takes longer than a function has, which it can't be cut to, the rows of a sample are.
Either goes from the heap to the index. What an index has too much, a count of its entries finds
(:mod:`lambdas.drill.checks.indexes.row_counts`).
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from psycopg2 import errorcodes

from lambdas.adapters.postgres import Session
from lambdas.common.versions import read_as
from lambdas.drill.checks.files.storage import (
    CATALOGS,
    StoredIndex,
    cost_of,
    grouped,
    list_indexes,
    once,
    subject_of,
)
from lambdas.drill.checks.indexes import lookups, row_counts
from lambdas.drill.checks.indexes.amcheck import WAYS, call_of, may_go, would_wait_again
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey, is_damage
from lambdas.drill.checks.tool_functions import (
    Functions,
    callable_of,
    should_be_there,
)
from lambdas.drill.checks.tool_names import AMCHECK
from lambdas.drill.units import RANGE_BYTES, Claim, Measurement, Unit
from lambdas.errors import QueryFailed

NAME = "btrees"

ADVICE = (
    "run bt_index_parent_check on the source's; if that one is sound, the snapshot or the copy's"
    " collation library is to blame, else REINDEX it"
)
WITHOUT_TOOL = "amcheck can't be used here: each row was looked up through the index instead"
CATALOGS_LEFT_OUT = "amcheck can't be used here: the indexes of the system catalogs are left out"

TOO_LARGE = (
    "{}: amcheck did not come to an end in {:,.0f} seconds over some {:,.0f} GB: rows were looked"
    " up through it instead; a larger copy_instance_class reads faster"
)
SPARED_SECONDS = 180
"""Of a function's time, for the look-ups through a large index that amcheck takes too long over."""


def look(session: Session) -> dict[str, Any]:
    """``{"functions", "catalogs", "indexes"}``: whether the catalogs are looked into, too."""
    functions = callable_of(session, AMCHECK, [(way.function, way.types) for way in WAYS])
    return {
        "functions": functions,
        # Damaged catalogs may be why amcheck could not be made: then they are worth the time.
        "catalogs": bool(functions) or should_be_there(session, AMCHECK),
        "indexes": [asdict(index) for index in list_indexes(session, btrees=True)],
    }


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for the small indexes of a table, for each large one, and for the catalogs."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        if seen is None or not seen.found:
            continue
        functions = seen.found["functions"]
        listed = (StoredIndex(**index) for index in seen.found["indexes"])
        indexes = list(once(listed, database.name))
        for index in indexes:
            if index.why_exempt:
                yield _exempt(database.name, index)
        sound = [index for index in indexes if not index.why_exempt]
        for group in grouped(index for index in sound if not index.catalog):
            yield _unit(database.name, group, functions)
        if seen.found["catalogs"]:
            for group in grouped(index for index in sound if index.catalog):
                yield _unit(database.name, group, functions)
        else:
            yield _without_catalogs(database.name)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Examine all at once; only where that fails, one after the other."""
    functions = unit.detail["functions"]
    indexes = [read_as(StoredIndex, document) for document in unit.detail["indexes"]]
    outcome = Outcome(Counter({"indexes": len(indexes)}))
    with context.session(unit.database) as session:
        if functions and _may_be_sampled(indexes):
            sound = _in_time(session, unit.subject, indexes, functions, outcome)
        else:
            sound = _examined(session, unit.subject, indexes, functions, outcome)
        row_counts.count_entries(session, sound, outcome)
    return outcome.measurement(unit)


def _examined(
    session: Session,
    subject: str,
    indexes: Sequence[StoredIndex],
    functions: Functions,
    outcome: Outcome,
) -> Sequence[StoredIndex]:
    """Those that nothing is wrong with."""
    if _all_sound(session, subject, indexes, functions):
        return indexes
    return _one_by_one(session, indexes, functions, outcome)


def _may_be_sampled(indexes: Sequence[StoredIndex]) -> bool:
    """Whether size is why amcheck takes long. Over a small index it may turn in a damaged one."""
    index = indexes[0]
    return len(indexes) == 1 and index.cost_bytes > RANGE_BYTES and not index.catalog


def _in_time(
    session: Session,
    subject: str,
    indexes: Sequence[StoredIndex],
    functions: Functions,
    outcome: Outcome,
) -> Sequence[StoredIndex]:
    """A large index, alone in its unit. What amcheck leaves open, a sample's rows are asked."""
    (index,) = indexes
    seconds = session.statement_seconds
    end = time.monotonic() + seconds
    session.limit_statements(max(seconds / 2, seconds - SPARED_SECONDS))
    began = time.monotonic()
    try:
        return _examined(session, subject, indexes, functions, outcome)
    except QueryFailed as error:
        if error.sqlstate != errorcodes.QUERY_CANCELED:
            raise
        waited = time.monotonic() - began
        session.limit_statements(end - time.monotonic())
        outcome.not_asked(TOO_LARGE.format(index.title, waited, index.cost_bytes / 1e9))
        looked = lookups.find_each_row(session, index, outcome, ADVICE)
        # Of a TOAST table the chunks are looked up when the values are read.
        if looked.sound and not looked.rows and not index.of_toast:
            raise
        if looked.sound and not index.of_toast:
            outcome.not_asked(row_counts.NO_TIME.format(index.title))
    return []


def _all_sound(
    session: Session, subject: str, indexes: Sequence[StoredIndex], functions: Functions
) -> bool:
    """Whether the strongest call that there is has nothing to say of any of them."""
    way = next((way for way in WAYS if may_go(functions, way)), None)
    if way is None or way.weaker:
        return False
    try:
        call_of(session, functions, way, [index.oid for index in indexes], subject)
    except QueryFailed as error:
        if error.sqlstate == errorcodes.QUERY_CANCELED:
            raise
        return False
    return True


def _one_by_one(
    session: Session, indexes: Sequence[StoredIndex], functions: Functions, outcome: Outcome
) -> Sequence[StoredIndex]:
    """One that is damaged keeps no other from being looked at."""
    examine = _with_amcheck if functions else _with_lookups
    sound = []
    for index in indexes:
        try:
            if examine(session, index, functions, outcome):
                sound.append(index)
        except QueryFailed as error:
            if not is_damage(error):
                raise
            outcome.wrong(f"{error}; {ADVICE}")
    return sound


def _with_amcheck(
    session: Session, index: StoredIndex, functions: Functions, outcome: Outcome
) -> bool:
    """Whether nothing is wrong with it."""
    refused: QueryFailed | None = None
    for way in WAYS:
        if not may_go(functions, way) or would_wait_again(refused, way):
            continue
        try:
            call_of(session, functions, way, [index.oid], f"the index {index.title}")
        except QueryFailed as error:
            if is_damage(error) or error.sqlstate == errorcodes.QUERY_CANCELED:
                raise
            refused = error
        else:
            if way.weaker:
                outcome.not_asked(f"{index.title}: {way.weaker}")
            return True
    if refused is not None:
        raise refused
    return _with_lookups(session, index, functions, outcome)


def _with_lookups(
    session: Session, index: StoredIndex, _functions: Functions, outcome: Outcome
) -> bool:
    outcome.not_asked(WITHOUT_TOOL)
    return lookups.find_each_row(session, index, outcome, ADVICE).sound


def _without_catalogs(database: str) -> Unit:
    return Unit(
        id=f"{NAME}/{database}/catalogs",
        check=NAME,
        database=database,
        subject=CATALOGS,
        why=CATALOGS_LEFT_OUT,
        exempt=True,
    )


def _unit(database: str, group: Sequence[StoredIndex], functions: Mapping[str, str]) -> Unit:
    return Unit(
        id=f"{NAME}/{database}/{group[0].oid}",
        check=NAME,
        database=database,
        subject=subject_of(group),
        cost_bytes=cost_of(group),
        claim=Claim.PROVEN if functions else Claim.CONSISTENT,
        detail={"functions": functions, "indexes": [asdict(index) for index in group]},
    )


def _exempt(database: str, index: StoredIndex) -> Unit:
    return Unit(
        id=f"{NAME}/{database}/{index.oid}",
        check=NAME,
        database=database,
        subject=index.title,
        why=index.why_exempt,
        exempt=True,
    )


CHECK = Check(
    NAME,
    "every B-tree, those of TOAST and of the system catalogs too, holds every row of its"
    " table in order, and each is found from its root; a scan of each index of a table gives"
    " as many rows as the table holds: no entry of a row that is gone",
    plan,
    run,
    look,
)
