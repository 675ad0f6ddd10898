"""The template, synthesised once for a test session, whichever worker comes first."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

ROOT = Path(__file__).parents[2]
CDK = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
FLAGS = {key: value for key, value in CDK.items() if key.startswith("@")}
UNBUNDLED: dict[str, Any] = {"aws:cdk:bundling-stacks": []}

Template = dict[str, Any]
Once = Callable[[str, Callable[[Path], None]], Path]


def synthesise(settings: Mapping[str, Any], outdir: Path) -> Template:
    """The main template of a deployment with these settings, checked by cdk-nag on the way."""
    from stacks.application import application  # noqa: PLC0415 -- jsii starts with the import

    assembly = application({**FLAGS, **UNBUNDLED, **settings}, outdir).synth()
    name = f"{settings.get('prefix', 'tm')}-time-machine"
    template: Template = assembly.get_stack_by_name(name).template
    return template


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Once:
    """Makes a folder once for all workers: the first one fills it, the others wait for it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    base = tmp_path_factory.getbasetemp()
    root = base.parent if worker else base

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder, ready, failed = root / name, root / f"{name}.ready", root / f"{name}.failed"
        try:
            folder.mkdir()
        except FileExistsError:
            while not ready.exists():
                assert not failed.exists(), f"{name} failed in another worker"
                time.sleep(0.1)
            return folder
        try:
            fill(folder)
        except BaseException:
            failed.touch()
            raise
        ready.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def synthesised(
    shared: Once,
) -> Callable[[str, Mapping[str, Any]], Template]:
    """``synthesised(name, settings)``: a template by name, made once."""

    def make(name: str, settings: Mapping[str, Any]) -> Template:
        def fill(folder: Path) -> None:
            text = json.dumps(synthesise(settings, folder / "cdk.out"))
            (folder / "template.json").write_text(text, encoding="utf-8")

        text = (shared(name, fill) / "template.json").read_text(encoding="utf-8")
        return cast(Template, json.loads(text))

    return make


@pytest.fixture(scope="session")
def template(synthesised: Callable[[str, Mapping[str, Any]], Template]) -> Template:
    """The template of the settings in ``cdk.json``."""
    return synthesised("default", {k: v for k, v in CDK.items() if not k.startswith("@")})
