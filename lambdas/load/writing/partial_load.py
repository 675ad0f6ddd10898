"""What is in of a load that is not atomic and did not come to its end, for whoever clears up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.load.load import LoadPlan, Part, Way
from lambdas.load.writing import staging
from lambdas.load.writing.moving import filled
from lambdas.load.writing.staging import Staged

STRETCHES_TOLD = 20


@dataclass(frozen=True)
class Stretch:
    """Rows of one object that stand together, ``first`` to ``end`` in its bytes."""

    location: str
    first: int
    end: int
    first_line: int

    def __str__(self) -> str:
        return f"{self.location} bytes {self.first}-{self.end - 1} (from line {self.first_line})"


def found(session: Session, load_id: str, plan: LoadPlan) -> dict[str, Any] | None:
    """``{"atomic", "parts", "rows_in", "partly"}`` of what stays in the tables; None for nothing.

    ``parts`` has the numbers of the parts that are in, ``partly`` is for people.
    """
    notes: dict[int, Staged] = {}
    for one in filled(plan):
        if one.target.way is Way.APART:
            notes.update(staging.find_all(session, load_id, one.target, one.parts))
    if not notes:
        return None
    rows = sum(note.rows for note in notes.values())
    said = f"Not atomic, as was asked: {len(notes)} of {len(plan.parts)} parts are in the table"
    return {
        "atomic": False,
        "parts": sorted(notes),
        "rows_in": rows,
        "partly": f"{said} and stay, {rows} rows: {_told(plan.parts, notes)}."
        " Take them out before you load again, or load again with on_conflict skip if a key tells"
        " the rows. ",
    }


def _told(parts: Sequence[Part], notes: Mapping[int, Staged]) -> str:
    stretches = joined(parts, notes)
    message = "; ".join(map(str, stretches[:STRETCHES_TOLD]))
    more = len(stretches) - STRETCHES_TOLD
    return f"{message}; and {more} stretches more, see result.json" if more > 0 else message


def joined(parts: Sequence[Part], notes: Mapping[int, Staged]) -> list[Stretch]:
    """The parts that are in; those that follow on each other as one."""
    stretches: list[Stretch] = []
    for part in parts:
        note = notes.get(part.number)
        if note is None or note.first == note.end:
            continue
        last = stretches[-1] if stretches else None
        if last and (last.location, last.end) == (part.location, note.first):
            stretches[-1] = Stretch(last.location, last.first, note.end, last.first_line)
        else:
            stretches.append(Stretch(part.location, note.first, note.end, note.first_line))
    return stretches
