"""The sandwich while the source is being written: no false alarm, and none of its power lost.

For each workload a database of its own is written by several sessions, seeded, while the drill
reads, copies and reads again; one in six crashes the source meanwhile. The undamaged copy must have
nothing wrong. Then, on three further copies, one row that stood still is deleted, changed or
doubled, in its page and under a checksum that fits, so that no transaction tells of it.
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg2
from psycopg2 import sql
from rich.console import Console

from campaign import progress, workload
from campaign.arena import SETTINGS, Source, Taken, started, taken
from campaign.pages import (
    LOWER_AT,
    POINTER_BYTES,
    UPPER_AT,
    XMAX_AT,
    XMIN_AT,
    PageFile,
    Row,
    live_rows_in,
    number,
)
from campaign.run import workers
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Judgement, Verdict
from local.postgres import Binaries

PAUSE_SECONDS = 0.15
CRASH_EACH = 6
PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"


@dataclass(frozen=True)
class Weathered:
    """What became of one workload.

    Attributes:
        alarms: what was said to be wrong with the undamaged copy.
        unmeasured: what could not be measured there.
        found, missed: the damages done to one stable row.
    """

    seed: int
    crashed: bool
    claims: Mapping[str, int] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A row version in a bucket that stood still."""

    name: str
    path: str
    block: int
    row: Row


def measure(
    console: Console, binaries: Binaries, folder: Path, workloads: int, seed: int, jobs: int
) -> bool:
    """Run the workloads, print the totals, return whether every promise was kept."""
    seeds = range(seed * 1000, seed * 1000 + workloads)
    found: list[Weathered] = []
    with progress.shown(console, "workloads", workloads) as step, workers(jobs) as pool:
        place = folder / "under-load"
        place.mkdir()
        place.chmod(0o755)
        futures = [pool.submit(weathered, binaries, place / str(s), s) for s in seeds]
        for future in as_completed(futures):
            found.append(future.result())
            message = found[-1].alarms + found[-1].missed
            step([f"workload {found[-1].seed}: {text}" for text in message])
    _print(console, found, seeds)
    return not any(each.alarms or each.missed for each in found)


def _print(console: Console, found: list[Weathered], seeds: range) -> None:
    claims = Counter[str]()
    for each in found:
        claims.update(each.claims)
    caught = sum(len(each.found) for each in found)
    missed = sum(len(each.missed) for each in found)
    console.print(
        f"{len(found)} workloads (seeds {seeds.start} to {seeds.stop - 1}),"
        f" {sum(each.crashed for each in found)} with a crash of the source:"
        f" {sum(bool(each.alarms) for each in found)} false alarms;"
        f" {caught} of {caught + missed} damages to one stable row found;"
        f" tables: {', '.join(f'{n} {claim}' for claim, n in sorted(claims.items()))};"
        f" {sum(bool(each.unmeasured) for each in found)} with something unmeasured,"
        f" {sum(not each.found and not each.missed for each in found)} with nothing to damage"
    )


def weathered(binaries: Binaries, folder: Path, seed: int) -> Weathered:
    """One workload on a source of its own, in a folder that is removed at the end."""
    with started(binaries, folder, checksums=seed % 2 == 0) as source:
        return weathered_on(source, f"w{seed}", seed, crash=seed % CRASH_EACH == 0)


