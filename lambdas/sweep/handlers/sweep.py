"""Sweep: end what outlived its drill or its retention; by schedule, by event, or by hand."""

import os
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common.budget import seconds_left
from lambdas.errors import InvalidRequest
from lambdas.observability import Event, logged, write_metrics
from lambdas.settings import Settings, from_environment
from lambdas.sweep import sweep_report
from lambdas.sweep.sweeper import Sweep

AGE = "PassedAgeSeconds"
EXECUTION_ENDED = "Step Functions Execution Status Change"


@logged("Sweep")
def handler(event: Event, context: Any) -> Any:
    """``{"dry_run", "deleted", "left", "failed", "totals", "report"}``; the report has it all.

    Raises:
        InvalidRequest: an unknown field, or ``dry_run`` is not true or false.
        TimeMachineError: neither instances nor snapshots could be listed.
    """
    dry_run, settings = _wants_dry_run(event), from_environment(os.environ)
    began_at = datetime.now(UTC)
    sweep = Sweep(settings, began_at, partial(seconds_left, context), dry_run=dry_run)
    sweep.run()
    evidence = Evidence(settings.evidence_bucket, f"sweeps/{began_at:%Y/%m/%d}")
    name = f"{began_at:%H%M%S}-{context.aws_request_id}.json"
    report = sweep.publish(evidence, name)
    if not dry_run:
        _measure(settings, sweep)
    if sweep.unable:
        raise sweep.unable
    return {
        "dry_run": dry_run,
        **sweep_report.lists(sweep.entries, sweep_report.SHOWN_IN_ANSWER),
        "totals": sweep_report.totals(sweep.entries),
        "report": report,
    }


def _wants_dry_run(event: Any) -> bool:
    """A schedule sends ``{}``, a person ``{"dry_run": true}``, EventBridge what has happened."""
    if not isinstance(event, dict):
        raise InvalidRequest(['the event must be a JSON object such as {"dry_run": true}'])
    if event.get("detail-type") == EXECUTION_ENDED:
        return False
    faults = [f"{name}: unknown field; known is dry_run" for name in event if name != "dry_run"]
    dry_run = event.get("dry_run", False)
    if not isinstance(dry_run, bool):
        faults.append("dry_run: must be true or false")
    if faults:
        raise InvalidRequest(faults)
    return bool(dry_run)


def _measure(settings: Settings, sweep: Sweep) -> None:
    done = {"SweepsDone": float(sweep.unable is None)}
    write_metrics({**sweep_report.totals(sweep.entries), **done}, stack=settings.stack)
    for source, age_seconds in sweep.passed_ages_seconds.items():
        write_metrics({AGE: age_seconds}, stack=settings.stack, source=source)
