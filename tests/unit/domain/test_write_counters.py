"""What the source counted of its writes bounds a copy's rows, where nothing disturbed it."""

from dataclasses import asdict, astuple, replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Result
from lambdas.drill.verdict.write_counters import Counters, allowed, compare, record, why_unusable

NUMBERS = {("shop", "orders"): "16385"}

EVENTS = ["insert", "delete", "rolled-back insert", "rolled-back delete"]

events, honest = (
    st.lists(st.lists(st.sampled_from(kinds)), min_size=6, max_size=6)
    for kinds in (EVENTS, EVENTS[:2])
)
FIRST, SECOND = ["before 0", "copy 0", "after 0"], ["before 1", "copy 1", "after 1"]


def _merged(places: tuple[int, ...]) -> list[str]:
    """The moments of both drills in one line, those of the first at these places."""
    first, second = iter(FIRST), iter(SECOND)
    return [next(first) if place in places else next(second) for place in range(6)]


orders = st.just(FIRST + SECOND) | st.sampled_from(list(combinations(range(6), 3))).map(_merged)


def _lived(order: list[str], between: list[list[str]], rows: int) -> dict[str, Any]:
    """The true counters at each reading, and the rows of each copy."""
    counters, seen = Counters(1, 0, 0, 0), {}
    for moment, happened in zip(order, between, strict=True):
        for event in happened:
            if event.endswith("insert"):
                counters = replace(counters, inserted=counters.inserted + 1)
                rows += event == "insert"
            elif rows:
                counters = replace(counters, deleted=counters.deleted + 1)
                rows -= event == "delete"
        seen[moment] = rows if moment.startswith("copy") else counters
    return seen


def _reading(counters: Counters, **other: Any) -> dict[str, Any]:
    relations = {"16385": list(astuple(counters))}
    return {"since": ["1"], "counting": True, "relations": relations, **other}


def _assert_inside(order: list[str], between: list[list[str]], rows: int) -> None:
    seen = _lived(order, between, rows)
    read = [seen[name] for name in ("before 0", "after 0", "before 1", "after 1")]
    refused = why_unusable([_reading(counters) for counters in read], "16385")
    if refused or order.index("copy 0") > order.index("copy 1"):
        assert order != FIRST + SECOND
        return
    bounds = allowed(seen["copy 0"], read)
    assert bounds.fewest <= seen["copy 1"] <= bounds.most
    if not any("rolled-back" in event for happened in between for event in happened):
        assert bounds.low <= seen["copy 1"] <= bounds.high


@given(orders, events | honest, st.integers(0, 5))
def test_a_good_copy_is_never_outside(
    order: list[str], between: list[list[str]], rows: int
) -> None:
    """Nor when drills overlap, unless the counters are refused."""
    _assert_inside(order, between, rows)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("place", range(6))
def test_a_single_write_at_any_moment_leaves_a_good_copy_inside(event: str, place: int) -> None:
    between: list[list[str]] = [[] for _ in range(6)]
    between[place].append(event)
    _assert_inside(FIRST + SECOND, between, 3)


def test_between_still_snapshots_the_count_is_exact() -> None:
    then, now = Counters(1, 10, 0, 2), Counters(1, 15, 9, 3)
    assert asdict(allowed(8, [then, then, now, now])) == {
        "low": 12,
        "high": 12,
        "fewest": 7,
        "most": 13,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"counting": False}, "switched off"),
        ({"since": ["2"]}, "began anew"),
        ({"relations": {}}, "not of the same table"),
        ({"relations": {"16385": [2, 5, 5, 5]}}, "emptied or rewrote"),
        ({"relations": {"16385": [1, 4, 5, 5]}}, "backwards"),
        ({"relations": {"16385": [1, 5, 4, 5]}}, "backwards"),
        ({"relations": {"16385": [1, 5, 5, 4]}}, "backwards"),
    ],
)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_what_disturbs_the_counters_is_told(change: Any, words: str, place: int) -> None:
    readings = [_reading(Counters(1, 5, 5, 5)) for _ in range(4)]
    assert why_unusable(readings, "16385") == ""
    readings[place] |= change
    assert words in why_unusable(readings, "16385")


def _result(rows: int) -> Result:
    notes = ("the baseline (catalog) holds no rows",)
    claim = Claim.NOT_COMPARED
    return Result("counts", "shop", "orders", Status.OK, claim, {"rows": rows}, notes=notes)


def _record(rows: int, inserted: int) -> dict[str, Any]:
    reading = {"shop": {"read": {"write counters": _reading(Counters(1, inserted, 0, 0))}}}
    return record(reading, reading, [_result(rows)], NUMBERS)


@pytest.mark.parametrize(
    ("rows", "claim", "note", "message"),
    [
        (15, Claim.CONSISTENT, "they allow 15 rows; they come late", False),
        (13, Claim.NOT_COMPARED, "what was rolled back may explain 13", False),
        (9, Claim.NOT_COMPARED, "they allow 15 rows", True),
        (16, Claim.NOT_COMPARED, "they allow 15 rows", True),
    ],
)
def test_a_count_outside_is_told_and_changes_no_verdict(
    rows: int, claim: Claim, note: str, message: bool
) -> None:
    (result,), found = compare([_result(rows)], NUMBERS, _record(10, 0), _record(rows, 5))
    assert (result.status, result.claim) == (Status.OK, claim)
    assert note in result.notes[-1]
    expected = f"shop: orders has {rows} rows, and the source's write counters, which can be wrong,"
    assert found == ((f"{expected} allow 15",) if message else ())


def test_without_the_last_drill_s_counters_nothing_is_claimed() -> None:
    for then in ({}, {"shop": {**_record(10, 0)["shop"], "rows": {}}}):
        (result,), found = compare([_result(1)], NUMBERS, then, _record(1, 0))
        assert (result.claim, found) == (Claim.NOT_COMPARED, ())
        assert "none of it from the last drill" in result.notes[-1]


def test_what_is_compared_with_more_is_left_alone() -> None:
    proven = replace(_result(1), claim=Claim.PROVEN)
    assert compare([proven], NUMBERS, {}, {}) == ((proven,), ())


def test_a_reading_that_was_lost_leaves_no_record() -> None:
    reading = {"shop": {"read": {"write counters": _reading(Counters(1, 0, 0, 0))}}}
    assert record(reading, {"shop": {"read": {}}}, [_result(1)], NUMBERS) == {}
