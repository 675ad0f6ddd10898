"""``cases.md``, read: who does what on which things, when, and what IAM says to it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stacks.permissions import FUNCTIONS, ROLES

FILE = Path(__file__).with_name("cases.md")
HEADER = ["role", "does", "on what", "with", "is", "why"]

Words = Mapping[str, str]
Context = dict[str, str | list[str]]


@dataclass(frozen=True)
class Thing:
    """A resource; ``tags`` by key. Both hold words in braces that a deployment fills."""

    resource: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """A row; ``things`` and ``circumstances`` by name."""

    roles: tuple[str, ...]
    action: str
    things: tuple[str, ...]
    circumstances: tuple[str, ...]
    allowed: bool
    why: str

    @property
    def id(self) -> str:
        """The row as a sentence."""
        who = ", ".join(self.roles) if len(self.roles) < 3 else f"{len(self.roles)} roles"
        with_ = f" with {' and '.join(self.circumstances)}" if self.circumstances else ""
        answer = "allowed" if self.allowed else "denied"
        return f"{who}: {self.action} on {' and '.join(self.things)}{with_}: {answer}"


@cache
def cases() -> tuple[Case, ...]:
    """Every row, in order."""
    return tuple(_case(row) for header, row in _rows() if header == HEADER)


@cache
def things() -> dict[str, Thing]:
    """Every thing, by name."""
    rows = [row for header, row in _rows() if header[0] == "thing"]
    return {name: Thing(_code(resource)[0], dict(_pairs(tags))) for name, resource, tags in rows}


@cache
def circumstances() -> dict[str, dict[str, str]]:
    """Every circumstance, by name."""
    rows = [row for header, row in _rows() if header[0] == "with"]
    return {name: dict(_pairs(keys)) for name, keys in rows}


def resource_of(thing: str, words: Words) -> str:
    """The thing's ARN; a word that the deployment does not have is a ``KeyError``."""
    text = _fill(things()[thing].resource, words)
    if text == "*" or text.startswith("arn:"):
        return text
    service, rest = text.split(":", maxsplit=1)
    place = {"s3": ":", "iam": f":{words['account']}"}
    where = place.get(service, f"{words['region']}:{words['account']}")
    return f"arn:aws:{service}:{where}:{rest}"


def tags_of(thing: str, words: Words) -> Context:
    """What AWS says of the thing's tags."""
    tags = things()[thing].tags
    return {f"aws:ResourceTag/{key}": _fill(value, words) for key, value in tags.items()}


def context_of(case: Case, words: Words) -> Context:
    """What AWS says of the request."""
    found: Context = {}
    for name in case.circumstances:
        for key, value in circumstances()[name].items():
            text = _fill(value, words)
            found[key] = text.split(",") if key == "aws:TagKeys" else text
    return found


def _case(row: Sequence[str]) -> Case:
    roles, action, on, with_, answer, why = row
    case = Case(
        tuple(_roles(roles)),
        action,
        tuple(_names(on)),
        tuple(_names(with_)),
        {"allowed": True, "denied": False}[answer],
        why,
    )
    # Of several things, one that is denied would hide that another is not.
    assert case.allowed or len(case.things) == 1, case.id
    assert case.why, case.id
    return case


def _roles(text: str) -> Iterator[str]:
    """A list of roles and groups, perhaps ``every … but`` a list."""
    some, _, but = text.partition(" but ")
    groups = {"every function": FUNCTIONS, "every role": ROLES}
    left_out = [name.strip() for name in but.split(",") if name]
    assert set(left_out) <= set(ROLES), left_out
    for name in (part.strip() for part in some.split(",")):
        assert name in groups or name in ROLES, name
        yield from (role for role in groups.get(name, (name,)) if role not in left_out)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(" + ") if part.strip()]


def _code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for code in _code(text):
        key, _, value = code.partition("=")
        yield key, value


def _fill(text: str, words: Words) -> str:
    return re.sub(r"\{([^}]+)\}", lambda found: words[found[1]], text)


@cache
def _rows() -> tuple[tuple[list[str], list[str]], ...]:
    """Each row of each table with its table's header."""
    found: list[tuple[list[str], list[str]]] = []
    header: list[str] = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            header = []
        elif not header:
            header = cells
        elif set(line) - set("|-"):
            found.append((header, cells))
    return tuple(found)
