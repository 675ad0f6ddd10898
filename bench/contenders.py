"""Who runs: each once per round, in a process of its own."""

from dataclasses import dataclass

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
    """

    name: str
    title: str
    module: str
    way: str
    suffix: str = ""
    streams: int = 1


PSQL = "psql"
ONE = "one"
GZIP = "gzip"
TWO = "two"
FOUR = "four"

CONTENDERS = (
    Contender("insert", "INSERT loop (sample)", "rivals", "insert_loop"),
    Contender("values", "execute_values (sample)", "rivals", "values"),
    Contender("memory", "copy_expert, whole file in memory", "rivals", "in_memory"),
    Contender(PSQL, r"psql \copy", "rivals", "psql"),
    Contender("server", "the server reads the file itself", "rivals", "server_file"),
    Contender(ONE, "ours from S3, one stream", "ours", "one_stream"),
    Contender(GZIP, "ours from S3, one stream, gzip", "ours", "one_stream", suffix=".gz"),
    Contender(TWO, "ours from S3, 2 streams", "ours", "streams", streams=2),
    Contender(FOUR, "ours from S3, 4 streams", "ours", "streams", streams=4),
)


def named(name: str) -> Contender:
    """The contender of that name."""
    return next(one for one in CONTENDERS if one.name == name)
