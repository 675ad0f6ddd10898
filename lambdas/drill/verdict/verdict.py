"""From results to a verdict. PASSED needs positive proof of every planned unit."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from lambdas.common.shortened import shortened
from lambdas.common.versions import known_fields
from lambdas.drill.check_names import DATABASES_CHECK, ROWS_CHECK
from lambdas.drill.units import Claim, Status

TEMPLATE = "template1"
"""What new databases are made from; one that is closed hides nothing of the user's."""

_HOLDERS = (ROWS_CHECK, DATABASES_CHECK)
"""The checks whose subjects hold what a user would miss."""

NO_DATABASE = (
    "no database was reached; see the results of the check databases, and whether the copy's server"
    " is up, drill again"
)
NO_VERDICT = "no verdict was reached; see the log of JudgeDrill, drill again"
NO_RESULT = (
    "its batch gave no result: the function was lost, out of time or of memory; see the log of"
    " VerifyBatch, drill again"
)

NAMES_SHOWN = 5
REASONS_SHOWN = 20
TEXT_LENGTH = 500
"""Bounds of what a result says, so that a relation of thousands of ranges stays far below the
256 KiB of a state's output."""


class Verdict(StrEnum):
    """FAILED means that the data is wrong; INCONCLUSIVE is everything that is not known."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class Result:
    """What is known of one subject under one check, all its units folded.

    Attributes:
        warnings: what is wrong and no damage of the backup.
    """

    check: str
    database: str
    subject: str
    status: Status
    claim: Claim
    measured: Mapping[str, int] = field(default_factory=dict)
    expected: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The subject with its database, for a sentence."""
        return f"{self.database}: {self.subject}" if self.subject else self.database


@dataclass(frozen=True)
class Judgement:
    """The verdict, why, and every result behind it.

    Attributes:
        warnings: what changes no verdict, and a person should look at.
        cost: of the verification, see :func:`lambdas.drill.verification.cost.of_batches`.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    results: tuple[Result, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: Mapping[str, float] = field(default_factory=dict)


def judge(results: Sequence[Result], failure: str = "", *, rows_wanted: bool = False) -> Judgement:
    """The verdict of a drill.

    Args:
        results: everything that was planned, folded.
        failure: in one sentence, what kept the workflow from going on; empty when nothing did.
        rows_wanted: whether the drill was asked to compare rows with the source.
    """
    wrong = [reason for result in results for reason in _wrong(result)]
    unknown = [reason for result in results for reason in _unknown(result)]
    if failure:
        unknown.insert(0, failure)
    if not results and not failure:
        unknown.append("nothing was measured; see the log of PlanVerification, drill again")
    if not failure and not any(_is_database_reached(result) for result in results):
        unknown.append(NO_DATABASE)
    if rows_wanted and not failure:
        unknown += _no_rows_compared(results)
    if not unknown and not any(_is_data(result) for result in results):
        unknown.append(_nothing_to_prove(results))
    reasons = _shown(wrong + unknown)
    message = [text for result in results for text in _warnings(result)]
    warnings = _shown([*_databases_left_out(results), *message, *_relations_left_out(results)])
    verdict = Verdict.FAILED if wrong else Verdict.INCONCLUSIVE if unknown else Verdict.PASSED
    return Judgement(verdict, reasons, tuple(results), warnings)


def conclude(
    judgement: Judgement | None, failure: str, cleanup_done: bool, cleanup: str
) -> Judgement:
    """The verdict with which a drill ends, once its teardown is known.

    Args:
        judgement: None when JudgeDrill itself failed; ``failure`` says how. One that PASSED goes
            with a failure where the copy was to be kept and could not be.
        cleanup: what became of the copy. A copy that is still there is a failed drill, loudly.
    """
    if judgement is None:
        judgement = Judgement(Verdict.INCONCLUSIVE, (failure or NO_VERDICT,))
    if failure and judgement.verdict is Verdict.PASSED:
        reason = f"the copy was verified and could not be kept: {failure}"
        judgement = replace(judgement, verdict=Verdict.INCONCLUSIVE, reasons=(reason,))
    if cleanup_done:
        return judgement
    passed = judgement.verdict is Verdict.PASSED
    left = f"the copy was not cleaned up; it may still cost money: {cleanup}"
    return replace(
        judgement,
        verdict=Verdict.INCONCLUSIVE if passed else judgement.verdict,
        reasons=(left, *judgement.reasons),
    )


def judgement_from(document: Mapping[str, Any]) -> Judgement:
    """A judgement as it lies in the evidence."""
    results = tuple(
        Result(
            **{
                **known_fields(Result, found),
                "status": Status(found["status"]),
                "claim": Claim(found["claim"]),
                "expected": {name: tuple(pair) for name, pair in found["expected"].items()},
                "findings": tuple(found["findings"]),
                "notes": tuple(found["notes"]),
                "warnings": tuple(found.get("warnings", ())),
            }
        )
        for found in document["results"]
    )
    return Judgement(
        Verdict(document["verdict"]),
        tuple(document["reasons"]),
        results,
        tuple(document["warnings"]),
        document["cost"],
    )


def _wrong(result: Result) -> Iterator[str]:
    if result.status is Status.WRONG:
        for finding in result.findings or (f"wrong ({result.check})",):
            yield f"{result.title}: {finding}"


def _warnings(result: Result) -> Iterator[str]:
    for warning in result.warnings:
        yield f"{result.title}: {warning}"


def _unknown(result: Result) -> Iterator[str]:
    if result.status is Status.UNMEASURED:
        why = "; ".join(result.findings + result.notes) or NO_RESULT
        yield f"{result.title}: not measured ({result.check}): {why}"


def _is_database_reached(result: Result) -> bool:
    return result.check == DATABASES_CHECK and result.status is Status.OK


def _is_data(result: Result) -> bool:
    """Whether data of the user's were measured, a table without a row too."""
    return result.check == ROWS_CHECK and result.status is not Status.EXEMPT


