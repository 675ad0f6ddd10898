"""``make docs``: what is written from something else: deployed machines, tables of ``docs/``.

Each table stands between ``<!-- Table: NAME (make docs) -->`` and ``<!-- End of NAME -->``; a test
holds it against what it comes from. The table of permissions in ``docs/security.md`` has a writer
of its own, :mod:`stacks.permissions.table`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdas.drill.checks.registry import CHECKS
from ops import machines
from stacks.permissions import table as permissions

ROOT = Path(__file__).parents[1]

_DEFAULT = "; default: "
"""What a description ends with where the default is no value."""

_EMPTY: tuple[Any, ...] = ([], {})


@dataclass(frozen=True)
class Table:
    """A table of a document.

    Attributes:
        file: below the repository's root.
        rows: its lines, with the head.
    """

    name: str
    file: str
    rows: Callable[[], list[str]]

    @property
    def begin(self) -> str:
        """The marker before it."""
        return f"<!-- Table: {self.name} (make docs) -->"

    @property
    def end(self) -> str:
        """The marker behind it."""
        return f"<!-- End of {self.name} -->"

    def written(self, text: str) -> str:
        """The document with the table between its markers.

        Raises:
            ValueError: it lacks a marker.
        """
        before, rest = text.split(f"{self.begin}\n", maxsplit=1)
        after = rest.split(self.end, maxsplit=1)[1]
        return "\n".join([f"{before}{self.begin}", *self.rows(), f"{self.end}{after}"])


def fields(document: Mapping[str, Any], head: str, apart: str = "") -> list[str]:
    """The table of an object's fields, those within them too: name, meaning, default.

    Args:
        head: the heading of the names.
        apart: a field whose own fields have a table of their own.
    """
    rows = [
        f"| `{name}` | {_meaning(field)} | {_default(field, required)} |"
        for name, field, required in _described(document, apart)
    ]
    return [f"| {head} | meaning | default |", "|---|---|---|", *rows]


def _described(
    document: Mapping[str, Any], apart: str, within: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    required = document.get("required", ())
    for name, field in document.get("properties", {}).items():
        if "description" in field:
            yield f"{within}{name}", field, name in required
        if name != apart:
            yield from _described(field, apart, f"{within}{name}.")
            yield from _described(field.get("items", {}), apart, f"{within}{name}[].")


def _meaning(field: Mapping[str, Any]) -> str:
    return _cell(str(field["description"]).split(_DEFAULT)[0])


def _default(field: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    if "default" in field:
        default = field["default"]
        return "none" if default in _EMPTY else f"`{json.dumps(default, ensure_ascii=False)}`"
    _, found, default = str(field["description"]).partition(_DEFAULT)
    return _cell(default) if found else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _schema(path: str, *keys: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    for key in keys:
        document = document[key]
    return document


def _checks() -> list[str]:
    rows = [f"| {check.name} | {_cell(check.summary)} |" for check in CHECKS.values()]
    return ["| check | what holds when it finds nothing |", "|---|---|", *rows]


_LOAD = "statemachine/load.schema.json"

TABLES = (
    Table(
        "settings",
        "docs/deploy.md",
        lambda: fields(_schema("stacks/settings.schema.json"), "setting"),
    ),
    Table(
        "input", "docs/input.md", lambda: fields(_schema("statemachine/input.schema.json"), "field")
    ),
    Table("load", "docs/load.md", lambda: fields(_schema(_LOAD), "field", apart="format")),
    Table(
        "format",
        "docs/load.md",
        lambda: fields(_schema(_LOAD, "properties", "format"), "field of `format`"),
    ),
    Table("checks", "docs/checks.md", _checks),
)


def outdated() -> Iterator[tuple[Path, str]]:
    """Each file that writing would change, with what it would hold."""
    found: dict[Path, str] = {}
    for table in TABLES:
        path = ROOT / table.file
        found[path] = table.written(found.get(path) or path.read_text(encoding="utf-8"))
    text = permissions.FILE.read_text(encoding="utf-8")
    found[permissions.FILE] = permissions.written(text)
    for path, written in found.items():
        if written != path.read_text(encoding="utf-8"):
            yield path, written
    yield from machines.outdated()


if __name__ == "__main__":
    for place, content in outdated():
        place.write_text(content, encoding="utf-8")
        print(f"written: {place.relative_to(ROOT)}")  # noqa: T201 -- a command's own output
