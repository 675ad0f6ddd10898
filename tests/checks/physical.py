"""Damage to files of a restored copy, and what one check says of it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from psycopg2 import sql

from campaign.arena import Source, Statement, Taken, sessions, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.checks.shape import CheckContext, Survey
from lambdas.drill.checks.tool_names import TOOLS, TOOLS_SCHEMA
from lambdas.drill.units import Status
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import Result
from lambdas.drill.verification.batch import measure_batch
from lambdas.drill.verification.survey import survey_copy
from local.damage import PAGE_BYTES
from local.postgres import PostgresServer

HIDDEN = "hidden"

Damage = Callable[[Path], None]


@contextlib.contextmanager
def prepared(
    source: Source, database: str, setup: tuple[Statement, ...], rest: tuple[Statement, ...] = ()
) -> Iterator[tuple[Taken, Mapping[str, bytes]]]:
    """A settled copy of a database of the master's, and its files as they were before ``rest``.

    The files are by the relation's name, with ``_vm`` or ``_fsm`` behind it for its maps.
    """
    name = sql.Identifier(database)
    master = sql.Identifier(source.master.username)
    source.run("postgres", sql.SQL("CREATE DATABASE {} OWNER {}").format(name, master))
    try:
        source.run(database, *setup, "CHECKPOINT")
        old = _files(source, database)
        source.run(database, *rest, "CHECKPOINT")
        with taken(source, BASELINE_NONE) as found, found.settled() as settled:
            yield settled, old
    finally:
        source.run("postgres", sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def path_of(source: Source, database: str, relation: str, fork: str = "") -> str:
    """Of a relation's file in the data folder."""
    with source.server.admin(database) as cursor:
        cursor.execute("SELECT pg_relation_filepath(%s::regclass)", [relation])
        (path,) = cursor.fetchone()
    return f"{path}{fork}"


def examined(
    taken_copy: Taken, copy: PostgresServer, check: str, database: str
) -> dict[str, Result]:
    """What one check says of a database of the copy, by subject."""
    master = taken_copy.source.master
    databases, block_bytes = survey_copy(sessions(copy, master, read_only=False))
    survey = Survey(databases, BASELINE_NONE, block_bytes=block_bytes)
    units = [unit for unit in CHECKS[check].plan(survey) if unit.database == database]
    context = CheckContext(sessions(copy, master), {}, {})
    results = fold(units, measure_batch(units, context, lambda: 60.0))
    return {result.subject: result for result in results}


def assert_wrong(result: Result, *words: str) -> None:
    """One finding holds all the words."""
    assert result.status is Status.WRONG, result
    assert any(all(word in text for word in words) for text in result.findings), result.findings
    assert all(len(text) <= 500 for text in result.findings)


def together(*damages: Damage) -> Damage:
    """Several of them at once."""

    def damage(data: Path) -> None:
        for each in damages:
            each(data)

    return damage


def flipped(path: str, position: int) -> Damage:
    """One bit of a file flipped."""

    def damage(data: Path) -> None:
        with (data / path).open("r+b") as file:
            file.seek(position)
            (byte,) = file.read(1)
            file.seek(position)
            file.write(bytes([byte ^ 0x10]))

    return damage


def zeroed(path: str, page: int) -> Damage:
    """A page of a file, zeroed; checksums do not notice."""

    def damage(data: Path) -> None:
        with (data / path).open("r+b") as file:
            file.seek(page * PAGE_BYTES)
            file.write(bytes(PAGE_BYTES))

    return damage


def stale(path: str, content: bytes) -> Damage:
    """A file as it was once; each of its checksums is right."""

    def damage(data: Path) -> None:
        (data / path).write_bytes(content)

    return damage


def removed(path: str) -> Damage:
    """A file that is gone."""

    def damage(data: Path) -> None:
        (data / path).unlink()

    return damage


def hide_tools(copy: PostgresServer, database: str) -> None:
    """Make the extensions where the master user may call none of their functions."""
    with copy.admin(database) as cursor:
        ours = sql.Identifier(TOOLS_SCHEMA)
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(ours))
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(HIDDEN)))
        for name in TOOLS:
            statement = sql.SQL("CREATE EXTENSION {} SCHEMA {}")
            cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(HIDDEN)))
        cursor.execute(
            sql.SQL(
                "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {}"
                " FROM PUBLIC, rds_superuser, pg_stat_scan_tables"
            ).format(sql.Identifier(HIDDEN))
        )


def _files(source: Source, database: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with source.server.admin(database) as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_filepath(oid) FROM pg_class"
            " WHERE oid >= 16384 AND pg_relation_filepath(oid) IS NOT NULL"
        )
        for name, path in cursor.fetchall():
            for fork in ("", "_vm", "_fsm"):
                file = source.server.data / f"{path}{fork}"
                if file.exists():
                    found[f"{name}{fork}"] = file.read_bytes()
    return found
