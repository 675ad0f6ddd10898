"""``make bench-verify``: a count with a fingerprint against the other ways, in one run.

Prints the figures whatever they are.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from bench.goals import FLAT_MIB, Goal
from bench.orders import MIB
from bench.report import goals_table
from bench.rounds import turns
from bench.server import running
from bench.verification import shop
from bench.verification.job import Ran
from bench.verification.ways import COUNT, OURS_BOTH, OURS_TWO, RELADIFF, WAYS
from local import interruption
from local.postgres import PostgresServer

PIPED_WIDTH = 140
OVER_COUNT = 3.0
OVER_COMPARATOR = 5.0

Runs = dict[str, list[Ran]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    with console.status("starting a server") as status, running() as (_, server):
        status.update("writing a small database")
        shop.fill(server, max(1, options.mib // 8))
        small = _peak(server)
        status.update("writing the data")
        size_bytes = shop.fill(server, options.mib)
        runs: Runs = {way.title: [] for way in WAYS}
        for number, way in turns(options.rounds, WAYS):
            status.update(f"round {number} of {options.rounds}: {way.title}")
            runs[way.title].append(way.run(server))
        console.print(_table(runs, _title(size_bytes, options.rounds, server)))
        console.print(goals_table(_goals(runs, small)))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-verify", description=__doc__)
    parser.add_argument("--mib", type=int, default=400, help="size of the data, about")
    parser.add_argument("--rounds", type=int, default=7, help="runs of every contender")
    return parser.parse_args(arguments)


def _peak(server: PostgresServer) -> int:
    (way,) = [way for way in WAYS if way.title == OURS_TWO]
    return way.run(server).peak_bytes


def _times(runs: Runs, title: str, other: str) -> float:
    """The median over the rounds: two runs of one round met about the same load by others."""
    pairs = zip(runs[title], runs[other], strict=True)
    return median(mine.seconds / its.seconds for mine, its in pairs)


def _title(size_bytes: int, rounds: int, server: PostgresServer) -> str:
    return (
        f"{size_bytes / MIB:,.0f} MiB with indexes and TOAST, PostgreSQL {server.binaries.version};"
        f" medians of {rounds} rounds; {os.cpu_count()} cores, load average"
        f" {os.getloadavg()[0]:.1f}"
    )


def _table(runs: Runs, title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, caption_justify="left")
    table.add_column("way", no_wrap=True)
    for heading in ("wall s", "÷ count", "÷ ours, both sides", "peak MiB"):
        table.add_column(heading, justify="right")
    for name, found in runs.items():
        peak = max(run.peak_bytes for run in found) / MIB
        table.add_row(
            name,
            f"{median(run.seconds for run in found):.2f}",
            f"{_times(runs, name, COUNT):.2f}",
            f"{_times(runs, name, OURS_BOTH):.2f}",
            f"{peak:.1f}" if peak else "",
        )
    table.caption = (
        "count: the default plan may read an index where that is cheaper; here it is a scan.\n"
        "pg_amcheck checks heap and B-trees of one side; pg_dump reads one side as text.\n"
        "peak: resident memory of the client's process, interpreter and libraries included."
    )
    return table


def _goals(runs: Runs, small_peak_bytes: int) -> list[Goal]:
    over = _times(runs, OURS_TWO, COUNT)
    faster = _times(runs, RELADIFF, OURS_BOTH)
    large = max(run.peak_bytes for run in runs[OURS_TWO])
    apart = abs(large - small_peak_bytes) / MIB
    return [
        Goal(f"{OURS_TWO}, ÷ {COUNT}: at most {OVER_COUNT:g}", f"{over:.2f}", over <= OVER_COUNT),
        Goal(
            f"faster than the comparator: at least {OVER_COMPARATOR:g} times",
            f"{faster:.2f}",
            faster >= OVER_COMPARATOR,
        ),
        Goal(
            f"memory, eight times the data: within {FLAT_MIB} MiB",
            f"{small_peak_bytes / MIB:.1f} and {large / MIB:.1f} MiB",
            apart <= FLAT_MIB,
        ),
    ]


if __name__ == "__main__":
    interruption.hear()
    sys.exit(main())
