"""Who runs: each once per round, in a process of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SAMPLE_ROWS = {"insert": 50_000, "values": 200_000}
"""What takes a minute or more loads so many rows, and its times are scaled up: the runs of a round
stand close together, so that they meet about the same load by others."""


@dataclass(frozen=True)
class Contender:
    """A way to load.

    Attributes:
        title: for people.
        module, way: the function that prepares it.
        suffix: of the object or file that it reads.
        streams: at the same time.
        new: whether the table is one that a load makes, without a key; psql finds it made.
        more: of our load's input.
    """

    name: str
    title: str
    module: str
    way: str
    suffix: str = ""
    streams: int = 1
    new: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


PSQL = "psql"
PSQL_NEW = "psql-new"
ONE = "one"
GZIP = "gzip"
STAGED = "staged"
APART = ("apart-2", "apart-4")
NEW = ("new-2", "new-4")

_INFER = {"create_table": "infer"}
_NOT_ATOMIC = {"atomic": False}

CONTENDERS = (
    Contender("insert", "INSERT loop (sample)", "rivals", "insert_loop"),
    Contender("values", "execute_values (sample)", "rivals", "values"),
    Contender("memory", "copy_expert, whole file in memory", "rivals", "in_memory"),
    Contender(PSQL, r"psql \copy", "rivals", "psql"),
    Contender("server", "the server reads the file itself", "rivals", "server_file"),
    Contender(ONE, "ours from S3, one stream", "ours", "one_stream"),
    Contender(GZIP, "ours from S3, one stream, gzip", "ours", "one_stream", suffix=".gz"),
    Contender(STAGED, "ours from S3, 2 streams, staged", "ours", "streams", streams=2),
    *(
        Contender(
            name,
            f"ours from S3, {streams} streams, not atomic",
            "ours",
            "streams",
            streams=streams,
            more=_NOT_ATOMIC,
        )
        for name, streams in zip(APART, (2, 4), strict=True)
    ),
    Contender(PSQL_NEW, r"psql \copy, new table", "rivals", "psql", new=True),
    *(
        Contender(
            name,
            f"ours from S3, {streams} streams, new table",
            "ours",
            "streams",
            streams=streams,
            new=True,
            more=_INFER,
        )
        for name, streams in zip(NEW, (2, 4), strict=True)
    ),
)


def named(name: str) -> Contender:
    """The contender of that name."""
    return next(one for one in CONTENDERS if one.name == name)
