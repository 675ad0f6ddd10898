"""Every constraint that is marked valid, asked of the rows themselves.

In one pass over a table its NOT NULL, CHECK and partition bounds; then a pass for each unique key,
foreign key, exclusion and column of a domain. An index answers for none of them but exclusions,
whose rows may look each other up. What is not marked valid is left to
:mod:`lambdas.drill.checks.catalog.leftovers`.

Noted instead of asked: a CHECK, or a domain, that need not answer as it did, since it reads the
clock, a setting or another table, or calls a function of the user's own, which may have been
replaced since; a unique key with an operator class that is not its type's default; a temporal
foreign key; an exclusion over expressions, of a part of the rows, or of a table beyond
:data:`lambdas.drill.checks.constraints.constraint_rules.EXCLUSION_BYTES`.

A healthy server comes to hold rows that break some of them: those whose parent was deleted while
triggers were off, say. Whose fault they are is decided by
:mod:`lambdas.drill.verdict.attribution`; which
constraints a healthy server can break is said with each rule.
"""

from collections.abc import Iterator, Sequence

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.constraints.constraint_rules import (
    BY_LIBRARY,
    Rule,
    WideRule,
    rules_of,
    tables_of,
)
from lambdas.drill.checks.hidden_rows import seeing_all_rows
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey, is_damage
from lambdas.drill.units import Claim, Measurement, Unit
from lambdas.errors import QueryFailed

NAME = "constraints"

RULES_EACH = 400
"""Rules in one pass; a query has at most 1,664 columns, and a rule takes two."""

TEXT_LENGTH = 390
"""Of what is reported and the query that shows it; what else is said of it fits beside."""

_NOT_OURS = frozenset(
    {
        errorcodes.INSUFFICIENT_PRIVILEGE,
        errorcodes.LOCK_NOT_AVAILABLE,
        errorcodes.QUERY_CANCELED,
        errorcodes.DISK_FULL,
        errorcodes.OUT_OF_MEMORY,
        errorcodes.PROGRAM_LIMIT_EXCEEDED,
    }
)
"""Forbidden, locked, out of time or room: the rows could not be read, whatever the rule."""

_PASSES = """
SELECT c.oid::bigint,
       (SELECT count(*) FROM pg_catalog.pg_index i
         WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid)
       + (SELECT count(*) FROM pg_catalog.pg_constraint o
           WHERE o.conrelid = c.oid AND o.contype IN ('f', 'x'))
       + (SELECT count(*) FROM pg_catalog.pg_attribute a
            JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND t.typtype = 'd'),
       c.relispartition
       OR EXISTS (SELECT FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull)
       OR EXISTS (SELECT FROM pg_catalog.pg_constraint o
                   WHERE o.conrelid = c.oid AND o.contype IN ('c', 'f')),
       ARRAY(SELECT o.confrelid::bigint FROM pg_catalog.pg_constraint o
              WHERE o.conrelid = c.oid AND o.contype = 'f')
  FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
"""


def look(session: Session) -> list[tuple[int, int, list[int]]]:
    """The tables that have constraints, how often each is to be read, and those it refers to.

    A partitioned table that is referred to comes with its partitions, each a constraint's own.
    """
    # Catalogs are read by their indexes here: there may be ten thousand tables.
    session.run("SET enable_indexscan = on", action="preparing the session")
    action = f"listing the constraints of {session.database}"
    rows = session.rows(_PASSES, action=action)
    return [(oid, many + rows_too, up) for oid, many, rows_too, up in rows if many + rows_too]


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each table with constraints."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        found = (seen.found or ()) if seen else ()
        passes = {oid: (many, referred) for oid, many, referred in found}
        sizes = {relation.oid: relation.size_bytes for relation in database.relations}
        for relation in database.relations:
            if relation.kind == "r" and relation.oid in passes:
                many, referred = passes[relation.oid]
                yield Unit(
                    id=f"{NAME}/{database.name}/{relation.oid}",
                    check=NAME,
                    database=database.name,
                    subject=relation.name,
                    cost_bytes=relation.size_bytes * many + sum(sizes.get(o, 0) for o in referred),
                    claim=Claim.NOT_COMPARED,
                    detail={
                        "oid": relation.oid,
                        "schema": relation.schema,
                        "table": relation.table,
                        "name": relation.name,
                        "size_bytes": relation.size_bytes,
                    },
                )


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Ask each rule of the table's rows."""
    found = Outcome()
    with context.session(unit.database) as session:
        action = f"reading the constraints of {unit.subject}"
        by_row, wide, notes = rules_of(session, unit.detail, action)
        for note in notes:
            found.not_asked(note, Claim.NOT_COMPARED)
        tables = tables_of(session, unit.detail["oid"], action)
        with seeing_all_rows(session, tables, unit.subject):
            _ask_all(session, unit, by_row, wide, found)
    found.measured["constraints"] = len(by_row) + len(wide)
    return found.measurement(unit)


