"""What is uploaded: the workflow byte for byte, and functions that run out of asset and layer."""

import json
import platform
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambdas import errors
from lambdas.common.execution import Execution
from lambdas.drill.admission.request import parse
from lambdas.drill.drill import decide, to_document
from lambdas.load.load import Load
from lambdas.load.load import to_document as to_load_document
from lambdas.settings import from_environment
from ops.build import (
    LAMBDA_PLATFORMS,
    LAYER_LOCK,
    PYTHON_VERSION,
    ROOT,
    build_functions,
    build_layer,
    size_bytes,
)
from stacks.spec import AUXILIARY, LOAD, WORKFLOW, FunctionSpec
from tests.infra.conftest import Once, Template
from tests.infra.lambda_runtime import Answer, copy_client, invoke
from tests.infra.test_template import DEPLOYMENTS, Synthesised
from tests.unit.conftest import ENVIRONMENT

ALL = (*WORKFLOW, *AUXILIARY, *LOAD)
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
NOBODY_LISTENS = "http://127.0.0.1:9"

UNPACKED_BYTES = 250 * 1024**2
"""Lambda's limit for a function with its layers."""

ELF_MACHINE = {"x86_64": 62, "aarch64": 183}

on_linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ELF_MACHINE,
    reason="Lambda's runtime client and the layer's wheels are for Linux on x86_64 and aarch64",
)


# The workflow


@pytest.fixture(scope="module")
def loading(synthesised: Synthesised) -> Template:
    """The template of a deployment that has everything: the load too."""
    return synthesised("loading", DEPLOYMENTS["loading"])


@pytest.mark.parametrize("workflow", ["drill", "load"])
def test_the_definition_is_the_file_that_runs_on_one_machine_byte_for_byte(
    loading: Template, workflow: str
) -> None:
    definition = _machine(loading, workflow)["DefinitionString"]
    assert definition.encode() == (ROOT / "statemachine" / f"{workflow}.asl.json").read_bytes()


@pytest.mark.parametrize("workflow", ["drill", "load"])
def test_every_placeholder_is_filled_and_nothing_else_is(loading: Template, workflow: str) -> None:
    machine = _machine(loading, workflow)
    placeholders = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert placeholders == set(machine["DefinitionSubstitutions"])


@pytest.mark.parametrize(("workflow", "specs"), [("drill", WORKFLOW), ("load", LOAD)])
def test_a_state_is_filled_with_the_function_of_its_name(
    loading: Template, workflow: str, specs: tuple[FunctionSpec, ...]
) -> None:
    functions = _of_type(loading, "AWS::Lambda::Function")
    filled = _machine(loading, workflow)["DefinitionSubstitutions"]
    for spec in specs:
        logical, attribute = filled[spec.name]["Fn::GetAtt"]
        assert attribute == "Arn"
        assert functions[logical]["Properties"]["FunctionName"] == f"tm-{spec.name}"


# The asset


def test_all_functions_share_one_asset_and_one_layer(loading: Template) -> None:
    functions = [it["Properties"] for it in _of_type(loading, "AWS::Lambda::Function").values()]
    assert {it["FunctionName"] for it in functions} == {f"tm-{spec.name}" for spec in ALL}
    assert len({json.dumps(it["Code"], sort_keys=True) for it in functions}) == 1
    assert len({json.dumps(it["Layers"]) for it in functions}) == 1


def test_the_asset_holds_production_code_only(tmp_path: Path) -> None:
    build_functions(tmp_path)
    files = [file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()]
    assert {file.parts[0] for file in files} == {"lambdas", "statemachine"}
    schemas = {f.name for f in files if f.parts[0] == "statemachine"}
    assert schemas == {"input.schema.json", "load.schema.json"}
    assert {file.suffix for file in files} - {".pyc"} == {".py", ".j2", ".json", ".pem"}
    compiled = {file.name.split(".")[-2] for file in files if file.suffix == ".pyc"}
    assert compiled <= {f"cpython-{PYTHON_VERSION.replace('.', '')}"}
    for file in files:
        if file.suffix != ".pyc":
            assert (tmp_path / file).read_bytes() == (ROOT / file).read_bytes()
    code = {file for file in files if file.suffix == ".py"}
    assert code == {it.relative_to(ROOT) for it in (ROOT / "lambdas").rglob("*.py")}


