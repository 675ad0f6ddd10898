"""Notices: verdict first, short lines, what to do next, and nothing that SNS would refuse."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.naming import INSTANCE_NAME_PATTERN
from lambdas.drill.admission.request import SCHEMA_FILE
from lambdas.drill.drill import Drill
from lambdas.drill.evidence import notice
from lambdas.drill.evidence.manifest import build
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Judgement, Result, Verdict

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:d:1"
PAGE = "s3://evidence-bucket/drills/orders/report.html"
COUNT = Result("counts", "shop", "t", Status.OK, Claim.PROVEN, {"rows": 1_050_026})
MARKS = {"RestoreInstance": "2026-11-22T09:00:00Z", "SecureInstance": "2026-11-22T09:34:00Z"}
GONE = {"done": True, "detail": "deleted"}


def _report(
    drill: Drill,
    verdict: Verdict,
    *reasons: str,
    cleanup: dict[str, Any] = GONE,
    kept: dict[str, Any] | None = None,
) -> dict[str, Any]:
    judgement = Judgement(verdict, reasons, (COUNT,))
    return build(drill, judgement, MARKS, None, cleanup, kept, NOW)


def test_a_passed_drill_is_told_in_a_few_lines(drill: Drill) -> None:
    found = notice.of_report(_report(drill, Verdict.PASSED), PAGE)
    assert found.subject == "PASSED: orders (manual drill)"
    assert found.message.splitlines() == [
        "PASSED: orders came back.",
        "Copy: restored in 34 min 0 s (RTO), 1,050,026 rows verified.",
        f"Snapshot: {drill.snapshot_id}, kept until 2026-12-22",
        "Cleanup: deleted",
        "To do: nothing.",
        f"Report: {PAGE}",
        f"Execution: {notice.console_link(EXECUTION)}",
    ]
    assert (found.verdict, found.source) == ("PASSED", "orders")


def test_what_measuring_cost_is_one_line(drill: Drill) -> None:
    cost = {
        "bytes_planned": 3 * 2**30,
        "batches": 4,
        "seconds": 80.0,
        "gb_seconds": 80.0,
        "lambda_usd": 0.001068,
    }
    report = {**_report(drill, Verdict.PASSED), "cost": cost}
    lines = notice.of_report(report, PAGE).message.splitlines()
    assert lines[2].startswith("Measuring the copy: 3.0 GiB ")
    assert "$0.0011 in Lambda" in lines[2]
    assert len(lines[2]) <= notice.LINE_LENGTH


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.INCONCLUSIVE])
def test_a_bad_drill_tells_three_reasons_and_what_to_do(drill: Drill, verdict: Verdict) -> None:
    found = notice.of_report(_report(drill, verdict, "one", "two", "three", "four", "five"), PAGE)
    lines = found.message.splitlines()
    assert lines[0].startswith(f"{verdict}: ")
    assert lines[1:5] == ["- one", "- two", "- three", "- and 2 more, in the report"]
    assert any(line.startswith("To do: ") and "DrillFailed" in line for line in lines)
    assert len(lines) <= 11


def test_a_kept_copy_is_told_with_where_it_is_and_what_ends_it(drill: Drill) -> None:
    cleanup = {"done": True, "detail": "x is kept until y; then the sweeper deletes it"}
    kept = {"copy_id": "x", "host": "h", "port": 5433, "secret_arn": "arn", "expires_at": "y"}
    restore = replace(drill, mode="restore")
    report = _report(restore, Verdict.PASSED, cleanup=cleanup, kept=kept)
    found = notice.of_report(report, PAGE)
    assert found.subject == "PASSED: orders (manual restore)"
    assert found.message.splitlines()[3:6] == [
        "Cleanup: x is kept until y; then the sweeper deletes it",
        "Kept copy: x at h:5433",
        "Its login: arn",
    ]


def test_mode_snapshot_claims_no_verification(drill: Drill) -> None:
    report = _report(replace(drill, mode="snapshot"), Verdict.PASSED)
    message = notice.of_report(report, PAGE).message
    assert "nothing was restored or verified" in message
    assert "rows" not in message
    assert "Cleanup" not in message


def test_a_copy_that_was_not_restored_has_no_recovery_time(drill: Drill) -> None:
    report = _report(drill, Verdict.INCONCLUSIVE, "x") | {"rto_seconds": None}
    assert "Copy: not restored, " in notice.of_report(report, PAGE).message


def test_a_snapshot_that_is_not_ours_is_not_promised_an_expiry(drill: Drill) -> None:
    report = _report(replace(drill, snapshot_is_new=False), Verdict.PASSED)
    assert "kept until" not in notice.of_report(report, PAGE).message


def test_a_copy_that_is_left_is_the_first_thing_to_do(drill: Drill) -> None:
    left = {"done": False, "detail": "DeleteInstance: AccessDenied"}
    message = notice.of_report(
        _report(drill, Verdict.INCONCLUSIVE, "x", cleanup=left), PAGE
    ).message
    assert f"To do: the copy {drill.copy_id} may still cost money." in message
    assert "Cleanup: DeleteInstance: AccessDenied" in message


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7380, "2 h 3 min")],
)
def test_the_recovery_time_is_written_for_people(drill: Drill, seconds: float, text: str) -> None:
    report = _report(drill, Verdict.PASSED) | {"rto_seconds": seconds}
    assert f"restored in {text} (RTO)" in notice.of_report(report, PAGE).message


def longest(field: str) -> str:
    """Of the values that the input may have."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return str(max(schema["properties"][field]["enum"], key=len))


