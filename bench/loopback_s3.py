"""A stand-in for S3 on loopback: HEAD and ranged GET, in a process of its own.

It hands files to the kernel (``sendfile``), so that it takes next to no CPU from those who are
measured. ``<n>x/<file>`` is an object that no disk holds: the file's header and its rows n times.
"""

import contextlib
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

HOST = "127.0.0.1"

_KEY = re.compile(r"/[^/]+/(?:(?P<times>\d+)x/)?(?P<name>[^/]+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True)
class Source:
    """An object: a header, then the same rows ``times`` times."""

    file: Path
    header_bytes: int
    rows_bytes: int
    times: int

    @property
    def size_bytes(self) -> int:
        """Of the object."""
        return self.header_bytes + self.rows_bytes * self.times

    def pieces(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Offset and length in the file of what makes up a range of the object."""
        while first < end:
            offset, last = first, self.header_bytes + self.rows_bytes
            if first >= last:
                offset = self.header_bytes + (first - self.header_bytes) % self.rows_bytes
            count = min(end - first, last - offset)
            yield offset, count
            first += count


def source(folder: Path, path: str) -> Source | None:
    """The object of a URL's path; None when there is none."""
    match = _KEY.fullmatch(path)
    file = folder / match["name"] if match else folder
    if match is None or not file.is_file():
        return None
    with file.open("rb") as data:
        header = len(data.readline()) if match["times"] else 0
    return Source(file, header, file.stat().st_size - header, int(match["times"] or 1))


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        found = source(self._folder, self.path)
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        first, end = (int(asked[1]), int(asked[2]) + 1) if asked else (0, found.size_bytes)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        self.send_header("ETag", f'"{found.size_bytes:032x}"')
        self.send_header("Content-Length", str(end - first))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{found.size_bytes}")
        self.end_headers()
        if with_body:
            self._send(found, first, end)

    def _send(self, found: Source, first: int, end: int) -> None:
        self.wfile.flush()
        # Who looks at the beginning only hangs up in the middle.
        with contextlib.suppress(ConnectionError), found.file.open("rb") as file:
            for offset, count in found.pieces(first, end):
                self.connection.sendfile(file, offset, count)

    def handle(self) -> None:
        """Serve a connection until it ends, which clients do in their own way."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nothing: a line for each request is noise."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder from another process; gives the endpoint's URL."""
    command = [sys.executable, "-m", "bench.loopback_s3", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://{HOST}:{json.loads(process.stdout.readline())}"
        finally:
            process.stdin.close()


def _serve(folder: Path) -> None:
    server = http.server.ThreadingHTTPServer((HOST, 0), partial(_Handler, folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()  # the measuring process holds it open for as long as it lives


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
