"""The one shape of a check, and what a check gets to work with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import errorcodes

from lambdas.adapters.postgres import Session
from lambdas.drill.units import RANGE_BYTES, Measurement, Status, Unit
from lambdas.errors import DatabaseUnreachable, QueryFailed

_CORRUPTION = frozenset({errorcodes.UNDEFINED_FILE, errorcodes.IO_ERROR})
"""A file of the data directory is gone or unreadable."""

TOO_LARGE = (
    "it reads some {:,.0f} GB by statements that can't be cut, of at most 840 seconds: enough for"
    " 12 GB at the 14 MB/s of a cold volume, for 50 GB at 60 MB/s; a larger copy_instance_class"
    " reads faster"
)


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
class Discovered:
    """What a check saw in a database at the survey, or why it saw nothing."""

    found: Any = None
    unread: str = ""
    damaged: bool = False


@dataclass(frozen=True)
class SurveyedDatabase:
    """One database of the copy; ``closed`` says why it can't be looked into, if so.

    Attributes:
        seen: what each check that looks saw, by the check's name.
    """

    name: str
    oid: int = 0
    relations: Sequence[Relation] = ()
    exempt: str = ""
    closed: str = ""
    damaged: bool = False
    seen: Mapping[str, Discovered] = field(default_factory=dict)


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
class CheckContext:
    """What a running check works with: sessions on the copy, and the baseline's readings."""

    session: Callable[[str], AbstractContextManager[Session]]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


Discover = Callable[[Session], Any]


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        summary: what holds when it finds nothing, in Markdown; ``make docs`` writes it into
            ``docs/checks.md``.
        plan: cuts the work into units. A database that could not be looked into has none.
        run: measures one of them on the copy. It may let QueryFailed and DatabaseUnreachable pass:
            what they say of the data is decided in one place, for all checks.
        look: reads what the plan needs of one database: its indexes, say. None: nothing.
    """

    name: str
    summary: str
    plan: Callable[[Survey], Iterator[Unit]]
    run: Callable[[Unit, CheckContext], Measurement]
    look: Discover | None = None


def is_damage(error: QueryFailed) -> bool:
    """Whether an SQLSTATE says that the data can't be read, rather than that we may not."""
    return error.sqlstate.startswith("XX") or error.sqlstate in _CORRUPTION


def failed(unit: Unit, error: QueryFailed | DatabaseUnreachable) -> Measurement:
    """The measurement of a unit whose query failed: wrong when the data can't be read."""
    if isinstance(error, QueryFailed) and is_damage(error):
        return Measurement(unit.id, Status.WRONG, findings=(str(error),))
    large = unit.cost_bytes > RANGE_BYTES
    if large and isinstance(error, QueryFailed) and error.sqlstate == errorcodes.QUERY_CANCELED:
        notes = (str(error), TOO_LARGE.format(unit.cost_bytes / 1e9))
        return Measurement(unit.id, Status.UNMEASURED, notes=notes)
    return Measurement(unit.id, Status.UNMEASURED, notes=(str(error),))
