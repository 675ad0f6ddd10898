"""What is damaged: one small, rich source, copied while it runs, with a reading before and after.

Three states of its files can be restored. *Settled*: crash recovery is done, no log mends what is
damaged. *Raw*: as they were copied, so that the log matters. *Early*: copied long before the first
reading; pages and files out of it are stale.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from psycopg2 import sql

from campaign.arena import Reading, Source, Taken, readings_of, started, taken
from local.postgres import Binaries

CONTENT = Path(__file__).parent / "content"
SHOP = "shop"
OTHER = 'the "other" one: 100% {}'
OTHER_WORD = "one: 100% {}"
"""What is the same of its name in quotes and without."""

_FILES = """
SELECT n.nspname || '.' || c.relname, c.oid::bigint, pg_relation_filepath(c.oid),
       coalesce(pg_relation_filepath(nullif(c.reltoastrelid, 0)), ''),
       coalesce((SELECT pg_relation_filepath(i.indexrelid) FROM pg_index i
                  WHERE i.indrelid = c.reltoastrelid), '')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE pg_relation_filepath(c.oid) IS NOT NULL
"""
_COUNTED = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence = 'p'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_LAST_COMMITS = 60


class Base(StrEnum):
    """Which state of the files is damaged; the idle one is the settled, with other readings.

    Its readings lie so close around the copy that nothing was written between them.
    """

    SETTLED = "settled"
    RAW = "raw"
    EARLY = "early"
    IDLE = "idle"


@dataclass(frozen=True)
class Files:
    """Where a relation lies, below the data folder; TOAST is empty where it has none."""

    oid: int
    main: str
    toast: str
    toast_index: str


@dataclass(frozen=True)
class Atlas:
    """What of the source a damage has to know, and no longer can ask.

    Attributes:
        files: by database, then by ``schema.name`` as it is, without quotes.
        oids: of the databases.
        counts: the rows of each table when the files were copied, by database and name as in SQL.
        transactions: of some tables, the id of the transaction that wrote all of their rows.
        log_began: the place in the log that recovery begins at, in bytes.
        log_ended: the end of the log right after the last commits before the first reading.
    """

    files: Mapping[str, Mapping[str, Files]]
    oids: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    transactions: Mapping[str, int]
    log_began: int
    log_ended: int


@dataclass(frozen=True)
class Specimen:
    """A source that has been copied, in the three states of its files."""

    bases: Mapping[Base, Taken]
    atlas: Atlas
    checksums: bool
    major: int

    @property
    def title(self) -> str:
        """For people."""
        return f"PostgreSQL {self.major}, data checksums {'on' if self.checksums else 'off'}"


@contextlib.contextmanager
def prepared(binaries: Binaries, folder: Path, *, checksums: bool) -> Iterator[Specimen]:
    """Make the source, copy it between two readings, and stop it.

    Args:
        folder: in which everything comes to lie; made, and removed at the end.
    """
    counts: dict[str, dict[str, int]] = {}
    close: list[Reading] = []

    def write_and_count() -> None:
        _write_meanwhile(source)
        counts.update(_count(source))
        close.append(source.read())

    def write_again() -> None:
        close.append(source.read(first=close[0]))
        _write_meanwhile(source)

    with started(binaries, folder, checksums=checksums) as source:
        _fill(source)
        early = folder / "early"
        source.server.copy_while_running(early / "data")
        notes = _go_on(source)
        with taken(source, meanwhile=write_and_count, afterwards=write_again) as raw:
            atlas = replace(_atlas(source, counts), **notes)
            source.server.stop()
            with _settled(replace(raw, data=early / "data")) as settled_early, _settled(raw) as now:
                before, after = readings_of(*close)
                idle = replace(now, before=before, after=after)
                bases = {Base.SETTLED: now, Base.RAW: raw, Base.EARLY: settled_early}
                bases[Base.IDLE] = idle
                yield Specimen(bases, atlas, checksums, binaries.major)


@contextlib.contextmanager
def _settled(found: Taken) -> Iterator[Taken]:
    """A copy of the files with their crash recovery done; the files themselves stay."""
    folder = found.source.new_folder()
    shutil.copytree(found.data, folder / "data", symlinks=True)
    with replace(found, data=folder / "data").settled() as settled:
        yield settled


def _fill(source: Source) -> None:
    """The content, all of it as RDS's master user makes it but for what only a superuser may."""
    master = sql.Identifier(source.master.username)
    source.run_as_master("postgres", _content("roles"))
    for name in (SHOP, OTHER):
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        source.run("postgres", statement.format(sql.Identifier(name), master))
        source.run(name, sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(master))
    source.run(
        "postgres",
        sql.SQL("ALTER DATABASE {} SET lock_timeout = '30s'").format(sql.Identifier(SHOP)),
        sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 50").format(sql.Identifier(OTHER)),
        sql.SQL("ALTER ROLE clerk IN DATABASE {} SET work_mem = '9MB'").format(
            sql.Identifier(SHOP)
        ),
    )
    source.run(SHOP, _content("extensions"))
    source.run(SHOP, sql.SQL("GRANT USAGE ON FOREIGN SERVER far_away TO {}").format(master))
    source.run_as_master(SHOP, _content("shop"))
    source.run_as_master(OTHER, _content("other"))
    for name in (SHOP, OTHER):
        source.run(name, "VACUUM ANALYZE")
    source.run("postgres", "CHECKPOINT")


