"""Damages that can be done to a drill, so that anybody can watch a bad backup being caught.

Those of the data are done to the snapshot's files: by a server that is started on them for a
moment (what a broken backup tool would have lost), or byte by byte (what storage would have).
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg2 import sql

from local.postgres import Binaries, PostgresServer
from local.rds import EmbeddedRds

PAGE_BYTES = 8192
SHORT_DEADLINE_MINUTES = 0.15

_LARGEST_TABLE = """
SELECT pg_relation_size(c.oid), n.nspname, c.relname, pg_relation_filepath(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND pg_relation_size(c.oid) > 0
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_relation_size(c.oid) DESC, c.oid LIMIT 1
"""


class NothingToDamage(RuntimeError):
    """The source has nothing that this damage could hit."""


@dataclass(frozen=True)
class Damage:
    """One damage: to a snapshot's files, or to the restore.

    Attributes:
        verdict: what a drill must end with.
        files: changes the data folder of a snapshot; returns what was hit.
        mishap: changes what becomes of the restore.
        input: what the execution input needs besides.
    """

    name: str
    what: str
    verdict: str
    files: Callable[[Path, Binaries], str] | None = None
    mishap: Callable[[EmbeddedRds], None] | None = None
    input: dict[str, Any] = field(default_factory=dict)


@contextmanager
def _server_on(data: Path, binaries: Binaries) -> Iterator[PostgresServer]:
    """A server on a snapshot's files; it trusts loopback for as long as it runs."""
    access = data / "pg_hba.conf"
    kept = access.read_bytes()
    access.write_text("host all all 127.0.0.1/32 trust\n", encoding="utf-8")
    binaries.own(data)
    server = PostgresServer(binaries, data, data.parent / "damage.log", "")
    binaries.own(data.parent)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        access.write_bytes(kept)


@dataclass(frozen=True)
class _Table:
    database: str
    schema: str
    table: str
    path: str

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.table}"


def _largest_table(server: PostgresServer) -> _Table:
    """Of all databases: a dump may have filled another one than it was loaded into."""
    found = []
    for database in _databases(server):
        with server.admin(database) as cursor:
            cursor.execute(_LARGEST_TABLE)
            found += [(size, _Table(database, *names)) for size, *names in cursor.fetchall()]
    if not found:
        raise NothingToDamage(
            "the source has no table with rows to damage; give a file that has (SQL=)"
        )
    return max(found, key=lambda pair: pair[0])[1]


def _databases(server: PostgresServer) -> list[str]:
    with server.admin() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
            " AND datname <> 'rdsadmin' ORDER BY datname = 'postgres', datname"
        )
        return [name for (name,) in cursor.fetchall()]


def _lose_table(data: Path, binaries: Binaries) -> str:
    with _server_on(data, binaries) as server:
        target = _largest_table(server)
        with server.admin(target.database) as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(target.identifier))
    return target.title


def _lose_rows(data: Path, binaries: Binaries) -> str:
    with _server_on(data, binaries) as server:
        target = _largest_table(server)
        with server.admin(target.database) as cursor:
            cursor.execute("SET session_replication_role = replica")
            statement = sql.SQL(
                "DELETE FROM ONLY {0} WHERE ctid IN (SELECT ctid FROM ONLY {0} LIMIT"
                " (SELECT greatest(1, count(*) / 50) FROM ONLY {0}))"
            )
            cursor.execute(statement.format(target.identifier))
    return target.title


def _lose_database(data: Path, binaries: Binaries) -> str:
    with _server_on(data, binaries) as server:
        lost = _databases(server)[0]
        with server.admin("template1" if lost == "postgres" else "postgres") as cursor:
            cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(lost)))
    return lost


def _heap_file(data: Path, binaries: Binaries) -> tuple[Path, str]:
    with _server_on(data, binaries) as server:
        target = _largest_table(server)
    return data / target.path, target.title


def _flip_byte(data: Path, binaries: Binaries) -> str:
    heap, name = _heap_file(data, binaries)
    with heap.open("r+b") as file:
        # Rows fill a page from its end, so this is in the middle of one.
        position = PAGE_BYTES * _some_page(heap) + PAGE_BYTES - 40
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 0x10]))
    return name


def _zero_page(data: Path, binaries: Binaries) -> str:
    heap, name = _heap_file(data, binaries)
    with heap.open("r+b") as file:
        file.seek(PAGE_BYTES * _some_page(heap))
        file.write(bytes(PAGE_BYTES))
    return name


def _truncate_file(data: Path, binaries: Binaries) -> str:
    heap, name = _heap_file(data, binaries)
    pages = heap.stat().st_size // PAGE_BYTES
    with heap.open("r+b") as file:
        file.truncate(PAGE_BYTES * (pages // 2))
    return name


def _lose_file(data: Path, binaries: Binaries) -> str:
    heap, name = _heap_file(data, binaries)
    heap.unlink()
    return name


def _some_page(heap: Path) -> int:
    return random.Random(1).randrange(heap.stat().st_size // PAGE_BYTES)


def _fail_restore(rds: EmbeddedRds) -> None:
    rds.mishap.restore_ends_as = "restore-error"


def _never_end_restore(rds: EmbeddedRds) -> None:
    rds.mishap.restore_never_ends = True


DAMAGES: dict[str, Damage] = {
    damage.name: damage
    for damage in (
        Damage("lost-table", "the largest table is gone", "FAILED", _lose_table),
        Damage("lost-rows", "2 % of the largest table's rows are gone", "FAILED", _lose_rows),
        Damage("lost-database", "a database is gone", "FAILED", _lose_database),
        Damage("flipped-byte", "one bit of a heap page is flipped", "FAILED", _flip_byte),
        Damage("zeroed-page", "a heap page reads as zeros", "FAILED", _zero_page),
        Damage("truncated-file", "the second half of a heap is gone", "FAILED", _truncate_file),
        Damage("lost-file", "the file of a heap is gone", "FAILED", _lose_file),
        Damage(
            "restore-fails",
            "the restore ends in restore-error",
            "INCONCLUSIVE",
            None,
            _fail_restore,
        ),
        Damage(
            "restore-never-ends",
            "the restore stays in creating; the drill's deadline is set to 9 seconds",
            "INCONCLUSIVE",
            None,
            _never_end_restore,
            {"deadline_minutes": SHORT_DEADLINE_MINUTES},
        ),
    )
}
