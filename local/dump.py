"""Loading a user's own SQL or ``pg_dump`` file into the embedded source."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql

from local.postgres import ADMIN, HOST, PostgresServer
from local.rds import MASTER

_IDENTIFIER = r'("(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_NAMES_ROLE = re.compile(
    rf"\b(?:OWNER\s+TO|AUTHORIZATION|FOR\s+(?:ROLE|USER)|SET\s+ROLE"
    rf"|(?:GRANT|REVOKE)\b[^;]*?\b(?:TO|FROM))\s+{_IDENTIFIER}",
    re.IGNORECASE,
)
_CREATES_ROLE = re.compile(rf"\bCREATE\s+(?:ROLE|USER|GROUP)\s+{_IDENTIFIER}", re.IGNORECASE)
_COPY_DATA = re.compile(r"^COPY\s.*\sFROM\s+stdin;?\s*$", re.IGNORECASE)
_NOT_ROLES = frozenset(
    {"public", "current_user", "session_user", "current_role", "group", "user", MASTER, ADMIN}
)
_COMPLAINT = re.compile(
    r"^(?:psql:(?P<file>.*):(?P<line>\d+): )?.*ERROR:  ?(?:(?P<code>[0-9A-Z]{5}): )?"
)
_HARMLESS = frozenset({"42710", "42P04", "42P06"})
"""``duplicate_object``, ``_database``, ``_schema``: a dump's own ``postgres`` or ``public``."""

_HAS_OBJECTS = """
SELECT EXISTS (SELECT FROM pg_class WHERE oid >= 16384 AND relnamespace <> 99)
    OR EXISTS (SELECT FROM pg_proc WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_type WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_namespace WHERE oid >= 16384)
"""


@dataclass(frozen=True)
class Loaded:
    """What a load came to. ``complaints`` name the line and the SQLSTATE, never a value."""

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
            cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    try:
        complaints = _run(server, file, database, archive)
    finally:
        with server.admin() as cursor:
            _hand_over_roles(server.binaries.may_pass_on, cursor)
            cursor.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(master))
    with server.admin(database) as cursor:
        cursor.execute(_HAS_OBJECTS)
        found = cursor.fetchone()
    return Loaded(tuple(complaints), empty=not (found and found[0]))


def _run(server: PostgresServer, file: Path, database: str, archive: bool) -> list[str]:
    login = [
        f"--host={HOST}",
        f"--port={server.port}",
        f"--username={ADMIN}",
        f"--dbname={database}",
    ]
    if archive:
        command = [server.binaries.program("pg_restore"), *login, str(file)]
    else:
        options = ["--no-psqlrc", "--quiet", "--set=VERBOSITY=verbose", f"--file={file}"]
        command = [server.binaries.program("psql"), *login, *options]
    environment = {
        **os.environ,
        "PGPASSWORD": server.admin_password,
        "PGCLIENTENCODING": "UTF8",
        "PGOPTIONS": f"-c role={MASTER}",
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
    return list(_complaints(done.stderr.splitlines()))


def _complaints(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        match = _COMPLAINT.match(line)
        if match is None or match["code"] in _HARMLESS:
            continue
        where = f"line {match['line']}" if match["line"] else "a statement"
        yield f"{where}: PostgreSQL answered {match['code'] or 'an error'}"


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
        named |= {_unquoted(name) for name in _NAMES_ROLE.findall(line)}
        created |= {_unquoted(name) for name in _CREATES_ROLE.findall(line)}
    return named - created - _NOT_ROLES


def _text(server: PostgresServer, file: Path, archive: bool) -> list[str]:
    if not archive:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    command = [server.binaries.program("pg_restore"), "--schema-only", "--file=-", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.splitlines()


def _is_archive(file: Path) -> bool:
    with file.open("rb") as start:
        return start.read(5) == b"PGDMP"


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
