"""The execution input: every fault at once, each by its field, and none with the value given."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.ownership import RESERVED_TAG_PREFIXES, ROLE
from lambdas.drill.admission import request as requests
from lambdas.drill.admission.request import RecoveryPoint, Request, parse, structural_faults

SCHEMA = json.loads(requests.SCHEMA_FILE.read_text(encoding="utf-8"))
SECRET = "hunter2 !§ from orders where pw"
EXPECTATION = {"name": "some", "database": "shop", "sql": "SELECT 1", "expect": "> 0"}
SECRETS = {"orders": "arn:secret"}


def _faults(**fields: Any) -> list[str]:
    return structural_faults({"db_instance_id": "orders", **fields})


def _fields(faults: list[str]) -> list[str]:
    return sorted({fault.split(":")[0] for fault in faults})


def _request(**fields: Any) -> Request:
    document = {"db_instance_id": "orders", **fields}
    assert structural_faults(document) == []
    return parse(document)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"db_instance_id": "a"},
        {"db_instance_id": "A1-b2-" + "c" * 57},
        {"purpose": "pre-deploy", "mode": "snapshot", "retention_days": 3650},
        {"recovery_point": {"snapshot_id": "rds:orders-2026-11-22"}},
        {"recovery_point": {"snapshot_id": "awsbackup:job-1"}},
        {"recovery_point": {"snapshot_id": "s" * 255}},
        {"recovery_point": {"latest": "automated"}},
        {"tags": {}},
        {"tags": {"k" * 128: "v" * 256, "Cost Center_1.2:a/b=c+d@e": ""}},
        {"tags": {"awsome": "yes", "team:aws:x": "yes"}},
        {"restore": {"instance_class": "db.t4g.medium", "storage_type": "gp3"}},
        {"restore": {"security_group_ids": ["sg-0", "sg-1", "sg-2", "sg-3", "sg-4"]}},
        {"baseline": "exact", "deadline_minutes": 0.1},
        {"deadline_minutes": 7200},
        {"expectations": [EXPECTATION] * 100},
        {"expectations": [{**EXPECTATION, "sql": "x" * 10_000}]},
    ],
)
def test_a_legal_input_has_no_fault(fields: dict[str, Any]) -> None:
    assert _faults(**fields) == []


@pytest.mark.parametrize(
    "source",
    ["", "1orders", "-orders", "orders-", "or--ders", "or_ders", "or ders", "a" * 64, "ö", 5, None],
)
def test_an_illegal_source_is_a_fault_of_its_field(source: Any) -> None:
    assert _fields(_faults(db_instance_id=source)) == ["db_instance_id"]


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("purpose", "fun", "purpose"),
        ("mode", "Drill", "mode"),
        ("mode", None, "mode"),
        ("recovery_point", "latest", "recovery_point"),
        ("recovery_point", None, "recovery_point"),
        ("recovery_point", {}, "recovery_point"),
        ("recovery_point", {"snapshot_id": ""}, "recovery_point"),
        ("recovery_point", {"snapshot_id": "s" * 256}, "recovery_point"),
        ("recovery_point", {"snapshot_id": "other:name"}, "recovery_point"),
        ("recovery_point", {"latest": "oldest"}, "recovery_point"),
        ("recovery_point", {"latest": "any", "snapshot_id": "s"}, "recovery_point"),
        ("retention_days", 0, "retention_days"),
        ("retention_days", 3651, "retention_days"),
        ("retention_days", 1.5, "retention_days"),
        ("retention_days", True, "retention_days"),
        ("retention_days", "30", "retention_days"),
        ("tags", [], "tags"),
        ("tags", {"": "v"}, "tags"),
        ("tags", {"k" * 129: "v"}, "tags"),
        ("tags", {"k!": "v"}, "tags"),
        ("tags", {f"k{number}": "v" for number in range(21)}, "tags"),
        ("tags", {"team": 1}, "tags.team"),
        ("tags", {"team": "v" * 257}, "tags.team"),
        ("tags", {"team": "v;"}, "tags.team"),
        ("restore", "here", "restore"),
        ("restore", {"instance_class": "t4g.medium"}, "restore.instance_class"),
        ("restore", {"storage_type": "gp9"}, "restore.storage_type"),
        ("restore", {"subnet_group": ""}, "restore.subnet_group"),
        ("restore", {"parameter_group": "p" * 256}, "restore.parameter_group"),
        ("restore", {"security_group_ids": []}, "restore.security_group_ids"),
        ("restore", {"security_group_ids": ["sg-0"] * 6}, "restore.security_group_ids"),
        ("restore", {"security_group_ids": ["sg-0", "x"]}, "restore.security_group_ids[1]"),
        ("restore", {"vpc": "v"}, "restore.vpc"),
        ("baseline", "full", "baseline"),
        ("expectations", EXPECTATION, "expectations"),
        ("expectations", [EXPECTATION] * 101, "expectations"),
        ("expectations", [EXPECTATION, "x"], "expectations[1]"),
        ("expectations", [{**EXPECTATION, "name": ""}], "expectations[0].name"),
        ("expectations", [{**EXPECTATION, "database": "d" * 64}], "expectations[0].database"),
        ("expectations", [{**EXPECTATION, "sql": "x" * 10_001}], "expectations[0].sql"),
        ("expectations", [{**EXPECTATION, "retry": 1}], "expectations[0].retry"),
        ("deadline_minutes", 0, "deadline_minutes"),
        ("deadline_minutes", 7201, "deadline_minutes"),
        ("deadline_minutes", "60", "deadline_minutes"),
        ("db_instance", "orders", "db_instance"),
    ],
)
def test_an_illegal_value_is_a_fault_that_names_its_field(field: str, value: Any, at: str) -> None:
    assert _fields(_faults(**{field: value})) == [at]


@pytest.mark.parametrize("expect", ["", "0", "> ", "> 0 or 1", "~ 1", "> x", "= 'it's'", "in (1)"])
def test_an_expectation_needs_an_operator_and_a_literal(expect: str) -> None:
    faults = _faults(expectations=[{**EXPECTATION, "expect": expect}])
    assert _fields(faults) == ["expectations[0].expect"]


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("prefix", RESERVED_TAG_PREFIXES)
def test_a_reserved_tag_is_refused_in_any_case(prefix: str, change: Any) -> None:
    assert _fields(_faults(tags={change(prefix) + "stack": "mine"})) == ["tags"]


def test_every_fault_is_told_at_once() -> None:
    faults = structural_faults(
        {
            "mode": "x",
            "retention_days": 0,
            "tags": {"a": 1, "b": 2},
            "expectations": [{"name": "n", "database": "d"}],
            "foo": 1,
            "bar": 2,
        }
    )
    assert _fields(faults) == [
        "bar",
        "db_instance_id",
        "expectations[0].expect",
        "expectations[0].sql",
        "foo",
        "mode",
        "retention_days",
        "tags.a",
        "tags.b",
    ]


@pytest.mark.parametrize("document", [None, [], "orders", 5, True])
def test_what_is_not_an_object_is_told_what_an_input_looks_like(document: Any) -> None:
    (fault,) = structural_faults(document)
    assert '{"db_instance_id": ' in fault


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"mode": "x"}, "snapshot"),
        ({"retention_days": 0}, "1 to 3650"),
        ({"restore": {"instance_class": "big"}}, "db.t4g.medium"),
        ({"expectations": [{**EXPECTATION, "expect": "0"}]}, "operator"),
        ({"retention": 5}, "retention_days"),
    ],
)
def test_a_fault_tells_what_would_be_right(fields: dict[str, Any], remedy: str) -> None:
    (fault,) = _faults(**fields)
    assert remedy in fault


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("retention_days", 0, "is out of range"),
        ("retention_days", "30", "is of the wrong type"),
        ("db_instance_id", "1", "is not of the right form"),
        ("mode", "x", "is not allowed"),
    ],
)
def test_a_fault_tells_what_is_wrong(field: str, value: Any, complaint: str) -> None:
    (fault,) = _faults(**{field: value})
    assert fault.startswith(f"{field}: {complaint}; it is ")


values = st.recursive(
    st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "sql", "expect", "latest", "x"]), inner)
    ),
    max_leaves=4,
)


@given(st.sampled_from([*SCHEMA["properties"], "unknown"]), values)
def test_no_structural_fault_quotes_a_value(field: str, value: Any) -> None:
    assert SECRET not in " ".join(_faults(**{field: value}))


def test_no_contradiction_quotes_a_value() -> None:
    expectations = [{"name": SECRET, "database": SECRET, "sql": SECRET, "expect": f"= '{SECRET}'"}]
    request = _request(mode="snapshot", expectations=expectations)
    faults = requests.contradictions(request)
    assert faults
    assert SECRET not in " ".join(faults)


def test_one_line_in_the_console_is_a_drill_of_a_new_snapshot() -> None:
    assert _request() == Request(
        source="orders",
        purpose="manual",
        mode="drill",
        recovery_point=RecoveryPoint("new"),
        retention_days=None,
        tags={},
        restore={},
        keep_hours=0.0,
        baseline=None,
        expectations=[],
        deadline_minutes=None,
        given=frozenset({"db_instance_id"}),
    )


def test_the_defaults_are_those_of_the_schema() -> None:
    properties = SCHEMA["properties"]
    stated = {name: field["default"] for name, field in properties.items() if "default" in field}
    assert {"purpose", "mode", "recovery_point"} == set(stated)
    said, silent = _request(**stated), _request()
    assert (said.purpose, said.mode) == (silent.purpose, silent.mode)
    assert said.recovery_point == silent.recovery_point


def test_identifiers_are_lower_case_as_rds_keeps_them() -> None:
    request = _request(db_instance_id="Orders", recovery_point={"snapshot_id": "Before-Move"})
    assert (request.source, request.recovery_point.value) == ("orders", "before-move")


@pytest.mark.parametrize(
    ("document", "point"),
    [
        ("new", RecoveryPoint("new")),
        ({"snapshot_id": "s1"}, RecoveryPoint("named", "s1")),
        ({"latest": "manual"}, RecoveryPoint("latest", "manual")),
    ],
)
def test_only_a_new_recovery_point_takes_a_snapshot(document: Any, point: RecoveryPoint) -> None:
    request = _request(recovery_point=document)
    assert request.recovery_point == point
    assert request.takes_snapshot is (document == "new")


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"mode": "snapshot", "restore": {}}, ["restore"]),
        ({"mode": "snapshot", "keep_hours": 1}, ["keep_hours"]),
        ({"mode": "drill", "keep_hours": 1}, ["keep_hours"]),
        ({"keep_hours": 8}, ["keep_hours"]),
        ({"mode": "snapshot", "expectations": []}, ["expectations"]),
        ({"mode": "snapshot", "baseline": "none"}, ["baseline"]),
        ({"mode": "snapshot", "recovery_point": {"latest": "any"}}, ["recovery_point"]),
        ({"recovery_point": {"latest": "any"}, "retention_days": 5}, ["retention_days"]),
        ({"recovery_point": {"latest": "any"}, "tags": {"a": "b"}}, ["tags"]),
        ({"recovery_point": {"snapshot_id": "s"}, "baseline": "catalog"}, ["baseline"]),
        (
            {"recovery_point": {"snapshot_id": "s"}, "baseline": "exact", "tags": {}},
            ["baseline", "tags"],
        ),
        (
            {"mode": "snapshot", "restore": {}, "expectations": [], "baseline": "exact"},
            ["baseline", "expectations", "restore"],
        ),
    ],
)
def test_options_that_contradict_are_all_named(fields: dict[str, Any], at: list[str]) -> None:
    assert _fields(requests.contradictions(_request(**fields))) == at


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mode": "snapshot", "tags": {"a": "b"}, "retention_days": 5, "purpose": "pre-deploy"},
        {"mode": "restore", "keep_hours": 0.5, "restore": {}, "baseline": "exact"},
        {"mode": "restore", "recovery_point": {"latest": "any"}},
        {"recovery_point": {"latest": "any"}, "baseline": "none", "expectations": [EXPECTATION]},
        {"baseline": "exact", "restore": {}, "expectations": [EXPECTATION], "tags": {"a": "b"}},
    ],
)
def test_options_that_go_together_are_no_fault(fields: dict[str, Any]) -> None:
    assert requests.contradictions(_request(**fields)) == []


@pytest.mark.parametrize("hours", [0, 0.09, -1, 168.1])
def test_a_copy_is_kept_for_a_week_at_most(hours: float) -> None:
    (fault,) = structural_faults({"db_instance_id": "orders", "keep_hours": hours})
    assert fault.startswith("keep_hours: is out of range; it is life of the copy")


def test_a_copy_is_kept_for_a_working_day_unless_the_input_says_otherwise() -> None:
    assert _request(mode="restore").keep_hours == 8
    assert _request(mode="restore", keep_hours=168).keep_hours == 168
    assert _request().keep_hours == _request(mode="snapshot").keep_hours == 0


@pytest.mark.parametrize("baseline", ["catalog", "exact"])
def test_a_baseline_needs_a_secret_of_this_source(baseline: str) -> None:
    request = _request(baseline=baseline)
    (fault,) = requests.baseline_faults(request, {"billing": "arn"})
    assert fault.startswith("baseline: ")
    assert fault.endswith("add its secret_arn to the setting sources, or use none")
    assert requests.baseline_faults(request, SECRETS) == []


@pytest.mark.parametrize("fields", [{}, {"baseline": "none"}])
def test_no_baseline_needs_no_secret(fields: dict[str, Any]) -> None:
    assert requests.baseline_faults(_request(**fields), {}) == []


@pytest.mark.parametrize(
    ("fields", "secrets", "baseline"),
    [
        ({}, SECRETS, "catalog"),
        ({}, {}, "none"),
        ({}, {"billing": "arn"}, "none"),
        ({"recovery_point": {"latest": "any"}}, SECRETS, "none"),
        ({"mode": "snapshot"}, SECRETS, "none"),
        ({"baseline": "none"}, SECRETS, "none"),
        ({"baseline": "exact"}, SECRETS, "exact"),
    ],
)
def test_the_baseline_is_the_best_that_is_possible(
    fields: dict[str, Any], secrets: dict[str, str], baseline: str
) -> None:
    assert requests.effective_baseline(_request(**fields), secrets) == baseline


def _instance(**fields: Any) -> dict[str, Any]:
    return {"Engine": "postgres", "DBInstanceStatus": "available", **fields}


def test_a_postgres_instance_can_be_drilled() -> None:
    assert requests.source_faults(_request(), _instance()) == []


@pytest.mark.parametrize("engine", ["mysql", "aurora-postgresql", "postgresql"])
def test_only_rds_for_postgresql_can_be_drilled(engine: str) -> None:
    (fault,) = requests.source_faults(_request(), _instance(Engine=engine))
    assert fault.startswith("db_instance_id: ")
    assert engine in fault


def test_a_source_that_does_not_exist_is_a_fault() -> None:
    assert _fields(requests.source_faults(_request(), None)) == ["db_instance_id"]


def test_the_copy_of_a_drill_is_not_drilled() -> None:
    tags = [{"Key": "Empty"}, {"Key": ROLE, "Value": "copy"}]
    (fault,) = requests.source_faults(_request(), _instance(TagList=tags))
    assert "copy of a drill" in fault


@pytest.mark.parametrize("status", ["stopped", "stopping", "deleting", "failed", "restore-error"])
def test_a_source_at_rest_gives_no_new_snapshot_but_has_its_old_ones(status: str) -> None:
    instance = _instance(DBInstanceStatus=status)
    assert len(requests.source_faults(_request(), instance)) == 1
    assert requests.source_faults(_request(recovery_point={"latest": "any"}), instance) == []


@pytest.mark.parametrize("status", ["storage-optimization", "backing-up", "modifying"])
def test_a_busy_source_is_no_fault(status: str) -> None:
    assert requests.source_faults(_request(), _instance(DBInstanceStatus=status)) == []


@pytest.mark.parametrize("mode", [{}, {"recovery_point": {"latest": "any"}}, {"mode": "snapshot"}])
def test_a_member_of_a_cluster_is_refused_with_the_cluster_named(mode: dict[str, Any]) -> None:
    """Its engine is postgres, as that of an instance which stands alone."""
    instance = _instance(DBClusterIdentifier="three-zones")
    (fault,) = requests.source_faults(_request(**mode), instance)
    assert fault.startswith("db_instance_id: orders is a member of the Multi-AZ DB cluster")
    assert "three-zones" in fault
    assert "name an instance that is in no cluster" in fault


REPLICAS = [
    {"ReadReplicaSourceDBInstanceIdentifier": "writer"},
    {"ReadReplicaSourceDBInstanceIdentifier": "arn:aws:rds:eu-west-1:123456789012:db:writer"},
    {"ReadReplicaSourceDBClusterIdentifier": "writer"},
]


@pytest.mark.parametrize("of", REPLICAS)
@pytest.mark.parametrize("fields", [{}, {"baseline": "catalog"}, {"baseline": "exact"}])
def test_a_read_replica_has_no_baseline(of: dict[str, str], fields: dict[str, Any]) -> None:
    (fault,) = requests.replica_faults(_request(**fields), _instance(**of), SECRETS)
    assert fault.startswith("baseline: orders is a read replica of ")
    assert "writer" in fault
    assert "the baseline none" in fault


@pytest.mark.parametrize("of", REPLICAS)
def test_a_read_replica_is_drilled_without_one(of: dict[str, str]) -> None:
    instance = _instance(**of)
    for request, secrets in (
        (_request(baseline="none"), SECRETS),
        (_request(mode="snapshot"), SECRETS),
        (_request(recovery_point={"latest": "any"}), SECRETS),
        (_request(), {}),
    ):
        assert requests.source_faults(request, instance) == []
        assert requests.replica_faults(request, instance, secrets) == []


def test_an_instance_that_has_replicas_is_none() -> None:
    instance = _instance(ReadReplicaDBInstanceIdentifiers=["replica"])
    assert requests.replica_faults(_request(baseline="exact"), instance, SECRETS) == []
    assert requests.replica_faults(_request(baseline="exact"), None, SECRETS) == []


def test_all_that_is_wrong_with_a_source_is_told() -> None:
    instance = _instance(Engine="mysql", DBInstanceStatus="stopped")
    assert len(requests.source_faults(_request(), instance)) == 2


def _snapshot(**fields: Any) -> dict[str, Any]:
    return {"DBInstanceIdentifier": "orders", "Status": "available", **fields}


NAMED = {"snapshot_id": "s1"}


@pytest.mark.parametrize("status", ["available", "creating"])
def test_a_snapshot_of_the_source_can_be_restored(status: str) -> None:
    request = _request(recovery_point=NAMED)
    assert requests.snapshot_faults(request, _snapshot(Status=status)) == []


@pytest.mark.parametrize(
    "snapshot",
    [None, _snapshot(DBInstanceIdentifier="billing"), _snapshot(Status="failed")],
)
def test_any_other_snapshot_is_a_fault(snapshot: dict[str, Any] | None) -> None:
    faults = requests.snapshot_faults(_request(recovery_point=NAMED), snapshot)
    assert _fields(faults) == ["recovery_point"]


@pytest.mark.parametrize(
    ("wanted", "said"), [("any", "no available snapshot"), ("manual", "manual")]
)
def test_a_source_without_a_fitting_snapshot_is_told_so(wanted: str, said: str) -> None:
    (fault,) = requests.snapshot_faults(_request(recovery_point={"latest": wanted}), None)
    assert said in fault


SNAPSHOTS = [
    {
        "SnapshotType": kind,
        "Status": "available",
        "SnapshotCreateTime": datetime(2026, 11, day, tzinfo=UTC),
    }
    for kind, day in (("manual", 3), ("automated", 5), ("manual", 4), ("automated", 2))
]


@pytest.mark.parametrize(("wanted", "day"), [("any", 5), ("automated", 5), ("manual", 4)])
def test_the_latest_is_the_newest_of_its_type(wanted: str, day: int) -> None:
    found = requests.latest(SNAPSHOTS, wanted)
    assert found is not None
    assert found["SnapshotCreateTime"].day == day


def test_the_latest_is_never_one_that_is_still_being_made() -> None:
    unfinished = {"SnapshotType": "manual", "Status": "creating"}
    assert requests.latest([unfinished, *SNAPSHOTS], "manual") == SNAPSHOTS[2]


@pytest.mark.parametrize("snapshots", [[], SNAPSHOTS[1:2]])
def test_there_may_be_no_latest(snapshots: list[dict[str, Any]]) -> None:
    assert requests.latest(snapshots, "manual") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"db_instance_id": "orders\n"},
        {"recovery_point": {"snapshot_id": "x\n"}},
        {"restore": {"security_group_ids": ["sg-1\n"]}},
        {"tags": {"key\n": "value"}},
        {"tags": {"key": "value\n"}},
    ],
)
def test_a_newline_at_the_end_is_a_fault(fields: dict[str, Any]) -> None:
    assert structural_faults({"db_instance_id": "orders", **fields})


def test_a_whole_number_written_with_a_point_is_whole() -> None:
    days = parse({"db_instance_id": "orders", "retention_days": 30.0}).retention_days
    assert isinstance(days, int)


def test_the_latest_snapshot_is_the_one_with_the_newest_data() -> None:
    """A recent copy of an old snapshot has a recent SnapshotCreateTime."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    shared = {"Status": "available", "SnapshotType": "manual"}
    copied = {**shared, "SnapshotCreateTime": late, "OriginalSnapshotCreateTime": early}
    newer = {**shared, "SnapshotCreateTime": datetime(2026, 3, 1, tzinfo=UTC)}
    assert requests.latest([copied, newer], "any") is newer
