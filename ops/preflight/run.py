"""All questions, one after the other; one without an answer does not keep the others waiting."""

from collections.abc import Iterator

from ops.credentials import Unusable
from ops.preflight import names, network, offers, parameters, place, quotas, secrets, sources
from ops.preflight.account import Account, NotKnown
from ops.preflight.answers import Answer, Question, warning
from ops.preflight.calls import Calls
from ops.preflight.plan import Plan

SUBJECTS = (place, sources, offers, parameters, quotas, secrets, network, names)
"""In the order in which a person mends them."""


def answers_of(account: Account, plan: Plan) -> list[Answer]:
    """Every answer that there is, and a warning for each that is not known.

    Raises:
        Unusable: the credentials are none, or AWS is out of reach.
    """
    try:
        # Needs no permission, and can't be denied (API reference): no answer, no connection.
        account.ask(Calls.CALLER)
    except NotKnown as unknown:
        raise Unusable(f"AWS can't be asked: {unknown.says}; {unknown.remedy}") from None
    questions = [question for subject in SUBJECTS for question in subject.questions(plan)]
    return [answer for question in questions for answer in _answers(account, question)]


def _answers(account: Account, question: Question) -> Iterator[Answer]:
    try:
        facts = question.ask(account)
    except NotKnown as unknown:
        yield warning(question.subject, f"not known: {unknown.says}", unknown.remedy)
        return
    yield from question.judge(facts)
