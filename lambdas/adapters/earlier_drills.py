"""The manifests of earlier drills, in the evidence bucket by source and date."""

from collections.abc import Iterator
from typing import Any

from lambdas.adapters.aws import client, translating_errors
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common.document_names import REPORT
from lambdas.drill.admission.request import MODE_SNAPSHOT
from lambdas.drill.verdict.verdict import Verdict

REPORTS_READ = 60
"""Two months of nights that did not pass; what is older than that says little of today."""


def last_passed(bucket: str, folder: str) -> dict[str, Any] | None:
    """The manifest of the newest drill that restored and PASSED before that of ``folder``.

    Args:
        folder: the evidence folder of a drill, ``drills/<source>/<year>/<month>/<day>/<name>``;
            the names of a source's drills are in the order of their times.
    """
    source = "/".join(folder.split("/")[:2])
    for number, name in enumerate(_newest_first(bucket, f"{source}/", 4)):
        if number >= REPORTS_READ:
            return None
        if name.rstrip("/") >= folder:
            continue
        report: dict[str, Any] | None = Evidence(bucket, name.rstrip("/")).find(REPORT)
        if report and _has_restored(report):
            return report
    return None


def _has_restored(report: dict[str, Any]) -> bool:
    """PASSED, and not for a snapshot alone."""
    passed: bool = report["verdict"] == Verdict.PASSED
    return passed and report["drill"]["mode"] != MODE_SNAPSHOT


def _newest_first(bucket: str, prefix: str, levels: int) -> Iterator[str]:
    """The folders so many levels below, the last in the alphabet first."""
    if levels == 0:
        yield prefix
        return
    for name in reversed(_folders(bucket, prefix)):
        yield from _newest_first(bucket, name, levels - 1)


def _folders(bucket: str, prefix: str) -> list[str]:
    with translating_errors(f"listing s3://{bucket}/{prefix}"):
        pages = client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        return [entry["Prefix"] for page in found for entry in page.get("CommonPrefixes", [])]