# Out of asset and layer, in Lambda's runtime client


@pytest.fixture(scope="module")
def asset(shared: Once) -> Path:
    return shared("functions", build_functions)


@pytest.fixture(scope="module")
def layer(shared: Once) -> Path:
    """The layer for this machine, since the code of the real one can't be run on every machine."""
    machine = platform.machine()
    platforms = [tag.replace("aarch64", machine) for tag in LAMBDA_PLATFORMS]

    def build(folder: Path) -> None:
        build_layer(folder, platforms=platforms, python_version=HERE)

    return shared("layer-of-this-machine", build) / "python"


@pytest.fixture(scope="module")
def client(shared: Once) -> Path:
    return shared("runtime-client", copy_client)


@pytest.fixture
def run(
    asset: Path, layer: Path, client: Path, loading: Template
) -> Callable[[FunctionSpec, Any], Answer]:
    """Invoke a function with the handler and the variables of the template; AWS is out of reach."""
    functions = _of_type(loading, "AWS::Lambda::Function").values()

    def run_function(spec: FunctionSpec, event: Any) -> Answer:
        (function,) = (
            it["Properties"]
            for it in functions
            if it["Properties"]["FunctionName"] == f"tm-{spec.name}"
        )
        return invoke(
            function["Handler"],
            event,
            _environment(function["Environment"]["Variables"]),
            asset=asset,
            paths=[asset, layer, client],
        )

    return run_function


@on_linux
@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_handler_runs_and_tells_in_our_words_what_it_lacks(
    run: Callable[[FunctionSpec, Any], Answer], spec: FunctionSpec
) -> None:
    answer = run(spec, _event(spec.name))
    if spec.name == "PlanDrill":
        assert answer.kind == "response"
        assert answer.document["accepted"] is False
        assert "db_instance_id" in answer.document["outcome"]["headline"]
        return
    if spec.name == "ExplainFailure":
        assert answer.kind == "response"
        assert answer.document["verdict"] == "INCONCLUSIVE"
        assert "PlanDrill: Throttled: RDS is busy" in answer.document["headline"]
        return
    if spec.name == "PlanLoad":
        assert answer.kind == "response"
        assert answer.document["accepted"] is False
        assert "target: is missing" in answer.document["cause"]
        return
    expected = errors.InvalidRequest if spec.name == "Sweep" else errors.ServiceUnavailable
    assert answer.kind == "error"
    assert answer.document["errorType"] == expected.__name__


@on_linux
def test_a_dependency_that_the_layer_lacks_is_found_nowhere_else(asset: Path, client: Path) -> None:
    answer = invoke(
        "lambdas.drill.handlers.plan_drill.handler", {}, {}, asset=asset, paths=[asset, client]
    )
    assert answer.kind == "init/error"
    assert answer.document["errorType"] == "Runtime.ImportModuleError"


