"""What alarms and the dashboard look at is what the functions write."""

import json
import re
from typing import Any

from lambdas.drill.evidence import measures
from lambdas.sweep import sweep_report
from lambdas.sweep.handlers import sweep
from stacks.alarms import NAMESPACE
from tests.infra.conftest import Template
from tests.infra.test_template import of_type

REPORT = {
    "drill": {"mode": "drill"},
    "verdict": "PASSED",
    "totals": {"rows": 1},
    "durations_seconds": dict.fromkeys(("snapshot", "restore", "verify", "teardown", "total"), 1.0),
    "rto_seconds": 1.0,
    "cleanup": {"done": True},
}
WRITTEN = {
    ("service", "source", "stack"): {*measures.of_source(REPORT), sweep.AGE},
    ("service", "stack"): {
        *measures.of_deployment(REPORT),
        *sweep_report.totals([]),
        "SweepsDone",
    },
}


def looked_at_by_alarms(template: Template) -> set[tuple[str, tuple[str, ...]]]:
    found = set()
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        stats = [alarm] + [
            m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m
        ]
        for metric in stats:
            if metric.get("Namespace") == NAMESPACE:
                names = tuple(sorted(d["Name"] for d in metric["Dimensions"]))
                found.add((metric["MetricName"], names))
    return found


def looked_at_by_the_dashboard(template: Template) -> set[tuple[str, tuple[str, ...]]]:
    ((_, dashboard),) = of_type(template, "AWS::CloudWatch::Dashboard").items()
    text = "".join(
        p if isinstance(p, str) else "token" for p in dashboard["DashboardBody"]["Fn::Join"][1]
    )
    rows: list[list[Any]] = [
        row
        for widget in json.loads(text)["widgets"]
        for row in widget["properties"].get("metrics", [])
        if row[0] == NAMESPACE
    ]
    return {(row[1], tuple(sorted(row[2:-1:2]))) for row in rows}


def test_alarms_look_at_metrics_that_are_written(template: Template) -> None:
    looked = looked_at_by_alarms(template)
    assert len(looked) >= 6
    for name, dimensions in looked:
        assert name in WRITTEN[dimensions], name


def test_the_dashboard_shows_metrics_that_are_written(template: Template) -> None:
    looked = looked_at_by_the_dashboard(template)
    assert len(looked) >= 12
    for name, dimensions in looked:
        assert name in WRITTEN[dimensions], name


def test_a_snapshot_alone_is_no_passed_drill() -> None:
    """The dead man's switch is about restores."""
    fast = measures.of_source({**REPORT, "drill": {"mode": "snapshot"}})
    assert {name: fast[name] for name in fast if re.match("Drill[PFI]", name)} == {
        "DrillPassed": 0.0,
        "DrillFailed": 0.0,
        "DrillInconclusive": 0.0,
    }
