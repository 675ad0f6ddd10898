"""What each RDS status means for a drill."""

from typing import Any

import pytest

from lambdas.drill.waiting.phases import (
    FAILED,
    GOAL_RESTORED,
    GOAL_SECURED,
    HALTED,
    PARAMETERS_SECONDS,
    Phase,
    classify_deletion,
    classify_instance,
    classify_parameters,
    classify_snapshot,
)
from lambdas.remedies import OF_STATUSES

# The RDS user guide, "Viewing Amazon RDS DB instance status".
FAILURES = [
    "failed",
    "restore-error",
    "incompatible-restore",
    "incompatible-network",
    "incompatible-parameters",
    "incompatible-option-group",
    "incompatible-create",
    "insufficient-capacity",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "storage-full",
    "upgrade-failed",
]
BY_SOMEBODY = ["stopped", "stopping", "deleting", "delete-precheck"]
USABLE = ["available", "storage-optimization"]
UNDER_WAY = [
    "creating",
    "backing-up",
    "modifying",
    "configuring-enhanced-monitoring",
    "resetting-master-credentials",
    "rebooting",
    "upgrading",
    "a-status-that-aws-adds-tomorrow",
]
GOALS = [GOAL_RESTORED, GOAL_SECURED]
ACTIVE = {"SecretStatus": "active"}


def _instance(status: str, secret: Any = None) -> dict[str, Any]:
    return {"DBInstanceStatus": status, "MasterUserSecret": secret}


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("status", FAILURES + BY_SOMEBODY)
def test_a_status_that_waiting_does_not_mend_is_a_failure(status: str, goal: str) -> None:
    look = classify_instance(_instance(status, ACTIVE), goal)
    assert look.phase is Phase.FAILED
    assert look.detail == f"the copy is {status}: {OF_STATUSES[status]}"


def test_each_status_that_ends_a_drill_has_its_remedy_and_no_other_has() -> None:
    assert set(OF_STATUSES) == FAILED | HALTED


def test_a_snapshots_status_that_nobody_foresaw_says_where_to_look() -> None:
    message = classify_snapshot({"Status": "brand-new"}).detail
    assert message == "the snapshot is brand-new: see the RDS user guide for this status"


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("status", UNDER_WAY)
def test_any_other_status_is_waited_for(status: str, goal: str) -> None:
    look = classify_instance(_instance(status, ACTIVE), goal)
    assert (look.phase, look.detail) == (Phase.WAIT, status)


@pytest.mark.parametrize("status", USABLE)
def test_a_usable_copy_is_restored_without_a_secret(status: str) -> None:
    assert classify_instance(_instance(status), GOAL_RESTORED).phase is Phase.READY


@pytest.mark.parametrize("status", USABLE)
def test_a_usable_copy_is_secured_once_its_secret_is_active(status: str) -> None:
    assert classify_instance(_instance(status, ACTIVE), GOAL_SECURED).phase is Phase.READY


@pytest.mark.parametrize(
    "secret", [None, {}, {"SecretStatus": "creating"}, {"SecretStatus": "rotating"}]
)
@pytest.mark.parametrize("status", USABLE)
def test_a_usable_copy_is_not_secured_before_its_secret_is_active(status: str, secret: Any) -> None:
    assert classify_instance(_instance(status, secret), GOAL_SECURED).phase is Phase.WAIT


def test_an_impaired_secret_is_a_failure() -> None:
    copy = _instance("available", {"SecretStatus": "impaired"})
    assert classify_instance(copy, GOAL_SECURED).phase is Phase.FAILED


def test_an_instance_without_a_status_is_waited_for() -> None:
    assert classify_instance({}, GOAL_RESTORED).phase is Phase.WAIT


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("available", Phase.READY),
        ("creating", Phase.WAIT),
        ("copying", Phase.WAIT),
        ("failed", Phase.FAILED),
        ("deleting", Phase.FAILED),
        ("incompatible-restore", Phase.FAILED),
    ],
)
def test_a_snapshot_is_waited_for_only_while_it_is_made(status: str, phase: Phase) -> None:
    assert classify_snapshot({"Status": status}).phase is phase


def test_a_snapshot_without_a_status_is_a_failure() -> None:
    assert classify_snapshot({}).phase is Phase.FAILED


def test_a_look_at_a_snapshot_tells_its_progress() -> None:
    assert "42 %" in classify_snapshot({"Status": "creating", "PercentProgress": 42}).detail


def test_an_instance_that_rds_no_longer_knows_is_gone() -> None:
    assert classify_deletion(None).phase is Phase.READY


@pytest.mark.parametrize("status", ["deleting", "delete-precheck"])
def test_a_deletion_under_way_is_waited_for(status: str) -> None:
    assert classify_deletion(_instance(status)).phase is Phase.WAIT


@pytest.mark.parametrize("status", [*USABLE, *FAILURES, "stopped", "creating"])
def test_a_copy_that_is_still_there_is_asked_to_go_again(status: str) -> None:
    look = classify_deletion(_instance(status))
    assert look.phase is Phase.REPEAT_DELETE
    assert status in look.detail


def _with_group(status: str, name: str = "tm-quarantine-16") -> dict[str, Any]:
    groups = [{"DBParameterGroupName": name, "ParameterApplyStatus": status}]
    return {"DBInstanceStatus": "available", "DBParameterGroups": groups}


@pytest.mark.parametrize("group", ["tm-quarantine-16", "TM-Quarantine-16"])
def test_a_copy_that_runs_with_its_parameters_is_ready(group: str) -> None:
    assert classify_parameters(_with_group("in-sync"), group, 0).phase is Phase.READY


@pytest.mark.parametrize("status", ["applying", "pending-reboot"])
def test_parameters_are_waited_for_and_not_for_ever(status: str) -> None:
    at_first = classify_parameters(_with_group(status), "tm-quarantine-16", PARAMETERS_SECONDS - 1)
    assert at_first.phase is Phase.WAIT
    assert status in at_first.detail
    at_last = classify_parameters(_with_group(status), "tm-quarantine-16", PARAMETERS_SECONDS)
    assert at_last.phase is Phase.FAILED
    for message in ("tm-quarantine-16", status, "nothing was read", "drill again"):
        assert message in at_last.detail


@pytest.mark.parametrize("status", ["failed-to-apply", "pending-database-upgrade", "new-word"])
def test_parameters_that_waiting_does_not_apply_end_the_drill(status: str) -> None:
    look = classify_parameters(_with_group(status), "tm-quarantine-16", 0)
    assert look.phase is Phase.FAILED
    assert status in look.detail


@pytest.mark.parametrize(
    "instance",
    [
        _with_group("in-sync", "default.postgres16"),
        {"DBInstanceStatus": "available", "DBParameterGroups": []},
        {"DBInstanceStatus": "available"},
    ],
)
def test_a_copy_with_another_group_is_not_read(instance: dict[str, Any]) -> None:
    look = classify_parameters(instance, "tm-quarantine-16", 0)
    assert look.phase is Phase.FAILED
    assert "tm-quarantine-16" in look.detail
