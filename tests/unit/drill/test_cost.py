"""The verifier's cost: what was measured counts as read, every function that ended as paid for."""

import pytest

from lambdas.drill.checks import expectations
from lambdas.drill.units import Measurement, Status, Unit
from lambdas.drill.verification import cost
from lambdas.drill.verification.cost import USD_A_GB_SECOND, USD_A_REQUEST, of_batches


def test_what_was_not_measured_is_not_counted() -> None:
    units = [Unit(name, "counts", "shop", name, cost_bytes=100) for name in "abcd"]
    measured = [
        Measurement("a", Status.OK),
        Measurement("b", Status.WRONG),
        Measurement("c", Status.UNMEASURED),
    ]
    runs = [{"seconds": 10.0, "memory_mib": 1024}, {"seconds": 4.0, "memory_mib": 512}]
    found = of_batches(units, measured, runs)
    assert found["bytes_planned"] == 200
    assert (found["batches"], found["seconds"], found["gb_seconds"]) == (2, 14.0, 12.0)
    assert found["lambda_usd"] == round(12 * USD_A_GB_SECOND + 2 * USD_A_REQUEST, 6)


def test_the_time_that_a_users_query_is_given_is_no_size() -> None:
    units = [
        Unit("a", expectations.NAME, "shop", "orders came back", cost_bytes=expectations.MOST_BYTES)
    ]
    assert of_batches(units, [Measurement("a", Status.OK)], [])["bytes_planned"] == 0


def test_nothing_that_ran_costs_nothing_and_is_not_told() -> None:
    nothing = of_batches([], [], [])
    assert set(nothing.values()) == {0}
    assert cost.in_words(nothing) == cost.in_words({}) == ""


@pytest.mark.parametrize(
    ("planned", "batches", "seconds", "usd", "message"),
    [
        (
            2**19,
            1,
            4.83,
            0.00006,
            "Measuring the copy: 0.5 MiB planned to be read in 1 batch, 4.8 s of VerifyBatch,"
            " less than $0.0001 in Lambda.",
        ),
        (
            1200 * 2**30,
            1234,
            12345.6,
            1.64612,
            "Measuring the copy: 1,200.0 GiB planned to be read in 1,234 batches, 12,345.6 s of"
            " VerifyBatch, about $1.6461 in Lambda.",
        ),
    ],
)
def test_one_line_says_what_it_counts(
    planned: int, batches: int, seconds: float, usd: float, message: str
) -> None:
    found = {
        "bytes_planned": planned,
        "batches": batches,
        "seconds": seconds,
        "gb_seconds": seconds,
        "lambda_usd": usd,
    }
    assert cost.in_words(found) == message
