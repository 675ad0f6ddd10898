"""The units of work of a verification: what to measure, what it must come to, in which batch.

A unit is the smallest thing that is measured, retried or given up alone: a whole small relation, a
block range of a large one, one database's catalog, one expectation. What ranges of one relation
measure adds up, so the same bounds hold however it was cut.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from lambdas.common.versions import known_fields
from lambdas.drill.check_names import STABLE_ROWS

BATCH_BYTES = 8 * 2**30
"""At 14 MB/s, which a cold volume gives, a batch ends inside its function's 15 minutes."""

RANGE_BYTES = 4 * 2**30
BATCH_UNITS = 400
MAX_BATCHES = 2000
"""Beyond it batches of many small units hold more of them; one of many bytes never grows."""


class Status(StrEnum):
    """How a unit, or the fold of a relation's units, came out."""

    OK = "ok"
    WRONG = "wrong"
    UNMEASURED = "unmeasured"
    EXEMPT = "exempt"


class Claim(StrEnum):
    """What the measurement supports, the strongest first."""

    PROVEN = "proven"
    CONSISTENT = "consistent"
    NOT_COMPARED = "not compared"


def weakest(claims: Iterable[Claim]) -> Claim:
    """The one that is left of several, at least one."""
    return max(claims, key=list(Claim).index)


@dataclass(frozen=True)
class Unit:
    """One piece of work.

    Attributes:
        id: unique within the drill.
        check: the registry's name of the check that measures it.
        subject: what it is about, as people write it: ``sales.orders``.
        cost_bytes: what it will read, for packing.
        bounds: for each measured sum, the lowest and highest value that a good copy can have.
        claim: what holds when the bounds hold.
        why: why the claim is no stronger.
        exempt: by its nature not measured (unlogged, foreign); ``why`` says so.
        detail: what the check needs besides.
    """

    id: str
    check: str
    database: str
    subject: str
    cost_bytes: int = 0
    bounds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    claim: Claim = Claim.NOT_COMPARED
    why: str = ""
    exempt: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """What breaks a rule of the database itself: an orphan, a sequence behind its column.

    Whose fault it is, the backup's or the source's, is decided by
    :mod:`lambdas.drill.verdict.attribution` once everything is measured.

    Attributes:
        text: what was found, with the object's name; ``remedy``: what to do about it on the source.
        relations: the tables whose rows show it, named as ``counts`` names them. Where all of them
            are proven equal to the source, the source holds it too.
        damage_only: whether no healthy server can come to hold it, so that it is evidence of
            damage by itself.
        by_library: whether a library of the server's (collations, an extension) has a say, so that
            equal rows may keep the rule there and break it here.
    """

    text: str
    remedy: str
    relations: tuple[str, ...]
    damage_only: bool = False
    by_library: bool = False


@dataclass(frozen=True)
class Measurement:
    """What came out of a unit.

    Attributes:
        measured: sums that add up over ranges; no row's value.
        findings: what is wrong with the copy. ``warnings``: what is wrong and no damage of the
            backup; they change no verdict. ``notes``: what was not looked at, and why.
        claim: what is left of the unit's claim, where parts of it were not looked at. It can only
            weaken it.
    """

    unit: str
    status: Status
    measured: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    claim: Claim | None = None
    warnings: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()


_RENAMED = {"standing rows": STABLE_ROWS}
"""What version 0.4 measured under another name: a drill may run across a deployment."""


def unit_from(document: Mapping[str, Any]) -> Unit:
    """A unit as it lies in the evidence."""
    bounds = {
        _RENAMED.get(name, name): (low, high) for name, (low, high) in document["bounds"].items()
    }
    return Unit(
        **{**known_fields(Unit, document), "bounds": bounds, "claim": Claim(document["claim"])}
    )


def measurement_from(document: Mapping[str, Any]) -> Measurement:
    """A measurement as it lies in the evidence."""
    claim = document.get("claim")
    return Measurement(
        **{
            **known_fields(Measurement, document),
            "claim": None if claim is None else Claim(claim),
            "status": Status(document["status"]),
            "measured": {
                _RENAMED.get(name, name): value for name, value in document["measured"].items()
            },
            "findings": tuple(document["findings"]),
            "notes": tuple(document["notes"]),
            "warnings": tuple(document.get("warnings", ())),
            "violations": tuple(map(_violation_from, document.get("violations", ()))),
        }
    )


def _violation_from(document: Mapping[str, Any]) -> Violation:
    return Violation(
        **{**known_fields(Violation, document), "relations": tuple(document["relations"])}
    )


def to_document(value: Unit | Measurement) -> dict[str, Any]:
    """For the evidence."""
    document = dict(vars(value))
    if isinstance(value, Measurement):
        document["violations"] = [dict(vars(violation)) for violation in value.violations]
    return document


def block_ranges(
    size_bytes: int, block_bytes: int, range_bytes: int = RANGE_BYTES
) -> Iterator[tuple[int, int | None]]:
    """Half-open ranges of blocks that cover a relation; the last has no end.

    The last range is open so that blocks which the size did not show are read too.
    """
    blocks_each = range_bytes // block_bytes
    ranges = max(1, -(-size_bytes // range_bytes))
    for number in range(ranges):
        first = number * blocks_each
        yield first, None if number == ranges - 1 else first + blocks_each


class Packable(Protocol):
    """What can be packed into batches."""

    @property
    def id(self) -> str:
        """Unique among those that are packed."""

    @property
    def cost_bytes(self) -> int:
        """What it will read."""


_P = TypeVar("_P", bound=Packable)


def batches(units: Iterable[_P], batch_bytes: int = BATCH_BYTES) -> list[list[_P]]:
    """Pack units into batches, the largest first, so that no batch is long alone at the end."""
    ordered = sorted(units, key=lambda unit: (-unit.cost_bytes, unit.id))
    limit_units = max(BATCH_UNITS, -(-len(ordered) // MAX_BATCHES) * 2)
    packed: list[list[_P]] = []
    room_bytes = 0
    for unit in ordered:
        if not packed or len(packed[-1]) >= limit_units or unit.cost_bytes > room_bytes:
            packed.append([])
            room_bytes = batch_bytes
        packed[-1].append(unit)
        room_bytes -= unit.cost_bytes
    return packed
