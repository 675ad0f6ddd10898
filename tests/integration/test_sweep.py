"""The sweeper against an account: pages, failures in the middle, dry runs, and what it tells."""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend

from lambdas.adapters.aws import PATIENT, client
from lambdas.observability import logger
from lambdas.sweep.handlers.sweep import handler
from local.calls import Fault
from tests.accounts import INSTANCES, SNAPSHOTS, Instance, Made, Snapshot
from tests.integration.account import BUCKET, Account, an_account

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXECUTION_ABORTED = {
    "version": "0",
    "id": "315c1398-40ff-a850-213b-158f73e60175",
    "detail-type": "Step Functions Execution Status Change",
    "source": "aws.states",
    "account": "123456789012",
    "time": "2026-11-22T09:44:33Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:states:eu-central-1:123456789012:execution:drill:drill-1"],
    "detail": {
        "executionArn": "arn:aws:states:eu-central-1:123456789012:execution:drill:drill-1",
        "name": "drill-1",
        "status": "ABORTED",
        "input": "{}",
    },
}


@pytest.fixture
def account() -> Iterator[Account]:
    with an_account() as found:
        yield found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def _made(number: int, expires_in: timedelta, source: str = "orders") -> Made:
    return Made(number, source, expires_in, "", "", ())


def _copy(number: int = 1, expires_in: timedelta = HOUR, execution: str = "over") -> Instance:
    return Instance(_made(number, expires_in), execution, "available", protected=False)


def _snapshot(number: int, verdict: str = "", expires_in: timedelta = -DAY) -> Snapshot:
    age = timedelta(days=number)
    return Snapshot(
        _made(number, expires_in), age, "manual", "available", verdict, held=False, of_another=False
    )


def _names(entries: list[dict[str, str]]) -> list[str]:
    return sorted(entry["name"] for entry in entries)


def _metrics(printed: str, **dimensions: str) -> dict[str, float]:
    """The figures that were written with the stack and just these dimensions besides."""
    wanted = {"stack": "TimeMachine", "service": "time-machine", **dimensions}
    for line in printed.splitlines():
        written = json.loads(line)
        declared = written.get("_aws", {}).get("CloudWatchMetrics", [{}])[0]
        names = [metric["Name"] for metric in declared.get("Metrics", [])]
        if {k: v for k, v in written.items() if k not in ("_aws", *names)} == wanted:
            assert declared["Namespace"] == "RdsTimeMachine"
            return {name: written[name][0] for name in names}
    return {}


# What goes


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
@given(
    st.lists(INSTANCES, min_size=5, max_size=20, unique_by=lambda found: found.made.name),
    st.lists(SNAPSHOTS, min_size=5, max_size=20, unique_by=lambda found: found.made.name),
)
def test_of_a_random_account_exactly_what_must_go_goes(
    instances: list[Instance], snapshots: list[Snapshot]
) -> None:
    """What expires within the second in which the test runs is left out."""
    second = timedelta(seconds=1)
    instances = [i for i in instances if i.execution != "unknown" and i.made.expires_in != second]
    snapshots = [s for s in snapshots if s.made.expires_in != second]
    with an_account() as account:
        for snapshot in snapshots:
            account.add_snapshot(snapshot)
        there = account.instances()
        instances = [i for i in instances if i.made.name not in there]
        for instance in instances:
            account.add_instance(instance)
        copies = {i.made.name for i in instances if i.must_go()}
        old = {s.made.name for s in snapshots if s.must_go(snapshots)}
        there, kept = account.instances(), account.snapshots()
        answer = account.sweep()
        assert account.instances() == there - copies
        assert account.snapshots() == kept - old
        assert answer["failed"] == []
        assert sorted(_names(account.report(answer)["deleted"])) == sorted([*copies, *old])


def test_an_empty_account_is_swept_too(account: Account) -> None:
    answer = account.sweep()
    assert (answer["deleted"], answer["left"], answer["failed"]) == ([], [], [])
    assert account.report(answer)["totals"] == answer["totals"]


