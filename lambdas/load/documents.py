"""A load's documents in its evidence folder: written by one state, read by the others."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.common.versions import known_fields, lacking_fields
from lambdas.errors import LoadOver
from lambdas.load.load import LoadPlan, Part, Rejects, Target, Way, first_of
from lambdas.load.load_request import LoadRequest, parse
from lambdas.load.outcome import outcome_of, types_widened
from lambdas.load.reading.infer import TEXT, WRITTEN
from lambdas.load.reading.rows import Stretch


@dataclass(frozen=True)
class LoadFolder:
    """The documents of one load."""

    evidence: Evidence

    def write_plan(self, document: Mapping[str, Any], plan: LoadPlan) -> None:
        """The request, the plan, and last the list that the map reads."""
        self.evidence.write(document_names.REQUEST, document)
        self.evidence.write(
            document_names.LOAD,
            {
                "targets": [asdict(target) for target in plan.targets],
                "parts": [asdict(part) for part in plan.parts],
                "atomic": plan.atomic,
            },
        )
        self.evidence.write(document_names.PARTS, [{"number": part.number} for part in plan.parts])

    def request(self) -> LoadRequest:
        """The input."""
        return parse(self.evidence.read(document_names.REQUEST))

    def plan(self) -> LoadPlan:
        """What was planned.

        Raises:
            LoadOver: by another version, which left out what is needed to load it.
        """
        found = self.evidence.read(document_names.LOAD)
        return LoadPlan(tuple(map(_target, found["targets"])), tuple(map(_part, found["parts"])))

    def tables(self) -> LoadPlan:
        """The plan as far as the teardown needs it, whatever else another version left out."""
        found = self.evidence.read(document_names.LOAD)
        return LoadPlan(
            tuple(_target(_NO_TARGET | _in_words_of_this(target)) for target in found["targets"]),
            tuple(_part(_NO_PART | part) for part in found["parts"]),
        )

    def stretch(self, number: int) -> Stretch:
        """What a part says about its rows.

        Raises:
            LoadOver: another version surveyed it, and left out what is needed.
        """
        found = self.evidence.read(document_names.stretch(number))
        _refuse_lacking(Stretch, found)
        return Stretch(**known_fields(Stretch, found))

    def loaded(self, number: int) -> dict[str, Any] | None:
        """What became of a part; None when it gave no result."""
        found: dict[str, Any] | None = self.evidence.find(document_names.loaded(number))
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
            found = self.evidence.write_once(document_names.loaded(number), outcome)
            if found is outcome or not found.get("lost"):
                return
        self.evidence.write(document_names.loaded(number), outcome)

    def refuse_over(self) -> None:
        """Nothing is begun any more once the load was ended from outside.

        Raises:
            LoadOver: it was; a function that is still at work, or a redrive, may not make a
                staging table again.
        """
        if self.evidence.find(document_names.OVER) is not None:
            raise LoadOver(
                "the load was ended from outside and its staging tables removed; start a new one"
            )

    def write_rejects(self, number: int, rejects: Rejects) -> None:
        """The rows that a part leaves out, if there are any, and why."""
        if rejects.lines:
            self.evidence.write_bytes(
                document_names.rejects(number), rejects.document(), "text/csv"
            )
            self.evidence.write(document_names.reasons(number), rejects.lines)

    def reasons(self, number: int) -> list[str]:
        """Why rows of a part were left out."""
        found: list[str] = self.evidence.read(document_names.reasons(number))
        return found

    def result(self, plan: LoadPlan, rows: int) -> dict[str, Any]:
        """The load's result, see :mod:`lambdas.load.handlers.finish_load`."""
        loaded = [self.loaded(part.number) for part in plan.parts]
        outcome = outcome_of(loaded)
        tables = dict.fromkeys(f"{target.schema}.{target.table}" for target in plan.targets)
        rejects = [
            self.evidence.location(document_names.rejects(part)) for part in outcome.rejecting
        ]
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


_NO_TARGET: dict[str, Any] = {"columns": (), "all_columns": (), "key": ()}
_NO_PART: dict[str, Any] = {
    "bucket": "",
    "key": "",
    "etag": "",
    "size_bytes": 0,
    "first": 0,
    "end": 0,
    "compression": "",
}
"""What no table is dropped by. Of a part that is to be loaded a default would leave out rows."""


def _in_words_of_this(target: Mapping[str, Any]) -> dict[str, Any]:
    """Ways and types only say how rows came in, and not which tables there are."""
    is_known = target.get("way") in set(Way)
    known = {name: value for name, value in target.items() if name != "way" or is_known}
    return {**known, "definition": ()}


def _target(document: Mapping[str, Any]) -> Target:
    _refuse_lacking(Target, document)
    found = {name: _frozen(value) for name, value in known_fields(Target, document).items()}
    target = Target(**found)
    if target.way not in set(Way):
        raise _other_version(f"fills the table {target.table} in a way that this one has not")
    if strange := [name for name, kind in target.definition if kind not in (TEXT, *WRITTEN)]:
        message = ", ".join(first_of(strange))
        raise _other_version(
            f"gave columns of {target.table} types that this one has not: {message}"
        )
    return replace(target, way=Way(target.way))


def _part(document: Mapping[str, Any]) -> Part:
    _refuse_lacking(Part, document)
    return Part(**known_fields(Part, document))


def _refuse_lacking(kind: type[Any], document: Mapping[str, Any]) -> None:
    if lacking := lacking_fields(kind, document):
        raise _other_version(
            f"did not write down {', '.join(lacking)} of a {kind.__name__.lower()}"
        )


def _other_version(did: str) -> LoadOver:
    return LoadOver(
        f"the load was begun by another version of Time Machine, which {did}: start a new load now"
        " that this version is deployed"
    )


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
