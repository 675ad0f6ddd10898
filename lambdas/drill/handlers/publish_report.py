"""PublishReport: the final verdict, the manifest, the page, the verdict on the snapshot."""

import os
import time
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.rds import Rds
from lambdas.common import document_names
from lambdas.common.execution import moment
from lambdas.common.ownership import VERDICT
from lambdas.drill.admission.request import MODE_SNAPSHOT
from lambdas.drill.drill import Drill, drill_from
from lambdas.drill.evidence import manifest, measures, outcome
from lambdas.drill.recovery_point import snapshots
from lambdas.drill.verdict.failure import in_words
from lambdas.drill.verdict.verdict import Judgement, Verdict, conclude, judgement_from
from lambdas.drill.verification import cost
from lambdas.errors import (
    NotFound,
    NotOurs,
    ResourceBusy,
    ServiceUnavailable,
    Throttled,
    TimeMachineError,
)
from lambdas.observability import Event, logged, logger, write_metrics
from lambdas.settings import from_environment
from lambdas.sweep.account import Inventory

SNAPSHOTS_IN_REPORT = 50

TAG_WAITS_SECONDS = (1, 2, 4, 8)
"""Between the tries to tag. The report waits for no more: a FAILED has to be heard of."""

TAG_SECONDS = 60
"""After these no further try begins, whatever a call takes."""


@logged("PublishReport")
def handler(event: Event, _context: Any) -> Any:
    """What the execution ends with: verdict, headline, reasons, durations, report, notice."""
    settings, drill = from_environment(os.environ), drill_from(event)
    evidence = Evidence(settings.evidence_bucket, drill.evidence)
    report = evidence.find(document_names.REPORT)
    if report is None:
        report = _publish(event, drill, evidence, moment(event["now"]))
    _measure(drill, report)
    location = evidence.location(document_names.REPORT)
    return outcome.of_report(drill, report, location, evidence.location(document_names.PAGE))


def _publish(event: Event, drill: Drill, evidence: Evidence, now: datetime) -> dict[str, Any]:
    judgement = _final_judgement(event, evidence)
    cleanup = {"done": event["cleanup"]["done"], "detail": _cleanup_detail(event)}
    report = manifest.build(
        drill, judgement, event["marks"], event["snapshot"], cleanup, event.get("kept"), now
    )
    if drill.snapshot_is_new and drill.mode != MODE_SNAPSHOT:
        report["warnings"] += _tag_verdict(drill, judgement.verdict)
    report |= _snapshots(drill)
    evidence.write_page(document_names.PAGE, render(report))
    evidence.write(document_names.REPORT, report)
    return report


def _final_judgement(event: Event, evidence: Evidence) -> Judgement:
    document = evidence.find(document_names.JUDGEMENT) if event["judged"] else None
    judgement = judgement_from(document) if document else None
    return conclude(
        judgement, in_words(event["failure"]), event["cleanup"]["done"], _cleanup_detail(event)
    )


def _cleanup_detail(event: Event) -> str:
    cleanup = event["cleanup"]
    return str(cleanup["detail"]) if cleanup["done"] else in_words(cleanup["failure"])


def _tag_verdict(drill: Drill, verdict: Verdict) -> list[str]:
    """Retention keeps the newest PASSED snapshot of a source, and reads that off this tag.

    Returns a warning when it could not be set. That changes no verdict and no state tries it again:
    AddTagsToResource answers InvalidDBSnapshotState for as long as the snapshot is busy.
    """
    try:
        _tag_patiently(drill, verdict)
    except (NotFound, NotOurs) as error:
        logger.warning("the verdict was not tagged", reason=str(error))
    except TimeMachineError as error:
        logger.warning("the verdict was not tagged", reason=str(error))
        return [
            f"retention does not know that the snapshot {drill.snapshot_id} is {verdict}: add the"
            f" tag {VERDICT} = {verdict} to it ({error})"
        ]
    return []


def _tag_patiently(drill: Drill, verdict: Verdict) -> None:
    last = time.monotonic() + TAG_SECONDS
    for wait in TAG_WAITS_SECONDS:
        try:
            Rds().tag_snapshot(drill.owner, drill.snapshot_id, {VERDICT: verdict})
        except (ResourceBusy, ServiceUnavailable, Throttled):
            if time.monotonic() + wait > last:
                raise
            time.sleep(wait)
        else:
            return
    Rds().tag_snapshot(drill.owner, drill.snapshot_id, {VERDICT: verdict})


def _snapshots(drill: Drill) -> dict[str, Any]:
    """``snapshots`` of the source, or why they could not be listed; that changes no verdict."""
    try:
        found = list(Inventory().snapshots(drill.source))
    except TimeMachineError as error:
        logger.warning("the snapshots were not listed", reason=str(error))
        return {"snapshots": [], "snapshots_missing": str(error)}
    ours = snapshots.rows(found, stack=drill.stack, prefix=drill.prefix)
    return {"snapshots": ours[:SNAPSHOTS_IN_REPORT], "snapshots_missing": ""}


def _measure(drill: Drill, report: dict[str, Any]) -> None:
    """By every try, also one that finds the report written: the try that wrote it may be lost.

    So a metric comes at least once. A second one, of a try whose answer was lost, adds a drill to a
    chart's sum; no alarm takes two for anything else than one: each asks only whether there was any
    (stacks/alarms.py), and one that never came would sound the alarm of a missing drill.
    """
    write_metrics(measures.of_source(report), stack=drill.stack, source=drill.source)
    write_metrics(measures.of_deployment(report), stack=drill.stack)


def render(report: dict[str, Any]) -> str:
    """The readable page of a manifest, one HTML file without anything from elsewhere."""
    environment = Environment(
        loader=PackageLoader("lambdas", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2")
    return page.render(report=report, cost=cost.in_words(report["cost"]))
