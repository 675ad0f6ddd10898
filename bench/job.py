"""What a contender is told, and what it tells: both travel as JSON between processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BUCKET = "bench"
DATABASE = "bench"
TABLE = "orders"


@dataclass(frozen=True)
class Login:
    """Where the server is."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Job:
    """One load of one object into the empty table.

    Attributes:
        file: the data on disk, for those that read no S3.
        key: the data in the loopback S3.
        rows: how many of them to load.
        streams: parts that are loaded at the same time.
        psql: the program.
        more: of our load's input.
    """

    login: Login
    file: str
    key: str
    rows: int
    streams: int = 1
    psql: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a contender says of itself; what it leaves at None is read from its own process.

    Attributes:
        peak_bytes: resident memory of the process that loaded, or of the largest of several.
        cpu_seconds: of the client's processes together.
        staged_seconds: until every row was in the server; None where the load ends with that.
    """

    rows: int
    peak_bytes: int | None = None
    cpu_seconds: float | None = None
    staged_seconds: float | None = None


@dataclass(frozen=True)
class Measured:
    """One run of one contender, seen from its own process."""

    rows: int
    seconds: float
    peak_bytes: int
    cpu_seconds: float
    staged_seconds: float | None
