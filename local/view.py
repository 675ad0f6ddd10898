"""A drill as a person watches it: each state as it is entered, then the verdict."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lambdas.drill.verification import cost

ROWS_SHOWN = 40

_COLOURS = {"PASSED": "green", "FAILED": "red", "INCONCLUSIVE": "yellow"}
_QUIET = (
    "IsInputAccepted",
    "IsSnapshotReady",
    "IsCopyReady",
    "IsCopyGone",
    "HasCopy",
    "ConcludeDrill",
)


class LiveView:
    """Prints the states of an execution from its history, each once."""

    def __init__(self, console: Console, machine: Path) -> None:
        self._console = console
        states = json.loads(machine.read_text(encoding="utf-8"))["States"]
        self._comments = {name: state.get("Comment", "") for name, state in states.items()}
        self._seen = 0
        self._began: datetime | None = None
        self._waiting_since: dict[str, datetime] = {}
        self._look = ""
        self._status = console.status("starting")

    def __enter__(self) -> "LiveView":
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def show(self, history: list[dict[str, Any]]) -> None:
        """Print what is new in the history."""
        for event in history[self._seen :]:
            self._show(event)
        self._seen = len(history)

    def _show(self, event: dict[str, Any]) -> None:
        if self._began is None:
            self._began = event["timestamp"]
        output = event.get("lambdaFunctionSucceededEventDetails", {}).get("output")
        if output:
            answer = json.loads(output)
            self._look = str(answer.get("detail", "")) if isinstance(answer, dict) else ""
        name = event.get("stateEnteredEventDetails", {}).get("name")
        if name is None or name in _QUIET or name not in self._comments:
            return
        if not name.startswith(("Check", "Wait")):
            self._waiting_since.clear()
        elapsed = (event["timestamp"] - self._began).total_seconds()
        self._status.update(f"{name} …")
        self._console.print(
            Text.assemble(
                (f"{elapsed:6.1f} s  ", "dim"),
                (f"{name:<18}", "bold"),
                f" {self._remark(name, event['timestamp'])}",
            ),
            soft_wrap=True,
        )

    def _remark(self, name: str, now: datetime) -> str:
        if not name.startswith("Wait"):
            return str(self._comments[name]).split(". ")[0].rstrip(".")
        since = self._waiting_since.setdefault(name, now)
        waited = (now - since).total_seconds()
        return f"{self._look}; waiting since {waited:.0f} s"


def show_report(console: Console, report: dict[str, Any]) -> None:
    """The verdict table, the durations, what measuring cost, the verdict and all reasons for it."""
    if report["results"]:
        console.print(_results(report["results"]))
    console.print(_durations(report))
    if message := cost.in_words(report["cost"]):
        console.print(message, markup=False, soft_wrap=True)
    colour = _COLOURS[report["verdict"]]
    console.print(Text(report["headline"], style=f"bold {colour}"), soft_wrap=True)
    for reason in report["reasons"]:
        console.print(Text(f"  - {reason}"), soft_wrap=True)
    for warning in report["warnings"]:
        console.print(Text(f"  - warning: {warning}", style="yellow"), soft_wrap=True)


def _results(results: list[dict[str, Any]]) -> Table:
    table = Table(title="What was checked", title_justify="left", box=box.SIMPLE)
    for heading in ("check", "subject", "result", "claim"):
        table.add_column(heading, overflow="fold")
    table.add_column("measured", justify="right")
    table.add_column("the source held", justify="right")
    order = {"wrong": 0, "unmeasured": 1}
    ordered = sorted(results, key=lambda result: order.get(result["status"], 2))
    for result in ordered[:ROWS_SHOWN]:
        style = {"wrong": "red", "unmeasured": "yellow"}.get(result["status"], "")
        table.add_row(
            result["check"],
            Text(": ".join(part for part in (result["database"], result["subject"]) if part)),
            result["status"],
            result["claim"],
            _measured(result),
            _expected(result),
            style=style,
        )
    if len(results) > ROWS_SHOWN:
        table.caption = f"and {len(results) - ROWS_SHOWN} more, in the report"
    return table


def _measured(result: dict[str, Any]) -> str:
    if result["check"] == "catalog":
        return f"{sum(result['measured'].values()):,} objects"
    rows = result["measured"].get("stable rows", result["measured"].get("rows"))
    return "" if rows is None else f"{rows:,}"


def _expected(result: dict[str, Any]) -> str:
    pair = result["expected"].get("stable rows")
    if pair is None:
        return ""
    low, high = pair
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _durations(report: dict[str, Any]) -> Table:
    table = Table(title="Durations", title_justify="left", box=box.SIMPLE)
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    for phase, seconds in report["durations_seconds"].items():
        name = f"{phase} (RTO)" if phase == "restore" and report["rto_seconds"] else phase
        table.add_row(name, f"{seconds:.1f}")
    return table


class Steps:
    """The set-up's own progress, a line for each step with the time it took."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def done(self, what: str, since: float) -> None:
        """Tell a finished step; ``since`` is a reading of ``time.monotonic``."""
        self._console.print(Text(f"{time.monotonic() - since:6.1f} s  {what}", style="dim"))
