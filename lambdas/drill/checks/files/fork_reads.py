"""Reading stretches of a relation's forks: all at once, and where that fails, one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.files.storage import (
    CATALOGS,
)
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import is_damage
from lambdas.drill.checks.tool_functions import called
from lambdas.drill.units import Unit
from lambdas.errors import QueryFailed

ADVICE = "look at the same block on the source; if that one reads well, take another snapshot"


NO_SUCH_FORK = errorcodes.INVALID_PARAMETER_VALUE


SIGNATURE = ("regclass", "text", "text", "bigint", "bigint")


MAPS = {"fsm": "free-space map", "vm": "visibility map"}


@dataclass(frozen=True)
class Stretch:
    """A fork of a relation from a block to another, the last one included; None is its end."""

    oid: int
    title: str
    fork: str
    first: int | None = None
    last: int | None = None


def read_all(session: Session, unit: Unit, reads: Sequence[Stretch]) -> int:
    """Read them in one statement; return the number of blocks."""
    function = called(unit.detail["functions"], "pg_prewarm", SIGNATURE)
    query = sql.SQL(
        "SELECT coalesce(sum({}(r.oid::regclass, 'buffer', r.fork, r.first, r.last)), 0)::bigint"
        " FROM unnest({}::oid[], {}::text[], {}::bigint[], {}::bigint[])"
        " AS r(oid, fork, first, last)"
    ).format(
        function,
        *(
            sql.Literal([getattr(read, name) for read in reads])
            for name in ("oid", "fork", "first", "last")
        ),
    )
    (blocks,) = session.row(query, action=f"reading every block of {_what(unit, reads)}")
    return int(blocks)


def _what(unit: Unit, reads: Sequence[Stretch]) -> str:
    if len(reads) > 1:
        return unit.subject or CATALOGS
    return f"{reads[0].title} ({MAPS.get(reads[0].fork, reads[0].fork)})"


def read_one_by_one(
    session: Session, unit: Unit, reads: Sequence[Stretch], outcome: Outcome
) -> int:
    """How many were not read, which is said; nor is anything wrong with these."""
    unread = 0
    for read in reads:
        try:
            read_all(session, unit, [read])
        except QueryFailed as error:
            if error.sqlstate == errorcodes.INSUFFICIENT_PRIVILEGE:
                outcome.not_asked(f"{read.title} may not be read")
                unread += 1
            elif read.fork in MAPS:
                outcome.not_asked(_harmless(read, error))
                unread += 1
            elif error.sqlstate == NO_SUCH_FORK:
                outcome.wrong(f"{read.title}: its file is missing; {ADVICE}")
            elif is_damage(error):
                where = _first_unread(session, unit, read)
                outcome.wrong(f"{error}, from {where} on; {ADVICE}")
            else:
                raise
    return unread


def _harmless(read: Stretch, error: QueryFailed) -> str:
    kind = MAPS[read.fork]
    return f"{read.title}: its {kind} can't be read ({error.sqlstate}), which changes no answer"


def _first_unread(session: Session, unit: Unit, read: Stretch) -> str:
    """Halve the range until one block is left."""
    (number,) = session.row(
        "SELECT pg_catalog.pg_relation_size(%s::oid, %s) / current_setting('block_size')::int",
        [read.oid, read.fork],
        action=f"measuring {read.title}",
    )
    low, high = read.first or 0, number - 1 if read.last is None else read.last
    while low < high:
        middle = (low + high) // 2
        try:
            read_all(session, unit, [Stretch(read.oid, read.title, read.fork, low, middle)])
        except QueryFailed as error:
            if not is_damage(error):
                return f"one of the blocks {low:,} to {high:,}"
            high = middle
        else:
            low = middle + 1
    return f"block {low:,}"
