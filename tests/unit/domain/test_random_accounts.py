"""Thousands of random accounts: what must go goes, and nothing else does."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.sweep.retention import Action, ExecutionState, Rules, decide_copy, decide_snapshots
from tests.accounts import INSTANCES, NOW, PREFIX, SNAPSHOTS, STACK, Instance, Snapshot
from tests.examples import examples

MANY = settings(max_examples=examples(300), deadline=None)
COPIES = st.lists(INSTANCES, min_size=8, max_size=25, unique_by=lambda found: found.made.number)
BACKUPS = st.lists(SNAPSHOTS, min_size=8, max_size=25, unique_by=lambda found: found.made.number)


def _rules(instances: Sequence[Instance] = ()) -> Rules:
    states = {found.made.execution: ExecutionState(found.execution) for found in instances}
    return Rules(STACK, PREFIX, NOW, 240, states.__getitem__)


@MANY
@given(COPIES)
def test_of_the_instances_exactly_those_that_must_go_go(instances: list[Instance]) -> None:
    rules = _rules(instances)
    for instance in instances:
        goes = decide_copy(rules, instance.described()).action is Action.DELETE
        assert goes == instance.must_go(), instance


@MANY
@given(BACKUPS)
def test_of_the_snapshots_exactly_those_that_must_go_go(snapshots: list[Snapshot]) -> None:
    decisions = decide_snapshots(_rules(), [snapshot.described() for snapshot in snapshots])
    for snapshot, decision in zip(snapshots, decisions, strict=True):
        assert (decision.action is Action.DELETE) == snapshot.must_go(snapshots), snapshot


@MANY
@given(BACKUPS, st.data())
def test_a_listing_that_broke_off_never_costs_the_newest_backup_of_a_source(
    snapshots: list[Snapshot], data: st.DataObject
) -> None:
    listed = snapshots[: data.draw(st.integers(0, len(snapshots)))]
    decisions = decide_snapshots(_rules(), [snapshot.described() for snapshot in listed])
    for snapshot, decision in zip(listed, decisions, strict=True):
        assert decision.action is not Action.DELETE or snapshot.must_go(snapshots)


@MANY
@given(INSTANCES)
def test_the_sweeper_says_why_and_calls_for_a_person_only_about_what_is_ours(
    instance: Instance,
) -> None:
    decision = decide_copy(_rules([instance]), instance.described())
    assert decision.reason
    assert instance.made.ours == (decision.action is not Action.FOREIGN)
    if not instance.made.ours:
        assert not decision.blocked
        assert not decision.overdue