def weathered_on(source: Source, database: str, seed: int, *, crash: bool = False) -> Weathered:
    """One workload on a running source, in a new database that stays."""
    chance = random.Random(f"{seed}/target")
    source.run("postgres", sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    source.run(database, *workload.SETUP, "CHECKPOINT")
    with contextlib.ExitStack() as stack:
        with workload.writing(source, database, seed):
            time.sleep(PAUSE_SECONDS)
            copied = stack.enter_context(
                taken(source, meanwhile=partial(_meanwhile, source, crash), afterwards=_pause)
            )
        _end_prepared(source, database)
        with copied.restored() as copy:
            judgement = copied.judged(copy)
        settled = stack.enter_context(copied.settled())
        target = _target(settled, database, chance)
        message = {} if target is None else _told_of(settled, target)
    return Weathered(
        seed,
        crash,
        _claims(judgement, database),
        _told(judgement, Status.WRONG),
        _told(judgement, Status.UNMEASURED),
        tuple(name for name, found in message.items() if found),
        tuple(name for name, found in message.items() if not found),
    )


def _pause() -> None:
    time.sleep(PAUSE_SECONDS)


def _meanwhile(source: Source, crash: bool) -> None:
    _pause()
    if crash:
        source.server.stop(immediate=True)
        source.server.start(SETTINGS)
        _pause()


def _end_prepared(source: Source, database: str) -> None:
    with source.server.admin(database) as cursor:
        cursor.execute(PREPARED)
        for (name,) in cursor.fetchall():
            with contextlib.suppress(psycopg2.Error):
                cursor.execute("ROLLBACK PREPARED %s", [name])


def _claims(judgement: Judgement, database: str) -> dict[str, int]:
    return dict(
        Counter(
            str(result.claim)
            for result in judgement.results
            if (result.check, result.database) == ("counts", database)
        )
    )


def _told(judgement: Judgement, status: Status) -> tuple[str, ...]:
    return tuple(
        f"{result.check} {result.title}: {'; '.join(result.findings + result.notes)}"
        for result in judgement.results
        if result.status is status
    )


def _told_of(settled: Taken, target: Target) -> dict[str, bool]:
    """Whether each way to damage a row is found, by its name and place."""
    return {
        f"{name} {target.name} block {target.block}": _is_found(settled, target, way)
        for name, way in WAYS.items()
    }


def _target(settled: Taken, database: str, chance: random.Random) -> Target | None:
    """Some row version of some bucket that stood still; None where the source could not be read.

    ``quiet`` is written by nobody, so there is one unless a crash has cost a reading.
    """
    with settled.restored() as copy, copy.admin(database) as cursor:
        cursor.execute(
            "SELECT oid::bigint, relname, pg_relation_filepath(oid) FROM pg_class"
            " WHERE relkind IN ('r', 'm') AND relpersistence = 'p'"
        )
        places = {str(oid): (name, path) for oid, name, path in cursor.fetchall()}
    buckets = [
        (places[key], first, last)
        for key, first, last in _still(settled, database)
        if key in places
    ]
    chance.shuffle(buckets)
    horizon = settled.before["horizon"]
    for (name, path), first, last in buckets:
        pages = PageFile(settled.data / path)
        blocks = list(range(first, min(last, len(pages))))
        chance.shuffle(blocks)
        for block in blocks:
            rows = _standing(pages.read(block), horizon)
            if rows:
                return Target(name, path, block, chance.choice(rows))
    return None


def _still(settled: Taken, database: str) -> Iterator[tuple[str, int, int]]:
    """The relation's oid and the blocks of each bucket that both readings found the same."""
    before, after = (
        reading["databases"][database]["rows"] for reading in (settled.before, settled.after)
    )
    for key in before.keys() & after.keys():
        one, other = before[key], after[key]
        if (one["file"], one["columns"]) != (other["file"], other["columns"]):
            continue
        each = one["buckets"]["blocks_each"]
        for place, standing in enumerate(one["standing"]):
            same = standing == other["standing"][place]
            if standing and same and one["hashes"][place] == other["hashes"][place]:
                yield key, place * each, (place + 1) * each


def _standing(page: bytes, horizon: int) -> list[Row]:
    """Rows that were written before the horizon and that nobody has touched since."""
    return [
        row
        for row in live_rows_in(page)
        if int.from_bytes(page[row.at + XMIN_AT : row.at + XMIN_AT + 4], "little") < horizon
        and not any(page[row.at + XMAX_AT : row.at + XMAX_AT + 4])
        and row.length > row.data_at - row.at
    ]


def _deleted(pages: PageFile, target: Target) -> None:
    pages.change(target.block, target.row.pointer_at, bytes(POINTER_BYTES))


def _changed(pages: PageFile, target: Target) -> None:
    """The first byte of the first column, which is a number everywhere here."""
    pages.flip(target.block, target.row.data_at, 0x01)


def _doubled(pages: PageFile, target: Target) -> None:
    """A further line pointer leads to the same row; a page without room gives up its last one."""
    page = pages.read(target.block)
    lower = number(page, LOWER_AT)
    pointer = page[target.row.pointer_at : target.row.pointer_at + POINTER_BYTES]
    if number(page, UPPER_AT) - lower >= len(pointer):
        end = (lower + POINTER_BYTES).to_bytes(2, "little")
        page = page[:LOWER_AT] + end + page[LOWER_AT + 2 :]
        pages.write(target.block, page[:lower] + pointer + page[lower + POINTER_BYTES :])
        return
    other = next(r for r in live_rows_in(page) if r.pointer_at != target.row.pointer_at)
    pages.change(target.block, other.pointer_at, pointer)


WAYS: Mapping[str, Callable[[PageFile, Target], None]] = {
    "deleted": _deleted,
    "changed": _changed,
    "doubled": _doubled,
}


def _is_found(settled: Taken, target: Target, way: Callable[[PageFile, Target], None]) -> bool:
    def damage(data: Path) -> None:
        way(PageFile(data / target.path, sealed=True), target)

    with settled.restored(damage=damage) as copy:
        judgement = settled.judged(copy)
    named = any(target.name in reason for reason in judgement.reasons)
    return judgement.verdict is Verdict.FAILED and named
