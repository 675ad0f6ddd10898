"""A drill that runs across a deployment: its documents have another version's shape.

``earlier/events.json`` holds what the states of the first version handed to their functions. It is
a record: a later version's fields do not belong in it.
"""

import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain.drill import Drill, drill_from
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
