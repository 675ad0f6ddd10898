"""Folders for the servers of a run: they are removed with it, whatever becomes of it."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from local import guardian
from local.postgres import PostgresFailed

MEMORY = Path("/dev/shm")  # noqa: S108 -- for a folder that mkdtemp names


@contextlib.contextmanager
def guarded(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """A new folder that anybody may pass through, as PostgreSQL's own user must.

    Whatever becomes of this process, the servers whose data lie in it are stopped, and it is
    removed.
    """
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=place or reachable()))
    made.chmod(0o755)
    watcher = guardian.start(made)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        watcher.communicate()


def in_memory(prefix: str, enough_bytes: int) -> AbstractContextManager[Path]:
    """The same in memory if so many bytes are free there, else on the disk.

    For what is made of thousands of small files and thrown away at once.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > enough_bytes
    return guarded(prefix, MEMORY if roomy else None)


def reachable() -> Path:
    """Where a temporary folder can be reached by the user that root's servers run as.

    Raises:
        PostgresFailed: root's temporary folders are all private.
    """
    usual = Path(tempfile.gettempdir())
    if os.geteuid() != 0:
        return usual
    for folder in (usual, Path("/tmp"), Path("/var/tmp")):  # noqa: S108 -- mkdtemp below it
        ways = (folder, *folder.resolve().parents)
        if folder.is_dir() and all(way.stat().st_mode & stat.S_IXOTH for way in ways):
            return folder
    raise PostgresFailed(
        "root's servers run as nobody; set TMPDIR to a folder that nobody can reach"
    )
