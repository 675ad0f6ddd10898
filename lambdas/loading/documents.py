"""A load's documents in its evidence folder: written by one state, read by the others."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.domain import documents
from lambdas.domain.load import LoadPlan, Part, Rejects, Target, Way, outcome_of, types_widened
from lambdas.domain.load_request import LoadRequest, parse
from lambdas.errors import LoadOver
from lambdas.loading.rows import Stretch


@dataclass(frozen=True)
class LoadFolder:
    """The documents of one load."""

    evidence: Evidence

    def write_plan(self, document: Mapping[str, Any], plan: LoadPlan) -> None:
        """The request, the plan, and last the list that the map reads."""
        self.evidence.write(documents.REQUEST, document)
        self.evidence.write(
            documents.LOAD,
            {
                "targets": [asdict(target) for target in plan.targets],
                "parts": [asdict(part) for part in plan.parts],
                "atomic": plan.atomic,
            },
        )
        self.evidence.write(documents.PARTS, [{"number": part.number} for part in plan.parts])

    def request(self) -> LoadRequest:
        """The input."""
        return parse(self.evidence.read(documents.REQUEST))

    def plan(self) -> LoadPlan:
        """What was planned."""
        found = self.evidence.read(documents.LOAD)
        return LoadPlan(
            tuple(_target(target) for target in found["targets"]),
            tuple(Part(**part) for part in found["parts"]),
        )

    def stretch(self, number: int) -> Stretch:
        """What a part says about its rows."""
        return Stretch(**self.evidence.read(documents.stretch(number)))

    def loaded(self, number: int) -> dict[str, Any] | None:
        """What became of a part; None when it gave no result."""
        found: dict[str, Any] | None = self.evidence.find(documents.loaded(number))
        return found

    def write_fault(self, number: int, fault: str, *, lost: bool = False) -> None:
        """What keeps a part, and with it the load, from being loaded.

        Args:
            lost: it may be another time; the next try writes what became of it instead. A try that
                was given up may end after the next one, and may not write over what that said.
        """
        nothing = {"size_bytes": 0, "rejected": 0, "rejects": []}
        outcome = {"part": number, "fault": fault, "lost": lost, **nothing}
        if lost:
            found = self.evidence.write_once(documents.loaded(number), outcome)
            if found is outcome or not found.get("lost"):
                return
        self.evidence.write(documents.loaded(number), outcome)

    def refuse_over(self) -> None:
        """Nothing is begun any more once the load was ended from outside.

        Raises:
            LoadOver: it was; a function that is still at work, or a redrive, may not make a
                staging table again.
        """
        if self.evidence.find(documents.OVER) is not None:
            raise LoadOver(
                "the load was ended from outside and its staging tables removed; start a new one"
            )

    def write_rejects(self, number: int, rejects: Rejects) -> None:
        """The rows that a part leaves out, if there are any, and why."""
        if rejects.lines:
            self.evidence.write_bytes(documents.rejects(number), rejects.document(), "text/csv")
            self.evidence.write(documents.reasons(number), rejects.lines)

    def reasons(self, number: int) -> list[str]:
        """Why rows of a part were left out."""
        found: list[str] = self.evidence.read(documents.reasons(number))
        return found

    def result(self, plan: LoadPlan, rows: int) -> dict[str, Any]:
        """The load's result, see :mod:`lambdas.handlers.finish_load`."""
        loaded = [self.loaded(part.number) for part in plan.parts]
        outcome = outcome_of(loaded)
        tables = dict.fromkeys(f"{target.schema}.{target.table}" for target in plan.targets)
        rejects = [self.evidence.location(documents.rejects(part)) for part in outcome.rejecting]
        return {
            "atomic": plan.atomic,
            "rows": rows,
            "bytes": outcome.size_bytes,
            "rejected": outcome.rejected,
            "tables": list(tables),
            "columns_left_out": plan.columns_left_out,
            "types_widened": types_widened(plan, loaded),
            "rejects": rejects,
            "reasons": list(outcome.reasons),
        }


def _target(document: Mapping[str, Any]) -> Target:
    return Target(
        document["schema"],
        document["table"],
        tuple(document["columns"]),
        tuple(document["all_columns"]),
        tuple(document["key"]),
        tuple((name, kind) for name, kind in document["definition"]),
        Way(document["way"]),
        tuple(document["left_out"]),
    )