@on_linux
@pytest.mark.parametrize("in_vpc", [False, True])
def test_only_what_talks_to_postgresql_loads_its_driver_and_nothing_loads_pydantic(
    asset: Path, layer: Path, in_vpc: bool
) -> None:
    modules = [f"{spec.module}" for spec in ALL if spec.in_vpc is in_vpc]
    code = (
        f"import importlib, sys; [importlib.import_module(m) for m in {modules}];"
        "print([m for m in ('psycopg2', 'pydantic', 'boto3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        env={"PYTHONPATH": f"{asset}:{layer}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ("['psycopg2', 'boto3']" if in_vpc else "['boto3']")


# The layer that is deployed


@pytest.fixture(scope="module")
def real_layer(shared: Once) -> Path:
    return shared("layer", build_layer)


def test_the_layer_holds_every_locked_package_in_its_version(real_layer: Path) -> None:
    lock = LAYER_LOCK.read_text(encoding="utf-8")
    locked = set(re.findall(r"^([\w.-]+==[\w.]+)", lock, flags=re.MULTILINE))
    installed = set()
    for metadata in (real_layer / "python").glob("*.dist-info/METADATA"):
        fields = dict(re.findall(r"^(Name|Version): (.+)$", metadata.read_text(), re.MULTILINE))
        name = re.sub(r"[-_.]+", "-", fields["Name"].lower())
        installed.add(f"{name}=={fields['Version']}")
    assert installed == locked


def test_the_layers_machine_code_is_for_the_functions_processor(real_layer: Path) -> None:
    libraries = list(real_layer.rglob("*.so*"))
    assert any(library.name.startswith("_psycopg.cpython-313-aarch64") for library in libraries)
    for library in libraries:
        header = library.read_bytes()[:20]
        assert header[:4] == b"\x7fELF"
        assert struct.unpack("<H", header[18:20]) == (ELF_MACHINE["aarch64"],), library.name


def test_asset_and_layer_fit_into_lambdas_limit(asset: Path, real_layer: Path) -> None:
    assert 0 < size_bytes(asset) + size_bytes(real_layer) < UNPACKED_BYTES


def _of_type(template: Template, kind: str) -> dict[str, Any]:
    return {name: it for name, it in template["Resources"].items() if it["Type"] == kind}


def _machine(template: Template, workflow: str) -> dict[str, Any]:
    """The properties of a workflow's state machine."""
    (found,) = (
        it["Properties"]
        for it in _of_type(template, "AWS::StepFunctions::StateMachine").values()
        if it["Properties"]["StateMachineName"] == f"tm-{workflow}"
    )
    return dict(found)


def _environment(variables: Mapping[str, Any]) -> dict[str, str]:
    """The template's, with a text for each reference; keys that open nothing; no way to AWS."""
    return {
        **{name: it if isinstance(it, str) else "made-by-aws" for name, it in variables.items()},
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nobody",
        "AWS_ENDPOINT_URL": NOBODY_LISTENS,
    }


def _event(state: str) -> Any:
    """What the workflow would send, valid but for the functions that need no AWS to refuse it."""
    started_at = "2026-11-22T09:44:33Z"
    if state == "PlanDrill":
        execution = {"id": _EXECUTION, "name": "1", "started_at": started_at}
        return {"execution": execution, "input": {"db_instance_id": 7}}
    if state == "ExplainFailure":
        failure = {"state": "PlanDrill", "error": "Throttled", "cause": "RDS is busy"}
        return {"drill": None, "failure": failure, "input": 7, "execution": _EXECUTION}
    if state == "PlanLoad":
        execution = {"id": _EXECUTION, "name": "1", "started_at": started_at}
        return {"execution": execution, "input": {"bucket": "shop-exports", "table": "orders"}}
    if state == "Sweep":
        return {"dry_runn": True}
    if state == "ExportVerdict":
        configuration = {"UserParameters": _EXECUTION}
        job = {"id": "1", "data": {"actionConfiguration": {"configuration": configuration}}}
        return {"CodePipeline.job": job}
    return {
        "drill": _drill(),
        "load": _load(started_at),
        "part": {"number": 1},
        "now": started_at,
        "since": started_at,
        "batch": {"number": 1, "key": "batches/1.json"},
        "copy": {"host": "127.0.0.1", "port": 9, "secret_arn": "arn"},
        "failure": None,
        "judged": False,
        "snapshot": None,
        "marks": {"PlanDrill": started_at},
        "goal": "restored",
        "cleanup": {"done": True, "detail": "no copy was made"},
        "kept": None,
    }


_EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:tm-drill:1"


def _load(started_at: str) -> dict[str, Any]:
    return to_load_document(
        Load(
            id=_EXECUTION,
            evidence="loads/shop-staging/2026/11/22/x",
            target="shop-staging",
            database="shop",
            started_at=started_at,
            bucket="made-by-aws",
            parts_key="loads/shop-staging/2026/11/22/x/parts.json",
            parts=1,
            streams=4,
            to_survey=True,
            atomic=True,
            staging="time_machine_load_0123456789_",
        )
    )


def _drill() -> dict[str, Any]:
    instance = {"EngineVersion": "16.4", "DBInstanceClass": "db.r6g.large"}
    execution = Execution(_EXECUTION, "1", datetime(2026, 11, 22, 9, 44, 33, tzinfo=UTC))
    settings = from_environment(ENVIRONMENT)
    request = parse({"db_instance_id": "orders"})
    return to_document(decide(request, instance, None, settings, execution))
