"""The user's own queries, run read-only on the copy. Their values never leave the function."""

from collections.abc import Iterator

from psycopg2 import errorcodes

from lambdas.checks.shape import Bench, Check, Survey
from lambdas.domain.expectation import is_met
from lambdas.domain.units import Claim, Measurement, Status, Unit
from lambdas.errors import QueryFailed

NAME = "expectations"

MOST_BYTES = 3 * 2**30
"""What a query reads is the user's; it is given the time that so much would take."""

_PREPARE = (
    "RESET search_path; RESET jit; RESET max_parallel_workers_per_gather;"
    "RESET enable_seqscan; RESET enable_tidscan;"
    "RESET enable_indexscan; RESET enable_indexonlyscan; RESET enable_bitmapscan"
)
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


def run(unit: Unit, bench: Bench) -> Measurement:
    """Run the query; it must give one row with one column."""
    try:
        with bench.session(unit.database) as session:
            session.run(_PREPARE, doing="preparing the session")
            rows = session.rows(unit.detail["sql"], doing="the expectation's query")
    except QueryFailed as error:
        if error.sqlstate != _INTERNAL_ERROR:
            raise
        return Measurement(unit.id, Status.UNMEASURED, notes=(str(error),))
    except (ValueError, OverflowError):
        # The driver's message quotes the value: a date in the year 20000, say.
        note = "the query's value is beyond what Python can hold; cast it to text or to a number"
        return Measurement(unit.id, Status.UNMEASURED, notes=(note,))
    expect = unit.detail["expect"]
    if len(rows) != 1 or len(rows[0]) != 1:
        note = "the query must give one row with one column; write it as an aggregate"
        return Measurement(unit.id, Status.UNMEASURED, notes=(note,))
    met = is_met(expect, rows[0][0])
    if met is None:
        note = f"the query's value can't be compared with {expect}"
        return Measurement(unit.id, Status.UNMEASURED, notes=(note,))
    if met:
        return Measurement(unit.id, Status.OK)
    return Measurement(unit.id, Status.WRONG, findings=(f"the value is not {expect}; {ADVICE}",))


CHECK = Check(NAME, "the user's own queries", plan, run)
