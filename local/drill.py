"""``make drill``: a whole drill on this machine, on real PostgreSQL.

Exit status: 0 PASSED, 1 FAILED, 2 INCONCLUSIVE or unusable options, 130 interrupted.
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
from rich.console import Console
from rich.table import Table

from lambdas.common.shortened import shortened
from lambdas.drill.admission import limits
from lambdas.drill.admission import request as requests
from lambdas.drill.admission.copy_storage import storage_faults
from lambdas.settings import from_environment
from local import interruption
from local.cloud import (
    SOURCE,
    STATE_MACHINES,
    STORAGE,
    Cloud,
    Ending,
    deployment,
    embedded_cloud,
)
from local.damage import DAMAGES, Damage, NothingToDamage
from local.postgres import ADMIN, PostgresFailed
from local.view import LiveView, Steps, show_report
from local.workload import writing

STATUS = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 2}
UNUSABLE = 2
INTERRUPTED = 130
PIPED_WIDTH = 110

DATABASE = "shop"
SAMPLE = Path(__file__).with_name("sample.sql")
COMPLAINTS_SHOWN = 5

DEFAULT_INPUT: dict[str, Any] = {"db_instance_id": SOURCE, "baseline": "exact"}
SAMPLE_EXPECTATIONS = [
    {
        "name": "orders came back",
        "database": DATABASE,
        "sql": "SELECT count(*) FROM sales.orders",
        "expect": "> 300000",
    }
]


class Unusable(Exception):
    """An option can't be used; the message names it and the remedy."""


def main() -> int:
    """Run a drill as the command line says; return the exit status."""
    options = _options()
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    interruption.hear()
    try:
        if options.damage == "list":
            console.print(_list_of_damages())
            return 0
        return _drill(options, console)
    except Unusable as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return UNUSABLE
    except Exception:  # noqa: BLE001 -- 1 would read as FAILED
        console.print_exception()
        return UNUSABLE
    except KeyboardInterrupt:
        console.print("interrupted: every server was stopped, every temporary folder removed")
        return INTERRUPTED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--damage", default="", help="damage the backup; 'list' lists the ways")
    parser.add_argument("--input", default="", help="a JSON file with the execution input")
    parser.add_argument("--sql", default="", help="SQL or a pg_dump file to load as the source")
    parser.add_argument("--keep", action="store_true", help="keep logs and evidence too")
    parser.add_argument("--reports", default="reports", help="the folder that reports go to")
    return parser.parse_args()


def _drill(options: argparse.Namespace, console: Console) -> int:
    damage = _damage(options.damage)
    sql_file = _file("SQL", options.sql)
    document = _input(options.input, sql_file, damage)
    if faults := _faults(document):
        raise Unusable("\n- ".join([f"INPUT: {options.input} can't be used:", *faults]))
    steps, began, hit = Steps(console), time.monotonic(), _Hit()
    with embedded_cloud(on_snapshot=hit) as cloud, _functions_log(cloud.folder) as log:
        cloud.create_source(SOURCE, DATABASE)
        version = cloud.binaries.version
        steps.done(f"the embedded cloud is up, {SOURCE} runs PostgreSQL {version}", began)
        began = time.monotonic()
        _load(cloud, sql_file or SAMPLE, console)
        steps.done(f"loaded {(sql_file or SAMPLE).name}", began)
        hit.prepare(damage, cloud)
        if _wants_latest(document):
            cloud.take_automated_snapshot()
        ending = _watch(cloud, document, console, with_load=sql_file is None)
        if hit.error:
            raise Unusable(f"DAMAGE={options.damage}: {hit.error}")
        if damage is not None:
            target = f" ({hit.target})" if hit.target else ""
            console.print(f"Damage done: {damage.what}{target}.", markup=False, soft_wrap=True)
        kept = log if options.keep else None
        return _finish(cloud, ending, console, Path(options.reports), kept, damage)


def _watch(cloud: Cloud, document: Any, console: Console, with_load: bool) -> Ending:
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    with contextlib.ExitStack() as stack:
        count = stack.enter_context(writing(server, DATABASE)) if with_load else None
        view = stack.enter_context(LiveView(console, STATE_MACHINES / "drill.asl.json"))
        execution = cloud.start(document)
        try:
            ending = cloud.wait(execution, view.show)
        except KeyboardInterrupt:
            cloud.stop(execution)
            raise
    if count is not None:
        console.print(f"{count['transactions']:,} transactions ran on the source meanwhile.")
    return ending


def _finish(
    cloud: Cloud,
    ending: Ending,
    console: Console,
    reports: Path,
    log: Path | None,
    damage: Damage | None,
) -> int:
    evidence = cloud.evidence()
    found = {Path(key).name: body for key, body in evidence.items()}
    if "report.json" not in found:
        console.print(ending.cause, style="yellow", markup=False, soft_wrap=True)
        return STATUS["INCONCLUSIVE"]
    report = json.loads(found["report.json"])
    show_report(console, report)
    folder = reports / report["drill"]["id"]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("report.json", "report.html"):
        (folder / name).write_bytes(found[name])
    if log is not None:
        _keep(cloud, evidence, folder, log)
    console.print(f"Report: {folder / 'report.json'} and {folder / 'report.html'}", soft_wrap=True)
    if report["kept"]:
        console.print("The embedded cloud ends here, and the copy that was kept with it.")
    if damage is not None and report["verdict"] != damage.verdict:
        console.print(
            f"DAMAGE={damage.name} was done, and this input does not look for it: it takes the"
            " baseline exact (and mode drill) to compare the copy with the source.",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    if (ending.status == "SUCCEEDED") != (report["verdict"] == "PASSED"):
        console.print(f"The execution ended {ending.status}: {ending.cause}", markup=False)
        return STATUS["INCONCLUSIVE"]
    return STATUS[report["verdict"]]


def _keep(cloud: Cloud, evidence: dict[str, bytes], folder: Path, log: Path) -> None:
    shutil.copy(log, folder / "functions.log")
    for server_log in (cloud.folder / "logs").glob("*.log"):
        shutil.copy(server_log, folder / server_log.name)
    source = cloud.rds.instance(SOURCE).server
    if source is not None:
        shutil.copy(source.log, folder / f"{SOURCE}.log")
    for key, body in evidence.items():
        target = folder / "evidence" / Path(key).relative_to(*Path(key).parts[:1])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)


