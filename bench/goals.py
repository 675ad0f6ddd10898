"""What was aimed at, beside what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contenders import APART, GZIP, NEW, ONE, PSQL, PSQL_NEW
from bench.growth import Growth
from bench.orders import MIB
from bench.rounds import Standing

ONE_STREAM_TIMES = 1.05
STREAMS_FASTER = 1.5
GZIP_TIMES = 1.1
PEAK_MIB = 72
FLAT_MIB = 4
"""Allocators and garbage collection move a peak by as much from run to run."""


@dataclass(frozen=True)
class Goal:
    """A goal, and whether it is met; None where it was not measured."""

    aim: str
    measured: str
    met: bool | None


def goals(standings: Mapping[str, Standing], growth: Sequence[Growth]) -> list[Goal]:
    """Each goal with its figure."""
    psql, one = standings[PSQL], standings[ONE]
    return [
        _at_most("one stream, wall time as a multiple of psql's", one, psql, ONE_STREAM_TIMES),
        _faster("a new table", [standings[name] for name in NEW], standings[PSQL_NEW]),
        _faster("not atomic", [standings[name] for name in APART], psql),
        _at_most("gzip, wall time as a multiple of plain's", standings[GZIP], one, GZIP_TIMES),
        *_memory(growth),
    ]


def _at_most(what: str, mine: Standing, other: Standing, limit: float) -> Goal:
    times = mine.times(other)
    message = f"{times:.2f}; best ÷ best {mine.best_times(other):.2f}"
    return Goal(f"{what}: at most {limit}", message, times <= limit)


def _faster(what: str, ways: Sequence[Standing], psql: Standing) -> Goal:
    streams = min(ways, key=lambda standing: standing.times(psql))
    speed = 1 / streams.times(psql)
    message = (
        f"{speed:.2f}; best ÷ best {1 / streams.best_times(psql):.2f};"
        f" {psql.idle_cores:.1f} cores idle beside psql"
    )
    aim = f"2 or 4 streams, {what}, as a multiple of psql's speed: {STREAMS_FASTER}"
    return Goal(aim, message, speed >= STREAMS_FASTER)


def _memory(growth: Sequence[Growth]) -> list[Goal]:
    peaks = [one.peak_bytes / MIB for one in growth if one.peak_bytes is not None]
    sizes = " and ".join(f"{one.size_bytes / 1e6:,.0f} MB" for one in growth)
    aim = f"peak memory from S3, {sizes}: at most {PEAK_MIB} MiB"
    flat = f"and flat, within {FLAT_MIB} MiB"
    if len(peaks) < len(growth):
        return [Goal(aim, "no room on the disk", None), Goal(flat, "no room on the disk", None)]
    message, spread = ", ".join(f"{peak:.1f} MiB" for peak in peaks), max(peaks) - min(peaks)
    return [
        Goal(aim, message, max(peaks) <= PEAK_MIB),
        Goal(flat, f"{spread:.1f} MiB apart", spread <= FLAT_MIB),
    ]
