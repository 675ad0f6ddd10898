"""Loading a user's own SQL or ``pg_dump`` file into the embedded source."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from local.postgres import ADMIN, HOST, PostgresServer
from local.rds import MASTER

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_NAMES_ROLES = re.compile(
    rf"\b(?:OWNER\s+TO|AUTHORIZATION|FOR\s+(?:ROLE|USER)|SET\s+ROLE|GRANTED\s+BY"
    rf"|(?:GRANT|REVOKE)\b[^;]*?\b(?:TO|FROM)|CREATE\s+POLICY\b[^;]*?\bTO)"
    rf"\s+({_IDENTIFIER}(?:\s*,\s*{_IDENTIFIER})*)",
    re.IGNORECASE,
)
_CREATES_ROLE = re.compile(rf"\bCREATE\s+(?:ROLE|USER|GROUP)\s+({_IDENTIFIER})", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_COPY_DATA = re.compile(r"^COPY\s.*\sFROM\s+stdin;?\s*$", re.IGNORECASE)
_NOT_ROLES = frozenset(
    {"public", "current_user", "session_user", "current_role", "group", "user", MASTER, ADMIN}
)
_SERVER_COMPLAINS = re.compile(r"(?:ERROR|FATAL|PANIC):  (?:(?P<code>[0-9A-Z]{5}): )?")
_CLIENT_COMPLAINS = re.compile(r"error: ")
_HARMLESS = frozenset({"42710", "42P04", "42P06"})
"""``duplicate_object``, ``_database``, ``_schema``: a dump's own ``postgres`` or ``public``."""

_HAS_OBJECTS = """
SELECT EXISTS (SELECT FROM pg_class WHERE oid >= 16384 AND relnamespace <> 99)
    OR EXISTS (SELECT FROM pg_proc WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_type WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_namespace WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_largeobject_metadata)
"""
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"


@dataclass(frozen=True)
class Loaded:
    """What a load came to.

    Attributes:
        complaints: name the line and the SQLSTATE, never a value.
        empty: no database of the instance holds anything.
    """

    complaints: tuple[str, ...]
    empty: bool


def load(server: PostgresServer, file: Path, database: str) -> Loaded:
    """Load a file as the master user.

    The session belongs to RDS's own superuser with the master user as its role, and the master
    user is a superuser for that time: a dump of another system may hold what only a superuser may
    create, may alter the master's password, and what it makes belongs to the master all the same.
    Roles that a dump names and does not create are created first, as a DBA would.
    """
    master = sql.Identifier(MASTER)
    archive = _is_archive(file)
    with server.admin() as cursor:
        cursor.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(master))
        cursor.execute("SELECT rolname FROM pg_roles")
        known = {name for (name,) in cursor.fetchall()}
        for role in sorted(_missing_roles(_text(server, file, archive)) - known):
            # What looks like a role's name may be none; the load itself then says what it lacks.
            with contextlib.suppress(psycopg2.Error):
                cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    try:
        complaints = _run(server, file, database, archive)
    finally:
        with server.admin() as cursor:
            _hand_over_roles(server.binaries.may_pass_on, cursor)
            cursor.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(master))
    return Loaded(tuple(complaints), empty=not _holds_anything(server))


def _holds_anything(server: PostgresServer) -> bool:
    """Whether any database does: a dump may fill others than the one it is loaded into."""
    with server.admin() as cursor:
        cursor.execute(_DATABASES)
        databases = [name for (name,) in cursor.fetchall()]
    for database in databases:
        with server.admin(database) as cursor:
            cursor.execute(_HAS_OBJECTS)
            if cursor.fetchone() == (True,):
                return True
    return False


def _run(server: PostgresServer, file: Path, database: str, archive: bool) -> list[str]:
    login = [
        f"--host={HOST}",
        f"--port={server.port}",
        f"--username={ADMIN}",
        f"--dbname={database}",
    ]
    if archive:
        command = [server.binaries.client("pg_restore"), *login, str(file)]
    else:
        options = ["--no-psqlrc", "--quiet", "--set=VERBOSITY=verbose", f"--file={file}"]
        command = [server.binaries.client("psql"), *login, *options]
    environment = {
        **os.environ,
        "PGPASSWORD": server.admin_password,
        "PGCLIENTENCODING": "UTF8",
        "PGOPTIONS": f"-c role={MASTER}",
        "LC_ALL": "C",
    }
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    message = done.stderr.splitlines()
    complaints = _of_archive(message) if archive else _of_script(message, file)
    # A program may end early and say so in a way of its own.
    return list(complaints) or ["the file: not all of it was read"] * (done.returncode != 0)


def _of_script(message: Iterable[str], file: Path) -> Iterator[str]:
    # Only what stands where psql puts it: any other line may hold a value.
    begin = re.compile(rf"psql:{re.escape(str(file))}:(?P<line>\d+): ")
    for text in message:
        place = begin.match(text)
        if place is None:
            continue
        server = _SERVER_COMPLAINS.match(text, place.end())
        code = server["code"] if server else None
        if code not in _HARMLESS and (server or _CLIENT_COMPLAINS.match(text, place.end())):
            yield f"line {place['line']}: PostgreSQL answered {code or 'an error'}"


def _of_archive(message: Iterable[str]) -> Iterator[str]:
    """``pg_restore`` tells neither line nor SQLSTATE."""
    for text in message:
        if text.startswith("pg_restore: error: "):
            yield "the archive: PostgreSQL answered an error"


def _hand_over_roles(may_pass_on: str, cursor: Any) -> None:
    """At RDS the master user has created every role, and so may grant it."""
    cursor.execute(
        "SELECT rolname FROM pg_roles WHERE oid >= 16384 AND rolname NOT LIKE 'rds%%'"
        " AND rolname <> %s",
        [MASTER],
    )
    for (role,) in cursor.fetchall():
        statement = sql.SQL("GRANT {} TO {} " + may_pass_on)
        cursor.execute(statement.format(sql.Identifier(role), sql.Identifier(MASTER)))


def _missing_roles(lines: Iterable[str]) -> set[str]:
    named: set[str] = set()
    created: set[str] = set()
    in_data = False
    for line in lines:
        if in_data:
            in_data = line.rstrip("\n") != "\\."
            continue
        in_data = bool(_COPY_DATA.match(line))
        line = _LITERAL.sub("''", line)  # noqa: PLW2901 -- what is quoted names no role
        for names in _NAMES_ROLES.findall(line):
            named |= {_unquoted(name) for name in re.findall(_IDENTIFIER, names)}
        created |= {_unquoted(name) for name in _CREATES_ROLE.findall(line)}
    return named - created - _NOT_ROLES


def _text(server: PostgresServer, file: Path, archive: bool) -> list[str]:
    if not archive:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    command = [server.binaries.client("pg_restore"), "--schema-only", "--file=-", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.splitlines()


def _is_archive(file: Path) -> bool:
    with file.open("rb") as start:
        return start.read(5) == b"PGDMP"


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
