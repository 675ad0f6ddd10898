"""``make snapshots``: what a person sees of an account, and what they are told when it fails."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from local.calls import Fault, enter_function
from ops.snapshots import UNUSABLE, main
from tests.accounts import NOW, Made, Snapshot
from tests.integration.account import Account, an_account


def _snapshot(number: int, source: str = "orders", verdict: str = "PASSED") -> Snapshot:
    made = Made(number, source, timedelta(days=3), "", "", ())
    age = timedelta(days=number)
    return Snapshot(made, age, "manual", "available", verdict, held=False, of_another=False)


OLD = _snapshot(9)
NEW = _snapshot(1, "orders", "FAILED")
HELD = replace(_snapshot(5, "tm-orders", ""), held=True)


@pytest.fixture
def account() -> Iterator[Account]:
    """Three of ours, and look-alikes that are not."""
    with an_account() as found:
        for snapshot in (
            OLD,
            NEW,
            HELD,
            replace(_snapshot(2), kind="automated"),
            replace(_snapshot(3), made=replace(_snapshot(3).made, look_alike="no tags")),
            replace(_snapshot(4), made=replace(_snapshot(4).made, name_as="{name}-copy")),
            replace(_snapshot(6), of_another=True),
        ):
            found.add_snapshot(snapshot)
        yield found


def _listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["--json", *arguments]) == 0
    listed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return listed


@pytest.mark.usefixtures("account")
def test_the_snapshots_of_drills_are_listed_newest_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = _listed(capsys)
    assert [row["snapshot_id"] for row in listed] == [s.made.name for s in (NEW, HELD, OLD)]
    assert listed[0] == {
        "source": "orders",
        "snapshot_id": NEW.made.name,
        "status": "available",
        "taken_at": f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "size_gib": 20,
        "verdict": "FAILED",
        "expires_at": f"{NOW + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}",
        "hold": False,
    }
    assert [row["hold"] for row in listed] == [False, True, False]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--source", "orders"], [NEW, OLD]),
        (["--source", "Orders"], [NEW, OLD]),
        (["--source", "tm-orders"], [HELD]),
        (["--source", "nobody"], []),
        (["--source", ""], [NEW, HELD, OLD]),
        (["--stack", "TimeMachine"], [NEW, HELD, OLD]),
        (["--stack", "Another"], []),
        (["--prefix", "tm"], [NEW, HELD, OLD]),
        (["--prefix", "other"], []),
    ],
)
def test_options_narrow_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[Snapshot]
) -> None:
    listed = _listed(capsys, *arguments)
    assert [row["snapshot_id"] for row in listed] == [s.made.name for s in expected]


@pytest.mark.usefixtures("account")
def test_a_person_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(snapshot.made.name in printed for snapshot in (NEW, HELD, OLD))
    assert "3 snapshots" in printed
    (line,) = [line for line in printed.splitlines() if HELD.made.name in line]
    assert line.split()[-1] == "held"
    assert main(["--source", "nobody"]) == 0
    assert "There is no snapshot of a drill here." in capsys.readouterr().out


def test_without_credentials_or_region_it_says_what_is_missing(
    account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert main([]) == UNUSABLE
    assert "no AWS region" in capsys.readouterr().err
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    assert main([]) == UNUSABLE
    assert "no AWS credentials" in capsys.readouterr().err
    monkeypatch.setenv("AWS_PROFILE", "typo")
    assert main([]) == UNUSABLE
    assert "typo" in capsys.readouterr().err
    assert account.ledger.calls == []


def test_the_region_is_that_of_aws_region_too(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    del account
    with patch.dict(os.environ, {"AWS_REGION": os.environ["AWS_DEFAULT_REGION"]}):
        del os.environ["AWS_DEFAULT_REGION"]
        assert len(_listed(capsys)) == 3


def test_a_refusal_of_aws_is_told_in_one_line(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.ledger.faults.append(Fault("rds.DescribeDBSnapshots", "ExpiredToken"))
    enter_function("by hand")
    try:
        assert main([]) == UNUSABLE
    finally:
        enter_function("")
    message = capsys.readouterr().err
    said = "listing the snapshots of every source: AWS answered ExpiredToken: scripted fault"
    assert message.strip() == said
