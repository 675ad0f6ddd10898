import json

import pytest

from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.units import (
    Claim,
    Measurement,
    Status,
    Unit,
    Violation,
    measurement_from,
    to_document,
)

UNIT = Unit("heap/1", "heap", "shop", "public.orders", claim=Claim.PROVEN)


def test_nothing_to_say_is_all_well() -> None:
    assert Outcome().measurement(UNIT) == Measurement(UNIT.id, Status.OK)


def test_what_was_not_asked_weakens_the_claim() -> None:
    outcome = Outcome()
    outcome.not_asked("one index")
    assert outcome.measurement(UNIT).claim is Claim.CONSISTENT
    outcome.not_asked("all of them", Claim.NOT_COMPARED)
    assert outcome.measurement(UNIT).claim is Claim.NOT_COMPARED
    assert not outcome.is_complete


@pytest.mark.parametrize("wrong", [True, False])
def test_what_was_not_measured_is_no_pass(wrong: bool) -> None:
    outcome = Outcome()
    outcome.not_measured("locked")
    outcome.exempt("unlogged")
    if wrong:
        outcome.wrong("a page is torn")
    status = outcome.measurement(UNIT).status
    assert status is (Status.WRONG if wrong else Status.UNMEASURED)


def test_warnings_and_violations_alone_are_all_well() -> None:
    outcome = Outcome()
    outcome.warning("a row that no index finds")
    outcome.violation("an orphan", remedy="delete it", relations=("public.orders",))
    found = outcome.measurement(UNIT)
    assert found.status is Status.OK
    assert found.violations == (Violation("an orphan", "delete it", ("public.orders",)),)
    assert measurement_from(json.loads(json.dumps(to_document(found)))) == found
