"""The state machines held against the code, the language and what Step Functions really does."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonata import Jsonata

from lambdas import errors
from local.cloud import INTEGRATIONS as CALLS_OF_AWS
from local.cloud import STATE_MACHINES
from ops import machines
from stacks.spec import AUXILIARY, LOAD, WORKFLOW

ROOT = Path(__file__).parents[2]
MACHINES = ("drill", "load")


def machine(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file_of(name).read_text(encoding="utf-8"))
    return found


def file_of(name: str) -> Path:
    return STATE_MACHINES / f"{name}.asl.json"


def states_within_maps(states: dict[str, Any]) -> dict[str, dict[str, Any]]:
    within = [s["ItemProcessor"]["States"] for s in states.values() if s["Type"] == "Map"]
    return {name: state for part in within for name, state in part.items()}


def all_states(name: str) -> dict[str, dict[str, Any]]:
    states = machine(name)["States"]
    return {**states, **states_within_maps(states)}


def tasks_of(name: str) -> dict[str, dict[str, Any]]:
    return {n: state for n, state in all_states(name).items() if state["Type"] == "Task"}


def functions_of(name: str) -> dict[str, dict[str, Any]]:
    return {n: state for n, state in tasks_of(name).items() if n not in INTEGRATIONS}


both = pytest.mark.parametrize("name", MACHINES)

MACHINE = machine("drill")
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
LOAD_STATES: dict[str, dict[str, Any]] = machine("load")["States"]
INTEGRATIONS = {"NotifyPeople": "${SnsPublish}"}
"""The tasks that call AWS themselves; every other one is a function of its name."""
MODULES = {spec.name: spec.module for spec in (*WORKFLOW, *LOAD, *AUXILIARY)}
OUTSIDE = {spec.module for spec in AUXILIARY}
"""Handlers of functions that are not states."""
PIPELINE_LIMIT_SECONDS = 7 * 24 * 3600
"""CodePipeline gives a Step Functions action up after 7 days, and lets the execution go on."""
KNOWN_TO_BE_LEGAL = re.compile(
    r'(?:Seconds|MaxConcurrency) is "{%.*%}"|Field "InputType" not allowed'
)
"""statelint knows neither JSONata in a Wait's Seconds and a Map's MaxConcurrency, nor the
ReaderConfig of a JSON array; all are in the Step Functions developer guide ("Wait workflow state",
"Map state", "ItemReader")."""

AWS_ERRORS = re.compile(r"(States|Lambda|Sandbox)\.[A-Za-z0-9]+")


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)
    elif isinstance(node, str) and node.startswith("{%"):
        yield node[2:-2].strip()


def ways_on(state: dict[str, Any]) -> set[str]:
    ways = {state.get("Next"), state.get("Default")}
    ways |= {rule["Next"] for rule in state.get("Choices", []) + state.get("Catch", [])}
    return {way for way in ways if way}


@both
def test_each_task_has_a_handler_of_its_name(name: str) -> None:
    for task, state in functions_of(name).items():
        assert state["Resource"] == f"${{{task}}}"
        assert callable(importlib.import_module(MODULES[task]).handler)


def test_each_handler_is_used() -> None:
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "lambdas").glob("*/handlers/[a-z]*.py")
    }
    used = {MODULES[task] for name in MACHINES for task in functions_of(name)}
    assert files - OUTSIDE == used


@both
def test_each_integration_works_in_every_partition(name: str) -> None:
    for task, state in tasks_of(name).items():
        assert state["Resource"] == INTEGRATIONS.get(task, f"${{{task}}}")
    assert "arn:aws" not in file_of(name).read_text(encoding="utf-8")


@both
def test_each_task_is_bounded_retried_and_caught(name: str) -> None:
    for task, state in tasks_of(name).items():
        assert state["TimeoutSeconds"] > 0, task
        assert all(r.get("JitterStrategy") == "FULL" for r in state["Retry"] if r["MaxAttempts"])
        assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], task
    for task, state in functions_of(name).items():
        retried = {error for retry in state["Retry"] for error in retry["ErrorEquals"]}
        assert {"Throttled", "ServiceUnavailable", "Lambda.ServiceException"} <= retried, task


def test_a_load_waits_for_a_server_that_restarts_or_fails_over() -> None:
    """A failover of RDS usually takes one or two minutes; half of a jittered wait is its mean."""
    for task, state in functions_of("load").items():
        (rule,) = [r for r in state["Retry"] if "DatabaseUnreachable" in r["ErrorEquals"]]
        assert ("DatabaseBusy" in rule["ErrorEquals"]) == (task != "SurveyPart")
        waits = [
            min(rule["IntervalSeconds"] * rule["BackoffRate"] ** n, rule["MaxDelaySeconds"])
            for n in range(rule["MaxAttempts"])
        ]
        assert sum(waits) / 2 >= 120, task


def test_after_the_plan_every_way_out_of_a_load_passes_the_teardown() -> None:
    """No staging table outlives a load, however it ended."""
    seen: set[str] = set()
    ahead = ["SurveyParts", "LoadParts"]
    while ahead:
        name = ahead.pop()
        if name not in seen and name != "TidyLoad":
            seen.add(name)
            ahead += ways_on(LOAD_STATES[name])
    assert not {name for name in seen if LOAD_STATES[name]["Type"] in ("Succeed", "Fail")}
    assert ways_on(LOAD_STATES["TidyLoad"]) == {"IsLoaded"}


def test_a_load_is_green_only_when_its_rows_are_in() -> None:
    came_from = {origin for origin, state in LOAD_STATES.items() if "Loaded" in ways_on(state)}
    assert came_from == {"IsLoaded"}
    (rule,) = LOAD_STATES["IsLoaded"]["Choices"]
    assert rule == {"Condition": "{% $exists($result.rows) %}", "Next": "Loaded"}
    for state in LOAD_STATES.values():
        for caught in state.get("Catch", []):
            assert "result" not in caught["Assign"]


def test_the_machine_outlasts_every_deadline_and_no_pipeline_gives_up_before_it() -> None:
    """Twelve hours are left on either side, for retries and for the pipeline's own polling."""
    longest = (7200 + 1440) * 60
    margin = 12 * 3600
    assert longest + margin <= MACHINE["TimeoutSeconds"] <= PIPELINE_LIMIT_SECONDS - margin


