"""What PlanDrill refuses is what IAM would refuse, so that nobody hears it after the snapshot."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lambdas.common.ownership import RESTORABLE, ROLE, STACK
from lambdas.drill.admission import limits
from lambdas.drill.admission.request import parse
from lambdas.settings import from_environment
from stacks.permissions import statements
from tests.infra.policies import NAMES, document, principal
from tests.infra.simulation import Simulator
from tests.infra.test_settings import SHOP
from tests.infra.test_template import DEPLOYMENTS, Synthesised
from tests.unit.conftest import ENVIRONMENT

SOURCE = NAMES.sources[0]
SETTINGS = replace(from_environment(ENVIRONMENT), prefix=NAMES.prefix, stack=NAMES.stack)
OURS = f"{NAMES.prefix}-{SOURCE}-20261122-094433-0a1b2c"
OUR_TAGS = {STACK: NAMES.stack, ROLE: "snapshot"}
RESTORE = "rds:RestoreDBInstanceFromDBSnapshot"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as found:
        yield found


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        (OURS, OUR_TAGS),
        (OURS, {**OUR_TAGS, STACK: "another"}),
        (OURS, {**OUR_TAGS, ROLE: "copy"}),
        (OURS, {}),
        ("before-move", OUR_TAGS),
        ("before-move", {RESTORABLE: "yes"}),
        ("before-move", {RESTORABLE: "no"}),
        ("before-move", {}),
        ("awsbackup:job-1", {RESTORABLE: "yes"}),
        ("awsbackup:job-1", {}),
        (f"rds:{SOURCE}-2026-11-22-03-07", {}),
        (f"rds:{SOURCE}-eu-2026-11-22-03-07", {}),
    ],
)
def test_plan_drill_and_the_role_that_restores_agree(
    simulator: Simulator, name: str, tags: dict[str, str]
) -> None:
    snapshot = {
        "DBSnapshotIdentifier": name,
        "TagList": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    decision = simulator.decide(
        [document(statements("RestoreInstance", NAMES))],
        principal("RestoreInstance"),
        RESTORE,
        NAMES.rds(f"snapshot:{name}"),
        {f"aws:ResourceTag/{key}": value for key, value in tags.items()},
    )
    assert limits.may_restore(snapshot, SOURCE, SETTINGS) == decision.allowed


@pytest.mark.parametrize(("field", "kind"), [("subnet_group", "subgrp"), ("parameter_group", "pg")])
@pytest.mark.parametrize("rest", ["-quarantine-b", "-quarantine-", "-quarantined", "-b", ""])
def test_plan_drill_and_the_role_that_restores_agree_on_the_quarantines_groups(
    simulator: Simulator, field: str, kind: str, rest: str
) -> None:
    group = f"{NAMES.prefix}{rest}"
    request = parse({"db_instance_id": SOURCE, "restore": {field: group}})
    decision = simulator.decide(
        [document(statements("RestoreInstance", NAMES))],
        principal("RestoreInstance"),
        RESTORE,
        NAMES.rds(f"{kind}:{group}"),
        {},
    )
    assert (limits.quarantine_faults(request, SETTINGS) == []) == decision.allowed


def test_the_functions_are_told_the_sources_of_the_settings(synthesised: Synthesised) -> None:
    template = synthesised("least", DEPLOYMENTS["least"])
    functions = [
        it["Properties"]["Environment"]["Variables"]
        for it in template["Resources"].values()
        if it["Type"] == "AWS::Lambda::Function" and "Environment" in it["Properties"]
    ]
    message = {variables["TM_SOURCES"] for variables in functions if "TM_STACK" in variables}
    assert message == {SHOP["db_instance_id"]}
