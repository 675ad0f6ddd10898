"""What became of a load's parts, folded into what the execution ends with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.errors import BadData, PartLost
from lambdas.load.load import LoadPlan, Rules, first_of


@dataclass(frozen=True)
class Outcome:
    """What the parts came to, together.

    Attributes:
        rejecting: the numbers of the parts that left rows out.
        reasons: of the rows left out, the first ones.
    """

    size_bytes: int
    rejected: int
    rejecting: tuple[int, ...]
    reasons: tuple[str, ...]


REASONS_SHOWN = 20


def check(loaded: Sequence[Mapping[str, Any] | None], rules: Rules) -> None:
    """Look for what keeps a load from going on; the first fault of a part is the load's.

    Raises:
        BadData: a part could not be loaded, or together they left out too many rows.
        PartLost: a part gave no result.
    """
    results = [found for found in loaded if found is not None]
    for found in results:
        if found["fault"] and not found.get("lost"):
            raise BadData(found["fault"])
    for found in results:
        if found.get("lost"):
            raise PartLost(f"part {found['part']}, try after try: {found['fault']}")
    if len(results) < len(loaded):
        lost = ", ".join(str(n) for n, found in enumerate(loaded, start=1) if found is None)
        raise PartLost(f"parts without a result: {lost}; see the log of LoadPart, load again")
    rejected = sum(found["rejected"] for found in results)
    if rejected > rules.max_errors:
        first = outcome_of(loaded).reasons[0]
        raise BadData(
            f"{rejected} bad rows, and {rules.max_errors} were allowed; mend them, or raise"
            f" max_errors: {first}"
        )


def outcome_of(loaded: Sequence[Mapping[str, Any] | None]) -> Outcome:
    """Fold the results of the parts that gave one."""
    results = [found for found in loaded if found is not None]
    reasons = tuple(reason for found in results for reason in found["rejects"])
    return Outcome(
        size_bytes=sum(found["size_bytes"] for found in results),
        rejected=sum(found["rejected"] for found in results),
        rejecting=tuple(found["part"] for found in results if found["rejects"]),
        reasons=reasons[:REASONS_SHOWN],
    )


def types_widened(plan: LoadPlan, loaded: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """``schema.table.column: type, not …`` of new tables whose later rows need another type."""
    message: dict[str, str] = {}
    for part, found in zip(plan.parts, loaded, strict=True):
        target = plan.targets[part.target]
        for name, why in (found or {}).get("widened", {}).items():
            column = f"{target.schema}.{target.table}.{name}"
            # The widest type is what the column has; of two that tell it, one has a line.
            message[column] = max(
                message.get(column, ""), why, key=lambda it: (it[:4] == "text", len(it))
            )
    return first_of([f"{column}: {why}" for column, why in message.items()])