def _nothing_to_prove(results: Sequence[Result]) -> str:
    left_out = sum(r.status is Status.EXEMPT for r in results if r.check in _HOLDERS)
    if left_out:
        return (
            f"no table was read, so nothing was proven: {left_out:,} tables or databases are left"
            " out by their nature, see the warnings; make what is to be proven a logged table in a"
            " database that takes connections"
        )
    return (
        "there is no table in any database, so nothing was proven: this is no backup of data; see"
        " whether it is the right instance. Of one that is meant to be empty, mode snapshot takes"
        " a snapshot and proves nothing"
    )


def _databases_left_out(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        if result.database == TEMPLATE or result.check != DATABASES_CHECK:
            continue
        if result.status is Status.EXEMPT and result.notes:
            message = f"the whole database {result.database} was left out, nothing of it is proven"
            yield f"{message}: {'; '.join(result.notes)}"


def _relations_left_out(results: Sequence[Result]) -> Iterator[str]:
    """One for each database and reason: a thousand unlogged tables are one thing to know."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        if result.check in _HOLDERS and result.status is Status.EXEMPT and result.subject:
            groups[(result.database, "; ".join(result.notes))].append(result.subject)
    for (database, why), names in groups.items():
        message = ", ".join(shortened(names, NAMES_SHOWN))
        yield f"{database}: left out, nothing of it is proven: {message}: {why}"


def _no_rows_compared(results: Sequence[Result]) -> Iterator[str]:
    """Rows were to be compared, there were some, and not one table could be: that is no proof."""
    counted = [r for r in results if r.check == ROWS_CHECK and r.status is Status.OK]
    if counted and all(result.claim is Claim.NOT_COMPARED for result in counted):
        why = "; ".join(dict.fromkeys(note for result in counted[:3] for note in result.notes))
        yield f"no table's rows could be compared with the source: {why}"


def _shown(reasons: Sequence[str]) -> tuple[str, ...]:
    message = [reason[: 2 * TEXT_LENGTH] for reason in reasons]
    return shortened(message, REASONS_SHOWN, "more, in the report")
