"""The functions of amcheck, the thorough one first, as the copy's user may call them."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.tool_functions import (
    Functions,
    called,
    may_call,
)
from lambdas.errors import QueryFailed


@dataclass(frozen=True)
class _Way:
    """One call of amcheck, the strongest first; ``weaker`` says what it leaves out."""

    function: str
    flags: Sequence[bool]
    weaker: str = ""

    @property
    def types(self) -> list[str]:
        """Of the function's arguments."""
        return ["regclass", *["boolean"] * len(self.flags)]


WAYS = (
    _Way("bt_index_parent_check", (True, True, True)),
    _Way("bt_index_parent_check", (True, True)),
    # An index that is older than PostgreSQL 12 can't be descended for each row.
    _Way("bt_index_parent_check", (True, False), "built before PostgreSQL 12: no new descents"),
    # A prepared transaction keeps its lock: this takes a weaker one.
    _Way("bt_index_check", (True,), "its table is locked: the parents' links were not looked at"),
    # An expression may need settings of its owner's.
    _Way(
        "bt_index_parent_check",
        (False, True),
        "its expressions can't be computed here: the heap was not held against it",
    ),
)


def may_go(functions: Functions, way: _Way) -> bool:
    """Whether the copy's user may call the function of this way."""
    return may_call(functions, way.function, way.types)


def call_of(
    session: Session, functions: Functions, way: _Way, oids: Sequence[int], what: str
) -> None:
    """Have amcheck look at B-trees; what it finds is an error."""
    flags = sql.SQL("").join(sql.SQL(", {}").format(sql.Literal(flag)) for flag in way.flags)
    statement = sql.SQL("SELECT count({}(o::regclass{})) FROM unnest({}::oid[]) AS o").format(
        called(functions, way.function, way.types), flags, sql.Literal(list(oids))
    )
    session.run(statement, action=f"checking {what}")


def would_wait_again(refused: QueryFailed | None, way: _Way) -> bool:
    """Whether a lock kept us out, and this way asks for the same lock."""
    locked = refused is not None and refused.sqlstate == errorcodes.LOCK_NOT_AVAILABLE
    return locked and way.function == "bt_index_parent_check"