def test_every_page_is_read(account: Account) -> None:
    """RDS answers a hundred at a time; what is due is first, in the middle and last."""
    account.add_instance(_copy(1))
    for number in range(120):
        account.add_source(f"m-{number:03d}")
    account.add_instance(_copy(2))
    for number in range(1, 131):
        due = number in (1, 120, 130)
        account.add_snapshot(_snapshot(number, expires_in=-DAY if due else DAY))
    answer = account.sweep()
    old = [_snapshot(number).made.name for number in (1, 120, 130)]
    assert _names(answer["deleted"]) == sorted([*old, _copy(1).made.name, _copy(2).made.name])
    assert len(account.snapshots()) == 127
    assert len(account.report(answer)["left"]) == 127
    assert len(answer["left"]) == 50


def test_a_kept_copy_stays_until_its_time_is_over(account: Account) -> None:
    """Its drill has ended well long since; what ends it is the clock alone."""
    staying = replace(_copy(1), kept="yes")
    account.add_instance(staying)
    account.add_instance(replace(_copy(2, -HOUR), kept="yes"))
    answer = account.sweep()
    assert _names(answer["deleted"]) == [_copy(2).made.name]
    (left,) = answer["left"]
    assert left["name"] == staying.made.name
    assert left["reason"].startswith("is kept until 20")


@pytest.mark.parametrize("event", [{}, {"dry_run": False}, EXECUTION_ABORTED])
def test_schedule_and_event_sweep_alike(account: Account, event: Any) -> None:
    account.add_instance(_copy())
    assert _names(account.sweep(event)["deleted"]) == [_copy().made.name]
    assert account.instances() == set()


def test_a_copy_of_an_execution_that_step_functions_forgot_goes(account: Account) -> None:
    account.add_instance(_copy(1, execution="running"))
    account.add_source(_copy(2).made.name, _copy(2).made.tag_list("copy"))
    answer = account.sweep()
    assert _names(answer["deleted"]) == [_copy(2).made.name]
    (left,) = answer["left"]
    assert "its execution is running" in left["reason"]


def test_nothing_is_asked_for_beyond_what_the_delete_calls_need(account: Account) -> None:
    account.add_instance(_copy())
    account.sweep()
    (call,) = [c for c in account.ledger.calls if c.operation == "rds.DeleteDBInstance"]
    assert call.parameters == {
        "DBInstanceIdentifier": _copy().made.name,
        "SkipFinalSnapshot": True,
        "DeleteAutomatedBackups": True,
    }
    assert "rds.ModifyDBInstance" not in account.ledger.operations()
    (asked,) = [c for c in account.ledger.calls if c.operation == "stepfunctions.DescribeExecution"]
    assert asked.parameters["includedData"] == "METADATA_ONLY"


# A dry run


def test_a_dry_run_deletes_nothing_and_tells_what_it_would(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.add_instance(_copy())
    account.add_snapshot(_snapshot(1))
    answer = account.sweep({"dry_run": True})
    assert account.instances() >= {_copy().made.name}
    assert account.snapshots() == {_snapshot(1).made.name}
    assert (answer["dry_run"], answer["deleted"]) == (True, [])
    assert _names(answer["left"]) == sorted([_copy().made.name, _snapshot(1).made.name])
    assert all(e["reason"].startswith("dry run; would be deleted: ") for e in answer["left"])
    assert account.report(answer)["dry_run"] is True
    assert not any(".Delete" in operation for operation in account.ledger.operations())
    assert '"_aws"' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"dry-run": True}, "dry-run: unknown field; known is dry_run"),
        ({"dry_run": "yes"}, "dry_run: must be true or false"),
        ({"dry_run": 1}, "dry_run: must be true or false"),
        ({"detail-type": "Scheduled Event"}, "detail-type: unknown field"),
        ([], "must be a JSON object"),
        ("sweep", "must be a JSON object"),
    ],
)
def test_an_event_that_is_not_understood_is_refused(
    account: Account, event: Any, message: str
) -> None:
    account.add_instance(_copy())
    answer = account.sweep(event)
    assert answer["errorType"] == "InvalidRequest"
    assert message in answer["errorMessage"]
    assert account.instances() == {_copy().made.name}


