"""``make snapshots``: the snapshots that drills took, with the caller's own credentials.

Exit status: 0 listed, 2 not (no credentials, no region, or AWS refused).
"""

import argparse
import json
import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lambdas.adapters.aws import PATIENT
from lambdas.drill.recovery_point.snapshots import rows
from lambdas.errors import TimeMachineError
from lambdas.sweep.account import Inventory
from ops.credentials import Unusable, usable_session

UNUSABLE = 2
PIPED_WIDTH = 160

_COLOURS = {"PASSED": "green", "FAILED": "red", "INCONCLUSIVE": "yellow"}


def main(arguments: list[str] | None = None) -> int:
    """List as the command line says; return the exit status."""
    options = _options(arguments)
    try:
        usable_session()
        found = Inventory(PATIENT).snapshots(options.source.lower())
        ours = rows(found, stack=options.stack, prefix=options.prefix)
    except (Unusable, TimeMachineError) as error:
        Console(stderr=True, highlight=False).print(Text(str(error)), soft_wrap=True)
        return UNUSABLE
    if options.json:
        sys.stdout.write(json.dumps(ours, indent=2) + "\n")
    else:
        _show(ours)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make snapshots", description=__doc__)
    parser.add_argument("--source", default="", help="only those of this instance")
    parser.add_argument("--prefix", default="", help="only those of a deployment's prefix")
    parser.add_argument("--stack", default="", help="only those of a deployment's stack")
    parser.add_argument("--json", action="store_true", help="a JSON array instead of a table")
    return parser.parse_args(arguments)


def _show(ours: list[dict[str, Any]]) -> None:
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(highlight=False, width=width)
    if not ours:
        console.print("There is no snapshot of a drill here.")
        return
    table = Table(box=box.SIMPLE, caption=f"{len(ours)} snapshots", caption_justify="left")
    for heading in ("source", "snapshot", "status", "taken at"):
        table.add_column(heading, overflow="fold")
    table.add_column("GiB", justify="right")
    for heading in ("verdict", "expires at", "hold"):
        table.add_column(heading)
    for snapshot in ours:
        table.add_row(*_cells(snapshot))
    console.print(table)


def _cells(snapshot: dict[str, Any]) -> list[Text]:
    size, verdict = snapshot["size_gib"], snapshot["verdict"]
    return [
        Text(snapshot["source"]),
        Text(snapshot["snapshot_id"]),
        Text(snapshot["status"]),
        Text(snapshot["taken_at"]),
        Text("" if size is None else f"{size:,}"),
        Text(verdict, style=_COLOURS.get(verdict, "")),
        Text(snapshot["expires_at"]),
        Text("held" if snapshot["hold"] else ""),
    ]


if __name__ == "__main__":
    sys.exit(main())
