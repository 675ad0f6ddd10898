"""A database of thousands of tables through a whole drill: what the workflow has to carry.

``python -m bench.tables`` runs a drill with the baseline ``exact`` on the embedded cloud and prints
payloads, events, objects and times. Then it plans the verification of a database of 10 TiB, with
readings made up on the fly, as tables of 1 GiB and as one, and prints the memory that the plan
takes.
"""

import argparse
import contextlib
import json
import os
import sys
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from lambdas.common import document_names
from lambdas.drill.admission.request import BASELINE_EXACT
from lambdas.drill.checks.rows import counts, stable_rows
from lambdas.drill.checks.rows.read_pieces import SOURCE_BATCH_BYTES, SourceUnit
from lambdas.drill.checks.shape import Relation, Survey, SurveyedDatabase
from lambdas.drill.units import batches, block_ranges
from lambdas.drill.verification.baseline import note_batches
from lambdas.drill.verification.readings import both_readings
from local import interruption
from local.cloud import SOURCE, Cloud, Ending, embedded_cloud
from local.rds import Tempo

say = Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=True).print

MIB, TIB = 2**20, 2**40
BLOCK_BYTES = 8192
PAYLOAD_BYTES = 256 * 1024
EVENTS = 25_000
"""What Step Functions takes of a state's output, and of an execution's history."""

TABLES_PER_TIB = 1000
"""Of about 1 GiB each."""


