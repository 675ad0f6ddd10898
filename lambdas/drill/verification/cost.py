"""What measuring the copy came to: bytes, seconds of functions, and what these cost in Lambda.

Of a drill's functions only VerifyBatch is counted, and of its tries those that ended: planning, the
source's two readings and the waits for RDS are not.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.drill.check_names import EXPECTATIONS_CHECK
from lambdas.drill.units import Measurement, Status, Unit

USD_A_GB_SECOND = 0.0000133334
"""Lambda on arm64, us-east-1, the first tier of a month; ``docs/cost.md`` has source and date."""

USD_A_REQUEST = 0.20 / 1_000_000
MIB_A_GB = 1024
MIB, GIB = 2**20, 2**30
LEAST_USD_SHOWN = 0.0001


def of_batches(
    units: Iterable[Unit],
    measurements: Iterable[Measurement],
    runs: Iterable[Mapping[str, Any]],
) -> dict[str, float]:
    """``bytes_planned``, ``batches``, ``seconds``, ``gb_seconds`` and ``lambda_usd``.

    Args:
        units: what was planned. A table counts with its size as often as it is read, whether its
            blocks came from the disk or from memory.
        measurements: only what was measured counts.
        runs: of each batch that ended, the ``seconds`` and ``memory_mib`` of its function.
    """
    unread = (Status.UNMEASURED, Status.EXEMPT)
    measured = {found.unit for found in measurements if found.status not in unread}
    counted = [unit for unit in units if unit.id in measured and unit.check != EXPECTATIONS_CHECK]
    ended = list(runs)
    gb_seconds = sum(run["seconds"] * run["memory_mib"] / MIB_A_GB for run in ended)
    return {
        "bytes_planned": sum(unit.cost_bytes for unit in counted),
        "batches": len(ended),
        "seconds": round(sum(run["seconds"] for run in ended), 3),
        "gb_seconds": round(gb_seconds, 3),
        "lambda_usd": round(gb_seconds * USD_A_GB_SECOND + len(ended) * USD_A_REQUEST, 6),
    }


def in_words(cost: Mapping[str, float]) -> str:
    """One line for people; empty where no batch ended.

    Args:
        cost: see :func:`of_batches`; empty where nothing was to be measured.
    """
    if not cost.get("batches"):
        return ""
    batches = f"{cost['batches']:,} batch{'' if cost['batches'] == 1 else 'es'}"
    usd = cost["lambda_usd"]
    money = f"about ${usd:,.4f}" if usd >= LEAST_USD_SHOWN else f"less than ${LEAST_USD_SHOWN}"
    return (
        f"Measuring the copy: {_size(cost['bytes_planned'])} planned to be read"
        f" in {batches}, {cost['seconds']:,.1f} s of VerifyBatch, {money} in Lambda."
    )


def _size(number: float) -> str:
    return f"{number / GIB:,.1f} GiB" if number >= GIB else f"{number / MIB:,.1f} MiB"
