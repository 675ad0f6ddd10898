"""What makes no sense to a check costs its unit, and no other."""

from contextlib import AbstractContextManager

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.checks.shape import CheckContext, Discovered, Survey, SurveyedDatabase
from lambdas.drill.units import Status, Unit
from lambdas.drill.verification.batch import measure_batch, plan_units


def _no_session(_: str) -> AbstractContextManager[Session]:
    raise AssertionError("no server was to be asked")


def test_nonsense_in_one_unit_is_told_by_class_and_line_and_the_next_is_measured() -> None:
    """A detail that lacks what the check reads first; its text holds a secret of somebody's."""
    units = [
        Unit(id="one", check="sequences", database="d", subject="s", detail={"hunter2": 1}),
        Unit(id="two", check="sequences", database="d", subject="s", exempt=True),
    ]
    bench = CheckContext(_no_session, {}, {})

    first, second = measure_batch(units, bench, lambda: 60)

    assert (first.status, second.status) == (Status.UNMEASURED, Status.EXEMPT)
    (note,) = first.notes
    assert "KeyError at sequences.py:" in note
    assert "compared" not in note


def test_a_check_that_can_not_plan_is_a_unit_that_says_so_and_the_others_plan() -> None:
    seen = {"sequences": Discovered({"uses": None})}
    survey = Survey([SurveyedDatabase("shop", 7, seen=seen)], BASELINE_NONE)

    units = plan_units(survey)

    (message,) = [unit for unit in units if unit.check == "sequences"]
    assert message.database == MAINTENANCE_DATABASE
    assert "KeyError at sequences.py:" in message.detail["unseen"]["unread"]
    assert any(unit.check == "databases" for unit in units)


def test_units_keep_apart_whatever_a_database_is_called() -> None:
    """The first is named as the second's unit for one of its objects would be."""
    databases = [SurveyedDatabase(name, 7, closed="no") for name in ("shop", "shop", "shop/7")]

    ids = [unit.id for unit in plan_units(Survey(databases, BASELINE_NONE))]

    assert len(ids) == len(set(ids)) >= 3
