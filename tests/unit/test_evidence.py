"""The evidence bucket: what is written once stays; the newest drill that PASSED is found."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.adapters.aws import client
from lambdas.adapters.earlier_drills import REPORTS_READ, last_passed
from lambdas.adapters.evidence_bucket import Evidence

BUCKET = "evidence"
DRILL = "drills/shop/2026/11/22/tm-shop-20261122-030000-aaaaaa"


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "embedded")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        client.cache_clear()
        yield
    client.cache_clear()


def _report(day: str, name: str, verdict: str = "PASSED", mode: str = "drill") -> None:
    folder = f"drills/shop/{day}/{name}"
    report: dict[str, Any] = {"verdict": verdict, "drill": {"mode": mode, "id": name}}
    body = json.dumps(report).encode()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{folder}/report.json", Body=body)


def test_a_first_reading_that_ends_late_does_not_replace_the_first() -> None:
    evidence = Evidence(BUCKET, DRILL)
    assert evidence.write_once("before/00001.json", {"rows": 1}) == {"rows": 1}
    assert evidence.write_once("before/00001.json", {"rows": 2}) == {"rows": 1}
    assert evidence.read("before/00001.json") == {"rows": 1}


def test_the_newest_drill_that_restored_and_passed_before_this_one_is_found() -> None:
    _report("2025/12/31", "tm-shop-20251231-030000-a")
    _report("2026/11/19", "tm-shop-20261119-030000-a")
    _report("2026/11/19", "tm-shop-20261119-230000-a")
    _report("2026/11/20", "tm-shop-20261120-030000-a", mode="snapshot")
    _report("2026/11/21", "tm-shop-20261121-030000-a", verdict="FAILED")
    _report("2026/11/22", "tm-shop-20261122-030000-aaaaaa")
    _report("2026/11/22", "tm-shop-20261122-050000-a")
    found = last_passed(BUCKET, DRILL)
    assert found is not None
    assert found["drill"]["id"] == "tm-shop-20261119-230000-a"


def test_another_source_whose_name_begins_alike_is_another() -> None:
    body = json.dumps({"verdict": "PASSED", "drill": {"mode": "drill"}}).encode()
    key = "drills/shop-eu/2026/11/21/tm-shop-eu-20261121-030000-a/report.json"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    assert last_passed(BUCKET, DRILL) is None


def test_the_search_has_an_end() -> None:
    _report("2024/01/01", "tm-shop-20240101-030000-a")
    for number in range(REPORTS_READ):
        day = f"2025/{number // 28 + 1:02d}/{number % 28 + 1:02d}"
        _report(day, f"tm-shop-{day.replace('/', '')}-030000-a", verdict="FAILED")
    assert last_passed(BUCKET, DRILL) is None
