"""A load: everything that was decided before a row is read, carried from state to state."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from lambdas.domain.drill import Execution
from lambdas.errors import BadData, PartLost

MOST_PARTS = 1000

ON_CONFLICT_ERROR = "error"
ON_CONFLICT_SKIP = "skip"
ON_CONFLICT_REPLACE = "replace"


@dataclass(frozen=True)
class Part:
    """A stretch of one object, ``first`` to ``end`` in its bytes as stored.

    Attributes:
        number: from 1, over all objects of the load.
        target: which of the load's tables.
        last: whether the object ends with it.
    """

    number: int
    target: int
    bucket: str
    key: str
    etag: str
    size_bytes: int
    first: int
    end: int
    compression: str

    @property
    def begins(self) -> bool:
        """Whether the object begins with it: where a header is."""
        return self.first == 0

    @property
    def ends(self) -> bool:
        """Whether the object ends with it."""
        return self.end == self.size_bytes

    @property
    def location(self) -> str:
        """The object, for people."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Target:
    """One table of the load.

    Attributes:
        columns: those that the objects bring, in the objects' order.
        all_columns: those that the table has.
        key: the primary key, empty without one.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    all_columns: tuple[str, ...]
    key: tuple[str, ...]
    definition: tuple[tuple[str, str], ...] = ()
    """Name and type of each column of a table that is yet to be made; empty when it is there."""


@dataclass(frozen=True)
class Rules:
    """How the rows are put in."""

    on_conflict: str
    truncate_first: bool
    max_errors: int
    analyze: bool


@dataclass(frozen=True)
class LoadPlan:
    """Everything that is known before a row is read.

    Attributes:
        at_once: whether the one part goes into the table at once; else by staging tables.
    """

    targets: tuple[Target, ...]
    parts: tuple[Part, ...]
    at_once: bool


@dataclass
class Rejects:
    """What was left out.

    Attributes:
        lines: where, and why; never a value.
        rows: the rows themselves, in UTF-8, as they stood in the data.
        header: for the rows, so that what is mended can be loaded as it is.
    """

    lines: list[str] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    header: bytes = b""

    def document(self) -> bytes:
        """The reject object."""
        return self.header + b"".join(self.rows)


def staging_name(load_id: str, number: int) -> str:
    """The table of a part, and the session that fills it: ours, and the same for a retry."""
    return f"{staging_prefix(load_id)}{number:05d}"


def staging_prefix(load_id: str) -> str:
    """How the names of all parts of a load begin."""
    return f"time_machine_load_{hashlib.sha256(load_id.encode()).hexdigest()[:10]}_"


def cut(size_bytes: int, *, cuttable: bool, part_bytes: int) -> list[tuple[int, int]]:
    """Stretches of about the same size; one where rows can't be found from the middle."""
    count = max(1, -(-size_bytes // part_bytes)) if cuttable else 1
    edges = [size_bytes * number // count for number in range(count + 1)]
    return list(pairwise(edges))


@dataclass(frozen=True)
class Load:
    """What the states pass on; everything larger is in the evidence folder.

    Attributes:
        id: the execution's ARN.
        to_survey: whether an object was cut, so that its rows have to be found first.
    """

    id: str
    evidence: str
    db_instance_id: str
    database: str
    started_at: str
    bucket: str
    parts_key: str
    parts: int
    streams: int
    to_survey: bool


def load_folder(db_instance_id: str, execution: Execution) -> str:
    """The S3 key prefix of a load's evidence, by target and date."""
    name = hashlib.sha256(execution.id.encode()).hexdigest()[:6]
    started = execution.started_at
    return f"loads/{db_instance_id}/{started:%Y/%m/%d}/{started:%Y%m%d-%H%M%S}-{name}"


def load_from(event: Mapping[str, Any]) -> Load:
    """The load of a state's event."""
    return Load(**event["load"])


def to_document(load: Load) -> dict[str, Any]:
    """For the workflow's variable ``$load``."""
    return asdict(load)


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
        if found["fault"]:
            raise BadData(found["fault"])
    if len(results) < len(loaded):
        lost = ", ".join(str(n) for n, found in enumerate(loaded, start=1) if found is None)
        raise PartLost(f"parts without a result: {lost}; nothing is loaded")
    rejected = sum(found["rejected"] for found in results)
    if rejected > rules.max_errors:
        first = outcome_of(loaded).reasons[0]
        raise BadData(f"{rejected} bad rows, and {rules.max_errors} were allowed: {first}")


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
