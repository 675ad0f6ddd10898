"""A reading of the source in pieces: what a piece is, and how pieces fold into a relation.

A stable row keeps its place, so the counts and the sums of hashes of neighbouring blocks add up,
whenever each stretch was read, as long as the first reading ended before the snapshot began and the
second began after it ended. Only a rewrite moves rows: then the file's number is another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lambdas.common.versions import known_fields

MODULUS = 2**64
"""Sums of hashes wrap around, so that they stay small however many rows there are."""

CHUNK_BYTES = 256 * 2**20
"""What one statement on the source reads at most, and how long its lock on the table lasts."""

CHUNK_SECONDS = 4
"""With a bound on the speed, the chunks are small enough to keep to it within so many seconds."""

READ_SECONDS = 600
"""Of a function's 15 minutes, what a batch at the bound's speed takes."""

SOURCE_BATCH_BYTES = 8 * 2**30
"""At 14 MB/s, which a cold volume gives, a batch ends inside its function's time."""

REWRITTEN = "the table was rewritten on the source while it was being read"
LOST = "its batch gave no reading of the source"


@dataclass(frozen=True)
class SourceUnit:
    """A database's catalog (``relation`` is 0), or a range of blocks of one of its relations.

    Attributes:
        number: the database's own.
        blocks: half-open; None as its end means all that follow.
        buckets: ``blocks_each`` and ``number`` of the whole relation's buckets.
    """

    database: str
    number: int
    relation: int = 0
    cost_bytes: int = 0
    blocks: tuple[int, int | None] = (0, None)
    buckets: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Unique within a reading."""
        return unit_id(self.database, self.relation, self.blocks[0])


def unit_id(database: str, relation: int | str, first: int) -> str:
    """The key of a unit's result in the document of its batch."""
    return f"{relation}/{first}/{database}"


def source_unit_from(document: Mapping[str, Any]) -> SourceUnit:
    """A unit as it lies in the evidence."""
    first, last = document["blocks"]
    return SourceUnit(**{**known_fields(SourceUnit, document), "blocks": (first, last)})


def to_document(unit: SourceUnit) -> dict[str, Any]:
    """For the evidence."""
    return dict(vars(unit))


def batch_bytes(bytes_per_second: float) -> int:
    """How much a batch may hold, given the bound on a connection's speed; 0 for none."""
    if not bytes_per_second:
        return SOURCE_BATCH_BYTES
    return max(1, min(SOURCE_BATCH_BYTES, int(bytes_per_second * READ_SECONDS)))


def range_bytes(bytes_per_second: float, most: int) -> int:
    """How much a unit may hold, so that one fits into a batch: ``most`` halved as often as need be.

    Halves of a power of two begin and end where buckets do, or lie inside one.
    """
    limit, size = batch_bytes(bytes_per_second), most
    while size > limit:
        size //= 2
    return size


def chunk_blocks(bytes_per_second: float, block_bytes: int) -> int:
    """How many blocks a statement reads: a power of two, as are those of a bucket."""
    most = CHUNK_BYTES
    if bytes_per_second:
        most = min(most, int(bytes_per_second * CHUNK_SECONDS))
    blocks = 1
    while blocks * 2 * block_bytes <= most:
        blocks *= 2
    return blocks


def fold(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A relation's reading out of those of its stretches, or a stretch's out of its chunks'.

    A piece holds ``blocks``, ``file``, ``buckets``, ``columns``, the sums, and by bucket
    ``standing`` and ``hashes``; or ``unread`` or ``absent``: why not. One without makes the whole
    so. Pieces with other ``columns`` fold into a whole whose content can't be compared.
    """
    for why in ("absent", "unread"):
        for piece in pieces:
            if why in piece:
                return {why: piece[why]}
    if len({piece["file"] for piece in pieces}) > 1:
        return {"absent": REWRITTEN}
    if len(pieces) == 1:
        return dict(pieces[0])
    columns = {piece["columns"] for piece in pieces}
    first, last = pieces[0], pieces[-1]
    return {
        **{
            name: sum(piece[name] for piece in pieces) for name in first if _is_sum_of(name, pieces)
        },
        "blocks": [first["blocks"][0], last["blocks"][1]],
        "file": first["file"],
        "buckets": first["buckets"],
        "columns": columns.pop() if len(columns) == 1 else "",
        "standing": _by_bucket(pieces, "standing"),
        "hashes": [value % MODULUS for value in _by_bucket(pieces, "hashes")],
    }


def _is_sum_of(name: str, pieces: Sequence[Mapping[str, Any]]) -> bool:
    """Pieces that another version read may have other sums."""
    return name.endswith("rows") and all(name in piece for piece in pieces)


def _by_bucket(pieces: Sequence[Mapping[str, Any]], name: str) -> list[int]:
    """The last bucket is open: whatever lies beyond it is its."""
    each, number = pieces[0]["buckets"]["blocks_each"], pieces[0]["buckets"]["number"]
    first = pieces[0]["blocks"][0] // each
    found = [0] * (min(pieces[-1]["blocks"][0] // each + len(pieces[-1][name]), number) - first)
    for piece in pieces:
        for place, value in enumerate(piece[name], start=piece["blocks"][0] // each):
            found[min(place, number - 1) - first] += value
    return found