def _go_on(source: Source) -> dict[str, Any]:
    """Go on after the early copy: changes, then a checkpoint, then commits that only the log has.

    Returns:
        fields of the atlas that are known at this moment only.
    """
    source.run_as_master(SHOP, _content("later"))
    source.run_as_master(SHOP, *_LATE_TABLES)
    source.run(SHOP, *_LATE_VACUUMS, "CHECKPOINT")
    _share_rows(source)
    source.run_as_master(SHOP, *_LATE_ROWS)
    aborted = _roll_back(source)
    source.run_as_master(SHOP, *(_ONE_OF_THE_LAST.format(n) for n in range(_LAST_COMMITS)))
    with source.server.admin() as cursor:
        cursor.execute(_LOG)
        began, ended = cursor.fetchone()
    transactions = {"aborted": aborted, **_writers_of_tables(source)}
    return {"log_began": int(began), "log_ended": int(ended), "transactions": transactions}


_LATE_TABLES = (
    "CREATE TABLE one_transaction (id int, body text)",
    "CREATE TABLE rolled_back (id int, body text)",
    "CREATE TABLE last_minutes (id int, body text)",
    "CREATE TABLE late_documents (id int, body text)",
    "ALTER TABLE late_documents ALTER body SET STORAGE EXTERNAL",
    "INSERT INTO late_documents SELECT n, repeat(md5(n::text), 200) FROM generate_series(1, 20) n",
    # Rows are marked as committed by who reads them, the chunks of their long values are not.
    "SELECT count(*) FROM late_documents",
)
_LATE_VACUUMS = ("VACUUM users", "VACUUM payments_2024", "VACUUM pairs", "VACUUM (FREEZE) people")
_LATE_ROWS = (
    "INSERT INTO one_transaction SELECT n, 'one' FROM generate_series(1, 500) n",
    "INSERT INTO rolled_back SELECT n, 'kept' FROM generate_series(1, 300) n",
)
_ONE_OF_THE_LAST = "INSERT INTO last_minutes VALUES ({}, 'last')"
_LOG = """
SELECT redo_lsn - '0/0'::pg_lsn, pg_current_wal_insert_lsn() - '0/0'::pg_lsn
  FROM pg_control_checkpoint()
"""


def _roll_back(source: Source) -> int:
    """Write rows that never were; return their transaction."""
    with contextlib.closing(source.connect(SHOP)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO rolled_back SELECT n, 'gone' FROM generate_series(1, 300) n")
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        transaction = int(cursor.fetchone()[0])
        connection.rollback()
    return transaction


def _writers_of_tables(source: Source) -> dict[str, int]:
    """Asked before the rows are: reading them would leave hint bits, and their fate be known."""
    with source.server.admin(SHOP) as cursor:
        cursor.execute("SELECT min(xmin::text::bigint) FROM one_transaction WHERE ctid = '(0,1)'")
        return {"one_transaction": int(cursor.fetchone()[0])}


def _share_rows(source: Source) -> None:
    """Rows that one transaction locks while another updates them: their fate is a multixact's."""
    with (
        contextlib.closing(source.connect(SHOP)) as locking,
        contextlib.closing(source.connect(SHOP)) as updating,
    ):
        for number in (1, 2, 3):
            locking.cursor().execute(
                "SELECT FROM shared_rows WHERE mod(id, 4) = %s FOR KEY SHARE", [number]
            )
            updating.cursor().execute(
                "UPDATE shared_rows SET n = 1 WHERE mod(id, 4) = %s", [number]
            )
            updating.commit()
            locking.commit()


def _write_meanwhile(source: Source) -> None:
    source.run_as_master(
        SHOP,
        "UPDATE ledger SET body = 'y' WHERE ctid < '(3,0)'",
        "INSERT INTO ledger SELECT n, 'z' FROM generate_series(1, 10) n",
    )


def _atlas(source: Source, counts: Mapping[str, Mapping[str, int]]) -> Atlas:
    databases = ("postgres", SHOP, OTHER)
    files: dict[str, dict[str, Files]] = {}
    oids = {}
    for database in databases:
        with source.server.admin(database) as cursor:
            cursor.execute(_FILES)
            files[database] = {name: Files(*rest) for name, *rest in cursor.fetchall()}
            cursor.execute("SELECT oid::int FROM pg_database WHERE datname = %s", [database])
            oids[database] = cursor.fetchone()[0]
    return Atlas(files, oids, counts, {}, 0, 0)


def _count(source: Source) -> dict[str, dict[str, int]]:
    """What exact counts of all tables would be compared with."""
    counts: dict[str, dict[str, int]] = {}
    for database in ("postgres", SHOP, OTHER):
        with source.server.admin(database) as cursor:
            cursor.execute(_COUNTED)
            names = [name for (name,) in cursor.fetchall()]
            counts[database] = {}
            for name in names:
                cursor.execute("SELECT count(*) FROM " + name)
                counts[database][name] = cursor.fetchone()[0]
    return counts


def _content(name: str) -> str:
    return (CONTENT / f"{name}.sql").read_text(encoding="utf-8")
