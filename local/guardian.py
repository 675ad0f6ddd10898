"""Cleans up after a run that could not do it itself.

Started beside a run with the run's folder as its argument; its standard input is a pipe that the
run holds open. When the pipe closes, however the run ended, the servers whose data folders lie in
the folder are stopped and the folder is removed. A run that ended well has left nothing to do.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

GRACE_SECONDS = 10


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Watch over ``folder`` until the returned process's input is closed."""
    return subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def servers_below(folder: Path) -> list[int]:
    """The postmasters whose lock files lie below ``folder`` and that serve just that folder."""
    found = []
    for lock in folder.rglob("postmaster.pid"):
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(lock.read_text(encoding="utf-8").splitlines()[0]))
            if str(lock.parent) in process.cmdline():
                found.append(process.pid)
    return found


def clean(folder: Path) -> None:
    """Stop the servers below ``folder`` and remove it."""
    end = time.monotonic() + GRACE_SECONDS
    while (servers := servers_below(folder)) and time.monotonic() < end + GRACE_SECONDS:
        last_resort = time.monotonic() > end
        for process_id in servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL if last_resort else signal.SIGQUIT)
        time.sleep(0.2)
        if last_resort:
            break
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean(Path(sys.argv[1]))
