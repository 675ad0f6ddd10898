"""Every block of every file can be read: heap, indexes, TOAST, catalogs, and their maps.

pg_prewarm reads them into the server's buffers, where checksums and page headers are looked at
(its mode ``read`` looks at neither). A free-space map or a visibility map that can't be read
changes no answer, since PostgreSQL takes such a page as empty: that is reported, and fails nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.common.versions import read_as
from lambdas.drill.checks.files.fork_reads import (
    MAPS,
    NO_SUCH_FORK,
    SIGNATURE,
    Stretch,
    read_all,
    read_one_by_one,
)
from lambdas.drill.checks.files.storage import (
    ESTIMATE,
    GROUP_BYTES,
    NOT_TEMPORARY,
    SIZE,
    cost_of,
    grouped,
    once,
    sized,
    subject_of,
)
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey, is_damage
from lambdas.drill.checks.tool_functions import callable_of
from lambdas.drill.checks.tool_names import PREWARM
from lambdas.drill.units import Claim, Measurement, Unit, block_ranges
from lambdas.errors import QueryFailed

NAME = "forks"

WITHOUT_TOOL = (
    "pg_prewarm can't be used here: tables are read when they are counted, B-trees when they are"
    " checked, and nothing else is"
)
NOT_COUNTED = (
    "track_counts is off, so no checksum failure is counted; turn it on for this database on"
    " the source, then drill again"
)
"""``pgstat_report_checksum_failures_in_db`` of PostgreSQL returns at once then."""
NO_CHECKSUMS = "the copy has no data checksums, so that only its page headers tell of damage"
SEQUENCES = "the sequences"

_OF_ONE_FORK = frozenset({NO_SUCH_FORK, errorcodes.INSUFFICIENT_PRIVILEGE})


_FILES = """
SELECT c.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       CASE WHEN c.relkind = 'S' THEN {sequences}
            ELSE quote_ident(un.nspname) || '.' || quote_ident(u.relname) END,
       c.relisshared, c.oid < 16384,
       has_table_privilege(coalesce(x.indrelid, c.oid), 'SELECT'), {forks}, {size}::bigint
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = coalesce(x.indrelid, c.oid)
  JOIN pg_catalog.pg_class u ON u.oid = coalesce(o.oid, x.indrelid, c.oid)
  JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
 WHERE c.relkind IN ('r', 'm', 't', 'i', 'S') AND {permanent}
 ORDER BY 5 DESC, 3, 2
"""
_FORKS = """
ARRAY(SELECT f FROM unnest(ARRAY['main', 'fsm', 'vm', 'init']) AS f
       WHERE f = 'main' OR pg_catalog.pg_relation_size(c.oid, f) > 0)
"""

# The row without a name counts those of the catalogs that all databases share.
_FAILURES = """
SELECT coalesce(sum(checksum_failures), 0)::bigint, count(checksum_failures) > 0,
       current_setting('track_counts') = 'on'
  FROM pg_catalog.pg_stat_database
 WHERE datname = current_database() OR (datid = 0 AND current_database() = {})
"""


@dataclass(frozen=True)
class StoredFile:
    """A relation's files; ``forks`` are those that are there, ``readable`` if we may."""

    oid: int
    title: str
    subject: str
    shared: bool
    catalog: bool
    readable: bool
    forks: tuple[str, ...]
    cost_bytes: int


