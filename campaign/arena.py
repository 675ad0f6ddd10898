"""The whole sandwich on real servers and without AWS: read, copy, read again, restore, verify."""

import contextlib
import itertools
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.secrets import Credentials
from lambdas.common import document_names
from lambdas.drill.admission.request import BASELINE_EXACT, BASELINE_NONE
from lambdas.drill.checks.rows.read_pieces import SourceUnit
from lambdas.drill.checks.shape import CheckContext, Survey
from lambdas.drill.units import measurement_from, to_document, unit_from
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import Judgement, judge
from lambdas.drill.verification.baseline import survey_again, survey_source
from lambdas.drill.verification.batch import measure_batch, plan_units
from lambdas.drill.verification.readings import both_readings
from lambdas.drill.verification.source_reading import read_batch
from lambdas.drill.verification.survey import survey_copy
from local.postgres import HOST, Binaries, PostgresServer
from local.rds import MASTER, install_roles

READER = "tm_reader"
SECONDS = 60.0
JUDGING_SECONDS = 900.0
LOG_FILE_MIB = 1

SETTINGS = {"max_wal_size": "16MB", "min_wal_size": "2MB", "autovacuum": "off"}
"""Little log to copy, and no vacuum but the one that is asked for."""

Statement = str | bytes | sql.Composable
Connect = Callable[[str], AbstractContextManager[Session]]


def sessions(
    server: PostgresServer,
    login: Credentials,
    *,
    read_only: bool = True,
    statement_seconds: float = SECONDS,
) -> Connect:
    """Opens sessions as the functions do."""
    address = Server(HOST, server.port, login, tls_mode="disable", tls_ca_file="")
    return partial(connect, address, statement_seconds=statement_seconds, read_only=read_only)


