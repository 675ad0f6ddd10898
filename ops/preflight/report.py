"""The answers, for people and for programs."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from ops.preflight.answers import Answer, Level

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.BLOCKED: "red"}
_WIDTH = max(map(len, Level)) + 2


def document(answers: list[Answer]) -> dict[str, Any]:
    """All answers as JSON, and how many of each."""
    return {
        "counts": counts(answers),
        "answers": [
            {
                "answer": str(answer.level),
                "subject": answer.subject,
                "says": answer.says,
                "remedy": answer.remedy,
            }
            for answer in answers
        ],
    }


def counts(answers: list[Answer]) -> dict[str, int]:
    """How many are ok, warnings and blocked."""
    return {str(level): sum(a.level is level for a in answers) for level in Level}


def show(answers: list[Answer]) -> None:
    """A line for each answer and one for its remedy; the sum at the end."""
    console = Console(highlight=False)
    for answer in answers:
        line = Text(f"{answer.level:<{_WIDTH}}", style=_COLOURS[answer.level])
        console.print(line + Text(f"{answer.subject}: {answer.says}"), soft_wrap=True)
        if answer.remedy:
            console.print(Text(f"{'':<{_WIDTH}}-> {answer.remedy}"), soft_wrap=True)
    console.print(Text(summary(answers)), soft_wrap=True)


def summary(answers: list[Answer]) -> str:
    """The last line."""
    found = counts(answers)
    ending = (
        "mend what is blocked before make deploy"
        if found[Level.BLOCKED]
        else "nothing blocks a deployment; docs/first-deployment.md says what nobody can ask"
    )
    return (
        f"{found[Level.OK]} ok, {found[Level.WARNING]} warnings, {found[Level.BLOCKED]} blocked:"
        f" {ending}"
    )


def write(found: Any) -> None:
    """JSON on standard output."""
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
