"""Whether RDS lets the quarantine parameter groups set what they set."""

import re
from collections.abc import Iterator
from functools import partial

from ops.preflight.account import Account, Facts
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.plan import ParameterGroup, Plan

_RANGE = re.compile(r"(-?\d+)-(-?\d+)")
_WORDS = re.compile(r"[\w.-]+(,[\w.-]+)*")


def questions(plan: Plan) -> Iterator[Question]:
    """One for each group of the template."""
    for group in plan.parameter_groups:
        yield Question(
            f"parameter group {group.name}",
            partial(_ask, family=group.family),
            partial(judge, group=group),
        )


def _ask(account: Account, family: str) -> dict[str, Facts]:
    found = account.find(Calls.PARAMETERS, DBParameterGroupFamily=family)
    parameters: list[Facts] = found.get("EngineDefaults", {}).get("Parameters", [])
    return {parameter["ParameterName"]: parameter for parameter in parameters}


def judge(found: dict[str, Facts], group: ParameterGroup) -> Iterator[Answer]:
    """CloudFormation refuses a group with a name that RDS does not list as modifiable.

    Its message is "Invalid / Unmodifiable / Unsupported DB Parameter: …", and the whole stack is
    rolled back.
    """
    subject = f"parameter group {group.name}"
    if not found:
        yield blocked(
            subject,
            f"RDS knows no parameters of the family {group.family} here",
            f"take {group.major} out of postgres_majors",
        )
        return
    fixed = [name for name in group.parameters if not found.get(name, {}).get("IsModifiable")]
    if fixed:
        yield blocked(
            subject,
            f"RDS does not let {', '.join(fixed)} be set in {group.family}",
            f"take {group.major} out of postgres_majors, or for event_triggers set"
            " event_triggers_off to false; docs/first-deployment.md says what it is for",
        )
    answers = [
        _of_value(subject, name, value, str(found[name].get("AllowedValues", "")))
        for name, value in group.parameters.items()
        if name not in fixed
    ]
    unfit = [answer for answer in answers if answer]
    yield from unfit
    if not fixed and not unfit:
        yield ok(subject, f"RDS lets {', '.join(group.parameters)} be set in {group.family}")


def _of_value(subject: str, name: str, value: str, allowed: str) -> Answer | None:
    """RDS writes what it allows as ``0-100``, as ``0,1`` or as a list of words."""
    span = _RANGE.fullmatch(allowed)
    if span:
        fits = value.isdecimal() and int(span[1]) <= int(value) <= int(span[2])
    elif _WORDS.fullmatch(allowed):
        fits = set(value.split(",")) <= set(allowed.split(","))
    elif not allowed:
        return None
    else:
        return warning(
            subject,
            f"{name} is to be {value}; what RDS allows can't be read: {allowed}",
            "compare the two by eye; a value that is not allowed rolls the stack back",
        )
    if fits:
        return None
    return blocked(
        subject,
        f"{name} is to be {value}, and RDS allows {allowed}",
        "take the major version out of postgres_majors, and tell us",
    )