@pytest.mark.parametrize("verdict", Verdict)
def test_warnings_are_told_with_what_to_do_whatever_the_verdict(
    drill: Drill, verdict: Verdict
) -> None:
    warning = f"shop: public.child: {'x' * 200} orphans. On the source: delete them"
    report = _report(drill, verdict) | {"warnings": [warning]}
    message = notice.of_report(report, PAGE).message
    assert f"- warning: {warning}" in message.splitlines()
    assert (notice.LOOK_AT_WARNINGS in message) == (verdict is Verdict.PASSED)
    assert ("To do: nothing.\n" in message) is False


@given(
    st.one_of(st.text(), st.from_regex(INSTANCE_NAME_PATTERN), st.just("a" * 500)),
    st.sampled_from(Verdict),
)
def test_a_subject_is_what_sns_takes(source: str, verdict: Verdict) -> None:
    """ASCII, one line, below 100 characters, and not empty, whatever the source is called."""
    refused = notice.of_refusal(source, ["x"], EXECUTION)
    drill = {"source": refused.source, "purpose": longest("purpose"), "mode": longest("mode")}
    report: dict[str, Any] = {
        "verdict": verdict,
        "drill": drill | {"snapshot_id": "s", "snapshot_is_new": False, "execution": EXECUTION},
        "reasons": [],
        "warnings": [],
        "cleanup": GONE,
        "kept": None,
        "rto_seconds": None,
        "totals": {"rows": 0},
    }
    for found in (notice.of_report(report, PAGE), refused):
        assert found.subject.isascii()
        assert found.subject.isprintable()
        assert 0 < len(found.subject) < 100


@given(st.text(min_size=300))
def test_a_reason_stays_one_short_line(reason: str) -> None:
    message = notice.of_refusal("orders", [reason], EXECUTION).message
    assert len(message.splitlines()) == 4
    assert max(map(len, message.splitlines())) <= notice.LINE_LENGTH


@pytest.mark.parametrize("source", [None, 7, "", "-x", "a b", "x\ny", {"a": "b"}])
def test_a_refusal_names_no_source_that_can_not_be_one(source: Any) -> None:
    assert notice.of_refusal(source, ["cause"], EXECUTION).source == "unknown"


def test_a_refusal_names_its_source_and_faults() -> None:
    faults = ["mode: is not allowed", "colour: unknown field"]
    found = notice.of_refusal("orders", faults, EXECUTION)
    assert (found.subject, found.verdict, found.source) == ("REFUSED: orders", "REFUSED", "orders")
    assert found.message.splitlines()[1:3] == [f"- {fault}" for fault in faults]


def test_a_refusal_of_many_faults_tells_how_many_more() -> None:
    message = notice.of_refusal("orders", ["x: is wrong"] * 30, EXECUTION).message
    assert message.count("- x: is wrong") == notice.FAULTS_SHOWN
    assert f"- and {30 - notice.FAULTS_SHOWN} more" in message


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "https://eu-west-1.console.aws.amazon.com/"),
        ("aws-cn", "https://eu-west-1.console.amazonaws.cn/"),
        ("aws-us-gov", "https://eu-west-1.console.amazonaws-us-gov.com/"),
    ],
)
def test_the_link_leads_to_the_partitions_console(partition: str, host: str) -> None:
    execution = EXECUTION.replace("arn:aws:", f"arn:{partition}:")
    assert notice.console_link(execution) == (
        f"{host}states/home?region=eu-west-1#/v2/executions/details/{execution}"
    )


@pytest.mark.parametrize("address", ["", "x", EXECUTION.replace("arn:aws:", "arn:aws-iso:")])
def test_a_link_that_is_not_known_is_left_out(drill: Drill, address: str) -> None:
    report = _report(replace(drill, execution=address), Verdict.PASSED)
    assert "Execution" not in notice.of_report(report, PAGE).message
