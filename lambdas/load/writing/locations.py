"""Where a row of a staging table stands in its object, by the note on the table."""

from lambdas.adapters.postgres import Session
from lambdas.load.load import LoadPlan
from lambdas.load.writing import staging
from lambdas.load.writing.first_bad_row import Offender
from lambdas.load.writing.staging import Staged


def place_of(
    session: Session, load_id: str, plan: LoadPlan, offender: Offender, *, header: bool
) -> str:
    """Object and line; where rows and lines are not the same, the row and the part's bytes.

    Args:
        header: whether the objects begin with one.
    """
    part = plan.parts[offender.part - 1]
    note = staging.find(session, load_id, plan.targets[part.target], part.number)
    if note is None:
        return part.location
    return f"{part.location}: {_within(note, offender, header=header and part.begins)}"


def _within(note: Staged, offender: Offender, *, header: bool) -> str:
    if note.row_is_line:
        return f"line {note.first_line + header + offender.rows_before}"
    among = " that are not left out" if note.rejected else ""
    return (
        f"row {offender.rows_before + 1} of the rows{among} in bytes {note.first}-{note.end - 1}"
        f" (from line {note.first_line})"
    )
