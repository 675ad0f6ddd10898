"""The verdict: PASSED needs proof of everything that was planned."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.drill.units import Claim, Measurement, Status, Unit
from lambdas.drill.verdict.folding import fold
from lambdas.drill.verdict.verdict import (
    NO_DATABASE,
    NO_RESULT,
    NO_VERDICT,
    REASONS_SHOWN,
    Judgement,
    Result,
    Verdict,
    conclude,
    judge,
    judgement_from,
)

REACHED = Unit("databases/shop", "databases", "shop", "", claim=Claim.PROVEN)
WAS_REACHED = Measurement(REACHED.id, Status.OK)
ORDERS = Unit("counts/0", "counts", "shop", "orders", bounds={"rows": (10, 12)}, claim=Claim.PROVEN)


def _found(status: Status, unit: str = ORDERS.id) -> Measurement:
    findings = ("something is wrong",) if status is Status.WRONG else ()
    return Measurement(unit, status, findings=findings)


def _rows(rows: int, unit: str = ORDERS.id, younger: int = 0) -> Measurement:
    return Measurement(unit, Status.OK, {"rows": rows, "younger rows": younger})


def _judge(*measurements: Measurement, units: tuple[Unit, ...] = (ORDERS,)) -> Judgement:
    return judge(fold([REACHED, *units], [WAS_REACHED, *measurements]))


def _ranges(number: int) -> tuple[Unit, ...]:
    return tuple(replace(ORDERS, id=f"counts/{block}") for block in range(number))


def _orders(*measurements: Measurement, units: tuple[Unit, ...] = (ORDERS,)) -> Result:
    (result,) = fold(units, measurements)
    return result


def test_all_units_measured_and_within_their_bounds_is_passed() -> None:
    found = _judge(_rows(11))
    assert (found.verdict, found.reasons) == (Verdict.PASSED, ())


@pytest.mark.parametrize("rows", [10, 12])
def test_the_bounds_belong_to_what_is_right(rows: int) -> None:
    assert _judge(_rows(rows)).verdict is Verdict.PASSED


@pytest.mark.parametrize("rows", [0, 9, 13, 10_000])
def test_beyond_the_bounds_is_failed_and_told_with_both_numbers(rows: int) -> None:
    found = _judge(_rows(rows))
    assert found.verdict is Verdict.FAILED
    assert found.reasons == (f"shop: orders: {rows:,} rows where the source held 10 to 12",)


def test_a_unit_without_a_measurement_is_inconclusive() -> None:
    found = _judge()
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "shop: orders: not measured" in found.reasons[0]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_one_missing_range_of_a_relation_is_inconclusive(missing: int) -> None:
    measured = [_rows(11, f"counts/{block}") for block in range(3) if block != missing]
    assert _judge(*measured, units=_ranges(3)).verdict is Verdict.INCONCLUSIVE


def test_an_unmeasured_unit_is_inconclusive_with_its_note() -> None:
    found = _judge(Measurement(ORDERS.id, Status.UNMEASURED, notes=("out of time",)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "out of time" in found.reasons[0]


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        ([Claim.NOT_COMPARED], Verdict.INCONCLUSIVE),
        ([Claim.NOT_COMPARED, Claim.NOT_COMPARED], Verdict.INCONCLUSIVE),
        ([Claim.NOT_COMPARED, Claim.CONSISTENT], Verdict.PASSED),
        ([Claim.PROVEN], Verdict.PASSED),
    ],
)
def test_rows_that_were_to_be_compared_must_be_in_some_table_if_there_is_one(
    claims: list[Claim], verdict: Verdict
) -> None:
    reached = Result("databases", "shop", "", Status.OK, Claim.PROVEN)
    counted = [
        Result("counts", "shop", f"t{number}", Status.OK, claim)
        for number, claim in enumerate(claims)
    ]
    assert judge([reached, *counted], rows_wanted=True).verdict is verdict
    assert judge([reached, *counted]).verdict is Verdict.PASSED


def test_nothing_planned_is_inconclusive() -> None:
    found = judge([])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("nothing was measured" in message for message in found.reasons)


def test_relations_without_a_database_that_was_reached_are_inconclusive() -> None:
    found = judge(fold([ORDERS], [_rows(11)]))
    assert (found.verdict, found.reasons) == (Verdict.INCONCLUSIVE, (NO_DATABASE,))


def test_a_failure_of_the_workflow_is_inconclusive_and_told_first() -> None:
    found = judge(fold([REACHED, ORDERS], [WAS_REACHED]), "RestoreInstance: AccessDenied")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons[0] == "RestoreInstance: AccessDenied"


def test_a_failure_of_the_workflow_before_any_plan_is_the_only_reason() -> None:
    assert judge([], "CreateSnapshot: QuotaExceeded").reasons == ("CreateSnapshot: QuotaExceeded",)


def test_wrong_data_stays_failed_when_the_workflow_broke_too() -> None:
    found = judge(fold([REACHED, ORDERS], [WAS_REACHED, _rows(1)]), "VerifyBatches: Timeout")
    assert found.verdict is Verdict.FAILED
    assert len(found.reasons) == 2


def test_wrong_wins_over_unmeasured() -> None:
    bare = replace(ORDERS, id="counts/1", subject="items")
    found = _judge(_found(Status.WRONG), units=(ORDERS, bare))
    assert found.verdict is Verdict.FAILED
    assert [reason.split(":")[1] for reason in found.reasons] == [" orders", " items"]


def test_wrong_in_one_range_wins_over_another_that_is_missing() -> None:
    found = _judge(_found(Status.WRONG), units=_ranges(2))
    assert found.verdict is Verdict.FAILED
    assert NO_RESULT in found.results[0].notes


statuses = st.lists(st.sampled_from([*Status, None]), min_size=1, max_size=6)


@given(statuses, st.booleans())
def test_passed_is_only_what_has_no_wrong_and_no_unmeasured_unit(
    found: list[Status | None], as_ranges: bool
) -> None:
    units = tuple(
        Unit(f"u{number}", "counts", "shop", "t" if as_ranges else f"t{number}")
        for number in range(len(found))
    )
    measured = [
        _found(status, f"u{number}") for number, status in enumerate(found) if status is not None
    ]
    good = {Status.OK, Status.EXEMPT}
    # What is left out proves nothing: some table must have been read, to its end.
    proving = {Status.OK} if as_ranges else good
    some = Status.OK in found and proving.issuperset(found)
    worst = Verdict.PASSED if some else Verdict.INCONCLUSIVE
    wanted = Verdict.FAILED if Status.WRONG in found else worst
    assert _judge(*measured, units=units).verdict is wanted


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_ranges_add_up_to_what_the_whole_would_give(rows: list[int]) -> None:
    ranges = [_rows(number, f"counts/{block}") for block, number in enumerate(rows)]
    cut = _orders(*ranges, units=_ranges(len(rows)))
    whole = _orders(_rows(sum(rows)))
    assert cut == whole


def test_a_range_that_was_measured_twice_counts_once() -> None:
    assert _orders(_rows(11), _rows(11)).measured["rows"] == 11


def test_a_measurement_that_nobody_planned_counts_for_nothing() -> None:
    assert _orders(_rows(11), _rows(99, "counts/other")).measured["rows"] == 11


def test_the_same_table_in_two_databases_is_two_results() -> None:
    other = replace(ORDERS, id="counts/x", database="archive")
    found = fold([ORDERS, other], [_rows(11), _rows(11, "counts/x")])
    assert [result.title for result in found] == ["archive: orders", "shop: orders"]


def test_what_is_proven_needs_no_excuse() -> None:
    assert _orders(_rows(11), units=(replace(ORDERS, why="because"),)).notes == ()


def test_what_has_no_bounds_is_claimed_without_a_sum() -> None:
    (result,) = fold([REACHED], [WAS_REACHED])
    assert (result.status, result.claim) == (Status.OK, Claim.PROVEN)


def test_the_seconds_of_the_ranges_add_up() -> None:
    ranges = [replace(_rows(5, f"counts/{block}"), seconds=1.25) for block in range(2)]
    assert _orders(*ranges, units=_ranges(2)).seconds == 2.5


def test_what_holds_is_claimed_as_planned() -> None:
    result = _orders(_rows(11))
    assert (result.status, result.claim) == (Status.OK, Claim.PROVEN)
    assert result.expected == {"rows": (10, 12)}


def test_younger_rows_weaken_the_claim_to_consistent_and_say_why() -> None:
    unit = replace(ORDERS, why="rows written around the snapshot are not compared")
    result = _orders(_rows(11, younger=1), units=(unit,))
    assert (result.claim, result.notes) == (Claim.CONSISTENT, (unit.why,))


def test_no_younger_rows_leave_the_claim_proven() -> None:
    assert _orders(_rows(11, younger=0)).claim is Claim.PROVEN


def test_a_part_that_was_not_looked_at_weakens_the_claim_of_the_whole() -> None:
    ranges = [
        replace(_rows(5, f"counts/{number}"), claim=claim)
        for number, claim in enumerate([None, Claim.CONSISTENT, Claim.PROVEN])
    ]
    unit = replace(ORDERS, bounds={})
    units = [replace(unit, id=found.unit) for found in ranges]
    assert _orders(*ranges, units=tuple(units)).claim is Claim.CONSISTENT


def test_no_measurement_claims_more_than_its_unit() -> None:
    unit = replace(ORDERS, claim=Claim.NOT_COMPARED)
    found = replace(_rows(11), claim=Claim.PROVEN)
    assert _orders(found, units=(unit,)).claim is Claim.NOT_COMPARED


@pytest.mark.parametrize("found", [_rows(1), _found(Status.WRONG), _found(Status.UNMEASURED)])
def test_nothing_is_claimed_of_what_is_wrong_or_unmeasured(found: Measurement) -> None:
    assert _orders(found).claim is Claim.NOT_COMPARED


def test_what_is_exempt_says_why_and_does_not_spoil_the_drill() -> None:
    unit = replace(ORDERS, exempt=True, why="foreign: its rows are on another server")
    measured = (_found(Status.EXEMPT), _rows(11, "counts/1"))
    other = replace(ORDERS, id="counts/1", subject="others")
    found = _judge(*measured, units=(unit, other))
    assert found.verdict is Verdict.PASSED
    assert unit.why in found.results[0].notes


TEMPLATE = Result("databases", "template1", "", Status.OK, Claim.PROVEN)
UNLOGGED = "unlogged: a snapshot need not hold its rows"
NOT_READ = Status.EXEMPT, Claim.NOT_COMPARED


def _reached(*results: Result) -> Judgement:
    return judge([Result("databases", "shop", "", Status.OK, Claim.PROVEN), TEMPLATE, *results])


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([], "there is no table in any database"),
        ([Result("catalog", "shop", "", Status.OK, Claim.PROVEN)], "there is no table"),
        ([Result("counts", "shop", "t", *NOT_READ, notes=(UNLOGGED,))], "no table was read"),
        ([Result("databases", "archive", "", *NOT_READ, notes=("closed",))], "no table was read"),
    ],
)
def test_nothing_to_prove_is_not_passed(results: list[Result], said: str) -> None:
    """The backup of the wrong instance, or of one that was emptied by mistake, proves nothing."""
    found = _reached(*results)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert [said in reason for reason in found.reasons] == [True]


def test_a_table_without_rows_is_something_to_prove() -> None:
    table = Result("counts", "shop", "t", Status.OK, Claim.PROVEN, {"rows": 0})
    assert _reached(table).verdict is Verdict.PASSED


def test_an_unmeasured_table_is_the_reason_and_not_that_there_is_none() -> None:
    table = Result("counts", "shop", "t", Status.UNMEASURED, Claim.NOT_COMPARED, notes=("late",))
    assert _reached(table).reasons == ("shop: t: not measured (counts): late",)


def test_what_hides_data_is_a_warning_of_its_own() -> None:
    """The databases come first: the headline shows one warning, a notice three."""
    read = Result("counts", "shop", "orders", Status.OK, Claim.PROVEN)
    unlogged = [Result("counts", "shop", f"u{n}", *NOT_READ, notes=(UNLOGGED,)) for n in range(7)]
    foreign = Result("counts", "shop", "far", *NOT_READ, notes=("foreign",))
    index = Result("btrees", "shop", "i", *NOT_READ, notes=("of an unlogged table",))
    closed = Result("databases", "archive", "", *NOT_READ, notes=("closed to connections",))
    found = _reached(read, *unlogged, foreign, index, closed)
    assert found.verdict is Verdict.PASSED
    assert found.warnings == (
        "the whole database archive was left out, nothing of it is proven: closed to connections",
        f"shop: left out, nothing of it is proven: u0, u1, u2, u3, u4, and 2 more: {UNLOGGED}",
        "shop: left out, nothing of it is proven: far: foreign",
    )


@pytest.mark.parametrize(("more", "last"), [(0, "t29"), (1, "and 1 more"), (5, "and 5 more")])
def test_many_reasons_are_cut_and_counted(more: int, last: str) -> None:
    numbers = range(10, 10 + REASONS_SHOWN + more)
    units = tuple(Unit(f"u{number}", "counts", "shop", f"t{number}") for number in numbers)
    reasons = _judge(units=units).reasons
    assert len(reasons) == REASONS_SHOWN + bool(more)
    assert last in reasons[-1]


PASSED = Judgement(Verdict.PASSED, ())
FAILED = Judgement(Verdict.FAILED, ("shop: orders: 1 rows",))
UNKNOWN = Judgement(Verdict.INCONCLUSIVE, ("out of time",))


@pytest.mark.parametrize("judgement", [PASSED, FAILED, UNKNOWN])
def test_a_clean_teardown_changes_no_verdict(judgement: Judgement) -> None:
    assert conclude(judgement, "", cleanup_done=True, cleanup="gone") is judgement


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        (PASSED, Verdict.INCONCLUSIVE),
        (UNKNOWN, Verdict.INCONCLUSIVE),
        (FAILED, Verdict.FAILED),
        (None, Verdict.INCONCLUSIVE),
    ],
)
def test_a_copy_that_is_left_over_never_ends_green(
    judgement: Judgement | None, verdict: Verdict
) -> None:
    found = conclude(judgement, "", cleanup_done=False, cleanup="DeleteInstance: AccessDenied")
    assert found.verdict is verdict
    assert "DeleteInstance: AccessDenied" in found.reasons[0]


def test_a_copy_that_is_left_over_hides_no_other_reason() -> None:
    found = conclude(FAILED, "", cleanup_done=False, cleanup="overdue")
    assert found.reasons[1:] == FAILED.reasons


def test_a_copy_that_was_to_be_kept_and_is_not_never_ends_green() -> None:
    judged = replace(PASSED, warnings=("no canary",), cost={"seconds": 1.5})
    found = conclude(judged, "KeepInstance: AccessDenied", cleanup_done=True, cleanup="gone")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.warnings, found.cost) == (judged.warnings, judged.cost)
    (reason,) = found.reasons
    assert reason == "the copy was verified and could not be kept: KeepInstance: AccessDenied"


@pytest.mark.parametrize("judgement", [FAILED, UNKNOWN])
def test_a_failure_that_was_judged_already_is_told_once(judgement: Judgement) -> None:
    assert conclude(judgement, "out of time", cleanup_done=True, cleanup="gone") is judgement


@pytest.mark.parametrize("failure", ["", "JudgeDrill: InternalFault"])
def test_no_judgement_is_inconclusive_with_a_reason(failure: str) -> None:
    found = conclude(None, failure, cleanup_done=True, cleanup="gone")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == (failure or NO_VERDICT,)


def test_a_judgement_survives_the_evidence_as_json() -> None:
    judgement: Any = _judge(_rows(1), units=(replace(ORDERS, why="because"),))
    assert judgement_from(json.loads(json.dumps(asdict(judgement)))) == judgement


def test_a_wrong_result_without_a_finding_is_still_failed() -> None:
    judgement = _judge(Measurement(ORDERS.id, Status.WRONG))
    assert judgement.verdict is Verdict.FAILED
    assert judgement.reasons == ("shop: orders: wrong (counts)",)


def test_a_database_that_is_only_exempt_was_not_reached() -> None:
    results = fold([REACHED], [Measurement(REACHED.id, Status.EXEMPT)])
    assert judge(results).verdict is Verdict.INCONCLUSIVE


def test_a_bounded_sum_that_was_not_measured_is_inconclusive() -> None:
    judgement = _judge(Measurement(ORDERS.id, Status.OK, {"other": 1}))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "rows were not measured" in judgement.reasons[0]


def test_what_thousands_of_ranges_say_stays_small() -> None:
    """A state's output ends at 256 KiB, and no Catch helps beyond it."""
    ranges = [Unit(f"counts/{n}", "counts", "shop", "orders") for n in range(5000)]
    refused = [
        Measurement(unit.id, Status.UNMEASURED, notes=("x" * 5000, f"range {unit.id}"))
        for unit in ranges
    ]
    judgement = judge(fold([REACHED, *ranges], [WAS_REACHED, *refused]))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert len(json.dumps(asdict(judgement))) < 30_000
