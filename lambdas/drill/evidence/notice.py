"""What people read of a drill: a subject line and a message to be read on a phone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lambdas.common.naming import INSTANCE_NAME_LENGTH, INSTANCE_NAME_PATTERN
from lambdas.common.shortened import shortened
from lambdas.drill.admission.request import MODE_SNAPSHOT
from lambdas.drill.drill import Drill
from lambdas.drill.verdict.failure import in_words
from lambdas.drill.verdict.verdict import Verdict
from lambdas.drill.verification import cost

LINE_LENGTH = 200
WARNING_LENGTH = 450
"""A warning ends with what to do about it."""

REASONS_SHOWN = 3
FAULTS_SHOWN = 10
REFUSED = "REFUSED"
UNKNOWN = "unknown"

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

_EXECUTION = re.compile(r"arn:(?P<partition>[\w-]+):states:(?P<region>[\w-]+):")

NEXT_STEP = {
    Verdict.PASSED: "To do: nothing.",
    Verdict.FAILED: "To do: do not rely on this backup. Read the report; runbook: DrillFailed.",
    Verdict.INCONCLUSIVE: "To do: mend the first reason, drill again; runbook: DrillFailed.",
}

LOOK_AT_WARNINGS = "To do: nothing for the backup; each warning says what to do."


@dataclass(frozen=True)
class Notice:
    """What goes to the topic; ``verdict`` and ``source`` are attributes to filter by.

    SNS takes a subject of fewer than 100 characters, on one line.
    """

    subject: str
    message: str
    verdict: str
    source: str

    def document(self) -> dict[str, str]:
        """For the workflow."""
        return asdict(self)


def of_report(report: Mapping[str, Any], page: str) -> Notice:
    """The notice of a drill that came to its end.

    Args:
        report: the manifest.
        page: where the readable report is.
    """
    drill, verdict = report["drill"], Verdict(report["verdict"])
    lines = [
        f"{verdict}: {_in_short(report)}",
        *_reasons(report["reasons"]),
        *_reasons([f"warning: {text}" for text in report["warnings"]], WARNING_LENGTH),
        *_figures(report),
        f"Snapshot: {drill['snapshot_id']}{_kept(drill)}",
        *_copy(report),
        _next(report),
        f"Report: {page}",
        *_console(drill["execution"]),
    ]
    subject = f"{verdict}: {drill['source']} ({drill['purpose']} {drill['mode']})"
    return Notice(subject, "\n".join(lines), verdict, drill["source"])


def of_refusal(source: Any, faults: Sequence[str], execution: str) -> Notice:
    """The notice of an input that was refused: nothing was made, and nothing was proven.

    Args:
        source: the input's ``db_instance_id``, whatever that is.
        faults: of the input; each names its field and what would be right.
        execution: its ARN.
    """
    name = _name(source)
    lines = [
        f"{REFUSED}: a drill of {name} did not start.",
        *(_cut(f"- {fault}") for fault in shortened(faults, FAULTS_SHOWN)),
        "To do: correct the input; the execution names every fault.",
        *_console(execution),
    ]
    return Notice(f"{REFUSED}: {name}", "\n".join(lines), REFUSED, name)


def of_unplanned(source: Any, failure: Mapping[str, str], execution: str) -> Notice:
    """The notice of an execution that never became a drill, through no fault of its input."""
    verdict = Verdict.INCONCLUSIVE
    lines = [
        f"{verdict}: a drill could not be planned: {failure['error']}",
        _cut(f"- {in_words(failure)}"),
        "Nothing was made.",
        "To do: runbook, DrillFailed.",
        *_console(execution),
    ]
    subject = f"{verdict}: a drill could not be planned"
    return Notice(subject, "\n".join(lines), verdict, _name(source))


def of_unreported(
    drill: Drill, verdict: Verdict, cleanup: Mapping[str, Any], failure: Mapping[str, str]
) -> Notice:
    """The notice of a drill whose report could not be published.

    Args:
        verdict: FAILED or INCONCLUSIVE.
    """
    wrong = f"what came back of {drill.source} is wrong"
    what = wrong if verdict is Verdict.FAILED else drill.source
    left = f"the copy {drill.copy_id} may still cost money. Runbook: CleanupFailed."
    lines = [
        f"{verdict}: {what}; the report could not be published: {failure['error']}",
        f"Snapshot: {drill.snapshot_id}",
        f"Cleanup: {cleanup['detail'] if cleanup['done'] else left}",
        "To do: runbook, DrillFailed.",
        f"Evidence: {drill.evidence}",
        *_console(drill.execution),
    ]
    subject = f"{verdict}: {drill.source} (no report)"
    return Notice(subject, "\n".join(lines), verdict, drill.source)


def console_link(execution: str) -> str:
    """The console's page of an execution; empty in a partition whose console is not known."""
    found = _EXECUTION.match(execution)
    if found is None or found["partition"] not in _CONSOLES:
        return ""
    region = found["region"]
    host = f"https://{region}.{_CONSOLES[found['partition']]}"
    return f"{host}/states/home?region={region}#/v2/executions/details/{execution}"


