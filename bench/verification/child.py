"""One run of one way in Python, in a process of its own: so its memory is its own.

Reads the job as one line of JSON, imports what it needs, runs, and prints seconds and peak memory.
"""

import json
import sys
import time
from dataclasses import asdict
from importlib import import_module

from bench.peak import peak_bytes
from bench.verification.job import Job, Ran


def main() -> None:
    """Run what the parent asks for."""
    job = Job(**json.loads(sys.stdin.readline()))
    way = getattr(import_module(f"bench.verification.{job.module}"), job.way)
    began = time.perf_counter()
    way(job)
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{json.dumps(asdict(Ran(seconds, peak_bytes())))}\n")


if __name__ == "__main__":
    main()
