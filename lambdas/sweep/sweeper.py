"""The sweeper: what drills left behind goes when its time is over, and nothing else does."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from lambdas.adapters.aws import PATIENT
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.adapters.executions import Executions
from lambdas.common.ownership import ROLE_COPY, ROLE_SNAPSHOT, STACK, tags_of
from lambdas.drill.recovery_point.snapshots import source_of
from lambdas.errors import ResourceBusy, TimeMachineError
from lambdas.observability import logger
from lambdas.settings import Settings
from lambdas.sweep import sweep_report
from lambdas.sweep.account import Inventory
from lambdas.sweep.retention import (
    Action,
    Decision,
    ExecutionState,
    Rules,
    decide_copy,
    decide_snapshots,
    passed_ages_seconds,
)
from lambdas.sweep.sweep_report import Entry, Outcome

REST = "(the rest)"
OUT_OF_TIME = "the function's time ran out; the next sweep goes on"

Resource = dict[str, Any]
Delete = Callable[[], Decision | None]


class Sweep:
    """One sweep over the account and region.

    Attributes:
        entries: what became of each resource that is ours or looks like it.
        passed_ages_seconds: by source, the age of the newest snapshot that PASSED; empty unless
            all snapshots were listed, for the newest may be the one that is missing.
        unable: why nothing at all could be done; None when something could.

    Args:
        now: when it began; decides what has expired.
        seconds: the time that is left; nothing new is begun when there is none.
        dry_run: everything is decided, nothing deleted.
    """

    def __init__(
        self, settings: Settings, now: datetime, seconds: Callable[[], float], *, dry_run: bool
    ) -> None:
        self.entries: list[Entry] = []
        self.passed_ages_seconds: dict[str, float] = {}
        self.unable: TimeMachineError | None = None
        self._prefix = f"{settings.prefix}-"
        self._stack, self._seconds, self._dry_run = settings.stack, seconds, dry_run
        self._inventory, self._executions = Inventory(PATIENT), Executions()
        self._rules = Rules(
            settings.stack, settings.prefix, now, settings.teardown_minutes, self._execution_of
        )

    def run(self) -> None:
        """Sweep the copies, which cost most, then the snapshots."""
        copies, no_copies = self._listed(ROLE_COPY, self._inventory.instances)
        for instance in copies:
            name, decision = instance["DBInstanceIdentifier"], decide_copy(self._rules, instance)
            delete = partial(self._inventory.sweep_copy, self._rules, name)
            self._carry_out(ROLE_COPY, name, instance, decision, delete)
        snapshots, no_snapshots = self._listed(ROLE_SNAPSHOT, self._inventory.snapshots)
        if no_snapshots is None and self._seconds() > 0:
            self.passed_ages_seconds = passed_ages_seconds(self._rules, snapshots)
        decisions = decide_snapshots(self._rules, snapshots)
        for snapshot, decision in zip(snapshots, decisions, strict=True):
            name = snapshot["DBSnapshotIdentifier"]
            source = source_of(snapshot)
            delete = partial(self._inventory.sweep_snapshot, self._rules, name, source)
            self._carry_out(ROLE_SNAPSHOT, name, snapshot, decision, delete)
        if no_copies and no_snapshots and not copies and not snapshots:
            self.unable = no_copies

    def publish(self, evidence: Evidence, name: str) -> str:
        """Write the report; return where it is, empty when it could not be written."""
        document = sweep_report.document(
            self.entries, stack=self._stack, now=self._rules.now, dry_run=self._dry_run
        )
        try:
            evidence.write(name, document)
        except TimeMachineError as error:
            logger.error("the sweep's report was not written", reason=str(error))
            self._note("report", name, Outcome.FAILED, str(error))
            return ""
        return evidence.location(name)

    def _listed(
        self, kind: str, listing: Callable[[], Iterable[Resource]]
    ) -> tuple[list[Resource], TimeMachineError | None]:
        """What could be listed, and the error that ended the listing too early."""
        found: list[Resource] = []
        try:
            for resource in listing() if self._seconds() > 0 else ():
                found.append(resource)
                if self._seconds() <= 0:
                    break
        except TimeMachineError as error:
            logger.error("a listing failed", kind=kind, reason=str(error))
            self._note(kind, REST, Outcome.FAILED, str(error))
            return found, error
        if self._seconds() <= 0:
            self._note(kind, REST, Outcome.FAILED, OUT_OF_TIME)
        return found, None

    def _carry_out(
        self, kind: str, name: str, resource: Resource, decision: Decision, delete: Delete
    ) -> None:
        if decision.action is Action.FOREIGN:
            if name.startswith(self._prefix) or tags_of(resource).get(STACK) == self._stack:
                self._note(kind, name, Outcome.LEFT, decision.reason, decision)
        elif decision.action is Action.KEEP:
            self._note(kind, name, Outcome.LEFT, decision.reason, decision)
        elif self._dry_run:
            would = f"dry run; would be deleted: {decision.reason}"
            self._note(kind, name, Outcome.LEFT, would, decision)
        elif self._seconds() <= 0:
            self._note(kind, name, Outcome.FAILED, f"{decision.reason}; {OUT_OF_TIME}", decision)
        else:
            self._delete(kind, name, decision, delete)

    def _delete(self, kind: str, name: str, decision: Decision, delete: Delete) -> None:
        try:
            now_decided = delete()
        except TimeMachineError as error:
            # Busy is what a copy is while it is being made; it is a failure once it is overdue.
            busy = isinstance(error, ResourceBusy) and not decision.overdue
            outcome = Outcome.LEFT if busy else Outcome.FAILED
            logger.warning("a deletion failed", kind=kind, resource=name, reason=str(error))
            self._note(kind, name, outcome, f"{decision.reason}; {error}", decision)
            return
        if now_decided is None:
            self._note(kind, name, Outcome.LEFT, "was gone already")
        elif now_decided.action is Action.DELETE:
            logger.info("deleted", kind=kind, resource=name, reason=now_decided.reason)
            self._note(kind, name, Outcome.DELETED, now_decided.reason, now_decided)
        else:
            self._note(kind, name, Outcome.LEFT, now_decided.reason, now_decided)

    def _note(
        self,
        kind: str,
        name: str,
        outcome: Outcome,
        reason: str,
        decision: Decision | None = None,
    ) -> None:
        ours = decision is not None and decision.action is not Action.FOREIGN
        overdue, blocked = (decision.overdue, decision.blocked) if decision else (False, False)
        self.entries.append(Entry(kind, name, outcome, reason, ours, overdue, blocked))

    def _execution_of(self, execution_arn: str) -> ExecutionState:
        try:
            return self._executions.state(execution_arn)
        except TimeMachineError as error:
            logger.warning("an execution's state is not known", reason=str(error))
            return ExecutionState.UNKNOWN
