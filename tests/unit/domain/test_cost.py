"""The verifier's cost: what was measured counts as read, every function that ended as paid for."""

from lambdas.domain.cost import USD_A_GB_SECOND, USD_A_REQUEST, of_batches
from lambdas.domain.units import Measurement, Status, Unit


def test_what_was_not_measured_was_not_read() -> None:
    units = [Unit(name, "counts", "shop", name, cost_bytes=100) for name in "abcd"]
    measured = [
        Measurement("a", Status.OK),
        Measurement("b", Status.WRONG),
        Measurement("c", Status.UNMEASURED),
    ]
    runs = [{"seconds": 10.0, "memory_mib": 1024}, {"seconds": 4.0, "memory_mib": 512}]
    found = of_batches(units, measured, runs)
    assert found["bytes_read"] == 200
    assert (found["functions"], found["seconds"], found["gb_seconds"]) == (2, 14.0, 12.0)
    assert found["lambda_usd"] == round(12 * USD_A_GB_SECOND + 2 * USD_A_REQUEST, 6)


def test_nothing_that_ran_costs_nothing() -> None:
    assert set(of_batches([], [], []).values()) == {0}
