"""One answer of a poll: what was seen, and how long to wait before the next look."""

from dataclasses import dataclass
from datetime import datetime

from lambdas.drill.waiting.pacing import pace
from lambdas.drill.waiting.phases import Observation, Phase


@dataclass(frozen=True)
class Answer:
    """The output of a ``Check…`` state."""

    phase: Phase
    detail: str
    wait_seconds: int


def answer(
    look: Observation,
    what: str,
    since: datetime,
    now: datetime,
    until: datetime,
    poll_seconds: float,
) -> Answer:
    """Turn a look into an answer.

    Args:
        what: the thing that is waited for, for the sentence when it is overdue.
        since: when it was asked for.
        until: when it is given up.
    """
    if look.phase not in (Phase.WAIT, Phase.REPEAT_DELETE):
        return Answer(look.phase, look.detail, 0)
    elapsed_seconds = (now - since).total_seconds()
    next_look = pace(elapsed_seconds, (until - now).total_seconds(), poll_seconds)
    if next_look.overdue:
        detail = f"{what} was not done by the deadline; last seen: {look.detail}"
        return Answer(Phase.OVERDUE, detail, 0)
    return Answer(look.phase, look.detail, next_look.wait_seconds)
