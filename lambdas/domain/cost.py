"""What a verification read, how long its functions ran, and what that costs in Lambda."""

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.domain.units import Measurement, Status, Unit

USD_A_GB_SECOND = 0.0000133334
"""Lambda on arm64, us-east-1, the first tier of a month; ``docs/cost.md`` has source and date."""

USD_A_REQUEST = 0.20 / 1_000_000
MIB_A_GB = 1024


def of_batches(
    units: Iterable[Unit],
    measurements: Iterable[Measurement],
    runs: Iterable[Mapping[str, Any]],
) -> dict[str, float]:
    """``bytes_read``, ``functions``, ``seconds``, ``gb_seconds`` and ``lambda_usd``.

    Args:
        units: what was planned; of the size that the copy told.
        measurements: only what was measured counts as read.
        runs: of each batch that ended, the ``seconds`` and ``memory_mib`` of its function.
    """
    unread = (Status.UNMEASURED, Status.EXEMPT)
    measured = {found.unit for found in measurements if found.status not in unread}
    ended = list(runs)
    gb_seconds = sum(run["seconds"] * run["memory_mib"] / MIB_A_GB for run in ended)
    return {
        "bytes_read": sum(unit.cost_bytes for unit in units if unit.id in measured),
        "functions": len(ended),
        "seconds": round(sum(run["seconds"] for run in ended), 3),
        "gb_seconds": round(gb_seconds, 3),
        "lambda_usd": round(gb_seconds * USD_A_GB_SECOND + len(ended) * USD_A_REQUEST, 6),
    }
