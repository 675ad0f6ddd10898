"""A comparator from PyPI, in a module of its own: who does not use it does not import it."""

import logging

from reladiff import connect_to_table, diff_tables

from bench.verification.job import Job, opened
from bench.verification.shop import COPY, SOURCE, TABLES


def reladiff(job: Job) -> None:
    """Every table of the two databases, over every column."""
    logging.disable(logging.WARNING)  # it warns of each column that it takes as text
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


def _columns(job: Job, table: str) -> list[str]:
    with opened(job, SOURCE) as session:
        found = session.rows(
            "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND attname <> 'id' ORDER BY attnum",
            [f"public.{table}"],
            action="listing the columns",
        )
    return [name for (name,) in found]