def _ask_all(
    session: Session, unit: Unit, by_row: Sequence[Rule], wide: Sequence[WideRule], found: Outcome
) -> None:
    table = sql.Identifier(unit.detail["schema"], unit.detail["table"])
    for start in range(0, len(by_row), RULES_EACH):
        _ask_rows(session, unit, table, by_row[start : start + RULES_EACH], found)
    for rule in wide:
        _ask(session, unit, rule, found)


def _ask_rows(
    session: Session,
    unit: Unit,
    table: sql.Composable,
    rules: Sequence[Rule],
    found: Outcome,
) -> None:
    """All of them in one pass; one by one where that fails, to see which of them can't be asked."""
    columns = [
        sql.SQL("count(*) FILTER (WHERE {0}), min(ctid) FILTER (WHERE {0})").format(rule.broken)
        for rule in rules
    ]
    query = sql.SQL("SELECT {} FROM ONLY {}").format(sql.SQL(", ").join(columns), table)
    action = f"asking {unit.subject} for its constraints"
    try:
        row = session.row(query, action=action)
    except QueryFailed as error:
        if is_damage(error) or error.sqlstate in _NOT_OURS:
            raise
        if len(rules) == 1:
            found.not_asked(f"{rules[0].name} can't be asked: {error}", Claim.NOT_COMPARED)
            return
        for rule in rules:
            _ask_rows(session, unit, table, [rule], found)
        return
    for rule, number, place in zip(rules, row[::2], row[1::2], strict=True):
        if number:
            there = sql.SQL("SELECT count(*) FROM ONLY {} WHERE {}").format(table, rule.broken)
            _tell(session, unit, rule, number, place, there, found)


def _ask(session: Session, unit: Unit, rule: WideRule, found: Outcome) -> None:
    """A query that counts what breaks a rule, or, for a domain, that fails on it."""
    # Only an exclusion needs an index: without one each row meets each other.
    session.run(
        f"SET enable_indexscan = {'on' if rule.by_index else 'off'}", action="preparing the session"
    )
    try:
        number, place = session.row(rule.query, action=f"asking {unit.subject} for {rule.name}")
    except QueryFailed as error:
        if error.sqlstate == errorcodes.CHECK_VIOLATION:
            _tell(session, unit, rule, 1, None, rule.query, found)
        elif is_damage(error) or error.sqlstate in _NOT_OURS:
            raise
        else:
            found.not_asked(f"{rule.name} can't be asked: {error}", Claim.NOT_COMPARED)
        return
    if number:
        _tell(session, unit, rule, number, place, rule.query, found)


def _tell(
    session: Session,
    unit: Unit,
    rule: Rule | WideRule,
    number: int,
    place: str | None,
    query: sql.Composable,
    found: Outcome,
) -> None:
    """Rows that break a rule, how a healthy server comes to hold them, and how to see them."""
    rows = "at least one row" if place is None else f"{number:,} rows"
    where = "" if place is None else f", the first at {place}"
    message = f"{rule.name}: {rows} {rule.what}{where}" + (f"; {rule.cause}" if rule.cause else "")
    statement = " ".join(session.text(query).split())
    short = len(message) + len(statement) <= TEXT_LENGTH
    asked = f"run {statement}, which fails on them" if place is None else f"count: {statement}"
    shown = asked if short else "ask it the same"
    found.violation(
        message,
        remedy=f"{shown}; mend or delete them",
        relations=(unit.detail["name"], *(rule.others if isinstance(rule, WideRule) else ())),
        damage_only=not rule.cause,
        by_library=rule.cause in BY_LIBRARY,
    )


CHECK = Check(
    NAME,
    "every constraint that is marked valid holds for every row, asked of the rows; only for"
    " an exclusion constraint is the index used to find them. What the source holds too, or a"
    " healthy server can come to hold, is a warning",
    plan,
    run,
    look,
)
