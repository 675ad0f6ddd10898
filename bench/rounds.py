"""Alternating runs: every contender once in each round, each round begun by another one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

from bench.arena import Arena, Run
from bench.contenders import CONTENDERS, Contender
from bench.orders import MIB

One = TypeVar("One")


@dataclass
class Standing:
    """The runs of one contender, one per round; medians of them.

    Attributes:
        scale: times for a sample are multiplied by it.
    """

    contender: Contender
    scale: float
    runs: list[Run] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Wall time for all rows."""
        return median(run.measured.seconds for run in self.runs) * self.scale

    @property
    def staged_seconds(self) -> float | None:
        """Wall time until all rows were in staging tables; None without any."""
        found = [run.measured.staged_seconds for run in self.runs]
        times = [seconds for seconds in found if seconds is not None]
        return median(times) * self.scale if times else None

    @property
    def peak_mib(self) -> float:
        """The worst of all rounds."""
        return max(run.measured.peak_bytes for run in self.runs) / MIB

    @property
    def client_seconds(self) -> float:
        """CPU of the client's processes."""
        return median(run.measured.cpu_seconds for run in self.runs) * self.scale

    @property
    def server_seconds(self) -> float:
        """CPU of the server's processes."""
        return median(run.server_seconds for run in self.runs) * self.scale

    @property
    def idle_cores(self) -> float:
        """Of the machine, while it ran."""
        return median(run.idle_cores for run in self.runs)

    def times(self, other: "Standing") -> float:
        """How many times the other's wall time ours is: the median over the rounds.

        Two runs of one round met about the same load by others; two medians may not have.
        """
        pairs = zip(self.runs, other.runs, strict=True)
        ratios = [mine.measured.seconds / its.measured.seconds for mine, its in pairs]
        return median(ratios) * self.scale / other.scale

    def best_times(self, other: "Standing") -> float:
        """The same of the fastest run of each."""
        mine, its = (min(run.measured.seconds for run in one.runs) for one in (self, other))
        return mine * self.scale / its / other.scale


def alternate(
    arena: Arena,
    rounds: int,
    done: Callable[[int, Contender], None],
    contenders: Sequence[Contender] = CONTENDERS,
) -> dict[str, Standing]:
    """Run the rounds; return the standings by the contender's name.

    Args:
        done: told the round, from 1, and who has just run.
    """
    standings = {
        one.name: Standing(one, arena.data.rows / arena.rows_of(one)) for one in contenders
    }
    for number, contender in turns(rounds, contenders):
        standings[contender.name].runs.append(arena.run(contender))
        done(number, contender)
    return standings


def turns(rounds: int, contenders: Sequence[One]) -> Iterator[tuple[int, One]]:
    """The rounds' numbers, from 1, and whose turn it is: each round is begun by another one."""
    for number in range(rounds):
        first = number % len(contenders)
        for one in (*contenders[first:], *contenders[:first]):
            yield number + 1, one
