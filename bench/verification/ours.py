"""Counts, and counts with a fingerprint, with the checks' own code."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.verification.job import Job, opened
from bench.verification.shop import COPY, SOURCE, TABLES
from lambdas.adapters.postgres import Session
from lambdas.checks import standing
from lambdas.checks.shape import Relation

BLOCK_BYTES = 8192

Found = dict[tuple[str, str], standing.Counted]


def count_all(job: Job) -> None:
    """Count every table, one after the other."""
    with opened(job, SOURCE) as session:
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


def _share_out(job: Job, databases: Sequence[str]) -> Found:
    """Every table of the databases, the largest first, over the connections."""
    with opened(job, SOURCE) as session:
        (horizon,) = session.row(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", doing="the horizon"
        )
    every = [(name, relation) for name in databases for relation in _of(job, name)]
    every.sort(key=lambda item: -item[1].size_bytes)

    def read(item: tuple[str, Relation]) -> standing.Counted:
        database, relation = item
        buckets = standing.buckets_for(relation.size_bytes, BLOCK_BYTES)
        with opened(job, database) as session:
            return standing.count_standing(session, relation, horizon, buckets)

    with ThreadPoolExecutor(job.connections) as pool:
        counted = list(pool.map(read, every))
    return {
        (name, relation.table): found
        for (name, relation), found in zip(every, counted, strict=True)
    }


def _of(job: Job, database: str) -> list[Relation]:
    with opened(job, database) as session:
        return _relations(session)


def _relations(session: Session) -> list[Relation]:
    return [found for found in standing.relations(session) if found.table in TABLES]
