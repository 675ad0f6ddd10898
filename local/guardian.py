"""Cleans up after a run that could not do it itself.

Started beside a run with the run's folder as its argument; its standard input is a pipe that the
run holds open. When the pipe closes, however the run ended, the servers whose data folders lie in
the folder are stopped and the folder is removed. A run that ended well has left nothing to do.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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


def servers_below(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL programs that work on a data folder below ``folder``, and their children."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _data_folder(process.cmdline()).startswith(f"{folder}{os.sep}"):
                found += [process, *process.children(recursive=True)]
    return found


def _data_folder(arguments: list[str]) -> str:
    """What ``postgres -D`` or ``initdb --pgdata=`` was started on; empty for all else."""
    for before, argument in itertools.pairwise(["", *arguments]):
        if before == "-D" or argument.startswith("--pgdata="):
            return argument.removeprefix("--pgdata=")
    return ""


def clean(folder: Path) -> None:
    """Stop the servers below ``folder``, at once or else by force, and remove it."""
    servers = servers_below(folder)
    _signal(servers, signal.SIGQUIT)
    # A run that ended while it copied the files of a server has left it suspended.
    _signal(servers, signal.SIGCONT)
    _wait_until(lambda: not any(_lives(process) for process in servers))
    _signal(servers, signal.SIGKILL)
    _wait_until(lambda: _removed(folder))


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _removed(folder: Path) -> bool:
    """Whether it is; a program that is just ending may have written into it meanwhile."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + GRACE_SECONDS
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean(Path(sys.argv[1]))
