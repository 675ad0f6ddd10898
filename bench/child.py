"""One contender in a process of its own: so its memory is its own, and it starts warm.

Reads the contender and the job as one line of JSON, gets ready (imports, clients), says so,
waits for the word, and answers with what was measured.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module

from bench.job import Job, Login, Measured, Outcome
from bench.peak import peak_bytes

READY = "ready"


def measured(work: Callable[[], Outcome]) -> Measured:
    """Run it once."""
    began, cpu = time.perf_counter(), time.process_time()
    outcome = work()
    seconds, own_cpu = time.perf_counter() - began, time.process_time() - cpu
    return Measured(
        outcome.rows,
        seconds,
        peak_bytes() if outcome.peak_bytes is None else outcome.peak_bytes,
        own_cpu if outcome.cpu_seconds is None else outcome.cpu_seconds,
        outcome.staged_seconds,
    )


def main() -> None:
    """Talk to the parent."""
    asked = json.loads(sys.stdin.readline())
    job = Job(**{**asked["job"], "login": Login(**asked["job"]["login"])})
    prepare = getattr(import_module(f"bench.{asked['module']}"), asked["way"])
    work = prepare(job)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(f"{json.dumps(asdict(measured(work)))}\n")


if __name__ == "__main__":
    main()
