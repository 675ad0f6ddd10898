"""A load: everything that was decided before a row is read, carried from state to state."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from lambdas.common.execution import Execution
from lambdas.common.shortened import shortened
from lambdas.common.versions import known_fields
from lambdas.errors import BadData
from lambdas.load.csv_format import UTF_8

MOST_PARTS = 1000

ON_CONFLICT_ERROR = "error"
ON_CONFLICT_SKIP = "skip"
ON_CONFLICT_REPLACE = "replace"

STREAM_BYTES = 64 << 20
"""A part is not made smaller than this to have several: each costs a survey and a function."""


class Way(StrEnum):
    """How rows come into their table.

    AT_ONCE: the load's only part into the table itself, in one transaction.
    STAGED: each part into a table of its own; one transaction moves them all.
    HIDDEN: all parts into one new table, which has a name of ours until the end.
    APART: each part into the table itself, in a transaction of its own; not atomic.
    """

    AT_ONCE = "at_once"
    STAGED = "staged"
    HIDDEN = "hidden"
    APART = "apart"


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
        definition: name and type of each column of a table that is yet to be made; empty when it
            is there.
        left_out: columns that could be written and that the objects do not bring.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    all_columns: tuple[str, ...]
    key: tuple[str, ...]
    definition: tuple[tuple[str, str], ...] = ()
    way: Way = Way.STAGED
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """How the rows are put in."""

    on_conflict: str
    truncate_first: bool
    max_errors: int
    analyze: bool
    atomic: bool
    """What is asked for; what a load is, its plan says."""

    @property
    def direct(self) -> bool:
        """Whether a part may go into the table itself."""
        # TRUNCATE keeps every reader waiting until its transaction ends: not for as long as a COPY.
        return (
            self.on_conflict == ON_CONFLICT_ERROR
            and self.max_errors == 0
            and not self.truncate_first
        )


@dataclass(frozen=True)
class LoadPlan:
    """Everything that is known before a row is read."""

    targets: tuple[Target, ...]
    parts: tuple[Part, ...]

    @property
    def atomic(self) -> bool:
        """Whether all rows come in together, or none."""
        return all(target.way is not Way.APART for target in self.targets)

    @property
    def columns_left_out(self) -> list[str]:
        """``schema.table.column`` of those that the data do not bring; the first ones."""
        return first_of(
            list(
                dict.fromkeys(
                    f"{target.schema}.{target.table}.{name}"
                    for target in self.targets
                    for name in target.left_out
                )
            )
        )


@dataclass
class Rejects:
    """What was left out.

    Attributes:
        lines: where, and why; never a value.
        rows: the rows themselves, in UTF-8, as they stood in the data.
        header: for the rows, so that what is mended can be loaded as it is.
        encoding: of the data; the rows go back into it for the same reason.
    """

    lines: list[str] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    header: bytes = b""
    encoding: str = UTF_8

    def document(self) -> bytes:
        """The reject object, in the encoding of the data, with its byte order mark if it has one.

        Raises:
            BadData: a row can't be written in the encoding that it was read in.
        """
        if self.encoding == UTF_8:
            return self._ended_header() + b"".join(self.rows)  # may be what UTF-8 does not know
        # A name that the input gives may not be of the encoding; where it gives them, none is read.
        header = self._ended_header().decode().encode(self.encoding, "replace")
        try:
            text = header.decode(self.encoding) + b"".join(self.rows).decode()
            return text.encode(self.encoding)
        except UnicodeError:
            raise BadData(
                f"rows that are left out can't be written in {self.encoding}; load without"
                " max_errors, or give the data in utf-8"
            ) from None

    def _ended_header(self) -> bytes:
        """COPY wants all rows to end as the first one does."""
        bare = self.header.rstrip(b"\r\n")
        is_windows = any(row.endswith(b"\r\n") for row in self.rows)
        return bare + b"\r\n" if is_windows and self.header.endswith(b"\n") else self.header


NAMES_SHOWN = 20


def first_of(names: Sequence[str]) -> list[str]:
    """The first names: 1,600 are no message."""
    return list(shortened(names, NAMES_SHOWN))


def staging_name(load_id: str, number: int) -> str:
    """The table of a part, and the session that fills it: ours, and the same for a retry."""
    return f"{staging_prefix(load_id)}{number:05d}"


def staging_prefix(load_id: str) -> str:
    """How the names of all parts of a load begin."""
    return f"time_machine_load_{_digest(load_id)}_"


def hidden_name(load_id: str, table: str) -> str:
    """What a new table is called until all its parts are in it."""
    return f"{staging_prefix(load_id)}new_{_digest(table)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def way_of(target: Target, rules: Rules) -> Way:
    """How a load of several parts fills a table."""
    if target.definition:
        return Way.HIDDEN
    return Way.STAGED if rules.atomic else Way.APART


def part_bytes_of(size_bytes: int, way: Way, streams: int, most_bytes: int) -> int:
    """How large the parts of an object may be: where streams make it faster, it is shared out.

    Args:
        streams: what is left for this object; several objects are several parts already.
        most_bytes: what the deployment allows a part.
    """
    if way is Way.STAGED:
        return most_bytes
    share = -(-size_bytes // max(1, streams))
    return min(most_bytes, max(STREAM_BYTES, share))


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
        target: its name, see :mod:`lambdas.load.load_target`.
        to_survey: whether an object was cut, so that its rows have to be found first.
        atomic: whether all rows come in together, or none.
        staging: how the names of the tables begin that it makes beside its own.

    The first four are what a function needs, the teardown included; the others the workflow reads
    itself, and a document of another version may lack them.
    """

    id: str
    evidence: str
    target: str
    database: str
    started_at: str = ""
    bucket: str = ""
    parts_key: str = ""
    parts: int = 0
    streams: int = 1
    to_survey: bool = False
    atomic: bool = True
    staging: str = ""


def load_folder(target: str, execution: Execution) -> str:
    """The S3 key prefix of a load's evidence, by target and date."""
    name = hashlib.sha256(execution.id.encode()).hexdigest()[:6]
    started = execution.started_at
    return f"loads/{target.replace(':', '-')}/{started:%Y/%m/%d}/{started:%Y%m%d-%H%M%S}-{name}"


def load_from(event: Mapping[str, Any]) -> Load:
    """The load of a state's event, which another version may have written."""
    return Load(**known_fields(Load, event["load"]))


def to_document(load: Load) -> dict[str, Any]:
    """For the workflow's variable ``$load``."""
    return asdict(load)
