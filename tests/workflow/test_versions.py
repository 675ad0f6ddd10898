"""A drill that runs across a deployment: its documents have another version's shape.

``earlier/events.json`` holds what the states of the first version handed to their functions. It is
a record: a later version's fields do not belong in it.
"""

import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from lambdas.common.versions import read_as
from lambdas.drill.checks.shape import Discovered
from lambdas.drill.drill import Drill, drill_from
from local.cloud import SOURCE, Cloud
from tests.workflow.conftest import leftovers

EARLIER = json.loads((Path(__file__).parent / "earlier" / "events.json").read_text("utf-8"))
LATER = {"a_field_of_a_later_version": {"and": ["what", "it", "holds"]}}
NEEDED = {field.name for field in fields(Drill)} - {
    field.name
    for field in fields(Drill)
    if field.default is not MISSING or field.default_factory is not MISSING
}


def in_the_earlier_shape(state: str, event: dict[str, Any]) -> None:
    """Only what the first version knew is left; what a later one might add is there besides."""
    known = EARLIER["events"][state]
    for name in set(event) - set(known) - {"drill"}:
        del event[name]
    for name in ("copy", "batch"):
        if name in known:
            event[name] = {key: event[name][key] for key in known[name]} | LATER
    event["drill"] = {key: event["drill"][key] for key in EARLIER["drill"]} | LATER
    event.update(LATER)


@pytest.mark.parametrize("mode", ["drill", "restore", "snapshot"])
def test_a_drill_of_another_versions_documents_comes_to_its_end(cloud: Cloud, mode: str) -> None:
    def hand_over(state: str, event: Any) -> None:
        if state != "PlanDrill":
            in_the_earlier_shape(state, event)

    cloud.functions.before = hand_over
    document = {"db_instance_id": SOURCE, "mode": mode}
    if mode == "drill":
        document["baseline"] = "exact"
    ending = cloud.run(document)
    assert ending.status == "SUCCEEDED", ending.cause
    assert len(leftovers(cloud)) == (mode == "restore")


DATACLASSES = {"relation", "buckets", "index", "indexes", "reads", "maps", "parts", "unseen"}
"""What of a unit or a reading ``asdict`` wrote."""


def with_later_fields(document: Any, met: set[str]) -> Any:
    """The same as a later version might have written it."""
    if isinstance(document, list):
        return [with_later_fields(item, met) for item in document]
    if not isinstance(document, dict):
        return document
    found = {name: with_later_fields(value, met) for name, value in document.items()}
    for name in DATACLASSES & found.keys():
        listed = found[name] if isinstance(found[name], list) else [found[name]]
        for it in listed:
            if isinstance(it, dict):
                it.update(LATER)
                met.add(name)
    return found


def test_what_another_version_left_in_the_evidence_is_read(cloud: Cloud) -> None:
    """The dataclasses within units and readings, not only the events."""
    met: set[str] = set()

    def rewrite(state: str, _event: Any) -> None:
        if state not in ("ReadSource", "CompleteBaseline", "RereadSource", "VerifyBatch"):
            return
        for key, body in cloud.evidence().items():
            if any(f"/{folder}/" in key for folder in ("source", "before", "after", "batches")):
                written = json.dumps(with_later_fields(json.loads(body), met))
                cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key, Body=written.encode())

    cloud.functions.before = rewrite
    ending = cloud.run({"db_instance_id": SOURCE, "baseline": "exact"})
    assert ending.status == "SUCCEEDED", ending.cause
    (report,) = [body for key, body in cloud.evidence().items() if key.endswith("/report.json")]
    assert json.loads(report)["warnings"] == []
    assert met >= {"relation", "buckets", "indexes", "reads", "maps", "parts"}


def test_an_unseen_database_of_another_version_is_judged() -> None:
    """Only a survey that failed writes this one."""
    assert read_as(Discovered, {"unread": "why", **LATER}) == Discovered(unread="why")


def test_what_the_teardown_needs_is_all_that_a_drill_must_have(cloud: Cloud) -> None:
    """An older version's document that lacks everything else: the copy goes, and it is reported."""

    def forget(state: str, event: Any) -> None:
        if state in ("DeleteInstance", "CheckDeletion", "PublishReport"):
            event["drill"] = {name: event["drill"][name] for name in NEEDED}

    cloud.functions.before = forget
    ending = cloud.run({"db_instance_id": SOURCE})
    assert ending.status == "SUCCEEDED", ending.cause
    assert leftovers(cloud) == []


def test_a_field_that_the_first_version_lacked_has_a_default() -> None:
    """Else a drill that began before the deployment ends, and its copy stays."""
    assert set(EARLIER["drill"]) >= NEEDED
    assert drill_from({"drill": EARLIER["drill"]}).copy_id == EARLIER["drill"]["copy_id"]


def test_a_mark_of_another_version_is_shown_under_its_own_name(cloud: Cloud) -> None:
    def mark(state: str, event: Any) -> None:
        if state == "PublishReport":
            event["marks"]["WeighCopy"] = event["marks"]["JudgeDrill"]

    cloud.functions.before = mark
    ending = cloud.run({"db_instance_id": SOURCE})
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.output is not None
    assert "WeighCopy" in ending.output["durations_seconds"]
