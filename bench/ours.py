"""Our way: what the functions of a load do, in processes that are warm as theirs are."""

import atexit
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing import get_context
from typing import Any

from bench.job import BUCKET, DATABASE, TABLE, Job, Login, Outcome
from bench.peak import peak_bytes
from lambdas.adapters.aws import client
from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.secrets import Credentials
from lambdas.adapters.session_settings import Purpose
from lambdas.load import load_request
from lambdas.load.load import LoadPlan, Part, Rejects
from lambdas.load.load_request import LoadRequest
from lambdas.load.plan import plan
from lambdas.load.reading import s3_objects
from lambdas.load.reading.rows import Stretch, survey
from lambdas.load.writing.moving import filled, move
from lambdas.load.writing.parts import Reach, load_part, reach

LOAD = "bench"
STATEMENT_SECONDS = 3600


def one_stream(job: Job) -> Callable[[], Outcome]:
    """One object into the table itself, in one transaction, by one connection."""
    _warm()
    return partial(_one_stream, job)


def _one_stream(job: Job) -> Outcome:
    request = _request(job)
    with _session(job.login) as session:
        planned = plan(session, request, part_bytes=s3_objects.find(BUCKET, job.key).size_bytes)
        part, target = planned.parts[0], planned.targets[0]
        rows = Reach(0, part.size_bytes, 1)
        staged = load_part(
            session, LOAD, part, target, rows, request.form, request.rules, _silent, _refuse
        )
    return Outcome(staged.rows)


def streams(job: Job) -> Callable[[], Outcome]:
    """The object in parts, each by a process of its own; then what its way has at the end."""
    _warm()
    pools = [ProcessPoolExecutor(1, get_context("spawn")) for _ in range(job.streams)]
    for pool in pools:
        # Kept to the very end: a pool that is collected while Python ends complains.
        atexit.register(pool.shutdown)
    for started in [pool.submit(_warm) for pool in pools]:
        started.result()
    return partial(_streams, job, pools)


def _streams(job: Job, pools: Sequence[ProcessPoolExecutor]) -> Outcome:
    began, cpu = time.perf_counter(), time.process_time()
    with _session(job.login) as session:
        planned = _planned(session, job)
        stretches = _each(pools, planned, _survey)
        found = [stretch for stretch, _, _ in stretches]
        parts = _each(pools, planned, partial(_load, job, planned, found))
        staged_seconds = time.perf_counter() - began
        rows = sum(move(session, LOAD, filled(planned), _request(job).rules, str))
    workers = [*stretches, *parts]
    return Outcome(
        rows,
        peak_bytes=max(peak_bytes(), *(peak for _, peak, _ in workers)),
        cpu_seconds=time.process_time() - cpu + sum(seconds for _, _, seconds in workers),
        staged_seconds=staged_seconds,
    )


def _planned(session: Session, job: Job) -> LoadPlan:
    size = s3_objects.find(BUCKET, job.key).size_bytes
    return plan(session, _request(job), part_bytes=-(-size // job.streams))


def _each(
    pools: Sequence[ProcessPoolExecutor], planned: LoadPlan, work: Callable[[Part], Any]
) -> list[tuple[Any, int, float]]:
    """Every part by a process; results with the process's peak memory and the CPU seconds."""
    pairs = zip(pools, planned.parts, strict=True)
    running: list[Future[tuple[Any, int, float]]] = [
        pool.submit(_watched, work, part) for pool, part in pairs
    ]
    return [one.result() for one in running]


def _watched(work: Callable[[Part], Any], part: Part) -> tuple[Any, int, float]:
    cpu = time.process_time()
    return work(part), peak_bytes(), time.process_time() - cpu


def _survey(part: Part) -> Stretch:
    return survey(s3_objects.chunks(s3_objects.version_of(part), part.first, part.end), b'"')


def _load(job: Job, planned: LoadPlan, stretches: Sequence[Stretch], part: Part) -> int:
    request, rows = _request(job), reach(part, planned.parts, stretches)
    target = planned.targets[part.target]
    with _session(job.login) as session:
        staged = load_part(
            session, LOAD, part, target, rows, request.form, request.rules, _silent, _refuse
        )
    return staged.rows


def _warm() -> None:
    client("s3")


def _session(login: Login) -> AbstractContextManager[Session]:
    server = Server(login.host, login.port, Credentials(login.user, login.password), "disable", "")
    return connect(
        server,
        DATABASE,
        statement_seconds=STATEMENT_SECONDS,
        read_only=False,
        purpose=Purpose.LOADING,
    )


def _request(job: Job) -> LoadRequest:
    target = {"db_instance_id": "bench", "database": DATABASE}
    return load_request.parse(
        {"bucket": BUCKET, "key": job.key, "target": target, "table": TABLE, **job.more}
    )


def _silent(_size_bytes: int, _lines: int) -> None:
    """The log is no part of what is measured."""


def _refuse(rejects: Rejects) -> None:
    """The data are sound: a row that was left out is a fault of the bench."""
    if rejects.lines:
        raise RuntimeError(rejects.lines[0])