def _load(cloud: Cloud, file: Path, console: Console) -> None:
    try:
        loaded = cloud.load(file, SOURCE, DATABASE)
    except psycopg2.Error as error:
        why = f"PostgreSQL answered {error.pgcode}" if error.pgcode else "no connection"
        raise Unusable(
            f"SQL: {file.name} leaves a server that its own administrator can't use: {why};"
            f" leave out what changes the role {ADMIN}, or what every session is bound to"
        ) from error
    shown = shortened(loaded.complaints, COMPLAINTS_SHOWN)
    message = f"{len(loaded.complaints)} statements of {file.name} were refused: {'; '.join(shown)}"
    if loaded.empty and loaded.complaints:
        raise Unusable(f"SQL: nothing could be loaded. {message}")
    if loaded.empty:
        raise Unusable(
            f"SQL: {file.name} makes nothing: no table, and no other object. There is nothing to"
            " prove; give a file that does, such as one that pg_dump wrote"
        )
    if loaded.complaints:
        going = f"{message}. The drill goes on with what was loaded."
        console.print(going, style="yellow", markup=False)


class _Hit:
    """Does the damage when the snapshot has been taken."""

    def __init__(self) -> None:
        self.target = ""
        self.error = ""
        self._damage: Damage | None = None
        self._cloud: Cloud | None = None

    def prepare(self, damage: Damage | None, cloud: Cloud) -> None:
        """From now on snapshots are damaged; a mishap is set at once."""
        self._damage, self._cloud = damage, cloud
        if damage is not None and damage.mishap is not None:
            damage.mishap(cloud.rds)

    def __call__(self, data: Path) -> None:
        if self._damage is None or self._damage.files is None or self._cloud is None:
            return
        try:
            self.target = self._damage.files(data, self._cloud.binaries)
        except NothingToDamage as error:
            self.error = str(error)
        except (psycopg2.Error, PostgresFailed, OSError) as error:
            self.error = f"the damage could not be done: {type(error).__name__}"


def _damage(name: str) -> Damage | None:
    if not name:
        return None
    if name not in DAMAGES:
        raise Unusable(f"DAMAGE: there is no {name}; there are {', '.join(DAMAGES)} (and list)")
    return DAMAGES[name]


def _file(option: str, name: str) -> Path | None:
    if not name:
        return None
    path = Path(name)
    if not path.is_file():
        raise Unusable(f"{option}: there is no file {name}; see how it is written")
    if not os.access(path, os.R_OK):
        raise Unusable(f"{option}: {name} can't be read by this user; change its permissions")
    if not path.stat().st_size:
        raise Unusable(f"{option}: {name} is empty; give a file that holds something")
    return path


def _input(name: str, sql_file: Path | None, damage: Damage | None) -> Any:
    file = _file("INPUT", name)
    document: Any = dict(DEFAULT_INPUT)
    if file is not None:
        try:
            document = json.loads(file.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise Unusable(f"INPUT: {name} is not JSON: {error}") from error
        except OSError as error:
            raise Unusable(
                f"INPUT: {name} can't be read ({error.strerror}); name a file of yours"
            ) from error
    elif sql_file is None:
        document["expectations"] = SAMPLE_EXPECTATIONS
    if damage is not None and isinstance(document, dict):
        document = {**document, **damage.input}
    return document


def _faults(document: Any) -> list[str]:
    """What PlanDrill will refuse, said before there is a cloud: it would take its time to start."""
    request, faults = requests.understood(document)
    if request is None:
        return faults
    faults += limits.quarantine_faults(request, from_environment(deployment()))
    if request.source not in (SOURCE, requests.NAMELESS):
        faults.append(f"db_instance_id: make drill has one instance only, {SOURCE}; name that one")
    faults += storage_faults(request.restore.get("storage_type", ""), STORAGE)
    point = request.recovery_point
    if point.kind == requests.RECOVERY_NAMED:
        faults.append(
            f"recovery_point: make drill begins without a snapshot, there is no {point.value};"
            ' leave it out, or use {"latest": "automated"}'
        )
    if point.kind == requests.RECOVERY_LATEST and point.value == "manual":
        faults.append(
            "recovery_point: make drill begins with no manual snapshot;"
            ' leave it out, or use {"latest": "automated"}'
        )
    return faults


def _wants_latest(document: Any) -> bool:
    point = document.get("recovery_point") if isinstance(document, dict) else None
    return isinstance(point, dict) and "latest" in point


def _list_of_damages() -> Table:
    table = Table(title="DAMAGE=<name>", title_justify="left")
    for heading in ("name", "what is done", "the drill must end"):
        table.add_column(heading)
    for damage in DAMAGES.values():
        table.add_row(damage.name, damage.what, damage.verdict)
    return table


@contextlib.contextmanager
def _functions_log(folder: Path) -> Iterator[Path]:
    """What the functions print goes to a log, as it goes to CloudWatch at AWS."""
    path = folder / "functions.log"
    with path.open("w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        yield path


if __name__ == "__main__":
    sys.exit(main())
