"""The server of a measurement, with a folder of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import folders
from local.postgres import PostgresServer, find_binaries

_SETTINGS = {"autovacuum": "off"}
"""It would work on what one contender left behind while the next one runs."""


@contextmanager
def running() -> Iterator[tuple[Path, PostgresServer]]:
    """A server and its folder; stopped and removed at the end, however we end."""
    with folders.guarded("time-machine-bench-") as folder:
        server = PostgresServer.create(find_binaries(folder), folder / "server")
        try:
            server.start(_SETTINGS)
            yield folder, server
        finally:
            server.stop()
