"""Measuring a batch of units, one after the other, within the function's time."""

import time
from collections.abc import Callable, Iterator, Sequence

from lambdas.checks import CHECKS
from lambdas.checks.shape import Bench, Survey
from lambdas.domain.units import Measurement, Status, Unit


def plan_units(survey: Survey) -> list[Unit]:
    """The units of every check in the registry."""
    return [unit for check in CHECKS.values() for unit in check.plan(survey)]


def measure_batch(
    units: Sequence[Unit], bench: Bench, seconds_left: Callable[[], float]
) -> Iterator[Measurement]:
    """Measure each unit; the ones that no time is left for are told as unmeasured."""
    for unit in units:
        if unit.exempt:
            yield Measurement(unit.id, Status.EXEMPT)
        elif seconds_left() <= 0:
            yield Measurement(unit.id, Status.UNMEASURED, notes=("out of time",))
        else:
            yield _measure(unit, bench)


def _measure(unit: Unit, bench: Bench) -> Measurement:
    began = time.monotonic()
    measured = CHECKS[unit.check].run(unit, bench)
    return Measurement(
        unit=measured.unit,
        status=measured.status,
        measured=measured.measured,
        findings=measured.findings,
        notes=measured.notes,
        seconds=round(time.monotonic() - began, 3),
    )
