"""A load that runs across a deployment: each of its documents has another version's shape.

``earlier/load.json`` names the fields that version 0.4.0 wrote. It is a record: a later version's
fields do not belong in it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from lambdas.load.load import Load, Part, Target
from lambdas.load.reading.rows import Stretch
from lambdas.load.writing.staging import Staged
from local.cloud import BUCKET, SOURCE, Cloud
from local.loads import CSV_BUCKET, deploy_loads
from local.postgres import ADMIN
from local.rds import MASTER

EARLIER = json.loads((Path(__file__).parent / "earlier" / "load.json").read_text("utf-8"))
LATER = {"a_field_of_a_later_version": {"and": ["what", "it", "holds"]}}
KINDS = {"load": Load, "part": Part, "target": Target, "stretch": Stretch, "note": Staged}
TEARDOWN = {
    "load": ["id", "evidence", "target", "database"],
    "part": ["number", "target"],
    "target": ["schema", "table"],
    "note": ["load", "rows"],
}
"""All that TidyLoad needs."""

ROWS = 3000
BODY = b"id,note\n" + b"".join(b'%d,"x\ny"\n' % number for number in range(ROWS))
Shape = Callable[[str, Mapping[str, Any]], dict[str, Any]]


def of_another_version(what: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Only what the earlier version knew is left; what a later one might add is there besides."""
    return {name: document[name] for name in EARLIER[what] if name in document} | LATER


