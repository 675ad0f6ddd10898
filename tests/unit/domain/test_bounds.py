"""What the deployment's roles would refuse is told before anything is created."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.common.ownership import RESTORABLE, ROLE, ROLE_COPY, ROLE_SNAPSHOT, STACK
from lambdas.drill.admission import limits
from lambdas.drill.admission.request import Request, parse
from lambdas.drill.drill import Drill
from lambdas.settings import Settings

LATEST = {"latest": "any"}
DAILY = "rds:orders-2026-11-22-03-07"
OURS = "tm-orders-20261122-094433-0a1b2c"
OUR_TAGS = {STACK: "TimeMachine", ROLE: ROLE_SNAPSHOT}
LENT = {RESTORABLE: "yes"}


def _request(**fields: Any) -> Request:
    return parse({"db_instance_id": "orders", **fields})


def _snapshot(name: str, tags: Mapping[str, str] | None = None, day: int = 1) -> dict[str, Any]:
    return {
        "DBSnapshotIdentifier": name,
        "SnapshotType": "automated" if name.startswith("rds:") else "manual",
        "Status": "available",
        "SnapshotCreateTime": datetime(2026, 11, day, tzinfo=UTC),
        "TagList": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
    }


def test_an_instance_that_is_no_source_is_refused_with_the_setting(settings: Settings) -> None:
    listed = replace(settings, sources=("billing", "orders-2"))
    assert limits.source_faults(_request(), listed) == [
        "db_instance_id: orders is not among the deployment's sources; "
        "add it to the setting sources"
    ]


@pytest.mark.parametrize("sources", [(), ("billing", "orders")])
def test_a_listed_instance_and_without_a_list_any_may_be_drilled(
    settings: Settings, sources: tuple[str, ...]
) -> None:
    request = _request(db_instance_id="Orders")
    assert limits.source_faults(request, replace(settings, sources=sources)) == []


@pytest.mark.parametrize("field", ["subnet_group", "parameter_group"])
@pytest.mark.parametrize(
    "name",
    ["mine", "tm-quarantine", "tm-quarantined", "TM-quarantine-x", "x-tm-quarantine-x", "default"],
)
def test_a_group_outside_of_the_quarantines_names_is_refused_unquoted(
    settings: Settings, field: str, name: str
) -> None:
    (fault,) = limits.quarantine_faults(_request(restore={field: name}), settings)
    assert fault.startswith(f"restore.{field}: its name must start with tm-quarantine-, since")
    assert name not in fault.replace("tm-quarantine-", "").replace("the deployment's", "")


@pytest.mark.parametrize(
    "restore",
    [
        {},
        {"instance_class": "db.t4g.medium", "security_group_ids": ["sg-1"]},
        {"subnet_group": "tm-quarantine-b", "parameter_group": "tm-quarantine-16-large"},
        {"subnet_group": "isolated", "parameter_group": "quarantine-16"},
    ],
)
def test_the_quarantines_groups_and_the_deployments_own_may_be_named(
    settings: Settings, restore: dict[str, Any]
) -> None:
    assert limits.quarantine_faults(_request(restore=restore), settings) == []


def test_one_kind_of_group_does_not_stand_for_the_other(settings: Settings) -> None:
    swapped = {"subnet_group": "quarantine-16", "parameter_group": "isolated"}
    assert len(limits.quarantine_faults(_request(restore=swapped), settings)) == 2


@pytest.mark.parametrize(
    ("name", "tags"),
    [(OURS, OUR_TAGS), (DAILY, {}), ("before-move", LENT), ("awsbackup:job-1", LENT)],
)
def test_ours_a_daily_backup_and_a_lent_snapshot_may_be_restored(
    settings: Settings, name: str, tags: dict[str, str]
) -> None:
    assert limits.may_restore(_snapshot(name, tags), "orders", settings)


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("before-move", {}),
        ("before-move", {RESTORABLE: "no"}),
        ("before-move", {RESTORABLE: "Yes"}),
        ("before-move", OUR_TAGS),
        ("awsbackup:job-1", {}),
        ("tm-orders-before-move", OUR_TAGS),
        (OURS, {}),
        (OURS, {**OUR_TAGS, STACK: "another"}),
        (OURS, {**OUR_TAGS, ROLE: ROLE_COPY}),
        ("dr-orders-20261122-094433-0a1b2c", OUR_TAGS),
        ("rds:orders-eu-2026-11-22-03-07", {}),
        ("rds:orders", {}),
    ],
)
def test_a_strangers_snapshot_may_not_be_restored(
    settings: Settings, name: str, tags: dict[str, str]
) -> None:
    assert not limits.may_restore(_snapshot(name, tags), "orders", settings)


def test_what_a_drill_makes_may_be_drilled_again(drill: Drill, settings: Settings) -> None:
    made = _snapshot(drill.snapshot_id, drill.ownership_tags(ROLE_SNAPSHOT))
    assert limits.may_restore(made, drill.source, settings)


@pytest.mark.parametrize("point", [{"snapshot_id": "before-move"}, LATEST, {"latest": "manual"}])
def test_a_snapshot_that_nobody_lent_is_refused_with_the_tag_that_lends_it(
    settings: Settings, point: dict[str, str]
) -> None:
    request = _request(recovery_point=point)
    (fault,) = limits.snapshot_faults(request, _snapshot("before-move"), settings)
    assert fault.startswith("recovery_point: ")
    assert "before-move" in fault
    assert fault.endswith(" tag it time-machine:restorable = yes")
    assert limits.snapshot_faults(request, _snapshot("before-move", LENT), settings) == []


@pytest.mark.parametrize(("wanted", "day"), [("any", 3), ("manual", 2), ("automated", 3)])
def test_the_latest_is_chosen_among_those_that_may_be_restored(
    settings: Settings, wanted: str, day: int
) -> None:
    snapshots = [
        _snapshot("newest", day=4),
        _snapshot(DAILY, day=3),
        _snapshot("lent", LENT, day=2),
        _snapshot(OURS, OUR_TAGS, day=1),
    ]
    request = _request(recovery_point={"latest": wanted})
    found = limits.latest_restorable(iter(snapshots), request, settings)
    assert found is not None
    assert found["SnapshotCreateTime"].day == day


def test_with_none_to_restore_the_newest_is_named_as_the_one_to_lend(settings: Settings) -> None:
    snapshots = [_snapshot("older", day=3), _snapshot("newest", day=4), _snapshot(DAILY, day=5)]
    request = _request(recovery_point={"latest": "manual"})
    found = limits.latest_restorable(snapshots, request, settings)
    assert found is snapshots[1]
    assert limits.snapshot_faults(request, found, settings) == [
        "recovery_point: orders has no available manual snapshot that may be restored; "
        "the newest is newest, tag it time-machine:restorable = yes"
    ]


def test_there_may_be_no_snapshot_at_all(settings: Settings) -> None:
    assert limits.latest_restorable([], _request(recovery_point=LATEST), settings) is None
