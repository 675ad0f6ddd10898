"""Peak memory by the size of the object: it must not grow."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from bench.arena import Arena
from bench.contenders import ONE, named

MEGABYTE = 10**6
DISK_PER_BYTE = 3
"""Room for the table as PostgreSQL stores it, and to spare."""


@dataclass(frozen=True)
class Growth:
    """One load of one size; ``peak_bytes`` is None where the disk has no room for the table."""

    size_bytes: int
    peak_bytes: int | None


def measure(arena: Arena, megabytes: Sequence[int]) -> list[Growth]:
    """Load objects of about these sizes by one stream each; what no disk holds but the table."""
    found = [_measure(arena, size * MEGABYTE) for size in megabytes]
    arena.empty()
    return found


def _measure(arena: Arena, size_bytes: int) -> Growth:
    times = max(1, round(size_bytes / arena.data.size_bytes))
    size_bytes = times * arena.data.size_bytes
    arena.empty()
    if shutil.disk_usage(arena.data.file.parent).free < size_bytes * DISK_PER_BYTE:
        return Growth(size_bytes, None)
    run = arena.run(named(ONE), keyed=False, times=times)
    return Growth(size_bytes, run.measured.peak_bytes)