def of_the_teardown(what: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """All else is left out."""
    return {name: document[name] for name in TEARDOWN.get(what, EARLIER[what])} | LATER


class Loading:
    """Loads in the module's cloud, with their documents between two states."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.machine = cloud, deploy_loads(cloud)

    def run(self, **more: Any) -> Any:
        """An object in several parts, one after the other."""
        self.cloud.client("s3").put_object(Bucket=CSV_BUCKET, Key="data.csv", Body=BODY)
        document = {
            "bucket": CSV_BUCKET,
            "key": "data.csv",
            "target": {"db_instance_id": SOURCE, "database": "shop"},
            "table": "loaded",
            "streams": 1,
            **more,
        }
        return self.cloud.run(document, machine=self.machine)

    def sql(self, query: str, role: str = ADMIN) -> list[tuple[Any, ...]]:
        server = self.cloud.rds.instance(SOURCE).server
        assert server is not None
        with server.admin("shop") as cursor:
            cursor.execute(f"SET ROLE {role}")
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def staging(self) -> list[str]:
        found = self.sql("SELECT relname FROM pg_class WHERE relname LIKE 'time_machine_load_%'")
        return [name for (name,) in found]

    def reshape(self, event: dict[str, Any], shape: Shape) -> None:
        """The event, the plan, what the parts say of their rows, and the notes on their tables."""
        event["load"] = shape("load", event["load"])
        folder = event["load"]["evidence"]
        for key, body in self.cloud.evidence().items():
            if key == f"{folder}/load.json":
                plan = json.loads(body)
                plan["targets"] = [shape("target", target) for target in plan["targets"]]
                plan["parts"] = [shape("part", part) for part in plan["parts"]]
                self._write(key, plan | LATER)
            elif key.startswith(f"{folder}/stretches/"):
                self._write(key, shape("stretch", json.loads(body)))
        for name in self.staging():
            ((note,),) = self.sql(f"SELECT obj_description('{name}'::regclass, 'pg_class')")
            if note:
                text = json.dumps(shape("note", json.loads(note)))
                self.sql(f"COMMENT ON TABLE {name} IS '{text}'", MASTER)

    def _write(self, key: str, document: Any) -> None:
        body = json.dumps(document).encode()
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


@pytest.fixture(scope="module")
def deployed(module_cloud: tuple[Cloud, Any]) -> Loading:
    return Loading(module_cloud[0])


@pytest.fixture
def loading(deployed: Loading, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    assert cloud is deployed.cloud
    monkeypatch.setenv("TM_LOAD_PART_MIB", "0.01")
    deployed.sql("CREATE TABLE loaded (id int, note text)", MASTER)
    yield deployed
    deployed.sql("DROP TABLE IF EXISTS loaded")


WAYS: dict[str, dict[str, Any]] = {
    "staged": {},
    "hidden": {"create_table": "infer"},
    "apart": {"atomic": False},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_load_of_another_versions_documents_comes_to_its_end(loading: Loading, way: str) -> None:
    if way == "hidden":
        loading.sql("DROP TABLE loaded")
    states = set()

    def hand_over(state: str, event: Any) -> None:
        states.add(state)
        if state != "PlanLoad":
            loading.reshape(event, of_another_version)

    loading.cloud.functions.before = hand_over
    ending = loading.run(**WAYS[way])
    assert ending.status == "SUCCEEDED", ending.cause
    assert states == {"PlanLoad", "SurveyPart", "LoadPart", "FinishLoad", "TidyLoad"}
    assert loading.staging() == []
    assert loading.sql("SELECT count(*)::int, count(DISTINCT id)::int FROM loaded") == [
        (ROWS, ROWS)
    ]


@pytest.mark.parametrize("way", WAYS)
def test_what_the_teardown_needs_is_all_that_a_load_must_have(loading: Loading, way: str) -> None:
    """FinishLoad can't go on with so little, and says why; no table stays for it."""
    if way == "hidden":
        loading.sql("DROP TABLE loaded")
    left: list[int] = []

    def forget(state: str, event: Any) -> None:
        if state in ("FinishLoad", "TidyLoad"):
            left.append(len(loading.staging()))
            loading.reshape(event, of_the_teardown)

    loading.cloud.functions.before = forget
    ending = loading.run(**WAYS[way])
    assert ending.status == "FAILED"
    assert "another version of Time Machine, which did not write down columns" in ending.cause
    assert "start a new load" in ending.cause
    assert min(left) > 1
    assert loading.staging() == []


@pytest.mark.parametrize("lost", ["end", "first", "etag"])
def test_a_part_whose_place_is_not_written_down_is_not_loaded(loading: Loading, lost: str) -> None:
    """A default would leave its rows out, and nobody would see it."""

    def without(what: str, document: Mapping[str, Any]) -> dict[str, Any]:
        return {name: document[name] for name in document if (what, name) != ("part", lost)}

    def forget(state: str, event: Any) -> None:
        if state != "PlanLoad":
            loading.reshape(event, without)

    loading.cloud.functions.before = forget
    ending = loading.run()
    assert ending.status == "FAILED"
    assert f"did not write down {lost} of a part" in ending.cause
    assert loading.staging() == []
    assert loading.sql("SELECT count(*)::int FROM loaded") == [(0,)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"way": "by_swapping"}, "fills the table loaded in a way that this one has not"),
        ({"definition": [["id", "bigint"], ["note", "box"]]}, "types that this one has not: note"),
    ],
    ids=["way", "type"],
)
def test_words_that_only_another_version_has_are_torn_down_all_the_same(
    loading: Loading, words: dict[str, Any], said: str
) -> None:
    def in_other_words(what: str, document: Mapping[str, Any]) -> dict[str, Any]:
        return {**document, **words} if what == "target" else dict(document)

    def change(state: str, event: Any) -> None:
        if state in ("FinishLoad", "TidyLoad"):
            loading.reshape(event, in_other_words)

    loading.cloud.functions.before = change
    ending = loading.run()
    assert ending.status == "FAILED"
    assert said in ending.cause
    assert loading.staging() == []


@pytest.mark.parametrize("what", KINDS)
def test_a_field_that_the_earlier_version_lacked_has_a_default(what: str) -> None:
    """Else a load that began before the deployment ends, and its tables stay."""
    needed = {
        field.name
        for field in fields(KINDS[what])
        if field.default is MISSING and field.default_factory is MISSING
    }
    assert set(EARLIER[what]) >= needed
