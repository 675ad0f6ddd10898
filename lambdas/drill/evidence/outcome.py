"""What an execution ends with: its one author, for a drill that ran and for one that did not.

An outcome has at least ``verdict``, ``mode``, ``headline`` and ``notice`` (see
:class:`lambdas.drill.evidence.notice.Notice`). ConcludeDrill ends the execution by its verdict and
NotifyPeople publishes its notice. Nothing but PASSED ends green.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.drill.drill import Drill
from lambdas.drill.evidence import notice
from lambdas.drill.verdict.failure import in_words
from lambdas.drill.verdict.verdict import Verdict

REASONS_IN_OUTPUT = 5
HEADLINE_LENGTH = 4000

Outcome = dict[str, Any]


def of_refusal(document: Any, faults: Sequence[str], execution: str) -> Outcome:
    """Of an input that was refused: nothing was made, and nothing was proven.

    Args:
        document: the execution's input, whatever it is.
        execution: its ARN.
    """
    headline = "\n- ".join(["The input was refused:", *faults])
    message = notice.of_refusal(source_in(document), faults, execution)
    return _outcome(notice.REFUSED, "", headline, message)


def of_report(drill: Drill, report: Mapping[str, Any], location: str, page: str) -> Outcome:
    """Of a drill whose report was published.

    Args:
        location, page: where the report and its readable page are.
    """
    return {
        **_outcome(
            report["verdict"], drill.mode, report["headline"], notice.of_report(report, page)
        ),
        "reasons": report["reasons"][:REASONS_IN_OUTPUT],
        "durations_seconds": report["durations_seconds"],
        "rto_seconds": report["rto_seconds"],
        "snapshot_id": drill.snapshot_id,
        "kept": report["kept"],
        "report": location,
        "page": page,
    }


def of_unplanned(document: Any, failure: Mapping[str, str], execution: str) -> Outcome:
    """Of an execution that never became a drill, through no fault of its input."""
    verdict = Verdict.INCONCLUSIVE
    headline = f"{verdict}: the drill could not be planned: {in_words(failure)}"
    message = notice.of_unplanned(source_in(document), failure, execution)
    return _outcome(verdict, "", headline, message)


def of_unreported(
    drill: Drill, verdict: str, cleanup: Mapping[str, Any], failure: Mapping[str, str]
) -> Outcome:
    """Of a drill whose report could not be published: never PASSED, for people have no proof.

    Args:
        verdict: JudgeDrill's. A FAILED is heard of, report or not.
    """
    known = Verdict.FAILED if verdict == Verdict.FAILED else Verdict.INCONCLUSIVE
    headline = (
        f"{known}: the report of {drill.id} could not be published, its evidence lies in"
        f" {drill.evidence}: {in_words(failure)}"
    )
    message = notice.of_unreported(drill, known, cleanup, failure)
    return _outcome(known, drill.mode, headline, message)


def source_in(document: Any) -> Any:
    """The ``db_instance_id`` of an input that may be anything."""
    return document.get("db_instance_id") if isinstance(document, dict) else None


def _outcome(verdict: str, mode: str, headline: str, message: notice.Notice) -> Outcome:
    return {
        "verdict": verdict,
        "mode": mode,
        "headline": headline[:HEADLINE_LENGTH],
        "notice": message.document(),
    }
