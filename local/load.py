"""``make load CSV=<file> TABLE=<name>``: load a CSV on this machine, into a real PostgreSQL.

Exit status: 0 loaded, 1 not loaded, 2 unusable options, 130 interrupted.
"""

import argparse
import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from local import interruption
from local.cloud import SOURCE, Cloud, Ending, embedded_cloud
from local.drill import DATABASE, PIPED_WIDTH, SAMPLE
from local.loads import CSV_BUCKET, MACHINE, deploy_loads, put
from local.view import LiveView, Steps

LOADED, NOT_LOADED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Load as the command line says; return the exit status."""
    options = _options()
    interruption.hear()
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    file = Path(options.csv)
    if not options.csv or not file.is_file():
        console.print(
            f"CSV: there is no file {options.csv!r}; say make load CSV=<file>", style="red"
        )
        return UNUSABLE
    try:
        return _load(options, file, console)
    except KeyboardInterrupt:
        console.print("interrupted: every server was stopped, every temporary folder removed")
        return INTERRUPTED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--csv", default="", help="the CSV file; gzip, bzip2, zstandard too")
    parser.add_argument("--table", default="", help="the table; made if it is not there")
    parser.add_argument("--sql", default="", help="SQL to run first, to make the table yourself")
    parser.add_argument(
        "--options", default="{}", help='more of the input, as in {"format": {"delimiter": ";"}}'
    )
    return parser.parse_args()


def _load(options: argparse.Namespace, file: Path, console: Console) -> int:
    try:
        more = json.loads(options.options or "{}")
    except json.JSONDecodeError as error:
        console.print(f"OPTIONS: is no JSON: {error}", style="red", markup=False)
        return UNUSABLE
    if not isinstance(more, dict):
        console.print('OPTIONS: is no JSON object such as {"max_errors": 10}', style="red")
        return UNUSABLE
    steps, began = Steps(console), time.monotonic()
    with embedded_cloud() as cloud, _quiet(cloud.folder):
        cloud.create_source(SOURCE, DATABASE)
        steps.done(f"{SOURCE} runs PostgreSQL {cloud.binaries.version}", began)
        began = time.monotonic()
        complaints = cloud.load(Path(options.sql) if options.sql else SAMPLE).complaints
        if complaints:
            console.print(complaints[0], style="yellow", markup=False)
        machine = deploy_loads(cloud)
        put(cloud, file.name, file)
        steps.done(f"s3://{CSV_BUCKET}/{file.name}, {file.stat().st_size:,} bytes", began)
        ending = _run(cloud, machine, document_of(options.table, file.name, more), console)
        return _tell(ending, console)


def document_of(table: str, key: str, more: dict[str, Any]) -> dict[str, Any]:
    """The input; the file by its key, unless the options say a prefix."""
    return {
        "bucket": CSV_BUCKET,
        **({} if "prefix" in more else {"key": key}),
        "target": {"db_instance_id": SOURCE, "database": DATABASE},
        "table": table or "{name}",
        "create_table": "infer",
        **more,
    }


def _run(cloud: Cloud, machine: str, document: dict[str, Any], console: Console) -> Ending:
    with LiveView(console, MACHINE) as view, _progress(console):
        execution = cloud.start(document, machine=machine)
        return cloud.wait(execution, view.show)


def _tell(ending: Ending, console: Console) -> int:
    if ending.status != "SUCCEEDED" or ending.output is None:
        console.print(Text(ending.cause, style="bold red"), soft_wrap=True)
        return NOT_LOADED
    result = ending.output
    console.print(
        Text(
            f"Loaded {result['rows']:,} rows, {result['bytes']:,} bytes into"
            f" {', '.join(result['tables'])} in {result['seconds']:.1f} s;"
            f" {result['rejected']:,} rows were left out.",
            style="bold green",
        ),
        soft_wrap=True,
    )
    if result["columns_left_out"]:
        message = ", ".join(result["columns_left_out"])
        console.print(Text(f"Columns that the data do not bring: {message}."), soft_wrap=True)
    for message in result["types_widened"]:
        console.print(Text(f"  - {message}"), soft_wrap=True)
    for reason in result["reasons"]:
        console.print(Text(f"  - {reason}"), soft_wrap=True)
    return LOADED


class _Progress(logging.Handler):
    """The functions' own progress, as it goes to CloudWatch at AWS."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "loading":
            size, lines = record.__dict__["bytes"], record.__dict__["lines"]
            message = f"          part {record.__dict__['part']}: {lines:,} lines, {size:,} bytes"
            self._console.print(Text(message, style="dim"))


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[None]:
    logger, handler = logging.getLogger("time-machine"), _Progress(console)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def _quiet(folder: Path) -> Iterator[None]:
    path = folder / "functions.log"
    with path.open("w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        yield


if __name__ == "__main__":
    sys.exit(main())
