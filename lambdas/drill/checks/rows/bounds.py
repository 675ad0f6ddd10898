"""What the rows of a relation on the copy can be, by the source's two readings of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambdas.common.versions import read_as
from lambdas.drill.admission.request import BASELINE_EXACT
from lambdas.drill.check_names import YOUNGER_ROWS
from lambdas.drill.checks.catalog.comparison import meanwhile
from lambdas.drill.checks.rows.stable_rows import Buckets
from lambdas.drill.checks.shape import Relation, Survey, SurveyedDatabase
from lambdas.drill.units import Claim

COLUMNS_CHANGED = "its columns were changed around the snapshot; its content is not compared"


@dataclass(frozen=True)
class Bound:
    """What a bucket's stable rows can be; ``content`` is None where they did not stand still."""

    low: int
    high: int
    content: int | None = None


@dataclass(frozen=True)
class Bounded:
    """What the two readings say of a relation; ``why`` says why no more can be claimed.

    ``each`` bounds the stable rows of each bucket, empty where rows have moved between blocks.
    ``beyond``: the first transaction that had not ended when the source was read last, and how many
    rows may seem to be of later ones: frozen versions of an earlier transaction ID epoch.
    """

    why: str
    claim: Claim = Claim.NOT_COMPARED
    total: tuple[int, int] | None = None
    buckets: Buckets | None = None
    each: Sequence[Bound] = ()
    columns: str = ""
    horizon: int | None = None
    beyond: tuple[int, int] | None = None
    unread: bool = False


def bounds_of(survey: Survey, database: SurveyedDatabase, relation: Relation) -> Bounded:
    """The bounds of a relation, or why there are none."""
    if survey.baseline != BASELINE_EXACT:
        return Bounded(f"the baseline ({survey.baseline}) holds no rows")
    if survey.after["gap"]:
        return Bounded(str(survey.after["gap"]), unread=True)
    key = str(relation.oid)
    for moment, reading in (("before", survey.before), ("after", survey.after)):
        found: Mapping[str, Any] = reading["databases"].get(database.name, {})
        if key not in found.get("rows", {}):
            reason = found.get("unread", {}).get(key) or found.get("closed")
            message = reason or found.get("absent", {}).get(key) or "not on the source"
            why = f"{message} ({moment} the snapshot)"
            return Bounded(why, unread=bool(reason))
    if not survey.read_twice(database):
        return Bounded("the database was dropped and created again on the source meanwhile")
    before = survey.before["databases"][database.name]["rows"][key]
    after = survey.after["databases"][database.name]["rows"][key]
    compared = _compared(before, after, survey.before["horizon"])
    following = meanwhile(survey.before, survey.after).next
    if following is None:
        return compared
    return replace(compared, beyond=(following, before[YOUNGER_ROWS]))


def within(bounded: Bounded, ranges: Sequence[tuple[int, int | None]]) -> Bounded:
    """Without bounds by bucket where the copy's ranges reach beyond the source's buckets.

    The last bucket is open. Where the source's size was an estimate (a lock was held) it may span
    several ranges of the copy, and none of them could be held against it.
    """
    buckets = bounded.buckets
    if buckets is None or ranges[-1][0] < buckets.blocks_each * buckets.number:
        return bounded
    why = "the table grew beyond what the first reading expected; its rows are compared as a whole"
    return replace(bounded, why=why, claim=Claim.CONSISTENT, each=())


def _compared(before: Mapping[str, Any], after: Mapping[str, Any], horizon: int) -> Bounded:
    high, low = before["standing"], after["standing"]
    total, buckets = (sum(low), sum(high)), read_as(Buckets, before["buckets"])
    if before["file"] != after["file"] or not before["file"]:
        why = "the table was rewritten on the source meanwhile; its rows are compared as a whole"
        return Bounded(why, Claim.CONSISTENT, total, buckets, (), before["columns"], horizon)
    each = bounds_by_bucket(before, after)
    still = sum(bound.content is not None for bound in each)
    if still == len(each):
        why = "rows written around the snapshot are not compared"
        return Bounded(why, Claim.PROVEN, total, buckets, each, before["columns"], horizon)
    why = (
        f"{total[1] - total[0]:,} stable rows were changed or deleted on the source meanwhile; "
        f"{still:,} of {len(each):,} buckets stood still"
    )
    return Bounded(why, Claim.CONSISTENT, total, buckets, each, before["columns"], horizon)


def bounds_by_bucket(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Bound]:
    """By bucket; content bounds only what both readings hashed alike, column by column."""
    comparable = before["columns"] == after["columns"]
    return [
        Bound(low, high, content if comparable and low == high and content == still else None)
        for low, high, content, still in zip(
            after["standing"], before["standing"], before["hashes"], after["hashes"], strict=True
        )
    ]
