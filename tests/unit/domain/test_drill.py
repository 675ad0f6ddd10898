"""What a drill decides before anything is created."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.common import ownership
from lambdas.common.execution import Execution, execution_from, moment
from lambdas.drill.admission.request import Request, parse
from lambdas.drill.drill import Drill, decide, drill_from, target_faults, to_document
from lambdas.settings import Settings

INSTANCE = {"EngineVersion": "16.4", "DBInstanceClass": "db.r6g.large"}
SNAPSHOT = {"DBSnapshotIdentifier": "before-move", "EngineVersion": "15.8"}
RESTORE = {
    "instance_class": "db.t4g.medium",
    "storage_type": "gp3",
    "subnet_group": "tm-quarantine-mine",
    "security_group_ids": ["sg-9"],
    "parameter_group": "tm-quarantine-mine",
}


def _request(**fields: Any) -> Request:
    return parse({"db_instance_id": "orders", **fields})


def test_a_drill_survives_the_workflow_as_json(drill: Drill) -> None:
    document = json.loads(json.dumps(to_document(drill)))
    assert drill_from({"drill": document}) == drill


def test_snapshot_and_copy_have_the_drills_own_name(drill: Drill) -> None:
    assert drill.snapshot_id == drill.copy_id == drill.id
    assert drill.snapshot_is_new
    assert drill.evidence == f"drills/orders/2026/11/22/{drill.id}"


def test_an_existing_snapshot_is_restored_under_the_drills_own_name(
    settings: Settings, execution: Execution
) -> None:
    found = decide(_request(), INSTANCE, SNAPSHOT, settings, execution)
    assert (found.snapshot_id, found.snapshot_is_new) == ("before-move", False)
    assert found.copy_id == found.id != "before-move"
    assert found.engine_version == "15.8"


def test_the_deployment_decides_what_the_input_leaves_out(
    drill: Drill, settings: Settings, execution: Execution
) -> None:
    deadline_at = execution.started_at + timedelta(minutes=settings.deadline_minutes)
    assert moment(drill.deadline_at) == deadline_at
    assert drill.retention_days == settings.retention_days
    assert drill.target == {
        "instance_class": "db.r6g.large",
        "subnet_group": "isolated",
        "security_group_ids": ["sg-0a", "sg-0b"],
        "parameter_group": "quarantine-16",
        "storage_type": "",
    }


def test_the_input_decides_over_the_deployment(settings: Settings, execution: Execution) -> None:
    request = _request(restore=RESTORE, deadline_minutes=0.5, retention_days=7)
    settings = replace(settings, copy_instance_class="db.m6g.large")
    found = decide(request, INSTANCE, None, settings, execution)
    assert found.target == RESTORE
    assert found.retention_days == 7
    assert moment(found.deadline_at) == execution.started_at + timedelta(seconds=30)


def test_the_deployments_class_comes_before_the_sources(
    settings: Settings, execution: Execution
) -> None:
    settings = replace(settings, copy_instance_class="db.m6g.large")
    found = decide(_request(), INSTANCE, None, settings, execution)
    assert found.target["instance_class"] == "db.m6g.large"


def test_the_copy_expires_only_after_the_time_for_its_teardown(
    drill: Drill, settings: Settings
) -> None:
    teardown = timedelta(minutes=settings.teardown_minutes)
    assert moment(drill.copy_expires_at) == moment(drill.deadline_at) + teardown


def test_each_role_carries_its_own_expiry(drill: Drill) -> None:
    copy, snapshot = (
        drill.ownership_tags(role) for role in (ownership.ROLE_COPY, ownership.ROLE_SNAPSHOT)
    )
    assert copy[ownership.EXPIRES_AT] == drill.copy_expires_at
    assert snapshot[ownership.EXPIRES_AT] == "2026-12-22T09:44:33Z"


@pytest.mark.parametrize("role", [ownership.ROLE_COPY, ownership.ROLE_SNAPSHOT])
def test_what_a_drill_makes_is_its_own(drill: Drill, role: str) -> None:
    tags = drill.ownership_tags(role)
    assert ownership.why_not_ours(drill.owner, role, drill.copy_id, tags) == ""


def test_what_another_execution_makes_is_not_the_drills(drill: Drill) -> None:
    other = replace(drill, execution=drill.execution + "2")
    tags = other.ownership_tags(ownership.ROLE_COPY)
    assert ownership.why_not_ours(drill.owner, ownership.ROLE_COPY, drill.copy_id, tags)


def test_a_users_tags_never_replace_the_drills(drill: Drill) -> None:
    found = replace(drill, tags={"Purpose": "mine", "Team": "a"}).people_tags()
    assert found == {
        "Team": "a",
        "Purpose": "manual",
        "Retention": "30Days",
        "CreatedBy": "rds-time-machine",
    }


def test_the_seconds_left_end_at_the_deadline(drill: Drill) -> None:
    deadline_at = moment(drill.deadline_at)
    assert drill.seconds_left(deadline_at - timedelta(seconds=90)) == 90
    assert drill.seconds_left(deadline_at + timedelta(seconds=1)) == -1


def test_a_copy_without_a_quarantine_group_is_refused(settings: Settings) -> None:
    (fault,) = target_faults(_request(), settings, "15.8")
    assert fault.startswith("restore.parameter_group: ")
    assert fault.endswith(
        "PostgreSQL 15; add 15 to the setting postgres_majors, or name a group here"
    )


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({}, "16.4"),
        ({"restore": {"parameter_group": "tm-quarantine-15"}}, "15.8"),
        ({"mode": "snapshot"}, "15.8"),
    ],
)
def test_a_copy_with_a_parameter_group_or_no_copy_is_no_fault(
    settings: Settings, fields: dict[str, Any], version: str
) -> None:
    assert target_faults(_request(**fields), settings, version) == []


def test_an_execution_is_read_from_the_first_states_event() -> None:
    event = {"execution": {"id": "arn", "name": "1", "started_at": "2026-11-22T09:44:33.120Z"}}
    started_at = datetime(2026, 11, 22, 9, 44, 33, 120_000, tzinfo=UTC)
    assert execution_from(event) == Execution("arn", "1", started_at)


@pytest.mark.parametrize("text", ["2026-11-22T09:44:33Z", "2026-11-22T11:44:33+02:00"])
def test_a_moment_is_utc(text: str) -> None:
    assert moment(text) == datetime(2026, 11, 22, 9, 44, 33, tzinfo=UTC)
    assert moment(text).tzinfo is UTC
