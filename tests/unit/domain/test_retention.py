"""Retention: one rule a test, on one copy or a few snapshots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.common import ownership
from lambdas.common.naming import drill_name
from lambdas.common.ownership import Owner, ownership_tags
from lambdas.drill.recovery_point.snapshots import MANUAL
from lambdas.sweep.retention import (
    Action,
    Decision,
    ExecutionState,
    Rules,
    decide_copy,
    decide_snapshots,
    most_snapshots,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ARN = "arn:aws:states:eu-west-1:123456789012:execution:drill:"
DELETION_MINUTES = 240


def _rules(state: ExecutionState = ExecutionState.RUNNING) -> Rules:
    return Rules("TimeMachine", "tm", NOW, DELETION_MINUTES, lambda _: state)


def _never_asked(arn: str) -> ExecutionState:
    raise AssertionError(f"asked about {arn}")


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _made(role: str, source: str, number: int, expires_in: timedelta) -> tuple[str, dict[str, str]]:
    owner = Owner("TimeMachine", "tm", f"{ARN}{number}", source)
    name = drill_name("tm", source, owner.drill, NOW - timedelta(days=number))
    return name, ownership_tags(owner, role, NOW + expires_in)


def _copy(
    expires_in: timedelta = timedelta(hours=1),
    tags: dict[str, str | None] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    name, made = _made(ownership.ROLE_COPY, "orders", 1, expires_in)
    wanted = {**made, **(tags or {})}
    instance = {
        "DBInstanceIdentifier": name,
        "DBInstanceStatus": "available",
        "DeletionProtection": False,
        "TagList": _tag_list({k: v for k, v in wanted.items() if v is not None}),
    }
    return {**instance, **changes}


def _snapshot(
    days_old: int,
    verdict: str = "PASSED",
    retention_days: int = 30,
    source: str = "orders",
    tags: dict[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    expires_in = timedelta(days=retention_days - days_old)
    name, made = _made(ownership.ROLE_SNAPSHOT, source, days_old, expires_in)
    verdicts = {ownership.VERDICT: verdict} if verdict else {}
    snapshot = {
        "DBSnapshotIdentifier": name,
        "DBInstanceIdentifier": source,
        "SnapshotType": MANUAL,
        "Status": "available",
        "OriginalSnapshotCreateTime": NOW - timedelta(days=days_old),
        "SnapshotCreateTime": NOW - timedelta(days=days_old),
        "TagList": _tag_list({**made, **verdicts, **(tags or {})}),
    }
    return {**snapshot, **changes}


def _actions(*snapshots: dict[str, Any]) -> list[str]:
    return [str(decision.action) for decision in decide_snapshots(_rules(), list(snapshots))]


def _decided(*snapshots: dict[str, Any]) -> list[Decision]:
    return decide_snapshots(_rules(), list(snapshots))


# Copies


def test_a_copy_of_a_running_drill_is_kept() -> None:
    decision = decide_copy(_rules(), _copy())
    assert decision == Decision(
        Action.KEEP, "its execution is running; expires 2026-11-22T10:00:00Z"
    )


def test_a_copy_whose_execution_is_over_goes_before_its_time() -> None:
    decision = decide_copy(_rules(ExecutionState.OVER), _copy())
    assert decision == Decision(Action.DELETE, "its execution is over")


def test_a_kept_copy_outlives_its_execution_until_its_time_is_over() -> None:
    rules = replace(_rules(), execution_of=_never_asked)
    kept: dict[str, str | None] = {ownership.KEPT: "yes"}
    decision = decide_copy(rules, _copy(tags=kept))
    assert decision == Decision(Action.KEEP, "is kept until 2026-11-22T10:00:00Z")
    assert decide_copy(rules, _copy(timedelta(0), tags=kept)).action is Action.DELETE


@pytest.mark.parametrize("value", ["", "no", "Yes", "true"])
def test_no_other_value_keeps_a_copy(value: str) -> None:
    decision = decide_copy(_rules(ExecutionState.OVER), _copy(tags={ownership.KEPT: value}))
    assert decision.action is Action.DELETE


@pytest.mark.parametrize("state", ExecutionState)
@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=300)])
def test_a_copy_past_its_expiry_goes_whatever_its_execution_does(
    state: ExecutionState, late: timedelta
) -> None:
    decision = decide_copy(_rules(state), _copy(-late))
    assert (decision.action, decision.overdue) == (Action.DELETE, True)
    assert decision.reason.startswith("expired 2026-")


def test_the_execution_of_an_expired_copy_is_not_asked_about() -> None:
    rules = replace(_rules(), execution_of=_never_asked)
    assert decide_copy(rules, _copy(timedelta(seconds=-1))).action is Action.DELETE


def test_a_copy_is_kept_to_the_last_second_while_its_execution_is_not_known_and_that_is_told() -> (
    None
):
    decision = decide_copy(_rules(ExecutionState.UNKNOWN), _copy(timedelta(seconds=1)))
    assert (decision.action, decision.blocked, decision.overdue) == (Action.KEEP, True, False)


@pytest.mark.parametrize("status", ["deleting", "delete-precheck"])
@pytest.mark.parametrize("protected", [True, False])
def test_what_is_being_deleted_is_left_alone(status: str, protected: bool) -> None:
    instance = _copy(-timedelta(hours=1), DBInstanceStatus=status, DeletionProtection=protected)
    decision = decide_copy(replace(_rules(), execution_of=_never_asked), instance)
    assert decision == Decision(Action.KEEP, "is being deleted already")


def test_a_deletion_that_takes_longer_than_it_may_is_overdue() -> None:
    late = timedelta(minutes=DELETION_MINUTES)
    instance = _copy(-late, DBInstanceStatus="deleting")
    assert decide_copy(_rules(), instance).overdue
    instance = _copy(-late + timedelta(seconds=1), DBInstanceStatus="deleting")
    assert not decide_copy(_rules(), instance).overdue


@pytest.mark.parametrize("state", [ExecutionState.OVER, ExecutionState.RUNNING])
def test_a_protected_copy_is_a_persons_to_end_once_it_is_due(state: ExecutionState) -> None:
    early = decide_copy(_rules(state), _copy(DeletionProtection=True))
    late = decide_copy(_rules(state), _copy(-timedelta(hours=1), DeletionProtection=True))
    assert {early.action, late.action} == {Action.KEEP}
    assert early.blocked is (state is ExecutionState.OVER)
    assert (late.blocked, late.overdue) == (True, True)
    assert "deletion protection is on" in late.reason


@pytest.mark.parametrize("status", ["creating", "stopped", "failed", "storage-full", "brand-new"])
def test_a_copy_that_is_due_goes_from_whichever_status(status: str) -> None:
    decision = decide_copy(_rules(ExecutionState.OVER), _copy(DBInstanceStatus=status))
    assert decision.action is Action.DELETE


@pytest.mark.parametrize(
    "tags",
    [
        {ownership.STACK: "Another"},
        {ownership.STACK: None},
        {ownership.ROLE: "snapshot"},
        {ownership.ROLE: None},
        {ownership.DRILL: "orders-drill"},
        {ownership.DRILL: f"{ARN}2"},
        {ownership.DRILL: "arn:aws:states:eu-west-1:123456789012:stateMachine:drill"},
        {ownership.DRILL: None},
        {ownership.SOURCE: "customers"},
        {ownership.SOURCE: ""},
        {ownership.SOURCE: None},
        {ownership.EXPIRES_AT: "soon"},
        {ownership.EXPIRES_AT: "2020-01-01"},
        {ownership.EXPIRES_AT: "2020-1-1T0:0:0Z"},
        {ownership.EXPIRES_AT: "2020-01-01T00:00:00+00:00"},
        {ownership.EXPIRES_AT: ""},
        {ownership.EXPIRES_AT: None},
    ],
    ids=str,
)
def test_a_copy_with_one_tag_that_is_not_a_drills_is_foreign(tags: dict[str, str | None]) -> None:
    for expires_in in (timedelta(days=-1), timedelta(days=1)):
        decision = decide_copy(_rules(ExecutionState.OVER), _copy(expires_in, tags))
        assert decision.action is Action.FOREIGN
        assert decision.reason


@pytest.mark.parametrize(
    "name",
    [
        "",
        "orders",
        "tm",
        "tm-orders",
        "tm-orders-20261121-090000-000000",
        "xtm-orders-20261121-090000-{digest}",
        "tm-orders-20261121-090000-{digest}-copy",
    ],
)
def test_a_copy_with_a_name_that_its_drill_did_not_give_is_foreign(name: str) -> None:
    instance = _copy(timedelta(days=-1))
    digest = instance["DBInstanceIdentifier"].rpartition("-")[2]
    instance["DBInstanceIdentifier"] = name.format(digest=digest)
    assert decide_copy(_rules(), instance).action is Action.FOREIGN


def test_a_source_whose_name_begins_with_the_prefix_is_never_a_copy_even_with_every_tag() -> None:
    name, tags = _made(ownership.ROLE_COPY, "tm-orders", 1, timedelta(days=-1))
    for identifier in ("tm-orders", "TM-Orders"):
        source = _copy(DBInstanceIdentifier=identifier, TagList=_tag_list(tags))
        assert "is the source" in decide_copy(_rules(), source).reason
    copy = _copy(DBInstanceIdentifier=name, TagList=_tag_list(tags))
    assert decide_copy(_rules(), copy).action is Action.DELETE


def test_an_instance_without_tags_is_foreign() -> None:
    assert decide_copy(_rules(), {"DBInstanceIdentifier": "tm-x"}).action is Action.FOREIGN
    assert decide_copy(_rules(), {}).action is Action.FOREIGN


# Snapshots


def test_a_snapshot_stays_for_its_retention_and_goes_after_it() -> None:
    young, expired = _decided(_snapshot(29, ""), _snapshot(30, ""))
    assert young == Decision(Action.KEEP, "expires 2026-11-23T09:00:00Z")
    assert (expired.action, expired.reason) == (Action.DELETE, "expired 2026-11-22T09:00:00Z")


@pytest.mark.parametrize("verdict", ["FAILED", "INCONCLUSIVE", "", "passed", "Passed "])
def test_the_newest_passed_snapshot_outlives_its_retention_and_any_other_verdicts(
    verdict: str,
) -> None:
    assert _actions(_snapshot(50, verdict), _snapshot(40, "PASSED"), _snapshot(31, verdict)) == [
        "delete",
        "keep",
        "delete",
    ]


def test_only_the_newest_passed_one_of_a_source_is_kept_and_each_source_has_its_own() -> None:
    account = [
        _snapshot(60),
        _snapshot(50),
        _snapshot(40, source="customers"),
        _snapshot(70, source="customers"),
    ]
    assert _actions(*account) == ["delete", "keep", "keep", "delete"]
    assert _actions(*reversed(account)) == ["delete", "keep", "keep", "delete"]


def test_a_younger_passed_one_within_its_retention_lets_the_older_ones_go() -> None:
    assert _actions(_snapshot(31), _snapshot(1), _snapshot(40)) == ["delete", "keep", "delete"]


def test_the_original_time_decides_what_is_newest_not_that_of_a_copied_snapshot() -> None:
    newest = _snapshot(40)
    older = _snapshot(50, SnapshotCreateTime=NOW)
    assert _actions(newest, older) == ["keep", "delete"]
    assert _actions({**newest, "OriginalSnapshotCreateTime": None}, older) == ["keep", "delete"]


@pytest.mark.parametrize("time", [None, "2026-11-22"])
def test_a_passed_one_of_unknown_age_is_kept_and_does_not_push_another_out(time: Any) -> None:
    unknown = _snapshot(50, OriginalSnapshotCreateTime=time, SnapshotCreateTime=time)
    assert _actions(unknown, _snapshot(40), _snapshot(60)) == ["keep", "keep", "delete"]


def test_two_of_the_same_second_are_both_the_newest() -> None:
    time = NOW - timedelta(days=40)
    account = [_snapshot(age, OriginalSnapshotCreateTime=time) for age in (40, 41)]
    assert _actions(*account) == ["keep", "keep"]


@pytest.mark.parametrize("value", ["", "false", "no", "legal case 7"])
@pytest.mark.parametrize("verdict", ["PASSED", "FAILED", ""])
def test_a_hold_keeps_a_snapshot_whatever_its_value_says(value: str, verdict: str) -> None:
    held = _snapshot(400, verdict, tags={ownership.HOLD: value})
    assert _actions(held, _snapshot(1)) == ["keep", "keep"]


@pytest.mark.parametrize("status", ["creating", "copying", "failed", "upgrading"])
def test_one_that_is_not_available_is_kept_and_told_once_it_is_due(status: str) -> None:
    early, late = _decided(_snapshot(1, "", Status=status), _snapshot(31, "", Status=status))
    assert (early.action, early.blocked) == (Action.KEEP, False)
    assert (late.action, late.blocked) == (Action.KEEP, True)


def test_one_that_is_being_deleted_is_left_alone() -> None:
    (decision,) = _decided(_snapshot(31, "", Status="deleting"))
    assert (decision.action, decision.blocked) == (Action.KEEP, False)


def test_one_that_can_not_be_restored_from_does_not_push_the_newest_passed_one_out() -> None:
    assert _actions(_snapshot(31, Status="failed"), _snapshot(40)) == ["keep", "keep"]


def test_without_an_expiry_of_ours_a_snapshot_is_kept() -> None:
    assert _actions(_snapshot(400, "", tags={ownership.EXPIRES_AT: "never"})) == ["keep"]


@pytest.mark.parametrize(
    "changes",
    [
        {"SnapshotType": "automated"},
        {"SnapshotType": "awsbackup"},
        {"SnapshotType": None},
        {"DBInstanceIdentifier": "customers"},
        {"DBInstanceIdentifier": None},
        {"DBSnapshotIdentifier": "before-the-migration"},
        {"DBSnapshotIdentifier": "tm-before-the-migration"},
        {"TagList": []},
        {"tags": {ownership.STACK: "Another"}},
        {"tags": {ownership.ROLE: "copy"}},
        {"tags": {ownership.DRILL: "by hand"}},
        {"tags": {ownership.SOURCE: "customers"}},
    ],
    ids=str,
)
def test_another_snapshot_is_foreign_and_never_the_newest_passed_one(
    changes: dict[str, Any],
) -> None:
    foreign, ours = _decided(_snapshot(31, **changes), _snapshot(40))
    assert foreign.action is Action.FOREIGN
    assert (ours.action, ours.reason) == (Action.KEEP, "is the newest PASSED snapshot of orders")


def test_a_copy_that_a_person_made_of_our_snapshot_with_its_tags_is_theirs() -> None:
    """``CopyDBSnapshot`` with ``CopyTags`` hands every tag on; the name is another."""
    ours = _snapshot(50, "")
    theirs = {**ours, "DBSnapshotIdentifier": f"{ours['DBSnapshotIdentifier']}-for-the-audit"}
    assert _actions(ours, theirs) == ["delete", "foreign"]


VALUES = st.none() | st.booleans() | st.text(max_size=5) | st.just("available")
ODD = st.dictionaries(
    st.sampled_from(["DBInstanceStatus", "Status", "SnapshotType", "DBInstanceIdentifier"]), VALUES
)


@settings(deadline=None)
@given(ODD)
def test_whatever_rds_says_a_decision_is_made(odd: dict[str, Any]) -> None:
    copy = _copy(
        timedelta(days=-1), **{k: v for k, v in odd.items() if k != "DBInstanceIdentifier"}
    )
    assert decide_copy(_rules(), copy).action in (Action.DELETE, Action.KEEP)
    (decision,) = _decided(_snapshot(31, "", **odd))
    assert decision.reason


# The most there can be


@pytest.mark.parametrize(
    ("sources", "runs", "days", "most"),
    [(0, 1, 30, 0), (1, 1, 1, 4), (1, 1, 30, 33), (2, 1, 30, 66), (1, 2, 7, 19), (3, 0.5, 7, 18)],
)
def test_the_most_snapshots_grow_with_sources_runs_and_days(
    sources: int, runs: float, days: int, most: int
) -> None:
    assert most_snapshots(sources, runs, days) == most
