"""The one shape of a check, and what a check gets to work with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.domain.units import Measurement, Status, Unit
from lambdas.errors import DatabaseUnreachable, QueryFailed

_CORRUPTION = frozenset({"58P01", "58030"})
"""``undefined_file`` and ``io_error``: a file of the data directory is gone or unreadable."""


@dataclass(frozen=True)
class Relation:
    """A relation of the copy or the source. ``kind`` and ``persistence`` are ``pg_class``'s."""

    oid: int
    schema: str
    table: str
    name: str
    kind: str
    persistence: str
    populated: bool
    size_bytes: int


@dataclass(frozen=True)
class SurveyedDatabase:
    """One database of the copy; ``closed`` says why it can't be looked into, if so."""

    name: str
    oid: int = 0
    relations: Sequence[Relation] = ()
    exempt: str = ""
    closed: str = ""
    damaged: bool = False


@dataclass(frozen=True)
class Survey:
    """Everything that a plan is made from.

    ``before`` and ``after`` are the baseline's two readings of the source, empty without one.
    """

    databases: Sequence[SurveyedDatabase]
    baseline: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    expectations: Sequence[Mapping[str, str]] = ()
    block_bytes: int = 8192

    def read_twice(self, database: SurveyedDatabase) -> bool:
        """Whether both readings are of this very database, and not of another of its name."""
        readings = (self.before, self.after)
        found = [reading["databases"].get(database.name, {}) for reading in readings]
        return all(reading.get("oid") == database.oid for reading in found)


@dataclass(frozen=True)
class Bench:
    """What a running check works with: sessions on the copy, and the baseline's readings."""

    session: Callable[[str], AbstractContextManager[Session]]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """A check. ``plan`` cuts the work into units, ``run`` measures one of them on the copy."""

    name: str
    summary: str
    plan: Callable[[Survey], Iterator[Unit]]
    run: Callable[[Unit, Bench], Measurement]


def is_damage(error: QueryFailed) -> bool:
    """Whether an SQLSTATE says that the data can't be read, rather than that we may not."""
    return error.sqlstate.startswith("XX") or error.sqlstate in _CORRUPTION


def failed(unit: Unit, error: QueryFailed | DatabaseUnreachable) -> Measurement:
    """The measurement of a unit whose query failed: wrong when the data can't be read."""
    if isinstance(error, QueryFailed) and is_damage(error):
        return Measurement(unit.id, Status.WRONG, findings=(str(error),))
    return Measurement(unit.id, Status.UNMEASURED, notes=(str(error),))