# Failures in the middle


@pytest.mark.parametrize(
    ("code", "message"),
    [("AccessDenied", "AccessDenied"), ("Throttling", "Throttling"), ("Odd", "Odd")],
)
def test_a_deletion_that_fails_is_told_and_the_rest_goes_on(
    account: Account, code: str, message: str
) -> None:
    for number in (1, 2, 3):
        account.add_instance(_copy(number))
        account.add_snapshot(_snapshot(number))
    account.ledger.faults += [
        Fault("rds.DeleteDBInstance", code, times=1, skip=1),
        Fault("rds.DeleteDBSnapshot", code, times=1),
    ]
    answer = account.sweep()
    assert {entry["kind"] for entry in answer["failed"]} == {"copy", "snapshot"}
    assert all(message in entry["reason"] for entry in answer["failed"])
    assert len(answer["deleted"]) == 4
    assert answer["totals"]["SweepFailures"] == 2
    assert len(account.snapshots()) == 1


@pytest.mark.parametrize(
    ("operation", "lost"),
    [("rds.DescribeDBInstances", "copy"), ("rds.DescribeDBSnapshots", "snapshot")],
)
def test_a_listing_that_fails_ends_its_part_only(
    account: Account, operation: str, lost: str
) -> None:
    account.add_instance(_copy(1))
    account.add_snapshot(_snapshot(1))
    account.ledger.faults.append(Fault(operation, "AccessDenied", times=1))
    answer = account.sweep()
    assert [(e["kind"], e["name"]) for e in answer["failed"]] == [(lost, "(the rest)")]
    assert "AWS answered AccessDenied" in answer["failed"][0]["reason"]
    assert [entry["kind"] for entry in answer["deleted"]] == [
        kind for kind in ("copy", "snapshot") if kind != lost
    ]


def test_what_was_listed_before_a_page_failed_is_swept(account: Account) -> None:
    account.add_instance(_copy(1))
    for number in range(120):
        account.add_source(f"m-{number:03d}")
    account.add_instance(_copy(2))
    account.ledger.faults.append(Fault("rds.DescribeDBInstances", "Throttling", times=1, skip=1))
    answer = account.sweep()
    assert _names(answer["deleted"]) == [_copy(1).made.name]
    assert _names(answer["failed"]) == ["(the rest)"]


