"""Row counts of two drills' copies, held against what the source counted of writes in between.

Each drill reads the source's counters before and after its snapshot. With the rows of the last
copy, they bound those of this one. They prove nothing: they come seconds late, are lost at times,
and count what was rolled back. Inside of the bounds a count is consistent with the source; outside
of them it is not compared, and told only where no rollback could explain it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from lambdas.drill.units import Claim, Unit
from lambdas.drill.verdict.history import COUNTS, ROWS, is_uncompared
from lambdas.drill.verdict.verdict import Result

NAME = "write counters"

NO_PROOF = "they come late, are lost at times and count what was rolled back, so they prove nothing"

Numbers = Mapping[tuple[str, str], str]
"""The oid of a relation, by its database and its name."""


@dataclass(frozen=True)
class Counters:
    """What a reading holds of a relation; ``file`` is another when it was rewritten or emptied."""

    file: int
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class Allowed:
    """The rows that a good copy has, by the counters.

    ``low`` and ``high`` hold if none of the writes was rolled back, ``fewest`` and ``most`` if any
    of them may have been.
    """

    low: int
    high: int
    fewest: int
    most: int

    @property
    def words(self) -> str:
        """For a sentence."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


def allowed(rows: int, counters: Sequence[Counters]) -> Allowed:
    """What the copy of this drill's snapshot may hold.

    Args:
        rows: of the last copy.
        counters: before and after its snapshot, and before and after this one.
    """
    then_before, then_after, now_before, now_after = counters
    inserted_least = now_before.inserted - then_after.inserted
    inserted_most = now_after.inserted - then_before.inserted
    deleted_least = now_before.deleted - then_after.deleted
    deleted_most = now_after.deleted - then_before.deleted
    return Allowed(
        low=max(0, rows + inserted_least - deleted_most),
        high=rows + inserted_most - deleted_least,
        fewest=max(0, rows - deleted_most),
        most=rows + inserted_most,
    )


def why_unusable(readings: Sequence[Mapping[str, Any]], oid: str) -> str:
    """Why the counters of a relation say nothing; empty when they do.

    Args:
        readings: of its database, in the order of time.
    """
    if not all(reading["counting"] for reading in readings):
        return "are switched off (track_counts)"
    if any(reading["since"] != readings[0]["since"] for reading in readings):
        return "began anew: the server was restarted, or they were reset"
    found = [reading["relations"].get(oid) for reading in readings]
    if None in found:
        return "are not of the same table: it was dropped or made meanwhile"
    counters = [Counters(*each) for each in found if each is not None]
    if len({each.file for each in counters}) > 1:
        return "miss what emptied or rewrote the table (TRUNCATE, VACUUM FULL, ...)"
    if any(_decreases(*pair) for pair in pairwise(counters)):
        return "went backwards"
    return ""


def numbers_of(units: Iterable[Unit]) -> dict[tuple[str, str], str]:
    """The oids of the relations whose rows were counted."""
    return {
        (unit.database, unit.subject): str(unit.detail["relation"]["oid"])
        for unit in units
        if unit.check == COUNTS
    }


def record(
    before: Mapping[str, Any], after: Mapping[str, Any], results: Sequence[Result], numbers: Numbers
) -> dict[str, Any]:
    """What the next drill needs of this one.

    Args:
        before, after: by database, what the readings hold of it.

    Returns:
        By database the readings' counters ``before`` and ``after`` the snapshot, and the copy's
        ``rows`` by oid.
    """
    kept: dict[str, Any] = {}
    for database in before:
        readings = [
            reading.get(database, {}).get("read", {}).get(NAME) for reading in (before, after)
        ]
        if None not in readings:
            kept[database] = {"before": readings[0], "after": readings[1], "rows": {}}
    for result in results:
        if result.check == COUNTS and ROWS in result.measured and result.database in kept:
            oid = numbers[(result.database, result.subject)]
            kept[result.database]["rows"][oid] = result.measured[ROWS]
    return kept


def compare(
    results: Sequence[Result], numbers: Numbers, then: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    """The results with what the counters say of them, and what a person should look at.

    Args:
        then, now: the records of the last drill that PASSED and of this one.
    """
    compared = [_compared(result, numbers, then, now) for result in results]
    return tuple(result for result, _ in compared), tuple(text for _, text in compared if text)


def _compared(
    result: Result, numbers: Numbers, then: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Result, str]:
    if not is_uncompared(result):
        return result, ""
    oid = numbers[(result.database, result.subject)]
    records = [record.get(result.database, {}) for record in (then, now)]
    if not all(oid in record.get("rows", {}) for record in records):
        return _noted(result, "there are none of it from the last drill that PASSED"), ""
    readings = list(_readings(records))
    if why := why_unusable(readings, oid):
        return _noted(result, f"they {why}"), ""
    counters = [Counters(*reading["relations"][oid]) for reading in readings]
    return _judged(result, allowed(records[0]["rows"][oid], counters))


def _readings(records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for record in records:
        yield record["before"]
        yield record["after"]


def _judged(result: Result, bounds: Allowed) -> tuple[Result, str]:
    rows = result.measured[ROWS]
    if bounds.low <= rows <= bounds.high:
        noted = _noted(result, f"they allow {bounds.words} rows; {NO_PROOF}")
        return replace(noted, claim=Claim.CONSISTENT), ""
    if bounds.fewest <= rows <= bounds.most:
        why = f"they allow {bounds.words} rows; what was rolled back may explain {rows:,}"
        return _noted(result, why), ""
    message = f"the source's {NAME}, which can be wrong, allow {bounds.words}"
    noted = _noted(result, f"they allow {bounds.words} rows; {NO_PROOF}")
    return noted, f"{result.title} has {rows:,} rows, and {message}"


def _noted(result: Result, text: str) -> Result:
    return replace(result, notes=(*result.notes, f"the source's {NAME}: {text}"))


def _decreases(earlier: Counters, later: Counters) -> bool:
    return (
        later.inserted < earlier.inserted
        or later.updated < earlier.updated
        or later.deleted < earlier.deleted
    )
