"""Units of work: cut without gap or overlap, packed once each, within the limits."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdas.drill import units
from lambdas.drill.units import (
    BATCH_BYTES,
    BATCH_UNITS,
    MAX_BATCHES,
    RANGE_BYTES,
    Claim,
    Measurement,
    Status,
    Unit,
    batches,
    block_ranges,
    measurement_from,
    to_document,
    unit_from,
)


def _units(costs_bytes: list[int]) -> list[Unit]:
    return [
        Unit(f"counts/{number}", "counts", "shop", "orders", cost_bytes)
        for number, cost_bytes in enumerate(costs_bytes)
    ]


costs = st.lists(st.integers(0, RANGE_BYTES) | st.just(RANGE_BYTES), max_size=60)


@given(costs)
@example([0] * (BATCH_UNITS * 2 + 1))
@example([BATCH_BYTES * 3, BATCH_BYTES, 1, 0])
def test_every_unit_is_in_exactly_one_batch(costs_bytes: list[int]) -> None:
    packed = [unit.id for batch in batches(_units(costs_bytes)) for unit in batch]
    assert sorted(packed) == sorted(unit.id for unit in _units(costs_bytes))


@given(costs)
@example([0] * (BATCH_UNITS * 2 + 1))
def test_a_batch_keeps_to_its_bytes_and_its_units(costs_bytes: list[int]) -> None:
    for batch in batches(_units(costs_bytes)):
        assert 0 < len(batch) <= BATCH_UNITS
        assert sum(unit.cost_bytes for unit in batch) <= BATCH_BYTES


def test_a_unit_beyond_the_limit_has_a_batch_of_its_own() -> None:
    packed = batches(_units([1, BATCH_BYTES + 1, 0]))
    assert [[unit.cost_bytes for unit in batch] for batch in packed] == [[BATCH_BYTES + 1], [1, 0]]


def test_a_batch_is_filled_to_its_limit() -> None:
    assert len(batches(_units([BATCH_BYTES // 4] * 4))) == 1
    assert len(batches(_units([BATCH_BYTES // 4] * 5))) == 2


@given(costs)
def test_the_largest_come_first(costs_bytes: list[int]) -> None:
    packed = [unit.cost_bytes for batch in batches(_units(costs_bytes)) for unit in batch]
    assert packed == sorted(costs_bytes, reverse=True)


@given(st.permutations(_units([5, 5, 3, 0, 0])))
def test_the_order_of_planning_changes_nothing(planned: list[Unit]) -> None:
    assert batches(planned) == batches(_units([5, 5, 3, 0, 0]))


def test_nothing_to_do_is_no_batch() -> None:
    assert batches([]) == []


def test_more_bytes_make_more_batches_and_none_that_outgrows_its_function() -> None:
    full = 2 * MAX_BATCHES * BATCH_BYTES // RANGE_BYTES
    packed = batches(_units([RANGE_BYTES] * full))
    assert len(packed) == 2 * MAX_BATCHES
    assert all(sum(unit.cost_bytes for unit in batch) <= BATCH_BYTES for batch in packed)


def test_more_units_make_larger_batches_rather_than_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(units, "BATCH_UNITS", 2)
    monkeypatch.setattr(units, "MAX_BATCHES", 5)
    assert len(batches(_units([0] * 100))) <= 5


@given(st.integers(0, 20 * RANGE_BYTES), st.sampled_from([1024, 8192, 32768]))
@example(RANGE_BYTES, 8192)
@example(RANGE_BYTES + 1, 8192)
def test_ranges_cover_every_block_once(size_bytes: int, block_bytes: int) -> None:
    ranges = list(block_ranges(size_bytes, block_bytes))
    assert ranges[0][0] == 0
    assert all(end == following for (_, end), (following, _) in pairwise(ranges))
    assert ranges[-1][1] is None


@given(st.integers(1, 20 * RANGE_BYTES))
@example(RANGE_BYTES)
@example(RANGE_BYTES + 1)
def test_ranges_are_neither_empty_nor_too_large(size_bytes: int) -> None:
    for first, end in block_ranges(size_bytes, 8192):
        last_byte = size_bytes if end is None else end * 8192
        assert 0 < last_byte - first * 8192 <= RANGE_BYTES


def test_an_empty_relation_is_one_open_range() -> None:
    assert list(block_ranges(0, 8192)) == [(0, None)]


def test_a_unit_survives_the_evidence_as_json() -> None:
    unit = Unit(
        "counts/1",
        "counts",
        "shop",
        "orders",
        8192,
        {"rows": (1, 2**70)},
        Claim.CONSISTENT,
        "written meanwhile",
        detail={"blocks": [0, None]},
    )
    found = unit_from(json.loads(json.dumps(to_document(unit))))
    assert found == unit
    assert found.claim is Claim.CONSISTENT


def test_a_measurement_survives_the_evidence_as_json() -> None:
    measurement = Measurement("counts/1", Status.WRONG, {"rows": 2**70}, ("a",), ("b", "c"), 0.25)
    found = measurement_from(json.loads(json.dumps(to_document(measurement))))
    assert found == measurement
    assert found.status is Status.WRONG


@pytest.mark.parametrize("claim", [None, *Claim])
def test_a_measurements_claim_outlives_the_evidence(claim: Claim | None) -> None:
    found = Measurement("counts/0", Status.OK, claim=claim)
    assert measurement_from(json.loads(json.dumps(to_document(found)))) == found
