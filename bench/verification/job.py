"""What a way in Python is told, and what it tells: both travel as JSON between processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.secrets import Credentials

STATEMENT_SECONDS = 3600


@dataclass(frozen=True)
class Job:
    """What to run, and where; ``module`` and ``way`` name the function."""

    module: str
    way: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    connections: int = 1


@dataclass(frozen=True)
class Ran:
    """What a run took; ``peak_bytes`` of the client's process."""

    seconds: float
    peak_bytes: int


@contextmanager
def opened(job: Job, database: str) -> Iterator[Session]:
    """A session in one of the databases."""
    server = Server(job.host, job.port, Credentials(job.user, job.password), "disable", "")
    with connect(server, database, statement_seconds=STATEMENT_SECONDS) as session:
        yield session
