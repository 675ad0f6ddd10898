"""AWS's own Lambda runtime client, run on a built asset and layer and nothing else.

The client polls the Runtime API of a small server on loopback, as it does at AWS; what it posts
back is the function's answer.
"""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 60

_API = "/2018-06-01/runtime"
_OF_THE_CLIENT = ("awslambdaric", "simplejson", "snapshot_restore_py.py", "runtime_client")


@dataclass(frozen=True)
class Answer:
    """What the client posted: to ``response``, to ``error``, or to ``init/error``."""

    kind: str
    document: Any


class NoAnswer(RuntimeError):
    """The runtime client said nothing."""


class _RuntimeApi(ThreadingHTTPServer):
    """Hands one event to the first who asks, and keeps what comes back."""

    daemon_threads = True

    def __init__(self, event: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.events: queue.Queue[bytes] = queue.Queue()
        self.events.put(json.dumps(event).encode())
        self.answers: queue.Queue[Answer] = queue.Queue()


class _Exchange(BaseHTTPRequestHandler):
    server: _RuntimeApi

    def do_GET(self) -> None:
        body = self.server.events.get()
        self.send_response(200)
        deadline = int((time.time() + ANSWER_SECONDS) * 1000)
        for name, value in (
            ("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:1:function:f"),
            # Without these two the client's native half crashes.
            ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.path.removeprefix(f"{_API}/").removeprefix("invocation/").partition("/")[2]
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        where = "init/error" if self.path == f"{_API}/init/error" else kind
        self.server.answers.put(Answer(where, json.loads(body)))

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def copy_client(folder: Path) -> None:
    """The runtime client and what it needs itself, away from everything else installed here."""
    installed = Path(sysconfig.get_path("platlib"))
    for name in _OF_THE_CLIENT:
        for found in installed.glob(f"{name}*"):
            if found.suffix == ".dist-info":
                continue
            if found.is_dir():
                shutil.copytree(found, folder / found.name)
            else:
                shutil.copy(found, folder / found.name)


def invoke(
    handler: str,
    event: Any,
    environment: Mapping[str, str],
    *,
    asset: Path,
    paths: list[Path],
) -> Answer:
    """One invocation in a process of its own.

    Args:
        handler: such as ``lambdas.drill.handlers.plan_drill.handler``.
        paths: where modules are found, besides the standard library.

    Raises:
        NoAnswer: the client ended, or the time did, before it posted anything.
    """
    api = _RuntimeApi(event)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    process = subprocess.Popen(
        # Without site-packages: what the layer lacks is not found elsewhere.
        [sys.executable, "-S", "-P", "-m", "awslambdaric", handler],
        cwd=asset,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(asset),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return _answer(handler, process, api.answers)
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()


def _answer(
    handler: str, process: subprocess.Popen[bytes], answers: "queue.Queue[Answer]"
) -> Answer:
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        ended = process.poll()
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=0.5)
        if ended is not None:
            raise NoAnswer(f"{handler}: the client ended with status {ended}")
    raise NoAnswer(f"{handler}: nothing in {ANSWER_SECONDS} s")
