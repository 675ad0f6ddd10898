from lambdas.drill.units import Claim, Measurement, Status, Unit, Violation
from lambdas.drill.verdict.attribution import AUXILIARY, BY_ITSELF, attribute
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import Judgement, Verdict, judge

ORPHAN = Violation("1 row has no parent", "delete it", ("public.child", "public.parent"))
TWICE = Violation("a key stands twice", "repair it", ("public.child",), damage_only=True)


def test_what_the_source_holds_too_is_a_warning() -> None:
    wrong, warnings = attribute([ORPHAN, TWICE], {"public.child", "public.parent"})
    assert not wrong
    assert [text.split(";")[0] for text in warnings] == [ORPHAN.text, TWICE.text]


def test_what_a_healthy_server_may_hold_is_a_warning_whatever_was_compared() -> None:
    wrong, (warning,) = attribute([ORPHAN], {"public.child"})
    assert not wrong
    assert "nothing shows that the copy differs" in warning
    assert warning.endswith("On the source: delete it")


def test_what_no_healthy_server_holds_is_wrong_unless_the_source_holds_it() -> None:
    wrong, warnings = attribute([TWICE], ())
    assert wrong == (f"a key stands twice; {BY_ITSELF}. Ask the source too: repair it",)
    assert not warnings


def test_a_violation_that_no_relation_shows_is_never_said_to_be_the_sources() -> None:
    (warning,) = attribute([Violation("odd", "look", ())], ())[1]
    assert "nothing shows" in warning


def _judged(claim: Claim, violation: Violation) -> Judgement:
    units = [
        Unit("databases/shop", "databases", "shop", ""),
        Unit("counts/1", "counts", "shop", "public.child", claim=claim),
        Unit("counts/2", "counts", "other", "public.child", claim=Claim.PROVEN),
        Unit("constraints/1", "constraints", "shop", "public.child"),
    ]
    measurements = [Measurement(unit.id, Status.OK) for unit in units[:3]]
    measurements.append(Measurement(units[3].id, Status.OK, violations=(violation,)))
    return judge(fold(units, measurements))


def test_proven_rows_of_the_same_database_decide() -> None:
    passed, failed = _judged(Claim.PROVEN, TWICE), _judged(Claim.CONSISTENT, TWICE)
    assert (passed.verdict, len(passed.warnings)) == (Verdict.PASSED, 1)
    assert (failed.verdict, len(failed.warnings)) == (Verdict.FAILED, 0)
    assert failed.reasons[0].startswith("shop: public.child: a key stands twice")


def test_what_comes_with_other_damage_is_wrong_but_for_rows_that_are_proven() -> None:
    wrong, warnings = attribute([ORPHAN], {"public.child"}, {"public.parent"})
    assert wrong == (f"{ORPHAN.text}; {AUXILIARY}. Ask the source too: delete it",)
    assert not warnings
    assert not attribute([ORPHAN], {"public.child", "public.parent"}, {"public.child"})[0]


def test_equal_rows_say_nothing_of_the_sources_libraries() -> None:
    odd = Violation("a key stands twice", "repair it", ("public.child",), by_library=True)
    (warning,) = attribute([odd], {"public.child"})[1]
    assert "depends on the libraries" in warning
    assert "the source holds it too" not in warning