def main() -> int:
    """Run and print; 0 when every limit held."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", type=int, default=5000, help="in the drill")
    parser.add_argument("--tib", type=int, default=10, help="size of the database that is planned")
    options = parser.parse_args()
    small = TABLES_PER_TIB * options.tib
    with Path(os.devnull).open("w") as log, contextlib.redirect_stdout(log):
        with embedded_cloud(tempo=Tempo(), wait_speed=20) as cloud:
            held = _drill(cloud, options.tables)
        _plan(options.tib, small, f"{small:,} tables of 1 GiB")
        _plan(options.tib, 1, f"one table of {options.tib} TiB")
    return 0 if held else 1


def _drill(cloud: Cloud, tables: int) -> bool:
    cloud.create_source()
    _fill(cloud, tables)
    began = time.monotonic()
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    seconds = time.monotonic() - began
    history = cloud.history(ending.execution_arn)
    say(f"{tables:,} tables: {ending.status} in {seconds:.0f} s on this machine")
    say(ending.output["headline"] if ending.output else ending.cause)
    largest = max(map(_payload, history))
    say(f"largest payload of a state: {largest:,} of {PAYLOAD_BYTES:,} bytes")
    say(f"events of the execution: {len(history):,} of {EVENTS:,}")
    _print_functions(cloud)
    _print_objects(cloud.evidence())
    _print_phases(ending)
    held = largest < PAYLOAD_BYTES and len(history) < EVENTS
    return held and ending.status == "SUCCEEDED"


def _fill(cloud: Cloud, tables: int) -> None:
    """Tables with a key, an index, a sequence and some rows; in transactions of a hundred."""
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    table = """
        CREATE TABLE IF NOT EXISTS public.%1$I (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, note text);
        INSERT INTO public.%1$I (at, note)
            SELECT now(), 'note ' || n FROM generate_series(1, 20) n;
        CREATE INDEX ON public.%1$I (at)
    """
    with server.admin("shop") as cursor:
        for start in range(0, tables, 100):
            cursor.execute(
                "DO $do$ BEGIN FOR n IN %s..%s LOOP EXECUTE format(%s, 'table_' || n); END LOOP;"
                " END $do$",
                [start, min(start + 100, tables) - 1, table],
            )


def _payload(event: Mapping[str, Any]) -> int:
    """What an event carries from one state to the next, or into a function."""
    details = [value for name, value in event.items() if name.endswith("EventDetails")]
    texts = [
        text
        for detail in details
        if isinstance(detail, dict)
        for name, text in detail.items()
        if name in ("input", "output", "parameters") and isinstance(text, str)
    ]
    return max((len(text.encode()) for text in texts), default=0)


def _print_functions(cloud: Cloud) -> None:
    say("| function | invocations | largest event, bytes | largest answer, bytes |")
    say("|---|---|---|---|")
    runs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for state, event, answer in cloud.functions.invocations:
        runs[state].append((len(json.dumps(event)), len(json.dumps(answer))))
    for state, sizes in runs.items():
        events, answers = zip(*sizes, strict=True)
        say(f"| {state} | {len(sizes)} | {max(events):,} | {max(answers):,} |")


def _print_objects(evidence: Mapping[str, bytes]) -> None:
    number: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for key, body in evidence.items():
        parts = key.split("/")[6:]
        name = f"{parts[0]}/" if len(parts) > 1 else parts[0]
        number[name] += 1
        size[name] += len(body)
    say("| evidence | objects | MiB |")
    say("|---|---|---|")
    for name, objects in sorted(number.items()):
        say(f"| {name} | {objects} | {size[name] / MIB:.2f} |")


def _print_phases(ending: Ending) -> None:
    spent = (ending.output or {}).get("durations_seconds", {})
    say(", ".join(f"{phase} {seconds:.0f} s" for phase, seconds in spent.items()))


def _plan(tib: int, tables: int, name: str) -> None:
    """Plan the copy of so much as PlanVerification does, and tell what it holds in memory."""
    size_bytes = tib * TIB // tables
    relations = [
        Relation(oid, "public", f"t{oid}", f"public.t{oid}", "r", "p", True, size_bytes)
        for oid in range(16384, 16384 + tables)
    ]
    head = {"horizon": 1000, "gap": "", "lost": [], "databases": {"shop": {"oid": 5, "closed": ""}}}
    work = batches(_cut(relations), SOURCE_BATCH_BYTES)
    note_batches(head, work)
    made = _Made(work)
    before, after = both_readings(head, head, made)
    survey = Survey([SurveyedDatabase("shop", 5, relations)], BASELINE_EXACT, before, after)
    tracemalloc.start()
    began = datetime.now().astimezone()
    planned = batches(counts.plan(survey))
    seconds = (datetime.now().astimezone() - began).total_seconds()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    units = sum(map(len, planned))
    say(
        f"{name}: read in {len(work):,} batches, {made.buckets:,} buckets in two readings;"
        f" planned in {len(planned):,} batches of {units:,} units, {made.asked:,} documents"
        f" fetched, {seconds:.0f} s under tracing, peak {peak / MIB:.0f} MiB"
    )


def _cut(relations: list[Relation]) -> Iterator[SourceUnit]:
    for relation in relations:
        each = stable_rows.buckets_for(relation.size_bytes, BLOCK_BYTES)
        buckets = {"blocks_each": each.blocks_each, "number": each.number}
        for first, last in block_ranges(relation.size_bytes, BLOCK_BYTES):
            end = relation.size_bytes // BLOCK_BYTES if last is None else last
            cost = (end - first) * BLOCK_BYTES
            yield SourceUnit("shop", 5, relation.oid, cost, (first, last), buckets)


class _Made:
    """The documents of readings, made when they are asked for."""

    def __init__(self, work: list[list[SourceUnit]]) -> None:
        names = (document_names.read_before, document_names.read_after)
        self._units = {
            name(number): units for name in names for number, units in enumerate(work, start=1)
        }
        self.asked = self.buckets = 0

    def __call__(self, name: str) -> dict[str, Any]:
        self.asked += 1
        return {unit.id: self._read(unit) for unit in self._units[name]}

    def _read(self, unit: SourceUnit) -> dict[str, Any]:
        buckets = stable_rows.Buckets(**unit.buckets)
        number = len(range(buckets.number)[buckets.inside(*unit.blocks)])
        self.buckets += number
        return {
            "blocks": list(unit.blocks),
            "file": 1,
            "buckets": dict(unit.buckets),
            "columns": "0",
            "rows": 0,
            "stable rows": 0,
            "younger rows": 0,
            "standing": [10_000 + n for n in range(number)],
            "hashes": [2**63 + n for n in range(number)],
        }


if __name__ == "__main__":
    interruption.hear()
    sys.exit(main())
