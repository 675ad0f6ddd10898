"""A whole sandwich with an undamaged copy, and assertions on what is said of one."""

from collections.abc import Callable, Mapping, Sequence

from campaign.arena import Source, taken
from lambdas.drill.admission.request import BASELINE_EXACT
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Judgement, Result, Verdict


def sandwich(
    source: Source,
    kind: str = BASELINE_EXACT,
    meanwhile: Callable[[], None] = lambda: None,
    afterwards: Callable[[], None] = lambda: None,
    *,
    settings: Mapping[str, str] | None = None,
    expectations: Sequence[Mapping[str, str]] = (),
) -> Judgement:
    """The whole of it, with a copy that nobody has damaged."""
    with (
        taken(source, kind, meanwhile, afterwards) as found,
        found.restored(settings, last=True) as copy,
    ):
        return found.judged(copy, expectations)


def results_of(judgement: Judgement, check: str, database: str) -> dict[str, Result]:
    """The results of one check in one database, by subject."""
    return {
        result.subject: result
        for result in judgement.results
        if (result.check, result.database) == (check, database)
    }


def assert_failed(judgement: Judgement, *words: str) -> None:
    """FAILED, and one reason holds all the words."""
    assert judgement.verdict is Verdict.FAILED, judgement.reasons
    named = [text for text in judgement.reasons if all(word in text for word in words)]
    assert named, judgement.reasons


def assert_warned(judgement: Judgement, *words: str) -> None:
    """One warning holds all the words."""
    message = [text for result in judgement.results for text in result.warnings]
    named = [f"{r.title}: {text}" for r in judgement.results for text in r.warnings]
    assert any(all(word in text for word in words) for text in named), message


def assert_not_failed(judgement: Judgement) -> None:
    """Nothing is said to be wrong, and nothing was left unmeasured but for locks."""
    wrong = [result for result in judgement.results if result.status is Status.WRONG]
    assert not wrong, [(result.title, result.findings, result.expected) for result in wrong]
