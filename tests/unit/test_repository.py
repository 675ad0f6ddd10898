"""The repository holds itself to its own rules."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from lambdas.drill.admission.request import structural_faults
from lambdas.drill.checks.registry import CHECKS
from lambdas.load import load_request
from lambdas.version import VERSION
from ops import tables

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
README_WORDS = 1500
DOCUMENTS = (
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")),
    *sorted((ROOT / "docs").rglob("*.md")),
)


def comments() -> dict[str, list[str]]:
    """What each state of the workflows says of itself, by its name."""
    found: dict[str, list[str]] = {}
    for name in ("drill", "load"):
        machine = json.loads((ROOT / "statemachine" / f"{name}.asl.json").read_text("utf-8"))
        for state, defined in machine["States"].items():
            found.setdefault(state, []).append(defined.get("Comment", ""))
    return found


COMMENTS = comments()


def test_each_table_that_comes_from_code_is_current() -> None:
    """``make docs`` writes them."""
    assert [path.name for path, _ in tables.outdated()] == []


def test_the_table_of_checks_says_what_each_checks() -> None:
    text = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    for check in CHECKS.values():
        assert f"| {check.name} | {check.summary} |" in text


def test_the_tables_of_fields_hold_those_within_fields() -> None:
    document = {
        "required": ["a"],
        "properties": {
            "a": {"description": "one", "items": {"properties": {"b": {"description": "x|y"}}}},
            "c": {
                "description": "two; default: three",
                "properties": {"d": {"description": "<e>"}},
            },
            "f": {"description": "four", "default": 5, "properties": {"g": {"description": "h"}}},
        },
    }
    assert tables.fields(document, "field", apart="f")[2:] == [
        "| `a` | one | required |",
        "| `a[].b` | x\\|y | none |",
        "| `c` | two | three |",
        "| `c.d` | &lt;e> | none |",
        "| `f` | four | `5` |",
    ]


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.split()) <= README_WORDS


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def links_of(file: Path) -> list[str]:
    """Those to this repository."""
    prose = re.sub(r"`[^`\n]*`(?!\])", "", without_code(file.read_text(encoding="utf-8")))
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not re.match(r"https?:|mailto:", target)]


def anchors_of(file: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$", without_code(file.read_text(encoding="utf-8")), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(file: Path) -> None:
    for target in links_of(file):
        path, _, anchor = target.partition("#")
        found = (file.parent / path).resolve() if path else file
        assert found.exists(), target
        assert found.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors_of(found), target


def test_each_page_of_the_documentation_is_linked_from_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in links_of(index)}
    assert set((ROOT / "docs").glob("*.md")) - {index} <= linked


def test_each_answer_of_the_architecture_is_where_its_link_says() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("| Where … | |")[1].split("\n\n")[0]
    answers = re.findall(r"\[`(\w+)`\]\(([^)]+)\)", table)
    assert len(table.splitlines()[2:]) <= len(answers)
    for name, target in answers:
        held = (ROOT / "docs" / target).read_text(encoding="utf-8")
        assert re.search(rf'\b(def|class) {name}\b|"{name}":', held), name


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_run_that_a_document_shows_has_the_states_of_the_workflow(file: Path) -> None:
    shown = re.findall(r"^ +\d+\.\d s  (\w+) {2,}(\S.*)$", file.read_text("utf-8"), re.MULTILINE)
    for state, said in shown:
        assert any(comment.startswith(said) for comment in COMMENTS.get(state, ())), (state, said)


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.+?)\]", changes, re.MULTILINE)
    assert newest is not None
    assert (project["version"], newest[1]) == (VERSION, VERSION)


@pytest.mark.parametrize("file", sorted((ROOT / "statemachine" / "examples").glob("*.json")))
def test_each_example_is_a_legal_input(file: Path) -> None:
    assert structural_faults(json.loads(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", sorted((ROOT / "statemachine" / "load-examples").glob("*.json")))
def test_each_example_of_a_load_is_a_legal_input(file: Path) -> None:
    assert load_request.faults(json.loads(file.read_text(encoding="utf-8"))) == []


def imports_of(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


PURE = (
    "common",
    "drill/admission",
    "drill/evidence",
    "drill/recovery_point",
    "drill/verdict",
    "drill/waiting",
)
"""Decisions: they talk to nobody."""


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("lambdas", ("local", "stacks", "tests", "moto")),
    ]
    + [
        (
            f"lambdas/{room}",
            ("boto3", "botocore", "psycopg2", "lambdas.adapters", "lambdas.drill.checks"),
        )
        for room in PURE
    ]
    + [
        ("lambdas/common", ("lambdas.drill", "lambdas.load", "lambdas.sweep")),
        ("lambdas/drill", ("lambdas.load",)),
        ("lambdas/load", ("lambdas.sweep", "lambdas.drill")),
        ("lambdas/drill/checks", ("boto3", "lambdas.drill.handlers", "lambdas.drill.verification")),
        ("lambdas/adapters", ("lambdas.drill.checks", "lambdas.drill.handlers")),
    ],
)
def test_a_layer_knows_only_those_below_it(folder: str, forbidden: tuple[str, ...]) -> None:
    for file in (ROOT / folder).rglob("*.py"):
        for name in imports_of(file):
            top = tuple(f"{prefix}." for prefix in forbidden)
            assert not f"{name}.".startswith(top), f"{file.relative_to(ROOT)} imports {name}"


def test_functions_do_not_ask_where_they_run() -> None:
    for file in (ROOT / "lambdas").rglob("*.py"):
        text = file.read_text(encoding="utf-8").lower()
        assert not re.search(r"\b(embedded|localhost|127\.0\.0\.1|is_local|moto)\b", text), file


def test_each_requirement_is_locked_with_hashes() -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    wanted = re.findall(r"^([a-z][\w-]*)", (ROOT / "requirements.in").read_text("utf-8"), re.M)
    for name in wanted:
        assert re.search(rf"^{name}==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE), name
    assert "http" not in lock


def test_make_does_not_take_a_folder_for_a_target_that_is_made() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