def test_every_end_passes_the_notice() -> None:
    """Whoever is not in the console hears of each end, of a refusal too."""
    ends = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}
    before = {origin for origin, state in STATES.items() if ways_on(state) & ends}
    assert before == {"ConcludeDrill"}
    to_the_end = {origin for origin, state in STATES.items() if "ConcludeDrill" in ways_on(state)}
    assert to_the_end == {"NotifyPeople"}


@both
def test_each_error_word_is_an_exception_of_ours_or_of_aws(name: str) -> None:
    words = {
        word
        for state in all_states(name).values()
        for rule in state.get("Retry", []) + state.get("Catch", [])
        for word in rule["ErrorEquals"]
    }
    ours = {word for word in words if not AWS_ERRORS.fullmatch(word)}
    assert ours
    for word in ours:
        assert issubclass(getattr(errors, word), errors.TimeMachineError)


def test_from_the_restore_on_every_way_out_passes_the_teardown() -> None:
    """Walk every way from RestoreInstance without entering DeleteInstance: no end is reached.

    Two may go around it: HasCopy in mode snapshot, which never restores, and KeepInstance when it
    has kept a copy that PASSED in mode restore.
    """
    seen: set[str] = set()
    ahead = ["RestoreInstance"]
    while ahead:
        name = ahead.pop()
        if name in seen or name == "DeleteInstance":
            continue
        seen.add(name)
        ways = ways_on(STATES[name])
        if name in ("HasCopy", "KeepInstance"):
            ways.discard("PublishReport")
        ahead += ways
    ends = {name for name in seen if STATES[name]["Type"] in ("Succeed", "Fail")}
    assert {"HasCopy", "KeepInstance"} <= seen
    assert ends == set()
    around = {it["Next"]: it["Condition"] for it in STATES["HasCopy"]["Choices"]}
    assert around == {
        "PublishReport": "{% $drill.mode = 'snapshot' %}",
        "KeepInstance": "{% $drill.mode = 'restore' and $verdict = 'PASSED' %}",
    }
    assert STATES["HasCopy"]["Default"] == "DeleteInstance"
    assert {rule["Next"] for rule in STATES["KeepInstance"]["Catch"]} == {"DeleteInstance"}


def test_the_time_for_the_parameters_begins_when_the_copy_is_secured() -> None:
    """``PARAMETERS_SECONDS`` says so: right after the look that found the restored copy usable."""
    since = STATES["CheckInstance"]["Arguments"]["since"]
    assert since.startswith("{% $goal = 'secured' ? $marks.SecureInstance : ")
    (ready,) = [it for it in STATES["IsCopyReady"]["Choices"] if it["Next"] == "SecureInstance"]
    assert ready["Condition"] == "{% $look.phase = 'ready' and $goal = 'restored' %}"


def test_no_error_leads_to_a_green_end() -> None:
    """Whatever is caught can reach an end only through the verdict."""
    for state in STATES.values():
        for rule in state.get("Catch", []):
            assert STATES[rule["Next"]]["Type"] != "Succeed"
    for name in ("Verified", "SnapshotTaken"):
        came_from = {origin for origin, state in STATES.items() if name in ways_on(state)}
        assert came_from == {"ConcludeDrill"}
        for rule in STATES["ConcludeDrill"]["Choices"]:
            if rule["Next"] == name:
                assert "$outcome.verdict = 'PASSED'" in rule["Condition"]


@both
def test_each_expression_is_jsonata(name: str) -> None:
    found = list(expressions(machine(name)))
    assert len(found) > 30
    for expression in found:
        Jsonata(expression)


