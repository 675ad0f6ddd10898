"""The measurements run, whatever they come to."""

import re
from pathlib import Path

import pytest

from bench import orders
from bench.arena import Run
from bench.contenders import APART, CONTENDERS, GZIP, NEW, ONE, PSQL, PSQL_NEW, named
from bench.goals import goals
from bench.growth import Growth
from bench.job import Measured
from bench.load import main
from bench.orders import MIB
from bench.rounds import Standing
from lambdas.load.csv_format import CsvFormat
from lambdas.load.reading import header, infer


@pytest.mark.thorough
def test_the_bench_runs_every_contender_and_prints_every_goal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a little data and in one round: each way loads every row, or the bench raises."""
    assert main(["--mib", "1", "--rounds", "1", "--memory", "1,3"]) == 0
    printed = capsys.readouterr().out
    for contender in CONTENDERS:
        figures = re.search(rf"{re.escape(contender.title)} +([\d.,]+) ", printed)
        assert figures is not None, contender.title
        assert float(figures[1].replace(",", "")) > 0
    assert len(re.findall(r"\b(?:met|missed)\b", printed)) == 6


def standing(name: str, *seconds: float) -> Standing:
    runs = [Run(Measured(1, wall, MIB, 0.0, None), 0.0, 1.0) for wall in seconds]
    return Standing(named(name), 1.0, runs)


def made(one: float, gzip: float, four: float) -> dict[str, Standing]:
    times = {PSQL: 1.0, PSQL_NEW: 0.5, ONE: one, GZIP: gzip}
    times |= {APART[0]: 0.9, APART[1]: four, NEW[0]: 0.45, NEW[1]: four / 2}
    return {name: standing(name, seconds) for name, seconds in times.items()}


def test_the_rival_of_a_new_table_has_the_columns_that_a_load_would_make(tmp_path: Path) -> None:
    data = orders.write(tmp_path, MIB // 8).file.read_bytes()
    names = header.names_in(data, CsvFormat(), whole=True)
    rows = infer.sample(data, CsvFormat(), whole=True)
    kinds = infer.types(rows, len(names), CsvFormat())
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    assert columns == orders.NEW_COLUMNS


def test_a_ratio_compares_the_runs_of_each_round() -> None:
    """A round in which the machine was busy does not decide it."""
    slow_at_last, slow_too = standing(ONE, 1.0, 1.0, 9.0), standing(PSQL, 2.0, 2.0, 18.0)
    assert slow_at_last.times(slow_too) == 0.5


@pytest.mark.parametrize(
    ("one", "gzip", "four", "peaks", "met"),
    [
        (1.05, 1.1, 0.66, (70, 72), [True] * 6),
        (1.06, 1.2, 0.68, (70, 75), [False] * 6),
    ],
)
def test_each_goal_is_held_against_its_own_figure(
    one: float, gzip: float, four: float, peaks: tuple[int, int], met: list[bool]
) -> None:
    """A new table against psql's, which has no key to keep either."""
    standings = made(one, gzip, four)
    growth = [Growth(10**8, peaks[0] * MIB), Growth(10**9, peaks[1] * MIB)]
    assert [goal.met for goal in goals(standings, growth)] == met


def test_memory_that_was_not_measured_is_no_goal_met() -> None:
    standings = made(1.0, 1.0, 1.0)
    growth = [Growth(10**8, 70 * MIB), Growth(10**9, None)]
    assert [goal.met for goal in goals(standings, growth)][-2:] == [None, None]
