"""The contenders: ours, PostgreSQL's own tools, and a comparator from PyPI."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from bench.verification.job import Job, Ran
from bench.verification.shop import SOURCE
from local.postgres import ADMIN, HOST, PostgresServer

COUNT = "count of every table, one connection"
OURS_ONE = "count and fingerprint, one connection"
OURS_TWO = "count and fingerprint, two connections"
OURS_BOTH = "count and fingerprint of source and copy, two connections"
RELADIFF = "reladiff, source and copy, two threads each"


@dataclass(frozen=True)
class Way:
    """One contender; ``run`` gives its wall time, and its client's memory where that is known."""

    title: str
    run: Callable[[PostgresServer], Ran]


def _in_python(module: str, way: str, connections: int) -> Callable[[PostgresServer], Ran]:
    def run(server: PostgresServer) -> Ran:
        login = (HOST, server.port, ADMIN, server.admin_password)
        job = Job(module, way, *login, connections)
        ended = subprocess.run(
            [sys.executable, "-m", "bench.verification.child"],
            input=json.dumps(asdict(job)) + "\n",
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return Ran(**json.loads(ended.stdout))

    return run


def _program(*command: str) -> Callable[[PostgresServer], Ran]:
    def run(server: PostgresServer) -> Ran:
        began = time.perf_counter()
        subprocess.run(
            [server.binaries.program(command[0]), *command[1:], SOURCE],
            check=True,
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "PGHOST": HOST,
                "PGPORT": str(server.port),
                "PGUSER": ADMIN,
                "PGPASSWORD": server.admin_password,
            },
        )
        return Ran(time.perf_counter() - began, 0)

    return run


WAYS = (
    Way(COUNT, _in_python("ours", "count_all", 1)),
    Way(OURS_ONE, _in_python("ours", "fingerprint", 1)),
    Way(OURS_TWO, _in_python("ours", "fingerprint", 2)),
    Way(OURS_BOTH, _in_python("ours", "fingerprint_both", 2)),
    Way("pg_dump to nowhere", _program("pg_dump", "--format=plain", "--file=/dev/null")),
    Way("pg_amcheck", _program("pg_amcheck", "--install-missing")),
    Way("pg_amcheck --heapallindexed", _program("pg_amcheck", "--heapallindexed")),
    Way(RELADIFF, _in_python("rivals", "reladiff", 2)),
)
