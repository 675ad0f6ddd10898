"""JudgeDrill's verdict: of the results alone, and with what an earlier drill says of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambdas.drill.admission.request import BASELINE_EXACT, MODE_SNAPSHOT
from lambdas.drill.drill import Drill
from lambdas.drill.units import Measurement, Unit
from lambdas.drill.verdict import history
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import Judgement, Verdict, judge

LastPassed = Callable[[], Mapping[str, Any] | None]
"""Fetches the manifest of the source's last drill that PASSED; asked only where it matters."""


def judged(
    drill: Drill,
    failure: str,
    units: Sequence[Unit],
    measurements: Sequence[Measurement],
    last_passed: LastPassed,
) -> Judgement:
    """The verdict, with its warnings.

    Args:
        failure: in one sentence, what kept the workflow from going on; empty when nothing did.
        units: all that was planned.
        measurements: of those that were measured.
    """
    if drill.mode == MODE_SNAPSHOT and not failure:
        return Judgement(Verdict.PASSED, ())
    rows_wanted = drill.baseline == BASELINE_EXACT
    judgement = judge(fold(units, measurements), failure, rows_wanted=rows_wanted)
    # Of a drill that is not to pass nobody takes its word, and its verdict could be lost over it.
    if judgement.verdict is not Verdict.PASSED:
        return judgement
    if not history.is_wanted(judgement.results, drill.baseline):
        return judgement
    earlier = last_passed()
    if earlier is None:
        return judgement
    warnings = history.warnings(judgement.results, drill.baseline, earlier)
    return replace(judgement, warnings=(*judgement.warnings, *warnings))