def look(session: Session) -> dict[str, Any]:
    """``{"functions", "files"}`` of a database."""
    return {
        "functions": callable_of(session, PREWARM, [("pg_prewarm", SIGNATURE)]),
        "files": [asdict(file) for file in _list_files(session)],
    }


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for a table with all that is its, and for each range of a large file."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        if seen is None or not seen.found:
            continue
        functions = seen.found["functions"]
        listed = (StoredFile(**file) for file in seen.found["files"])
        every = list(once(listed, database.name))
        files = [file for file in every if file.readable]
        for group in grouped(files) if functions else ():
            for number, (reads, cost_bytes) in enumerate(_cut(group, survey.block_bytes)):
                yield Unit(
                    id=f"{NAME}/{database.name}/{group[0].oid}/{number}",
                    check=NAME,
                    database=database.name,
                    subject=subject_of(group),
                    cost_bytes=cost_bytes,
                    claim=Claim.PROVEN,
                    detail={"functions": functions, "reads": [asdict(read) for read in reads]},
                )
        # The last, so that most of what the others come upon is counted by then.
        unread = len(every) - len(files)
        why = f"{unread:,} relations may not be read" if unread else ""
        why = why if functions else WITHOUT_TOOL
        maps = [Stretch(file.oid, file.title, fork) for file in files for fork in _maps_of(file)]
        yield Unit(
            id=f"{NAME}/{database.name}/failures",
            check=NAME,
            database=database.name,
            subject="",
            claim=Claim.CONSISTENT if why else Claim.PROVEN,
            why=why,
            detail={"functions": functions, "maps": [asdict(read) for read in maps]},
        )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Read all at once; only where that fails, one after the other."""
    outcome = Outcome()
    with context.session(unit.database) as session:
        if "maps" in unit.detail:
            _count_failures(session, unit, outcome)
            return outcome.measurement(unit)
        reads = [read_as(Stretch, read) for read in unit.detail["reads"]]
        try:
            outcome.measured["blocks"] = read_all(session, unit, reads)
        except QueryFailed as error:
            if not (is_damage(error) or error.sqlstate in _OF_ONE_FORK):
                raise
            outcome.measured.clear()
            unread = read_one_by_one(session, unit, reads, outcome)
            if unread == len(reads):
                outcome.not_asked("none of these files could be read", Claim.NOT_COMPARED)
    return outcome.measurement(unit)


def _list_files(session: Session) -> list[StoredFile]:
    def query(forks: str, size: str) -> str:
        return _FILES.format(
            sequences=f"'{SEQUENCES}'",
            forks=forks,
            size=size,
            permanent=NOT_TEMPORARY.format("c"),
        )

    action = f"listing the files of {session.database}"
    exact = query(_FORKS, SIZE.format("c"))
    estimating = query("ARRAY['main']", ESTIMATE.format("c"))
    rows = sized(session, exact, estimating, action)
    return [StoredFile(*row) for row in rows]


def _maps_of(file: StoredFile) -> list[str]:
    return [fork for fork in file.forks if fork in MAPS]


def _cut(group: Sequence[StoredFile], block_bytes: int) -> Iterator[tuple[list[Stretch], int]]:
    """The group's reads with their bytes; a large file is alone in its group, cut into ranges.

    Its maps, some 300 KB for each GiB of it, go for nothing.
    """
    if len(group) > 1 or group[0].cost_bytes <= GROUP_BYTES:
        reads = [Stretch(file.oid, file.title, fork) for file in group for fork in file.forks]
        yield reads, cost_of(group)
        return
    (file,) = group
    for first, end in block_ranges(file.cost_bytes, block_bytes):
        last = None if end is None else end - 1
        end_bytes = file.cost_bytes if end is None else end * block_bytes
        yield [Stretch(file.oid, file.title, "main", first, last)], end_bytes - first * block_bytes
    yield [Stretch(file.oid, file.title, fork) for fork in file.forks if fork != "main"], 0


def _failures(session: Session) -> tuple[int, bool, bool]:
    """How many, whether the copy has checksums, and whether their failures are counted."""
    query = sql.SQL(_FAILURES).format(sql.Literal(MAINTENANCE_DATABASE))
    failures, known, counted = session.row(query, action="counting the checksum failures")
    return int(failures), bool(known), bool(counted)


def _count_failures(session: Session, unit: Unit, outcome: Outcome) -> None:
    """No checksum failed, or it was that of a map, whoever read it."""
    failures, known, are_counted = _failures(session)
    if not known:
        outcome.not_asked(NO_CHECKSUMS, Claim.NOT_COMPARED)
        return
    if not failures and not are_counted:
        outcome.not_asked(NOT_COUNTED, Claim.NOT_COMPARED)
        return
    if not failures:
        outcome.measured["checksum failures"] = 0
        return
    counted = f"{failures:,} checksum failures were counted where 0 were expected"
    maps = [read_as(Stretch, read) for read in unit.detail["maps"]]
    of_maps = Outcome()
    if unit.detail["functions"] and read_one_by_one(session, unit, maps, of_maps):
        outcome.not_asked(f"{counted}: those of maps")
        for note in of_maps.measurement(unit).notes:
            outcome.not_asked(note)
    else:
        outcome.not_measured(
            f"{counted}; see the server's log for the file and the block, and read the same on the"
            " source"
        )


CHECK = Check(
    NAME,
    "every block of every file can be read, and no data checksum has failed",
    plan,
    run,
    look,
)
