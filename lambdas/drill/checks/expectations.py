"""The user's own queries, run read-only on the copy. Their values never leave the function."""

from collections.abc import Iterator

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.admission.expectation import (
    MONEY,
    Expectation,
    expectation_from,
    is_json,
    is_met,
)
from lambdas.drill.check_names import EXPECTATIONS_CHECK
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Status, Unit
from lambdas.errors import QueryFailed

NAME = EXPECTATIONS_CHECK

MOST_BYTES = 3 * 2**30
"""What a query reads is the user's; it is given the time that so much would take."""

_TYPE = "SELECT pg_catalog.format_type(%s::oid, -1)"
"""With -1 a type that is not cut to one character: ``bpchar``, and ``bit`` in quotes."""

# Two rows are compared by what is the default of their columns' type, wherever its operators lie.
_COMPARED = {
    "=": "record_eq",
    "!=": "record_ne",
    "<": "record_lt",
    "<=": "record_le",
    ">": "record_gt",
    ">=": "record_ge",
}
_NO_COMPARISON = frozenset({errorcodes.UNDEFINED_FUNCTION, errorcodes.FEATURE_NOT_SUPPORTED})
"""No equality and no order (json, xml, point), or not to be read from a text (record)."""

_UNREADABLE = ("22", errorcodes.UNDEFINED_TABLE, errorcodes.UNDEFINED_OBJECT)
"""What PostgreSQL answers to a literal that is no value of the type; to a name of nothing, too."""

_INTERNAL_ERROR = errorcodes.INTERNAL_ERROR
"""Any extension's plain error has this code, so in a query of the user's it says nothing of damage;
that of the data itself has a code of its own (``data_corrupted``, ``index_corrupted``)."""


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each expectation of the input."""
    for number, expectation in enumerate(survey.expectations, start=1):
        yield Unit(
            id=f"{NAME}/{number}",
            check=NAME,
            database=expectation["database"],
            subject=expectation["name"],
            cost_bytes=MOST_BYTES,
            claim=Claim.PROVEN,
            detail={"sql": expectation["sql"], "expect": expectation["expect"]},
        )


ADVICE = (
    "ask the source the same: if it is met there, do not rely on this snapshot, else the data or"
    " the expectation has to change"
)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Run the query; it must give one row with one column."""
    expect = unit.detail["expect"]
    expected = expectation_from(expect)
    try:
        with context.session(unit.database) as session:
            session.ask_as_the_user()
            rows, types = session.printed(unit.detail["sql"], action="the expectation's query")
            if expected is None or len(rows) != 1 or len(types) != 1:
                note = "the query must give one row with one column; write it as an aggregate"
                return Measurement(unit.id, Status.UNMEASURED, notes=(note,))
            met, why = _met(session, expected, rows[0][0], types[0])
    except QueryFailed as error:
        if error.sqlstate != _INTERNAL_ERROR:
            raise
        return Measurement(unit.id, Status.UNMEASURED, notes=(str(error),))
    if met is None:
        note = f"the query's value can't be compared with {expect}{why}"
        return Measurement(unit.id, Status.UNMEASURED, notes=(note,))
    if met:
        return Measurement(unit.id, Status.OK)
    return Measurement(unit.id, Status.WRONG, findings=(f"the value is not {expect}; {ADVICE}",))


def _met(
    session: Session, expected: Expectation, value: str | None, type_number: int
) -> tuple[bool | None, str]:
    """Whether the value is as expected; None if that can't be said, and why."""
    if not expected.quoted:
        if type_number == MONEY and value is not None:
            query = sql.SQL("SELECT {}::money::numeric::text").format(sql.Literal(value))
            (value,) = session.row(query, action="reading the query's value")
        met = is_met(expected, value, type_number)
        return met, "" if met is not None else "; cast it to what it is compared with"
    if value is None:
        return False, ""
    if expected.is_of_equality and value == expected.literal:
        return expected.operator == "=", ""
    (name,) = session.row(_TYPE, [type_number], action="reading the type of the query's value")
    try:
        return _compared(session, expected, value, name), ""
    except QueryFailed as error:
        return _as_text(session, expected, value, name, type_number, error)


def _compared(session: Session, expected: Expectation, value: str, type_name: str) -> bool:
    """PostgreSQL's own comparison of two values of one type."""
    query = sql.SQL("SELECT {}(ROW({value}::{of}), ROW({wanted}::{of}))").format(
        sql.Identifier("pg_catalog", _COMPARED[expected.operator]),
        value=sql.Literal(value),
        wanted=sql.Literal(expected.literal),
        of=sql.SQL(type_name),
    )
    (met,) = session.row(query, action="comparing the query's value")
    return bool(met)


def _as_text(
    session: Session,
    expected: Expectation,
    value: str,
    type_name: str,
    type_number: int,
    error: QueryFailed,
) -> tuple[bool | None, str]:
    """The comparison of what has none of its own: of documents, of shapes, of rows without a name.

    ``box = box`` compares their areas; that such types have no order of their own leads here.
    """
    unread = error.sqlstate.startswith(_UNREADABLE)
    if not (unread or error.sqlstate in _NO_COMPARISON):
        raise error
    if not expected.is_of_equality:
        return None, f": it is no {type_name}" if unread else f": a {type_name} has no order"
    if is_json(type_number):
        same = _is_same_document(session, expected.literal, value)
    elif unread:
        return None, f": it is no {type_name}"
    else:
        same = _printed(session, expected.literal, type_name) == value
    return same is (expected.operator == "="), ""


def _is_same_document(session: Session, wanted: str, value: str) -> bool:
    """As documents, or the text that a document is against a text that is none."""
    (text,) = session.row(
        sql.SQL("SELECT {}::jsonb OPERATOR(pg_catalog.#>>) '{{}}'").format(sql.Literal(value)),
        action="reading the query's value",
    )
    query = sql.SQL("SELECT {}::jsonb OPERATOR(pg_catalog.=) {}::jsonb")
    literals = (sql.Literal(value), sql.Literal(wanted))
    try:
        (same,) = session.row(query.format(*literals), action="comparing the query's value")
    except QueryFailed as error:
        if not error.sqlstate.startswith(_UNREADABLE):
            raise
        same = False
    return bool(same) or text == wanted


def _printed(session: Session, wanted: str, type_name: str) -> str:
    """The wanted value as PostgreSQL prints it, or as it is where it can't be read."""
    query = sql.SQL("SELECT {}::{}::text").format(sql.Literal(wanted), sql.SQL(type_name))
    try:
        (printed,) = session.row(query, action="reading what is expected")
    except QueryFailed as error:
        if error.sqlstate not in _NO_COMPARISON:
            raise
        return wanted
    return str(printed)


CHECK = Check(
    NAME,
    "your own queries",
    plan,
    run,
)