@dataclass
class Source:
    """The source's server, with the two logins that a drill has."""

    server: PostgresServer
    folder: Path
    master: Credentials
    reader: Credentials
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def run(self, database: str, *statements: Statement) -> None:
        """Run statements as the superuser, each its own transaction."""
        with self.server.admin(database) as cursor:
            for statement in statements:
                cursor.execute(statement)

    def run_as_master(self, database: str, *statements: Statement) -> None:
        """Run statements as the master user, each its own transaction."""
        with contextlib.closing(self.connect(database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def connect(self, database: str, server: PostgresServer | None = None) -> Any:
        """A connection of the master user, here or to a copy."""
        return psycopg2.connect(
            host=HOST,
            port=(server or self.server).port,
            user=self.master.username,
            password=self.master.password,
            dbname=database,
        )

    def new_folder(self) -> Path:
        """A folder name that nothing has yet."""
        return self.folder / f"copy-{next(self._numbers)}"

    def read(self, kind: str = BASELINE_EXACT, first: "Reading | None" = None) -> "Reading":
        """One reading of the source, batch by batch as the functions do."""
        connect = sessions(self.server, self.reader)
        work: Sequence[Sequence[SourceUnit]]
        if first is None:
            head, work = survey_source(connect, kind)
            name, batch_name = document_names.BASELINE_BEFORE, document_names.read_before
        else:
            head, work = survey_again(connect, first.head, []), first.work
            name, batch_name = document_names.BASELINE_AFTER, document_names.read_after
        found: dict[str, Any] = {name: head}
        for number, units in enumerate(work, start=1):
            read = read_batch(connect, units, head["horizon"], 0, lambda: JUDGING_SECONDS)
            found[batch_name(number)] = read
        return Reading(head, work, json.loads(json.dumps(found)))


@dataclass(frozen=True)
class Reading:
    """One reading of the source: its head, its work by batch, its documents in the evidence."""

    head: Mapping[str, Any]
    work: Sequence[Sequence[SourceUnit]]
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Taken:
    """A copy of the source's files, and the two readings around it."""

    source: Source
    kind: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    data: Path

    @contextlib.contextmanager
    def restored(
        self,
        settings: Mapping[str, str] | None = None,
        damage: Callable[[Path], None] | None = None,
        *,
        last: bool = False,
    ) -> Iterator[PostgresServer]:
        """A server over a copy of the files, stopped and removed at the end.

        Args:
            damage: called with the data folder before the server starts.
            last: no other restore is to come, so that the files themselves can be used.
        """
        folder = self.data.parent if last else self.source.new_folder()
        binaries = self.source.server.binaries
        server = PostgresServer(
            binaries, folder / "data", folder / "server.log", self.source.server.admin_password
        )
        try:
            if not last:
                shutil.copytree(self.data, folder / "data", symlinks=True)
            binaries.own(folder)
            if damage is not None:
                damage(folder / "data")
            server.start({**SETTINGS, **(settings or {})})
            yield server
        finally:
            server.stop(immediate=True)
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def settled(self) -> Iterator["Taken"]:
        """The same with its crash recovery done, so that no log mends what is damaged next."""
        with self.restored(last=True) as copy:
            copy.stop()
            yield replace(self, data=copy.data)

    def judged(
        self,
        copy: PostgresServer,
        expectations: Sequence[Mapping[str, str]] = (),
        seconds: float = JUDGING_SECONDS,
        statement_seconds: float = SECONDS,
    ) -> Judgement:
        """Verify a restored copy; everything passes through JSON as it does between functions.

        Args:
            seconds: for all of it; what is not measured by then is left unmeasured.

        Raises:
            DatabaseUnreachable, QueryFailed: not even its databases could be listed.
        """
        end = time.monotonic() + seconds
        opened = partial(sessions, copy, self.source.master, statement_seconds=statement_seconds)
        databases, block_bytes = survey_copy(opened(read_only=False))
        survey = Survey(databases, self.kind, self.before, self.after, expectations, block_bytes)
        units = [unit_from(_through_json(to_document(unit))) for unit in plan_units(survey)]
        context = CheckContext(opened(), self.before, self.after)
        measured = [
            measurement_from(_through_json(to_document(found)))
            for found in measure_batch(units, context, lambda: end - time.monotonic())
        ]
        return judge(fold(units, measured))


@contextlib.contextmanager
def taken(
    source: Source,
    kind: str = BASELINE_EXACT,
    meanwhile: Callable[[], None] = lambda: None,
    afterwards: Callable[[], None] = lambda: None,
) -> Iterator[Taken]:
    """Read, copy the running files, read again; the files are removed at the end.

    Args:
        meanwhile: called between the first reading and the copy.
        afterwards: called between the copy and the second reading.
    """
    folder = source.new_folder()
    try:
        first = None if kind == BASELINE_NONE else source.read(kind)
        meanwhile()
        source.server.copy_while_running(folder / "data")
        afterwards()
        before, after = _readings(source, kind, first)
        yield Taken(source, kind, before, after, folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _readings(
    source: Source, kind: str, first: Reading | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if first is None:
        return {}, {}
    return readings_of(first, source.read(kind, first))


def readings_of(first: Reading, second: Reading) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The two readings as the checks get them."""
    found = {**first.found, **second.found}
    return both_readings(
        found[document_names.BASELINE_BEFORE], found[document_names.BASELINE_AFTER], found.get
    )


def reset_log(server: PostgresServer, *options: str) -> None:
    """Run ``pg_resetwal`` on a stopped server, which makes a new log."""
    subprocess.run(
        [
            server.binaries.program("pg_resetwal"),
            f"--wal-segsize={LOG_FILE_MIB}",
            *options,
            str(server.data),
        ],
        check=True,
        capture_output=True,
        cwd="/",
        **server.binaries.identity(),
    )


@contextlib.contextmanager
def started(binaries: Binaries, folder: Path, *, checksums: bool = True) -> Iterator[Source]:
    """A running server with RDS's roles and nothing else in it; stopped and removed at the end.

    Args:
        folder: in which everything comes to lie; it is made.
    """
    folder.mkdir()
    folder.chmod(0o755)
    try:
        server = PostgresServer.create(
            binaries, folder / "source", checksums=checksums, log_file_mib=LOG_FILE_MIB
        )
        with furnished(server, folder) as source:
            yield source
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def furnished(server: PostgresServer, folder: Path) -> Iterator[Source]:
    """The same of a new server that does not run yet; it is stopped at the end.

    Args:
        folder: in which copies come to lie.
    """
    try:
        server.start(SETTINGS)
        master = Credentials(MASTER, _password())
        install_roles(server, master.password, None)
        yield Source(server, folder, master, _reader(server))
    finally:
        server.stop(immediate=True)


def _password() -> str:
    """For a login of a server that lives for a moment."""
    return secrets.token_urlsafe(16)


def _reader(server: PostgresServer) -> Credentials:
    """A read-only login as a deployment has it on the source."""
    login = Credentials(READER, _password())
    with server.admin() as cursor:
        cursor.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(READER), sql.Literal(login.password)
            )
        )
        cursor.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(READER)))
    return login


def _through_json(document: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(document)))
