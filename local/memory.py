"""A folder in memory, for what is made of thousands of small files and thrown away at once."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from local import guardian

MEMORY = Path("/dev/shm")  # noqa: S108 -- for a folder that mkdtemp names


@contextlib.contextmanager
def folder(prefix: str, enough_bytes: int) -> Iterator[Path]:
    """A new folder in memory if so many bytes are free there, else on the disk.

    Anybody may pass through it, as PostgreSQL's own user must. Whatever becomes of this process,
    the servers whose data lie in it are stopped, and it is removed.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > enough_bytes
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None))
    made.chmod(0o755)
    watcher = guardian.start(made)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        watcher.communicate()
