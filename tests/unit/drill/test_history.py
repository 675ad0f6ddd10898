"""Held against the last drill that PASSED: a loss is told, and proves nothing."""

from dataclasses import replace
from typing import Any

import pytest

from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.history import WARNINGS_SHOWN, is_wanted, warnings
from lambdas.drill.verdict.verdict import Result

DATABASE = Result("databases", "shop", "", Status.OK, Claim.PROVEN)


def _counted(subject: str, rows: int, claim: Claim = Claim.NOT_COMPARED) -> Result:
    return Result("counts", "shop", subject, Status.OK, claim, {"rows": rows})


def _earlier(**rows: int) -> dict[str, Any]:
    results = [
        {
            "check": "counts",
            "database": "shop",
            "subject": subject,
            "status": "ok",
            "measured": {"rows": number},
        }
        for subject, number in rows.items()
    ]
    return {"finished_at": "2026-11-21T03:00:00.000Z", "results": results}


def test_a_table_that_vanished_and_one_that_collapsed_are_told() -> None:
    results = [DATABASE, _counted("orders", 499), _counted("items", 500), _counted("new", 0)]
    found = warnings(results, "none", _earlier(orders=1000, items=1000, users=7))
    assert found == (
        "shop: users has vanished, which had 7 rows since the drill of 2026-11-21 that PASSED",
        "shop: orders has 499 rows, and had 1,000, since the drill of 2026-11-21 that PASSED",
    )


def test_a_database_that_vanished_is_told_once() -> None:
    earlier = _earlier(orders=1000, items=1000)
    (message,) = warnings([replace(DATABASE, database="other")], "none", earlier)
    assert message.startswith("the database shop has vanished")


@pytest.mark.parametrize("baseline", ["catalog", "exact"])
def test_with_a_baseline_what_is_gone_is_gone_from_the_source(baseline: str) -> None:
    results = [DATABASE, _counted("orders", 1), _counted("items", 1, Claim.PROVEN)]
    (message,) = warnings(results, baseline, _earlier(orders=1000, items=1000, users=7))
    assert message.startswith("shop: orders has 1 rows")


def test_a_small_table_may_come_and_go() -> None:
    assert warnings([DATABASE, _counted("orders", 0)], "none", _earlier(orders=99)) == ()


def test_warnings_are_bounded() -> None:
    earlier = _earlier(**{f"t{number}": 1 for number in range(100)})
    found = warnings([DATABASE], "none", earlier)
    assert len(found) == WARNINGS_SHOWN + 1
    assert found[-1] == "and 80 more"


def test_history_is_asked_only_where_the_source_was_not() -> None:
    compared, not_compared = _counted("a", 1, Claim.PROVEN), _counted("a", 1)
    assert is_wanted([], "none")
    assert not is_wanted([compared], "exact")
    assert is_wanted([compared, not_compared], "exact")
