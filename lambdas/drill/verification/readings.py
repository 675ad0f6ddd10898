"""The baseline's two readings out of the evidence: their heads at once, the rest when asked for.

All buckets of 10,000 tables, or of one of 10 TiB, are more than a function holds. They lie in the
documents of their batches, and only the last few of those are kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.rows.read_pieces import LOST, fold, unit_id
from lambdas.drill.drill import Drill

Find = Callable[[str], Any]
"""A document of the drill by its name, or None."""

DOCUMENTS_KEPT = 4

_LATER = ("objects", "read", "closed", "rows", "unread", "absent")


def readings_of(drill: Drill, evidence: Evidence) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The two readings of a drill's source, empty without a baseline.

    Raises:
        EvidenceMissing: a survey of the source was never written.
    """
    if drill.baseline == BASELINE_NONE:
        return {}, {}
    before, after = (
        evidence.read(name)
        for name in (document_names.BASELINE_BEFORE, document_names.BASELINE_AFTER)
    )
    return both_readings(before, after, evidence.find)


def both_readings(
    before: Mapping[str, Any], after: Mapping[str, Any], find: Find
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two readings out of their heads and of what ``find`` finds of their batches.

    For the heads see :func:`lambdas.drill.verification.baseline.survey_source`.

    Each database has further ``objects`` and, by the relation's oid, ``rows`` (see
    :func:`lambdas.drill.checks.rows.read_pieces.fold`) or else why they are ``unread`` or
    ``absent``; and ``order``, the oids in the order that is cheapest to ask in.
    """
    lost = frozenset(after["lost"])
    return (
        _reading(before, _Batches(find, document_names.read_before, lost)),
        _reading(after, _Batches(find, document_names.read_after, frozenset())),
    )


def _reading(head: Mapping[str, Any], batches: "_Batches") -> dict[str, Any]:
    databases = {name: _Database(name, found, batches) for name, found in head["databases"].items()}
    return {**head, "databases": databases}


class _Batches:
    """The documents of a reading's batches."""

    def __init__(self, find: Find, name: Callable[[int], str], lost: frozenset[int]) -> None:
        self._find, self._name, self._lost = find, name, lost
        self._kept: OrderedDict[int, Mapping[str, Any]] = OrderedDict()

    def unit(self, number: int, unit: str) -> Mapping[str, Any] | None:
        """What a batch says of a unit; None when it gave no result."""
        if number not in self._kept:
            found = None if number in self._lost else self._find(self._name(number))
            self._kept[number] = found or {}
            if len(self._kept) > DOCUMENTS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number].get(unit)


class _Database(Mapping[str, Any]):
    """A database's part of a reading."""

    def __init__(self, name: str, head: Mapping[str, Any], batches: _Batches) -> None:
        self._name, self._head, self._batches = name, head, batches
        self._ranges: Mapping[str, list[list[int]]] = head.get("ranges", {})
        self._last: tuple[str, Mapping[str, Any]] = ("", {})

    def __getitem__(self, key: str) -> Any:
        if key == "closed":
            return self._head["closed"] or self._catalog().get("closed", "")
        if key == "objects":
            return self._catalog().get("objects", [])
        if key == "read":
            return self._catalog().get("read", {})
        if key == "order":
            return list(self._ranges)
        if key in ("rows", "unread", "absent"):
            return _Relations(key, self._ranges, self._relation)
        return self._head[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._head, *_LATER, "order")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _catalog(self) -> Mapping[str, Any]:
        if "batch" not in self._head:
            return {}
        found = self._batches.unit(self._head["batch"], unit_id(self._name, 0, 0))
        return {"closed": LOST} if found is None else found

    def _relation(self, oid: str) -> Mapping[str, Any]:
        if self._last[0] != oid:
            ranges = sorted(self._ranges[oid], key=lambda place: place[1])
            self._last = (oid, fold(list(self._pieces(oid, ranges))))
        return self._last[1]

    def _pieces(self, oid: str, ranges: list[list[int]]) -> Iterator[Mapping[str, Any]]:
        for number, first in ranges:
            found = self._batches.unit(number, unit_id(self._name, oid, first))
            yield {"unread": LOST} if found is None else found


class _Relations(Mapping[str, Any]):
    """The relations of a database that a reading has rows of, or that are unread, or absent."""

    def __init__(
        self,
        kind: str,
        ranges: Mapping[str, Any],
        relation: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self._kind, self._ranges, self._relation = kind, ranges, relation

    def __getitem__(self, oid: str) -> Any:
        if oid not in self._ranges:
            raise KeyError(oid)
        found = self._relation(oid)
        if self._kind != "rows":
            return found[self._kind]
        if "file" not in found:
            raise KeyError(oid)
        return found

    def __iter__(self) -> Iterator[str]:
        return (oid for oid in self._ranges if oid in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
