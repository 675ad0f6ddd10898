"""Through each index that is no B-tree, each row of its table is found: GIN, GiST, BRIN, hash, …

No other check looks into them; amcheck knows B-trees. How: :mod:`lambdas.checks.lookups`. And what
the index itself gives of the rows is right: :mod:`lambdas.checks.index_content`. And no row comes
twice: :mod:`lambdas.checks.whole_scans`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.checks import index_content, lookups, whole_scans
from lambdas.checks.index_content import Compared
from lambdas.checks.shape import Bench, Check, Survey
from lambdas.checks.storage import StoredIndex, list_indexes, once
from lambdas.domain.units import Claim, Measurement, Status, Unit

NAME = "self_find"

EXACT = frozenset({"gin", "gist", "spgist", "brin", "hash", "bloom"})
"""Access methods that give every row that an operator holds for."""

_APPROXIMATE = {
    "ivfflat": "an approximate index need not find every row",
    "hnsw": "an approximate index need not find every row",
}

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


def run(unit: Unit, bench: Bench) -> Measurement:
    """Look every row up; what could not be looked up is told, and claims nothing."""
    index = StoredIndex(**unit.detail["index"])
    with bench.session(unit.database) as session:
        found = lookups.find_each_row(session, index)
        given = Compared()
        if not (found.findings or found.notes):
            given = index_content.compare(session, index)
            if not given.findings:
                counted = whole_scans.count_rows(session, index)
                given = Compared(counted.findings, given.missed + counted.missed)
    measured = {"rows looked up": found.rows}
    notes = found.notes + given.missed
    if findings := [*found.findings, *given.findings]:
        told = tuple(f"{text}; {ADVICE}" for text in findings)
        return Measurement(unit.id, Status.WRONG, measured, told, notes)
    if found.doubts or (found.partly and not found.rows):
        return Measurement(unit.id, Status.UNMEASURED, measured, notes=notes)
    status = Status.EXEMPT if found.missed else Status.OK
    claim = Claim.CONSISTENT if notes else None
    return Measurement(unit.id, status, measured, notes=notes, claim=claim)


def _why_exempt(index: StoredIndex) -> str:
    if index.method in EXACT:
        return ""
    return _APPROXIMATE.get(index.method, f"no way to look rows up through {index.method} is known")


CHECK = Check(NAME, "each row is found through each index that is no B-tree", plan, run, look)
