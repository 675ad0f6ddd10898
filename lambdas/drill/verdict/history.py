"""What no baseline compared, held against the last drill of the same source that PASSED.

Nothing here proves anything: tables are dropped and emptied for good reasons. People are warned,
and no verdict changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lambdas.common.shortened import shortened
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.check_names import ROWS, ROWS_CHECK
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result

COLLAPSED_TO = 0.5
"""Of the rows that there were; fewer are reported."""

FEWEST_ROWS = 100
"""Smaller tables come and go."""

WARNINGS_SHOWN = 20

Subject = tuple[str, str]


def is_wanted(results: Sequence[Result], baseline: str) -> bool:
    """Whether there is a relation, or may be one, that nothing else was compared with."""
    return baseline == BASELINE_NONE or any(_is_uncompared(result) for result in results)


def warnings(
    results: Sequence[Result], baseline: str, earlier: Mapping[str, Any]
) -> tuple[str, ...]:
    """What a person should look at, the worst first.

    Args:
        baseline: with one, a relation that is gone is gone from the source too.
        earlier: the manifest of the drill that PASSED.
    """
    then = dict(_counted_then(earlier))
    since = f"since the drill of {earlier['finished_at'][:10]} that PASSED"
    found = [] if baseline != BASELINE_NONE else list(_vanished(results, then))
    found += _collapsed(results, then)
    message = [f"{text} {since}" for text in found]
    return shortened(message, WARNINGS_SHOWN)


def _vanished(results: Sequence[Result], then: Mapping[Subject, int]) -> Iterator[str]:
    here = {(result.database, result.subject) for result in results if result.check == ROWS_CHECK}
    databases = {result.database for result in results}
    for name in sorted({database for database, _ in then} - databases):
        yield f"the database {name} has vanished"
    for database, subject in sorted(then.keys() - here):
        if database in databases:
            rows = then[(database, subject)]
            yield f"{database}: {subject} has vanished, which had {rows:,} rows"


def _collapsed(results: Sequence[Result], then: Mapping[Subject, int]) -> Iterator[str]:
    for result in results:
        before = then.get((result.database, result.subject), 0)
        now = result.measured.get(ROWS, 0)
        few = before >= FEWEST_ROWS and now < before * COLLAPSED_TO
        if few and _is_uncompared(result):
            yield f"{result.title} has {now:,} rows, and had {before:,},"


def _is_uncompared(result: Result) -> bool:
    """Whether its rows were counted, and held against nothing."""
    counted = result.check == ROWS_CHECK and result.status is Status.OK
    return counted and result.claim is Claim.NOT_COMPARED


def _counted_then(earlier: Mapping[str, Any]) -> Iterator[tuple[Subject, int]]:
    for result in earlier["results"]:
        if result["check"] == ROWS_CHECK and result["status"] == Status.OK:
            yield (result["database"], result["subject"]), result["measured"].get(ROWS, 0)
