"""A client's own deadline for a server that has gone silent."""

import os
import socket
import threading
from typing import Any

SILENCE_SECONDS = 15
"""How long after its own time-out a statement may go unanswered. A backend that loops in damaged
data heeds neither ``statement_timeout`` nor a cancel; then the connection is cut from our side."""


class SilenceWatch:
    """Cuts a connection when its server is silent for too long; a deadline of the client's own."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self.has_cut = False
        self._connection = connection
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        """Shut the socket down, which wakes the driver; closing it is the driver's."""
        self.has_cut = True
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