def _name(source: Any) -> str:
    """The source that an input names, whatever it holds there."""
    legal = isinstance(source, str) and re.fullmatch(INSTANCE_NAME_PATTERN, source)
    return source[:INSTANCE_NAME_LENGTH] if legal else UNKNOWN


def _in_short(report: Mapping[str, Any]) -> str:
    drill = report["drill"]
    if report["verdict"] == Verdict.FAILED:
        return f"what came back of {drill['source']} is wrong."
    if report["verdict"] == Verdict.INCONCLUSIVE:
        return f"whether {drill['source']} comes back is not known."
    if drill["mode"] == MODE_SNAPSHOT:
        return f"{drill['source']} has a new snapshot; nothing was restored or verified."
    return f"{drill['source']} came back."


def _reasons(reasons: list[str], length: int = LINE_LENGTH) -> Iterator[str]:
    for reason in shortened(reasons, REASONS_SHOWN, "more, in the report"):
        yield _cut(f"- {reason}", length)


def _figures(report: Mapping[str, Any]) -> Iterator[str]:
    if report["drill"]["mode"] == MODE_SNAPSHOT:
        return
    rto = report["rto_seconds"]
    restored = "not restored" if rto is None else f"restored in {_duration(rto)} (RTO)"
    yield f"Copy: {restored}, {report['totals']['rows']:,} rows verified."
    if message := cost.in_words(report["cost"]):
        yield message


def _copy(report: Mapping[str, Any]) -> Iterator[str]:
    if report["drill"]["mode"] != MODE_SNAPSHOT:
        yield _cut(f"Cleanup: {report['cleanup']['detail']}")
    kept = report["kept"]
    if kept:
        yield f"Kept copy: {kept['copy_id']} at {kept['host']}:{kept['port']}"
        yield f"Its login: {kept['secret_arn']}"


def _kept(drill: Mapping[str, Any]) -> str:
    return f", kept until {drill['snapshot_expires_at'][:10]}" if drill["snapshot_is_new"] else ""


def _next(report: Mapping[str, Any]) -> str:
    if not report["cleanup"]["done"]:
        copy = report["drill"]["copy_id"]
        return f"To do: the copy {copy} may still cost money. Runbook: CleanupFailed."
    if report["verdict"] == Verdict.PASSED and report["warnings"]:
        return LOOK_AT_WARNINGS
    return NEXT_STEP[Verdict(report["verdict"])]


def _console(execution: str) -> Iterator[str]:
    link = console_link(execution)
    if link:
        yield f"Execution: {link}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _cut(text: str, length: int = LINE_LENGTH) -> str:
    one = " ".join(text.split())
    return one if len(one) <= length else f"{one[: length - 1]}…"
