"""Everything measured in a drill, as one JSON document: the manifest behind the report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lambdas.common.execution import moment
from lambdas.drill.admission.request import MODE_SNAPSHOT
from lambdas.drill.check_names import DATABASES_CHECK, ROWS, ROWS_CHECK
from lambdas.drill.drill import Drill
from lambdas.drill.recovery_point.rpo import recovery_point
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Judgement, Verdict
from lambdas.version import VERSION

FORMAT = 1

PHASES = {
    "PlanDrill": "plan",
    "CaptureBaseline": "baseline before",
    "CreateSnapshot": "snapshot",
    "CheckSnapshot": "snapshot",
    "CompleteBaseline": "baseline after",
    "RestoreInstance": "restore",
    "SecureInstance": "secure",
    "PlanVerification": "verify",
    "JudgeDrill": "judge",
    "KeepInstance": "keep",
    "DeleteInstance": "teardown",
}
"""The phase that begins when a state is first entered; it lasts until the next one begins. A state
that is not here is a phase of its own name."""

WARNING_LENGTH = 400
"""Of the warning in the headline; the report has all of it."""


def durations(marks: Mapping[str, str], now: datetime) -> dict[str, float]:
    """Seconds of each phase, in order, and ``total``.

    Args:
        marks: when each state was first entered, as Step Functions writes times.
        now: when the report is made.
    """
    entered = sorted((moment(text), state) for state, text in marks.items())
    seconds: dict[str, float] = {}
    ends = [moment for moment, _ in entered[1:]] + [now]
    for (began, state), ended in zip(entered, ends, strict=False):
        # A drill that began before a deployment has the marks of the machine it began with.
        phase = PHASES.get(state, state)
        seconds[phase] = round(seconds.get(phase, 0) + (ended - began).total_seconds(), 3)
    if entered:
        seconds["total"] = round((now - entered[0][0]).total_seconds(), 3)
    return seconds


def build(
    drill: Drill,
    judgement: Judgement,
    marks: Mapping[str, str],
    snapshot: Mapping[str, Any] | None,
    cleanup: Mapping[str, Any],
    kept: Mapping[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """The manifest.

    Args:
        judgement: the final one, with the teardown in it.
        snapshot: what CheckSnapshot last saw, None when there was none.
        cleanup: ``done`` and ``detail``.
        kept: of a copy that stays, ``copy_id``, ``host``, ``port``, ``secret_arn`` and
            ``expires_at``; None when none does.
    """
    spent = durations(marks, now)
    restored = "SecureInstance" in marks
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": judgement.verdict,
        "headline": headline(drill, judgement, kept),
        "reasons": list(judgement.reasons),
        "warnings": list(judgement.warnings),
        "drill": asdict(drill),
        "snapshot": dict(snapshot) if snapshot else None,
        "durations_seconds": spent,
        "rto_seconds": spent.get("restore") if restored else None,
        **recovery_point(judgement.results, snapshot),
        "totals": _totals(judgement),
        "cost": dict(judgement.cost),
        "results": [asdict(result) for result in judgement.results],
        "cleanup": dict(cleanup),
        "kept": dict(kept) if kept else None,
        "finished_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def headline(drill: Drill, judgement: Judgement, kept: Mapping[str, Any] | None = None) -> str:
    """For the console, a phone and the top of the report: a sentence, and a line of warnings."""
    return _sentence(drill, judgement, kept) + _warned(judgement)


def _sentence(drill: Drill, judgement: Judgement, kept: Mapping[str, Any] | None) -> str:
    if judgement.verdict is Verdict.PASSED:
        if drill.mode == MODE_SNAPSHOT:
            return (
                f"PASSED: the snapshot {drill.snapshot_id} of {drill.source} is available; "
                "nothing was restored or verified in this mode."
            )
        totals = _totals(judgement)
        return (
            f"PASSED: {drill.source} came back from {drill.snapshot_id}: "
            f"{totals['rows']:,} rows in {totals['relations']:,} relations of "
            f"{totals['databases']:,} databases were read, {totals['proven']:,} counts are proven "
            f"equal to the source, {totals['consistent']:,} consistent with it, "
            f"{totals['not compared']:,} not compared."
            + _left_out(totals["left out"])
            + (f" The copy {kept['copy_id']} is kept until {kept['expires_at']}." if kept else "")
        )
    first = judgement.reasons[0] if judgement.reasons else "no reason was recorded"
    more = len(judgement.reasons) - 1
    also = f" (and {more} more)" if more > 0 else ""
    return f"{judgement.verdict}: {drill.source}: {first}{also}."


def _left_out(number: int) -> str:
    if not number:
        return ""
    if number == 1:
        return " 1 relation was not read, by its nature; the report says which and why."
    return f" {number:,} relations were not read, by their nature; the report says which and why."


def _warned(judgement: Judgement) -> str:
    if not judgement.warnings:
        return ""
    first, more = judgement.warnings[0], len(judgement.warnings) - 1
    message = first if len(first) <= WARNING_LENGTH else f"{first[: WARNING_LENGTH - 1]}…"
    return f"\nWarning: {message}{f' (and {more} more)' if more else ''}."


def _totals(judgement: Judgement) -> dict[str, int]:
    relations = [result for result in judgement.results if result.check == ROWS_CHECK]
    counts = [result for result in relations if result.status in (Status.OK, Status.WRONG)]
    claims = Counter(result.claim for result in counts)
    reached = [
        result
        for result in judgement.results
        if result.check == DATABASES_CHECK and result.status is Status.OK
    ]
    return {
        "databases": len(reached),
        "relations": len(counts),
        "rows": sum(result.measured.get(ROWS, 0) for result in counts),
        "proven": claims[Claim.PROVEN],
        "consistent": claims[Claim.CONSISTENT],
        "not compared": claims[Claim.NOT_COMPARED],
        "left out": sum(result.status is Status.EXEMPT for result in relations),
        "wrong": sum(result.status is Status.WRONG for result in judgement.results),
        "not measured": sum(
            result.status in (Status.UNMEASURED, Status.EXEMPT) for result in judgement.results
        ),
    }
