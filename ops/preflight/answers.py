"""What a question comes to, and the shape of a question."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ops.preflight.account import Account


class Level(StrEnum):
    """``blocked``: the deployment, or every drill of a source, would fail."""

    OK = "ok"
    WARNING = "warning"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Answer:
    """One line for a person.

    Attributes:
        subject: what was asked about, by its name.
        says: what was found.
        remedy: what to do; empty only where all is well.
    """

    level: Level
    subject: str
    says: str
    remedy: str = ""


@dataclass(frozen=True)
class Question:
    """A subject of the account.

    Attributes:
        ask: fetches the facts, and may raise ``NotKnown``.
        judge: pure: what the facts come to.
    """

    subject: str
    ask: Callable[[Account], Any]
    judge: Callable[[Any], Iterable[Answer]]


def ok(subject: str, says: str) -> Answer:
    """Nothing to do."""
    return Answer(Level.OK, subject, says)


def warning(subject: str, says: str, remedy: str) -> Answer:
    """It may go well; somebody should look."""
    return Answer(Level.WARNING, subject, says, remedy)


def blocked(subject: str, says: str, remedy: str) -> Answer:
    """It can't go well."""
    return Answer(Level.BLOCKED, subject, says, remedy)