@both
def test_the_distributed_map_reads_no_variable_from_outside(name: str) -> None:
    """Child executions of a Distributed Map do not see the parent's variables; moto lets them."""
    for expression in expressions(states_within_maps(machine(name)["States"])):
        names = set(re.findall(r"\$([A-Za-z_]\w*)", expression))
        assert names <= {"states"}, expression


def test_variables_are_assigned_on_the_way_before_they_are_read() -> None:
    """PlanDrill gives each variable a value, but those that the state before always assigns."""
    initial = set(STATES["PlanDrill"]["Assign"])
    for name, state in STATES.items():
        read = {
            variable
            for expression in expressions(state)
            for variable in re.findall(r"\$([a-z_]\w*)(?!\w|\()", expression)
        }
        unknown = read - initial - {"states"}
        allowed = {
            "IsSnapshotReady": {"look"},
            "WaitForSnapshot": {"look"},
            "IsCopyReady": {"look"},
            "WaitForInstance": {"look"},
            "IsCopyGone": {"look"},
            "WaitForDeletion": {"look"},
            "WaitToDeleteAgain": {"look"},
            "ReadBatches": {"reading"},
            "CompleteBaseline": {"lost"},
            "RereadBatches": {"reading"},
            "VerifyBatches": {"plan"},
        }
        assert unknown <= allowed.get(name, set()), name


def test_a_load_reads_only_what_its_plan_has_assigned() -> None:
    """And where the plan itself failed, only what its Catch has."""
    task = LOAD_STATES["PlanLoad"]
    initial = set(task["Assign"])
    for name, state in LOAD_STATES.items():
        read = {
            variable
            for expression in expressions(state)
            for variable in re.findall(r"\$([a-z_]\w*)(?!\w|\()", expression)
        }
        assert read <= initial | {"states"}, name
        if name == "NotLoaded":
            assert read <= set(task["Catch"][-1]["Assign"]) | {"states"}


def test_from_the_notice_on_only_the_outcome_is_read() -> None:
    """A drill that could not be planned has no other variable; each way there gives it whole."""
    ends = [name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")]
    for name in ("NotifyPeople", "ConcludeDrill", *ends):
        for expression in expressions(STATES[name]):
            assert set(re.findall(r"\$([a-z_]\w*)(?!\w|\()", expression)) <= {"outcome", "states"}
    for state in ("PlanDrill", "PublishReport"):
        assert {rule["Next"] for rule in STATES[state]["Catch"]} == {"ExplainFailure"}
    for rule in STATES["ExplainFailure"]["Catch"]:
        outcome = rule["Assign"]["outcome"]
        assert "PASSED" not in outcome["verdict"]
        assert set(outcome) == {"verdict", "mode", "headline", "notice"}
        assert set(outcome["notice"]) == {"subject", "message", "verdict", "source"}


@both
def test_the_console_reads_well(name: str) -> None:
    for state, definition in all_states(name).items():
        assert re.fullmatch(r"[A-Z][A-Za-z]+", state)
        assert len(state) <= 80
        assert definition.get("Comment"), state


@both
def test_statelint_finds_nothing(tmp_path: Path, name: str) -> None:
    text = file_of(name).read_text(encoding="utf-8")
    for call, resource in CALLS_OF_AWS.items():
        text = text.replace(f"${{{call}}}", resource)
    text = re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:eu-central-1:123456789012:function:\1", text)
    filled = tmp_path / file_of(name).name
    filled.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "statelint"), str(filled)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.strip() for line in (done.stdout + done.stderr).splitlines()[1:]]
    assert [line for line in found if not KNOWN_TO_BE_LEGAL.search(line)] == []


@pytest.mark.parametrize(
    "state",
    sorted(
        set(functions_of("drill"))
        - {"CaptureBaseline", "ReadSource", "CompleteBaseline", "RereadSource"}
        - {"PlanVerification", "VerifyBatch"}
    ),
)
def test_a_function_that_does_not_talk_to_postgresql_does_not_load_its_driver(state: str) -> None:
    code = (
        f"import sys; import {MODULES[state]};"
        "sys.exit(any(m.startswith(('psycopg2', 'pydantic')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_people_read_names_every_class_and_no_other() -> None:
    """So that a class which nothing needs any more goes, and none is written out by hand."""
    classes = json.loads((STATE_MACHINES / machines.CLASSES).read_text(encoding="utf-8"))
    retries, errors = set(), set()
    for name in machines.MACHINES:
        text = (STATE_MACHINES / f"{name}.json").read_text(encoding="utf-8")
        states = json.loads(text)["States"]
        for state in (*states.values(), *states_within_maps(states).values()):
            retries |= set(state.get("Retry", []))
            errors |= {rule["On"] for rule in state.get("Catch", [])}
        assert "ErrorEquals" not in text
    assert retries == set(classes["Retry"])
    assert errors == set(classes["Errors"])


def test_a_class_that_there_is_none_of_is_no_class() -> None:
    state = {"Type": "Task", "Retry": ["no such class"]}
    with pytest.raises(KeyError, match="no such class"):
        machines.expanded({"States": {"A": state}}, {"Retry": {}, "Errors": {}, "Values": {}})