def test_when_nothing_can_be_listed_the_function_fails(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.add_instance(_copy())
    for operation in ("rds.DescribeDBInstances", "rds.DescribeDBSnapshots"):
        account.ledger.faults.append(Fault(operation, "AccessDenied"))
    answer = account.sweep()
    assert answer["errorType"] == "AccessDenied"
    figures = _metrics(capsys.readouterr().out)
    assert (figures["SweepFailures"], figures["SweepsDone"]) == (2, 0)


def test_a_missing_setting_fails_at_once(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TM_STACK")
    assert account.sweep()["errorType"] == "InvalidSettings"
    assert account.ledger.calls == []


def test_a_copy_whose_execution_can_not_be_asked_about_stays_until_it_expires(
    account: Account,
) -> None:
    account.add_instance(_copy(1, HOUR))
    account.add_instance(_copy(2, -HOUR))
    account.ledger.faults.append(Fault("stepfunctions.DescribeExecution", "AccessDenied"))
    answer = account.sweep()
    assert _names(answer["deleted"]) == [_copy(2).made.name]
    assert answer["left"][0]["reason"].startswith("its execution is unknown")
    assert answer["totals"]["SweepFailures"] == 1


@pytest.mark.parametrize(("expires_in", "failures"), [(HOUR, 0), (-HOUR, 1)])
def test_a_busy_copy_is_a_failure_once_it_is_overdue(
    account: Account, expires_in: timedelta, failures: int
) -> None:
    account.add_instance(_copy(1, expires_in))
    account.ledger.faults.append(Fault("rds.DeleteDBInstance", "InvalidDBInstanceState"))
    answer = account.sweep()
    assert answer["totals"]["SweepFailures"] == answer["totals"]["CopiesOverdue"] == failures
    assert account.instances() == {_copy(1).made.name}


def test_a_protected_copy_that_is_due_is_left_protected_and_pages(account: Account) -> None:
    account.add_instance(replace(_copy(1, -HOUR), protected=True))
    answer = account.sweep()
    assert account.instances() == {_copy(1).made.name}
    assert [entry["name"] for entry in answer["left"]] == [_copy(1).made.name]
    assert (answer["totals"]["SweepFailures"], answer["totals"]["CopiesOverdue"]) == (1, 1)
    assert account.ledger.operations()[-1] == "s3.PutObject"


def test_a_report_that_can_not_be_written_is_a_failure_after_the_work_is_done(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.add_instance(_copy())
    account.ledger.faults.append(Fault("s3.PutObject", "AccessDenied"))
    answer = account.sweep()
    assert answer["report"] == ""
    assert [entry["kind"] for entry in answer["failed"]] == ["report"]
    assert account.instances() == set()
    assert _metrics(capsys.readouterr().out)["SweepFailures"] == 1


@pytest.mark.filterwarnings("ignore:Exception.RDSClientError")
def test_a_throttled_call_is_tried_patiently_by_the_client(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing outside tries a sweep's calls again, so its own client does."""
    account.add_instance(_copy())
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    delete, tries = RDSBackend.delete_db_instance, []

    def throttle(*arguments: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) < PATIENT:
            raise RDSClientError("Throttling", "Rate exceeded")
        return delete(*arguments, **options)

    monkeypatch.setattr(RDSBackend, "delete_db_instance", throttle)
    assert _names(account.sweep()["deleted"]) == [_copy().made.name]
    assert len(tries) == PATIENT


# Between the listing and the deletion


def _before(operation: str, time: int, act: Callable[[], object]) -> None:
    """Do something before the sweeper makes a call for the n-th time."""
    service = operation.partition(".")[0]
    seen = []

    def before(**_: Any) -> None:
        seen.append(1)
        if len(seen) == time:
            act()

    events = client(service, PATIENT).meta.events
    events.register(f"before-call.{operation.replace('stepfunctions', 'sfn')}", before)


def test_a_copy_is_looked_at_once_more_before_it_is_deleted(account: Account) -> None:
    """After the listing a person protects one, takes one over, deletes one by hand."""
    protected, taken, gone, due = (_copy(number).made.name for number in (1, 2, 3, 4))
    for number in (1, 2, 3, 4):
        account.add_instance(_copy(number))

    def meanwhile() -> None:
        rds = account.rds
        rds.modify_db_instance(DBInstanceIdentifier=protected, DeletionProtection=True)
        rds.delete_db_instance(DBInstanceIdentifier=gone, SkipFinalSnapshot=True)
        arn = rds.describe_db_instances(DBInstanceIdentifier=taken)["DBInstances"][0]
        rds.remove_tags_from_resource(
            ResourceName=arn["DBInstanceArn"], TagKeys=["time-machine:stack"]
        )

    _before("stepfunctions.DescribeExecution", 1, meanwhile)
    answer = account.sweep()
    assert account.instances() == {protected, taken}
    assert _names(answer["deleted"]) == [due]
    reasons = {entry["name"]: entry["reason"] for entry in answer["left"]}
    assert "protection is on" in reasons[protected]
    assert "has no tag" in reasons[taken]
    assert reasons[gone] == "was gone already"
    assert answer["totals"]["SweepFailures"] == 1


def test_a_snapshot_is_looked_at_once_more_before_it_is_deleted(account: Account) -> None:
    """A hold is set; the newest PASSED one is deleted by hand, which makes another the newest."""
    held, gone, newest, next_newest, due = (
        _snapshot(number, verdict)
        for number, verdict in ((1, ""), (2, ""), (3, "PASSED"), (4, "PASSED"), (5, ""))
    )
    for snapshot in (held, gone, newest, next_newest, due):
        account.add_snapshot(snapshot)

    def meanwhile() -> None:
        rds = account.rds
        (found,) = rds.describe_db_snapshots(DBSnapshotIdentifier=held.made.name)["DBSnapshots"]
        rds.add_tags_to_resource(
            ResourceName=found["DBSnapshotArn"], Tags=[{"Key": "time-machine:hold", "Value": ""}]
        )
        rds.delete_db_snapshot(DBSnapshotIdentifier=gone.made.name)
        rds.delete_db_snapshot(DBSnapshotIdentifier=newest.made.name)

    _before("rds.DescribeDBSnapshots", 2, meanwhile)
    answer = account.sweep()
    assert account.snapshots() == {held.made.name, next_newest.made.name}
    assert _names(answer["deleted"]) == [due.made.name]
    assert answer["totals"]["SweepFailures"] == 0


def test_the_last_look_lists_the_snapshots_of_that_source_only(account: Account) -> None:
    """Else each deletion would list the whole region anew."""
    due = {1: "orders", 2: "ledger"}
    for number, source in due.items():
        snapshot = _snapshot(number)
        account.add_snapshot(replace(snapshot, made=_made(number, -DAY, source)))
    answer = account.sweep()
    assert len(answer["deleted"]) == 2
    listings = [
        [source for it in c.parameters.get("Filters", []) for source in it["Values"]]
        for c in account.ledger.calls
        if c.operation == "rds.DescribeDBSnapshots"
    ]
    assert listings[0] == []
    assert sorted(listings[1:]) == [["ledger"], ["orders"]]


@pytest.mark.parametrize("kind", ["copy", "snapshot"])
def test_what_is_gone_when_it_is_deleted_is_fine(account: Account, kind: str) -> None:
    """Another sweep was faster by a moment."""
    account.add_instance(_copy(1))
    account.add_snapshot(_snapshot(2))
    operation, code = {
        "copy": ("rds.DeleteDBInstance", "DBInstanceNotFound"),
        "snapshot": ("rds.DeleteDBSnapshot", "DBSnapshotNotFoundFault"),
    }[kind]
    account.ledger.faults.append(Fault(operation, code))
    answer = account.sweep()
    (left,) = answer["left"]
    assert (left["kind"], left["reason"]) == (kind, "was gone already")
    assert answer["failed"] == []


# Time


@dataclass
class Hurry:
    """A Lambda context whose time runs out after a number of looks at it."""

    looks: int
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 60_000 if self.looks >= 0 else 30_000


@pytest.mark.parametrize("looks", [0, 1, 2, 3, 5, 7, 8, 9, 12, 25])
def test_when_time_runs_out_it_stops_cleanly_and_says_what_it_did_not_get_to(
    account: Account, looks: int
) -> None:
    for number in (1, 2):
        account.add_instance(_copy(number))
        account.add_snapshot(_snapshot(number))
    answer = handler({}, Hurry(looks))
    things = {("copy", _copy(n).made.name) for n in (1, 2)}
    things |= {("snapshot", _snapshot(n).made.name) for n in (1, 2)}
    message = {(e["kind"], e["name"]) for e in answer["deleted"] + answer["failed"]}
    missed = {kind for kind, name in message if name == "(the rest)"}
    assert {(kind, name) for kind, name in things - message} <= {
        (kind, name) for kind, name in things if kind in missed
    }
    assert all("time ran out" in entry["reason"] for entry in answer["failed"])
    assert answer["totals"]["SweepFailures"] == len(answer["failed"])
    assert account.report(answer)["totals"] == answer["totals"]
    assert bool(answer["failed"]) == (len(answer["deleted"]) < 4)


# What it tells


def test_each_deletion_is_logged_with_its_reason(account: Account, log: io.StringIO) -> None:
    account.add_instance(_copy(1))
    account.add_snapshot(_snapshot(2))
    account.sweep(EXECUTION_ABORTED)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    message = [line for line in lines if line["message"] == "deleted"]
    assert [(line["kind"], line["resource"]) for line in message] == [
        ("copy", _copy(1).made.name),
        ("snapshot", _snapshot(2).made.name),
    ]
    assert message[0]["reason"] == "its execution is over"
    assert message[1]["reason"].startswith("expired ")
    assert {(line["state"], line["drill"]) for line in lines} == {("Sweep", "drill-1")}


def test_the_figures_tell_what_was_done_and_what_is_left(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.add_instance(_copy(1))
    account.add_instance(_copy(2, HOUR, "running"))
    account.add_instance(replace(_copy(3, -HOUR), protected=True))
    account.add_instance(replace(_copy(4, -HOUR), status="deleting"))
    account.add_instance(replace(_copy(5, -DAY), status="deleting"))
    account.add_snapshot(_snapshot(11))
    account.add_snapshot(_snapshot(12, "PASSED"))
    account.add_snapshot(_snapshot(13, "PASSED"))
    account.add_snapshot(_snapshot(14, "", DAY))
    account.sweep()
    assert _metrics(capsys.readouterr().out) == {
        "CopiesDeleted": 1,
        "SnapshotsDeleted": 2,
        "SweepFailures": 1,
        "CopiesOverdue": 2,
        "SnapshotsKept": 2,
        "SweepsDone": 1,
    }


def test_the_age_of_the_newest_passed_snapshot_is_told_by_source(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.add_snapshot(_snapshot(3, "PASSED"))
    account.add_snapshot(_snapshot(2, "PASSED"))
    account.add_snapshot(_snapshot(1, "FAILED"))
    account.sweep()
    message = _metrics(capsys.readouterr().out, source="orders")
    assert message == {"PassedAgeSeconds": pytest.approx(2 * DAY.total_seconds(), abs=600)}


def test_an_incomplete_listing_tells_no_age(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest one may be on the page that is missing."""
    for number in range(1, 131):
        account.add_snapshot(_snapshot(number, "PASSED", DAY))
    account.ledger.faults.append(Fault("rds.DescribeDBSnapshots", "Throttling", skip=1))
    account.sweep()
    handler({}, Hurry(20))
    printed = capsys.readouterr().out
    assert _metrics(printed)["SweepFailures"] == 1
    assert _metrics(printed, source="orders") == {}


def test_the_report_lies_by_date_and_names_the_deployment(account: Account) -> None:
    answer = account.sweep()
    assert re.fullmatch(
        rf"s3://{BUCKET}/sweeps/\d{{4}}/\d\d/\d\d/\d{{6}}-[\w-]{{36}}\.json", answer["report"]
    )
    report = account.report(answer)
    assert (report["stack"], report["dry_run"], report["format"]) == ("TimeMachine", False, 1)


def test_look_alikes_are_left_with_the_reason_and_strangers_are_not_listed(
    account: Account,
) -> None:
    account.add_source("orders")
    account.add_source("tm-orders")
    stranger = replace(_copy(1), made=replace(_copy(1).made, look_alike="another stack"))
    account.add_instance(stranger)
    answer = account.sweep()
    assert _names(answer["left"]) == sorted(["tm-orders", stranger.made.name])
    assert account.instances() == {"orders", "tm-orders", stranger.made.name}
    assert answer["totals"]["SweepFailures"] == 0
