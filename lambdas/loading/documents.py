"""A load's documents in its evidence folder: written by one state, read by the others."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lambdas.adapters.evidence import Evidence
from lambdas.domain import documents
from lambdas.domain.load import LoadPlan, Part, Rejects, Target, outcome_of
from lambdas.domain.load_request import LoadRequest, parse
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
                "at_once": plan.at_once,
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
            found["at_once"],
        )

    def stretch(self, number: int) -> Stretch:
        """What a part says about its rows."""
        return Stretch(**self.evidence.read(documents.stretch(number)))

    def loaded(self, number: int) -> dict[str, Any] | None:
        """What became of a part; None when it gave no result."""
        found: dict[str, Any] | None = self.evidence.find(documents.loaded(number))
        return found

    def write_fault(self, number: int, fault: str) -> None:
        """What keeps a part, and with it the load, from being loaded."""
        nothing = {"size_bytes": 0, "rejected": 0, "rejects": []}
        self.evidence.write(documents.loaded(number), {"part": number, "fault": fault, **nothing})

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
        """``{"rows", "bytes", "rejected", "tables", "rejects", "reasons"}`` of a load."""
        outcome = outcome_of([self.loaded(part.number) for part in plan.parts])
        tables = dict.fromkeys(f"{target.schema}.{target.table}" for target in plan.targets)
        rejects = [self.evidence.location(documents.rejects(part)) for part in outcome.rejecting]
        return {
            "rows": rows,
            "bytes": outcome.size_bytes,
            "rejected": outcome.rejected,
            "tables": list(tables),
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
    )
