"""The repository holds itself to its own rules."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from lambdas.checks import CHECKS
from lambdas.domain import load_request
from lambdas.domain.load_request import SCHEMA_FILE as LOAD_SCHEMA_FILE
from lambdas.domain.request import SCHEMA_FILE, structural_faults
from lambdas.version import VERSION

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_the_fields_of_the_input_schema() -> None:
    section = README.split("## What a drill takes as input")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert listed == list(json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["properties"])


def test_the_readme_lists_the_fields_of_a_load_with_their_meaning() -> None:
    section = README.split("## Load CSV")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (.*?) \| ", section, re.MULTILINE)
    fields = json.loads(LOAD_SCHEMA_FILE.read_text(encoding="utf-8"))["properties"]
    wanted = [*fields.items(), *fields["format"]["properties"].items()]
    assert found == [(name, field["description"]) for name, field in wanted]


def test_the_readme_lists_the_checks() -> None:
    section = README.split("## What it checks")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| ([\w ]+) \|", section, re.MULTILINE)) - {"check"} == set(CHECKS)


def test_what_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


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


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("lambdas", ("local", "stacks", "tests", "moto")),
        ("lambdas/domain", ("boto3", "botocore", "psycopg2", "lambdas.adapters", "lambdas.checks")),
        ("lambdas/checks", ("boto3", "lambdas.handlers", "lambdas.verification")),
        ("lambdas/adapters", ("lambdas.checks", "lambdas.handlers", "lambdas.verification")),
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


def test_the_readme_lists_the_settings_with_their_meaning_and_default() -> None:
    section = README.split("| setting | meaning | default |")[1].split("\n\n")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", section, re.MULTILINE))
    schema = json.loads((ROOT / "stacks" / "settings.schema.json").read_text(encoding="utf-8"))
    assert listed == {name: field["description"] for name, field in schema["properties"].items()}
    for name, field in schema["properties"].items():
        if isinstance(field.get("default"), int):
            assert f"| `{json.dumps(field['default'])}` |" in section, name


def test_make_does_not_take_a_folder_for_a_target_that_is_made() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
