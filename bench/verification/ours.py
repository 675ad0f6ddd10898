"""Counts, and counts with a fingerprint, with the checks' own code."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from bench.verification.job import Job, opened
from bench.verification.shop import COPY, SOURCE, TABLES
from lambdas.adapters.postgres import Session
from lambdas.drill.checks.rows import stable_rows
from lambdas.drill.checks.shape import Relation
from lambdas.drill.verification.session_cache import SessionCache

BLOCK_BYTES = 8192

_HORIZON = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"

Some = TypeVar("Some")

Found = dict[tuple[str, str], stable_rows.Counted]


def count_all(job: Job) -> None:
    """Count every table, one after the other."""
    with opened(job, SOURCE) as session:
        for relation in _relations(session):
            session.row(f"SELECT count(*) FROM {relation.name}", action="counting")


def fingerprint(job: Job) -> None:
    """Count and hash every table of the source, by bucket, as a baseline does."""
    _share_out(job, (SOURCE,))


def fingerprint_both(job: Job) -> None:
    """The same of the source and its copy, and hold one against the other."""
    found = _share_out(job, (SOURCE, COPY))
    for name in TABLES:
        if found[SOURCE, name] != found[COPY, name]:
            raise RuntimeError(f"{name} differs")


def _share_out(job: Job, databases: Sequence[str]) -> Found:
    """Every table of the databases, the largest first, over the connections.

    Each keeps to one connection, as the units of a check do in a batch.
    """
    every = []
    for name in databases:
        with opened(job, name) as session:
            (horizon,) = session.row(_HORIZON, action="reading the horizon")
            every += [(name, relation) for relation in _relations(session)]
    waiting = deque(sorted(every, key=lambda item: (item[0], -item[1].size_bytes)))

    def read_on(_: int) -> Found:
        found: Found = {}
        with SessionCache(partial(opened, job)) as lender:
            for database, relation in _taken_from(waiting):
                buckets = stable_rows.buckets_for(relation.size_bytes, BLOCK_BYTES)
                with lender.sessions_for("counts")(database) as session:
                    counted = stable_rows.count_stable_rows(session, relation, horizon, buckets)
                found[database, relation.table] = counted
        return found

    with ThreadPoolExecutor(job.connections) as pool:
        parts = list(pool.map(read_on, range(job.connections)))
    return {key: counted for part in parts for key, counted in part.items()}


def _taken_from(waiting: deque[Some]) -> Iterator[Some]:
    """What none of the other threads has taken yet."""
    while True:
        try:
            one = waiting.popleft()
        except IndexError:
            return
        yield one


def _relations(session: Session) -> list[Relation]:
    return [found for found in stable_rows.relations(session) if found.table in TABLES]
