"""``make bench-load``: our load against the other ways, on the same data in one run.

Prints the figures whatever they are.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from bench import growth
from bench.arena import Arena, opened
from bench.contenders import Contender
from bench.goals import goals
from bench.orders import MIB
from bench.report import goals_table, standings_table
from bench.rounds import alternate
from local import interruption

PIPED_WIDTH = 175


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    with console.status("writing the data") as status, opened(options.mib * MIB) as arena:

        def tell(number: int, contender: Contender) -> None:
            status.update(f"round {number} of {options.rounds}: {contender.title} is done")

        standings = alternate(arena, options.rounds, tell)
        console.print(standings_table(standings, _title(arena, options.rounds)))
        status.update("peak memory by size")
        grown = growth.measure(arena, options.memory)
        console.print(goals_table(goals(standings, grown)))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--mib", type=int, default=192, help="size of the data")
    parser.add_argument("--rounds", type=int, default=9, help="runs of every contender")
    parser.add_argument(
        "--memory",
        type=lambda text: [int(size) for size in text.split(",")],
        default=[200, 2000],
        help="sizes in MB at which peak memory is measured",
    )
    return parser.parse_args(arguments)


def _title(arena: Arena, rounds: int) -> str:
    data, binaries = arena.data, arena.server.binaries
    return (
        f"{data.rows:,} rows, {data.size_bytes / MIB:,.0f} MiB, into a table with a primary key;"
        f" PostgreSQL {binaries.version}; medians of {rounds} rounds; {os.cpu_count()} cores,"
        f" load average {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    interruption.hear()
    sys.exit(main())
