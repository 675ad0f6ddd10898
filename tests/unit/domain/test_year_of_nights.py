"""A year of nights: the newest PASSED snapshot of each source is there, the quota is never near.

The clock is simulated; what is kept and what goes is decided by the code that the sweeper runs.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.common import ownership
from lambdas.common.naming import drill_name
from lambdas.common.ownership import Owner, ownership_tags, snapshot_expiry
from lambdas.drill.recovery_point.snapshots import MANUAL
from lambdas.sweep.retention import Action, ExecutionState, Rules, decide_snapshots, most_snapshots
from tests.examples import examples

QUOTA = 100
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PRE_DEPLOY_DAYS = 2
MOST_HOLDS = 4

CONFIGURATIONS = [(2, 1, 30), (8, 1, 7), (1, 2, 30), (16, 1, 2), (1, 1, 76)]
"""Sources, nightly runs a day and days of retention that just keep within 80 % of the quota."""


@dataclass
class Year:
    """One deployment's year."""

    sources: int
    runs: int
    days: int
    chance: Random
    account: list[dict[str, Any]] = field(default_factory=list)
    newest_passed: dict[str, datetime] = field(default_factory=dict)
    number: int = 0

    def live(self) -> None:
        """365 days of drills, each with a sweep, the fewest that a deployment may have."""
        trouble, hour = self.chance.randrange(365), self.chance.uniform(0, 24)
        for day in range(365):
            began = BEGIN + day * DAY
            for index in range(self.sources):
                bad_weeks = index == 0 and trouble <= day < trouble + 2 * self.days
                self.nights_of(f"source-{index}", began, bad_weeks=bad_weeks)
            self.deploy(began)
            self.sweep(began + hour * HOUR)

    def nights_of(self, source: str, began: datetime, *, bad_weeks: bool) -> None:
        for run in range(self.runs):
            if self.chance.random() < 0.05:
                continue
            at = began + (24 / self.runs * run + self.chance.uniform(0, 2)) * HOUR
            odds = [0 if bad_weeks else 16, 2, 2]
            (verdict,) = self.chance.choices(["PASSED", "FAILED", "INCONCLUSIVE"], odds)
            self.take(source, at, self.days, verdict)
            if verdict == "PASSED":
                self.newest_passed[source] = max(at, self.newest_passed.get(source, at))

    def deploy(self, began: datetime) -> None:
        """Now and then somebody deploys; now and then somebody holds a snapshot, for a while."""
        if self.chance.random() < 0.3:
            self.take("source-0", began + 12 * HOUR, PRE_DEPLOY_DAYS, "")
        held = [s for s in self.account if _tag(s, ownership.HOLD) is not None]
        if len(held) == MOST_HOLDS:
            held[0]["TagList"] = [t for t in held[0]["TagList"] if t["Key"] != ownership.HOLD]
        if self.chance.random() < 0.05:
            chosen = self.chance.choice(self.account)
            chosen["TagList"] = [*chosen["TagList"], {"Key": ownership.HOLD, "Value": "case 7"}]

    def take(self, source: str, at: datetime, days: int, verdict: str) -> None:
        self.number += 1
        execution = f"arn:aws:states:eu-west-1:123456789012:execution:drill:{self.number}"
        owner = Owner("TimeMachine", "tm", execution, source)
        tags = ownership_tags(owner, ownership.ROLE_SNAPSHOT, snapshot_expiry(at, days))
        tags |= {ownership.VERDICT: verdict} if verdict else {}
        self.account.append(
            {
                "DBSnapshotIdentifier": drill_name("tm", source, execution, at),
                "DBInstanceIdentifier": source,
                "SnapshotType": MANUAL,
                "Status": "available",
                "OriginalSnapshotCreateTime": at,
                "TagList": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        )

    def sweep(self, at: datetime) -> None:
        """Just before it there are most; what must be there must be there after it."""
        unbound = [s for s in self.account if _tag(s, ownership.HOLD) is not None]
        unbound += [s for s in self.account if _tag(s, ownership.VERDICT) is None]
        assert len(self.account) < QUOTA
        most = most_snapshots(self.sources, self.runs, self.days)
        assert len(self.account) - len(unbound) <= most
        rules = Rules("TimeMachine", "tm", at, 240, lambda _: ExecutionState.UNKNOWN)
        decisions = decide_snapshots(rules, self.account)
        self.account = [
            snapshot
            for snapshot, decision in zip(self.account, decisions, strict=True)
            if decision.action is not Action.DELETE
        ]
        self.check(at)

    def check(self, at: datetime) -> None:
        there = {(s["DBInstanceIdentifier"], s["OriginalSnapshotCreateTime"]) for s in self.account}
        assert set(self.newest_passed.items()) <= there
        for snapshot in self.account:
            source, taken = snapshot["DBInstanceIdentifier"], snapshot["OriginalSnapshotCreateTime"]
            old = at - taken >= self.days * DAY
            held = _tag(snapshot, ownership.HOLD) is not None
            assert not old or held or taken == self.newest_passed[source]


def _tag(snapshot: dict[str, Any], key: str) -> str | None:
    return next((t["Value"] for t in snapshot["TagList"] if t["Key"] == key), None)


@pytest.mark.parametrize(("sources", "runs", "days"), CONFIGURATIONS)
def test_a_configuration_here_is_one_that_the_deployment_accepts(
    sources: int, runs: int, days: int
) -> None:
    assert 0.6 * QUOTA < most_snapshots(sources, runs, days) <= 0.8 * QUOTA


@pytest.mark.parametrize(("sources", "runs", "days"), CONFIGURATIONS)
@settings(max_examples=examples(3), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_a_year_of_nights(sources: int, runs: int, days: int, seed: int) -> None:
    Year(sources, runs, days, Random(seed)).live()


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 10**6))
def test_however_the_nights_and_the_sweeps_fall_there_are_no_more_than_the_bound(
    runs: int, days: int, seed: int
) -> None:
    """Runs at the worst times of their days, one sweep a day, and a PASSED one older than all."""
    chance = Random(seed)
    taken: list[tuple[datetime, bool]] = [(BEGIN - 400 * DAY, True)]
    for day in range(days + 5):
        taken += [(BEGIN + (day + chance.random()) * DAY, False) for _ in range(runs)]
    worst = 0
    for day in range(days + 5):
        at = BEGIN + (day + 1) * DAY
        swept = at - DAY
        there = [old for t, old in taken if t < at and (old or t + days * DAY > swept)]
        worst = max(worst, len(there))
    assert worst <= most_snapshots(1, runs, days)
