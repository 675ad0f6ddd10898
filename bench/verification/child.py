"""One run of one way in Python, in a process of its own: so its memory is its own.

Reads the job as one line of JSON, imports what it needs, runs, and prints seconds and peak memory.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from bench.peak import peak_bytes
from bench.verification.shop import COPY, SOURCE, TABLES
from lambdas.adapters.postgres import Server, Session, connect
from lambdas.adapters.secrets import Credentials
from lambdas.checks import standing
from lambdas.checks.shape import Relation

STATEMENT_SECONDS = 3600
BLOCK_BYTES = 8192


@dataclass(frozen=True)
class Job:
    """What to run, and where."""

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


def count_all(job: Job) -> None:
    """Count every table, one after the other."""
    with _session(job, SOURCE) as session:
        for relation in _relations(session):
            session.row(f"SELECT count(*) FROM {relation.name}", doing="counting")


def fingerprint(job: Job) -> None:
    """Count and hash every table of the source, by bucket, as a baseline does."""
    _share_out(job, (SOURCE,))


def fingerprint_both(job: Job) -> None:
    """The same of the source and its copy, and hold one against the other."""
    found = _share_out(job, (SOURCE, COPY))
    for name in TABLES:
        if found[SOURCE, name] != found[COPY, name]:
            raise RuntimeError(f"{name} differs")


def reladiff(job: Job) -> None:
    """The comparator, on the same two databases and over every column."""
    from reladiff import connect_to_table, diff_tables  # noqa: PLC0415 -- only this way needs it

    url = f"postgresql://{job.user}:{job.password}@{job.host}:{job.port}/"
    for name in TABLES:
        columns = tuple(_columns(job, name))
        sides = [
            connect_to_table(
                url + database, name, "id", thread_count=job.connections, extra_columns=columns
            )
            for database in (SOURCE, COPY)
        ]
        if list(diff_tables(*sides, threaded=True)):
            raise RuntimeError(f"{name} differs")


WAYS: dict[str, Callable[[Job], None]] = {
    way.__name__: way for way in (count_all, fingerprint, fingerprint_both, reladiff)
}

Found = dict[tuple[str, str], standing.Counted]


def _share_out(job: Job, databases: Sequence[str]) -> Found:
    """Every table of the databases, the largest first, over the connections."""
    with _session(job, SOURCE) as session:
        (horizon,) = session.row(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", doing="the horizon"
        )
    every = [(name, relation) for name in databases for relation in _of(job, name)]
    every.sort(key=lambda item: -item[1].size_bytes)

    def read(item: tuple[str, Relation]) -> standing.Counted:
        database, relation = item
        buckets = standing.buckets_for(relation.size_bytes, BLOCK_BYTES)
        with _session(job, database) as session:
            return standing.count_standing(session, relation, horizon, buckets)

    with ThreadPoolExecutor(job.connections) as pool:
        counted = list(pool.map(read, every))
    return {
        (name, relation.table): found
        for (name, relation), found in zip(every, counted, strict=True)
    }


def _of(job: Job, database: str) -> list[Relation]:
    with _session(job, database) as session:
        return _relations(session)


def _relations(session: Session) -> list[Relation]:
    return [found for found in standing.relations(session) if found.table in TABLES]


def _columns(job: Job, table: str) -> list[str]:
    with _session(job, SOURCE) as session:
        found = session.rows(
            "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND attname <> 'id' ORDER BY attnum",
            [f"public.{table}"],
            doing="listing the columns",
        )
    return [name for (name,) in found]


@contextmanager
def _session(job: Job, database: str) -> Iterator[Session]:
    server = Server(job.host, job.port, Credentials(job.user, job.password), "disable", "")
    with connect(server, database, statement_seconds=STATEMENT_SECONDS) as session:
        yield session


def main() -> None:
    """Run what the parent asks for."""
    job = Job(**json.loads(sys.stdin.readline()))
    if job.way == "reladiff":
        import reladiff as _  # noqa: F401, PLC0415 -- its import is not measured

        logging.disable(logging.WARNING)  # it warns of each column that it takes as text
    began = time.perf_counter()
    WAYS[job.way](job)
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{json.dumps(asdict(Ran(seconds, peak_bytes())))}\n")


if __name__ == "__main__":
    main()
