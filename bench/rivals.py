"""The other ways to get a CSV into a table, each as it is commonly written."""

import csv
import io
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from psycopg2.extras import execute_values

from bench.job import DATABASE, TABLE, Job, Outcome

COPY = f"COPY {TABLE} FROM {{}} WITH (FORMAT csv, HEADER)"
SAMPLE_SECONDS = 0.01
PAGE_ROWS = 1000


def insert_loop(job: Job) -> Callable[[], Outcome]:
    """An INSERT for each row, in one transaction."""
    statement = f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s, %s, %s)"

    def work(cursor: Any) -> int:
        count = 0
        for row in _rows(job):
            cursor.execute(statement, row)
            count += 1
        return count

    return partial(_in_one_transaction, job, work)


def values(job: Job) -> Callable[[], Outcome]:
    """psycopg2's ``execute_values``, a thousand rows to a statement."""

    def work(cursor: Any) -> int:
        execute_values(cursor, f"INSERT INTO {TABLE} VALUES %s", _rows(job), page_size=PAGE_ROWS)
        return job.rows

    return partial(_in_one_transaction, job, work)


def in_memory(job: Job) -> Callable[[], Outcome]:
    """The usual snippet: the whole file as a string, then ``copy_expert``."""

    def work(cursor: Any) -> int:
        text = Path(job.file).read_bytes().decode()
        cursor.copy_expert(COPY.format("STDIN"), io.StringIO(text))
        return int(cursor.rowcount)

    return partial(_in_one_transaction, job, work)


def server_file(job: Job) -> Callable[[], Outcome]:
    """The server reads a file of its own; only a superuser may, and on RDS nobody."""

    def work(cursor: Any) -> int:
        cursor.execute(COPY.format("%s"), [job.file])
        return int(cursor.rowcount)

    return partial(_in_one_transaction, job, work)


def psql(job: Job) -> Callable[[], Outcome]:
    r"""``psql``'s ``\copy``; its process is watched from outside."""
    where = f"host={job.login.host} port={job.login.port} user={job.login.user} dbname={DATABASE}"
    copy = "\\" + COPY.format(f"'{job.file}'").replace("COPY", "copy", 1)
    command = [job.psql, "--no-psqlrc", f"--dbname={where} sslmode=disable", f"--command={copy}"]
    environment = {**os.environ, "PGPASSWORD": job.login.password}

    def work() -> Outcome:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            watch = _Watch(process.pid)
            message = process.communicate()[0].decode()
            watch.join()
        return Outcome(int(message.split()[1]), watch.peak_bytes, watch.cpu_seconds)

    return work


class _Watch(threading.Thread):
    """Peak memory and CPU seconds of another process, looked at until it ends."""

    def __init__(self, process_id: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes, self.cpu_seconds = 0, 0.0
        self._process = psutil.Process(process_id)
        self.start()

    def run(self) -> None:
        with suppress(psutil.Error):
            while self._process.status() != psutil.STATUS_ZOMBIE:
                times, memory = self._process.cpu_times(), self._process.memory_info()
                self.peak_bytes = max(self.peak_bytes, memory.rss)
                self.cpu_seconds = times.user + times.system
                time.sleep(SAMPLE_SECONDS)


def _rows(job: Job) -> Iterator[list[str | None]]:
    with Path(job.file).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in islice(rows, job.rows):
            yield [value or None for value in row]


def _in_one_transaction(job: Job, work: Callable[[Any], int]) -> Outcome:
    with _cursor(job) as cursor:
        rows = work(cursor)
    return Outcome(rows)


@contextmanager
def _cursor(job: Job) -> Iterator[Any]:
    login = job.login
    connection = psycopg2.connect(
        host=login.host,
        port=login.port,
        user=login.user,
        password=login.password,
        dbname=DATABASE,
        sslmode="disable",
        client_encoding="UTF8",
    )
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
