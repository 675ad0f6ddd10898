"""The place where contenders meet: one server, one S3 stand-in, the same data for all."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench import loopback_s3, orders
from bench.contenders import SAMPLE_ROWS, Contender
from bench.job import DATABASE, TABLE, Job, Login, Measured
from bench.orders import Orders
from bench.server import running
from local.postgres import ADMIN, HOST, PostgresServer


@dataclass(frozen=True)
class Run:
    """One run of one contender.

    Attributes:
        server_seconds: of CPU, that the server spent on it.
        idle_cores: of the machine, while it ran.
    """

    measured: Measured
    server_seconds: float
    idle_cores: float


@dataclass(frozen=True)
class Arena:
    """What the contenders share."""

    server: PostgresServer
    endpoint: str
    data: Orders

    def run(self, contender: Contender, *, keyed: bool = True, times: int = 0) -> Run:
        """Empty the table, run a contender, and see that every row is there.

        Args:
            keyed: whether a table that is there has a primary key and is logged.
            times: read an object that holds the rows so often, rather than the data once.
        """
        self._make_table(contender, keyed=keyed)
        job = self._job(contender, times)
        before = _cpu_seconds(self.server)
        found, idle_cores = self._measure(contender, job)
        spent = _cpu_seconds(self.server) - before
        if found.rows != job.rows:
            raise RuntimeError(f"{contender.title}: {found.rows} rows instead of {job.rows}")
        return Run(found, spent, idle_cores)

    def empty(self) -> None:
        """Drop the table and what a load noted beside it: the disk is given back."""
        with self.server.admin(DATABASE) as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
            cursor.execute("CREATE SCHEMA public")

    def rows_of(self, contender: Contender) -> int:
        """How many rows a contender loads."""
        return min(SAMPLE_ROWS.get(contender.name, self.data.rows), self.data.rows)

    def _make_table(self, contender: Contender, *, keyed: bool) -> None:
        kind, key = ("", " PRIMARY KEY") if keyed else ("UNLOGGED ", "")
        columns = orders.COLUMNS.format(key=key)
        if contender.new:
            kind, columns = "", orders.NEW_COLUMNS
        self.empty()
        with self.server.admin(DATABASE) as cursor:
            if not contender.more.get("create_table"):
                cursor.execute(f"CREATE {kind}TABLE {TABLE} ({columns})")
            cursor.execute("CHECKPOINT")

    def _job(self, contender: Contender, times: int) -> Job:
        file = str(self.data.file) + contender.suffix
        return Job(
            login=Login(HOST, self.server.port, ADMIN, self.server.admin_password),
            file=file,
            key=(f"{times}x/" if times else "") + Path(file).name,
            rows=self.rows_of(contender) * (times or 1),
            streams=contender.streams,
            psql=self.server.binaries.client("psql"),
            more=contender.more,
        )

    def _measure(self, contender: Contender, job: Job) -> tuple[Measured, float]:
        """What it tells, and the cores that were idle meanwhile."""
        asked = {"module": contender.module, "way": contender.way, "job": asdict(job)}
        with subprocess.Popen(
            [sys.executable, "-m", "bench.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(self.endpoint),
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(f"{json.dumps(asked)}\n")
            child.stdin.flush()
            child.stdout.readline()
            began, idle = time.perf_counter(), psutil.cpu_times().idle
            message = child.communicate("go\n")[0]
            idle_cores = (psutil.cpu_times().idle - idle) / (time.perf_counter() - began)
        if child.returncode != 0:
            raise RuntimeError(f"{contender.title} ended with {child.returncode}")
        return Measured(**json.loads(message)), idle_cores


@contextmanager
def opened(size_bytes: int) -> Iterator[Arena]:
    """Start the server and the S3 stand-in, and write the data; stop and remove all of it."""
    with running() as (folder, server):
        files = folder / "files"
        files.mkdir()
        with server.admin() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
        with loopback_s3.served(files) as endpoint:
            yield Arena(server, endpoint, orders.write(files, size_bytes))


def _cpu_seconds(server: PostgresServer) -> float:
    """Of the postmaster and all its children, those included that have ended."""
    assert server.process_id is not None
    postmaster = psutil.Process(server.process_id)
    own = postmaster.cpu_times()
    spent = own.user + own.system + own.children_user + own.children_system
    for child in postmaster.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return float(spent)


def _environment(endpoint: str) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": loopback_s3.HOST,
    }
