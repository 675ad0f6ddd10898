"""Chunks fetched by a thread of their own, so that network and server work at the same time."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

CHUNK_BYTES = 256 << 10
DEPTH = 8
"""Chunks that wait at most between two stages."""

_END = object()


@contextmanager
def read_ahead(chunks: Iterable[bytes], depth: int = DEPTH) -> Iterator[Iterator[bytes]]:
    """Let a thread pull the chunks, at most ``depth`` ahead of whoever reads the result.

    An error of the source is raised where the result is read. Leaving the context stops the
    thread, however far it came, and waits for it.
    """
    line: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            try:
                line.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def pull() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(_END)
        except BaseException as error:  # noqa: BLE001 -- handed to the reader
            put(error)

    puller = threading.Thread(target=pull, daemon=True)
    puller.start()
    try:
        yield _taken(line)
    finally:
        stopped.set()
        puller.join()


def _taken(line: "queue.Queue[Any]") -> Iterator[bytes]:
    while (item := line.get()) is not _END:
        if isinstance(item, BaseException):
            raise item
        yield item
