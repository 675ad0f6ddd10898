"""The state machines as they are deployed: what people read, with its named classes written out.

``statemachine/drill.json`` and ``load.json`` are read and changed by people; their states name the
classes of ``statemachine/classes.json``. ``make docs`` writes ``drill.asl.json`` and
``load.asl.json`` of them: what CDK deploys, the tests read and ``make drill`` executes. A test
holds them current.

- ``Retry`` lists names of retry classes, in the order in which Step Functions tries them.
- ``{"On": "any error", …}`` in a ``Catch`` becomes a catcher for each of that class's errors.
- A value that begins with ``@`` stands for one of the classes' values; ``<State>`` in it is the
  state's name.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "statemachine"
CLASSES = "classes.json"
MACHINES = ("drill", "load")

_LINE = 110
_NOTE = "Written by make docs out of {}; change it there."


def expanded(machine: Mapping[str, Any], classes: Mapping[str, Any]) -> dict[str, Any]:
    """A machine, or the processor of a map, with every class written out.

    Raises:
        KeyError: a state names a class that there is none of.
    """
    states = {name: _state(name, state, classes) for name, state in dict(machine["States"]).items()}
    return {**machine, "States": states}


def _state(name: str, state: Mapping[str, Any], classes: Mapping[str, Any]) -> dict[str, Any]:
    values = {
        key: json.loads(json.dumps(value).replace("<State>", name))
        for key, value in classes["Values"].items()
    }
    found: dict[str, Any] = _with_values(state, values)
    if "Retry" in found:
        found["Retry"] = [classes["Retry"][retry]["Retrier"] for retry in found["Retry"]]
    if "Catch" in found:
        found["Catch"] = [
            {"ErrorEquals": [error], **{key: it for key, it in rule.items() if key != "On"}}
            for rule in found["Catch"]
            for error in classes["Errors"][rule["On"]]["Names"]
        ]
    if "ItemProcessor" in found:
        found["ItemProcessor"] = expanded(state["ItemProcessor"], classes)
    return found


def _with_values(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _with_values(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_with_values(value, values) for value in part]
    return values[part] if isinstance(part, str) and part.startswith("@") else part


def text_of(document: Any, indent: int = 0) -> str:
    """JSON with one line for what fits into one, so that a state is seen at a glance."""
    line = json.dumps(document, ensure_ascii=False)
    if len(line) + indent <= _LINE or not isinstance(document, dict | list) or not document:
        return line
    inner = " " * (indent + 2)
    if isinstance(document, dict):
        pairs = document.items()
        parts = [f"{json.dumps(key)}: {text_of(value, indent + 2)}" for key, value in pairs]
        return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{' ' * indent}}}"
    parts = [text_of(value, indent + 2) for value in document]
    return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{' ' * indent}]"


def outdated() -> Iterator[tuple[Path, str]]:
    """Each deployed file that is not what its source and the classes say, with what it would be."""
    classes = json.loads((FOLDER / CLASSES).read_text(encoding="utf-8"))
    for name in MACHINES:
        source = FOLDER / f"{name}.json"
        machine = json.loads(source.read_text(encoding="utf-8"))
        comment = f"{machine['Comment']} {_NOTE.format(source.name)}"
        written = json.dumps(
            expanded({**machine, "Comment": comment}, classes), indent=2, ensure_ascii=False
        )
        path = FOLDER / f"{name}.asl.json"
        if not path.is_file() or path.read_text(encoding="utf-8") != f"{written}\n":
            yield path, f"{written}\n"
