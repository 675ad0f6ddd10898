"""Assertions on a whole sandwich."""

from lambdas.domain.units import Status
from lambdas.domain.verdict import Judgement, Verdict


def assert_failed(judgement: Judgement, *words: str) -> None:
    """FAILED, and one reason holds all the words."""
    assert judgement.verdict is Verdict.FAILED, judgement.reasons
    named = [text for text in judgement.reasons if all(word in text for word in words)]
    assert named, judgement.reasons


def assert_not_failed(judgement: Judgement) -> None:
    """Nothing is said to be wrong, and nothing was left unmeasured but for locks."""
    wrong = [result for result in judgement.results if result.status is Status.WRONG]
    assert not wrong, [(result.title, result.findings, result.expected) for result in wrong]
