"""Through each index that is no B-tree, each row of its table is found: GIN, GiST, BRIN, hash, …

No other check looks into them; amcheck knows B-trees. How, and what else is asked of them:
:mod:`lambdas.drill.checks.indexes`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.common.versions import read_as
from lambdas.drill.checks.files.storage import StoredIndex, list_indexes, once
from lambdas.drill.checks.indexes import absent_keys
from lambdas.drill.checks.indexes.contents import compare_values
from lambdas.drill.checks.indexes.definition import Target
from lambdas.drill.checks.indexes.lookups import find_each_row
from lambdas.drill.checks.indexes.row_counts import count_rows
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Unit

NAME = "self_find"

EXACT = frozenset({"gin", "gist", "spgist", "brin", "hash", "bloom"})
"""Access methods that give every row that an operator holds for."""

_APPROXIMATE = {
    "ivfflat": "an approximate index need not find every row",
    "hnsw": "an approximate index need not find every row",
}

NOTHING_LOOKED_UP = "{}: no row was looked up through it, so nothing is known of it"
ADVICE = (
    "look for them on the source; if they are found there, the snapshot lost them, else REINDEX"
)


def look(session: Session) -> list[dict[str, Any]]:
    """The indexes of a database."""
    return [asdict(index) for index in list_indexes(session, btrees=False)]


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each index."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        listed = (StoredIndex(**index) for index in (seen.found or () if seen else ()))
        for index in once(listed, database.name):
            exempt = index.why_exempt or _why_exempt(index)
            yield Unit(
                id=f"{NAME}/{database.name}/{index.oid}",
                check=NAME,
                database=database.name,
                subject=index.title,
                cost_bytes=0 if exempt else index.cost_bytes,
                claim=Claim.PROVEN,
                why=exempt,
                exempt=bool(exempt),
                detail={"index": asdict(index)},
            )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Look rows up, and where none is lost, hold the index's own against the table.

    Also where not all could be looked up: what is wrong with an index may be seen in another way.
    """
    index = read_as(StoredIndex, unit.detail["index"])
    outcome = Outcome()
    with context.session(unit.database) as session:
        looked = find_each_row(session, index, outcome, ADVICE)
        if looked.target is not None and not outcome.has_findings:
            _hold_against_the_table(session, looked.target, outcome)
    outcome.measured["rows looked up"] = looked.rows
    if not (looked.rows or outcome.is_complete):
        outcome.not_asked(NOTHING_LOOKED_UP.format(index.title), Claim.NOT_COMPARED)
    return outcome.measurement(unit)


def _hold_against_the_table(session: Session, target: Target, outcome: Outcome) -> None:
    if compare_values(session, target, outcome, ADVICE) and count_rows(
        session, target, outcome, ADVICE
    ):
        absent_keys.look_for(session, target, outcome)


def _why_exempt(index: StoredIndex) -> str:
    if index.method in EXACT:
        return ""
    return _APPROXIMATE.get(index.method, f"no way to look rows up through {index.method} is known")


CHECK = Check(
    NAME,
    "each row is found through each other index: GIN, GiST, SP-GiST, BRIN, hash, bloom; what"
    " an index-only scan returns is what the table holds; a scan of a whole GiST or SP-GiST"
    " index gives as many rows as there are; a search through GIN for a key that no row has"
    " gives none",
    plan,
    run,
    look,
)
