"""Policies against API calls: a function may do what it does, and nothing that it never does."""

import pytest

from stacks.permissions import FUNCTIONS, LOAD_STATES, STATES, statements
from tests.infra.policies import NAMES
from tests.workflow.test_failures import CALLS

AUXILIARY = [
    ("Sweep", "rds.DescribeDBInstances"),
    ("Sweep", "rds.DescribeDBSnapshots"),
    ("Sweep", "rds.DeleteDBInstance"),
    ("Sweep", "rds.DeleteDBSnapshot"),
    ("Sweep", "states.DescribeExecution"),
    ("Sweep", "s3.PutObject"),
    ("ExportVerdict", "states.DescribeExecution"),
    ("ExportVerdict", "codepipeline.PutJobSuccessResult"),
    ("ExportVerdict", "codepipeline.PutJobFailureResult"),
]
"""The calls of the functions beside the workflow."""

LOADING = [
    *(
        (function, call)
        for function in ("PlanLoad", "LoadPart", "FinishLoad", "TidyLoad")
        for call in ("rds.DescribeDBInstances", "secretsmanager.GetSecretValue")
    ),
    *((function, "s3.GetObject") for function in LOAD_STATES),
    *((function, "s3.PutObject") for function in LOAD_STATES),
    ("PlanLoad", "s3.ListBucket"),  # what ListObjectsV2 asks
]
"""The calls of a load's functions; the deployed load holds them against what is really called."""

AT_TIMES = [
    ("PlanDrill", "rds.DescribeDBSnapshots"),  # for a named or the latest recovery point
    ("CreateSnapshot", "rds.DescribeDBSnapshots"),  # when a retry finds the name taken
    ("RestoreInstance", "rds.DescribeDBInstances"),  # likewise
]
"""Calls of the workflow that an ordinary drill does not make."""

_STORAGE_KEY = {"kms:DescribeKey", "kms:CreateGrant"}
BROUGHT_ALONG = {
    "rds:CreateDBSnapshot": {"rds:AddTagsToResource", *_STORAGE_KEY},
    "rds:RestoreDBInstanceFromDBSnapshot": {"rds:AddTagsToResource", *_STORAGE_KEY},
    "rds:ModifyDBInstance": {
        "secretsmanager:CreateSecret",
        "secretsmanager:TagResource",
        "kms:DescribeKey",
    },
    "s3:GetObject": {"s3:ListBucket", "kms:Decrypt"},
    "secretsmanager:GetSecretValue": {"kms:Decrypt"},
}
"""What AWS asks of the caller of an action besides the action itself."""

RUNNING = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
}
"""What Lambda does with the role."""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_it_does_and_no_more(function: str) -> None:
    made = [*CALLS, *AUXILIARY, *LOADING, *AT_TIMES]
    calls = {operation.replace(".", ":") for state, operation in made if state == function}
    brought = {also for call in calls for also in BROUGHT_ALONG.get(call, ())}
    found = [entry for entry in statements(function, NAMES) if entry["Effect"] == "Allow"]
    allowed = {action for entry in found for action in entry["Action"]}
    assert calls <= allowed
    assert allowed - calls - brought <= RUNNING


def test_every_function_is_told_by_its_calls() -> None:
    assert {state for state, _ in CALLS} == set(STATES) - {"ExplainFailure"}, "it makes none"
    assert {state for state, _ in LOADING} == set(LOAD_STATES)
    assert {state for state, _ in AUXILIARY} == set(FUNCTIONS) - {*STATES, *LOAD_STATES}
