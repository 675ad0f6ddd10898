"""Every setting's bad value is refused before synth, in one line that names the key."""

import json
from typing import Any

import pytest

from stacks.settings import BadSettings, from_context, keys
from tests.infra.conftest import CDK, ROOT

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop-reader-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SHOP = {"db_instance_id": "shop"}
OTHER = {"db_instance_id": "ledger"}
LONG = [
    {"name": f"n{n}", "database": "shop", "sql": "SELECT " + "1" * 2000, "expect": "> 0"}
    for n in range(60)
]
GIVEN: dict[str, Any] = {
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "source_security_group_ids": ["sg-0123456789abcdef0"],
}
TARGET = {"db_instance_id": "shop-staging", "secret_arn": SECRET}
CLUSTER = {"endpoint": "orders.cluster-x.example.org", "secret_arn": SECRET}
LOAD: dict[str, Any] = {
    "buckets": ["shop-exports"],
    "targets": [TARGET],
    "target_security_group_ids": ["sg-0123456789abcdef1"],
}


def night(**fields: Any) -> dict[str, Any]:
    return {"sources": ["shop"], "cron": "0 3 * * ? *", **fields}


BAD: list[tuple[str, Any]] = [
    ("prefix", "Tm"),
    ("prefix", "1tm"),
    ("prefix", "tm-"),
    ("prefix", "tm--x"),
    ("prefix", "tm\n"),
    ("prefix", "a-prefix-too-long"),
    ("prefix", ""),
    ("prefix", 7),
    ("sources", []),
    ("sources", "shop"),
    ("sources", [{}]),
    ("sources", [{"db_instance_id": "shop_1"}]),
    ("sources", [{"db_instance_id": "shop-"}]),
    ("sources", [{"db_instance_id": "x" * 64}]),
    ("sources", [SHOP, {"db_instance_id": "SHOP"}]),
    ("sources", [{"db_instance_id": "tm-shop"}]),
    ("sources", [{**SHOP, "port": 80}]),
    ("sources", [{**SHOP, "port": "5432"}]),
    ("sources", [{**SHOP, "secret_arn": "shop-reader"}]),
    ("sources", [{**SHOP, "kms_key_arn": "alias/shop"}]),
    ("sources", [{**SHOP, "secret_kms_key_arn": KEY}]),
    ("sources", [{**SHOP, "pasword": "x"}]),
    ("sources", [{**SHOP, "secret_arn": SECRET.replace("shop-reader", "rds!db-1234")}]),
    (
        "sources",
        [{**SHOP, "kms_key_arn": KEY}, {**OTHER, "kms_key_arn": KEY.replace("central", "west")}],
    ),
    ("nightly", {}),
    ("nightly", [{"sources": ["shop"]}]),
    ("nightly", [night(sources=[])]),
    ("nightly", [night(sources=["other"])]),
    ("nightly", [night(cron="every night")]),
    ("nightly", [night(cron="cron(0 3 * * ? *)")]),
    ("nightly", [night(cron="0 3 * * *")]),
    ("nightly", [night(cron="0 24 * * ? *")]),
    ("nightly", [night(cron="60 3 * * ? *")]),
    ("nightly", [night(cron="0 3 * * * *")]),
    ("nightly", [night(cron="0 3 ? * ? *")]),
    ("nightly", [night(cron="0 3 99 13 ? 1999")]),
    ("nightly", [night(cron="0 3 abc def ? xyz")]),
    ("nightly", [night(cron="0 3 ? * FOO *")]),
    ("nightly", [night(cron="0 3 30 FEB ? *")]),
    ("nightly", [night(cron="0 3 1 1 ? 1999")]),
    ("nightly", [night(cron="0 5-3 * * ? *")]),
    ("nightly", [night(sources=["shop", "SHOP"])]),
    ("nightly", [night(time_zone="localtime")]),
    ("nightly", [night(time_zone="Factory")]),
    ("nightly", [night(time_zone="right/UTC")]),
    ("nightly", [night(input={"tags": {"k": "v" * 256}, "expectations": LONG})]),
    ("nightly", [night(time_zone="Mars/Olympus")]),
    ("nightly", [night(time_zone="../etc")]),
    ("nightly", [night(time_zone="")]),
    ("nightly", [night(window_minutes=-1)]),
    ("nightly", [night(window_minutes=1441)]),
    ("nightly", [night(input={"db_instance_id": "other"})]),
    ("nightly", [night(input={"purpose": "manual"})]),
    ("nightly", [night(input={"mode": "everything"})]),
    ("nightly", [night(input={"baselin": "exact"})]),
    ("nightly", [night(input={"baseline": "exact"})]),
    ("nightly", [night(input={"mode": "snapshot", "baseline": "exact"})]),
    ("nightly", [night(input={"retention_days": 90})]),
    ("network", {"vpc_id": "vpc"}),
    ("network", {"vpc_id": GIVEN["vpc_id"]}),
    ("network", {**GIVEN, "subnet_ids": GIVEN["subnet_ids"][:1]}),
    ("network", {**GIVEN, "subnet_ids": ["net-1", "net-2"]}),
    ("network", {"subnet_ids": GIVEN["subnet_ids"]}),
    ("network", {"cidr": "10.0.0.1/24"}),
    ("network", {"cidr": "10.0.0.0/8"}),
    ("network", {"cidr": "300.0.0.0/24"}),
    ("network", {"vpc": "x"}),
    ("network", {"cidr": "127.0.0.0/16"}),
    ("network", {"cidr": "8.8.0.0/16"}),
    ("network", {**GIVEN, "cidr": "10.0.0.0/24"}),
    ("load", []),
    ("load", LOAD),
    ("postgres_majors", []),
    ("postgres_majors", ["16"]),
    ("postgres_majors", [13]),
    ("postgres_majors", [16, 16]),
    ("postgres_majors", [19]),
    ("event_triggers_off", "no"),
    ("reserve_concurrency", 1),
    ("copy_instance_class", "m7g.large"),
    ("baseline_connections", 0),
    ("baseline_connections", 17),
    ("baseline_mib_per_second", -1),
    ("baseline_mib_per_second", 0.5),
    ("retention_days", 0),
    ("retention_days", 3651),
    ("retention_days", 1.5),
    ("retention_days", 90),
    ("deadline_minutes", 14),
    ("deadline_minutes", 7201),
    ("teardown_minutes", 0),
    ("teardown_minutes", 1441),
    ("sweep_minutes", 1),
    ("sweep_minutes", "hourly"),
    ("notify_emails", "a@example.org"),
    ("notify_emails", ["nobody"]),
    ("passed_within_hours", -1),
    ("passed_within_hours", 169),
    ("passed_within_hours", 24),
    ("snapshots_alarm", 0),
    ("snapshots_alarm", 100),
    ("snapshot_quota", 1),
    ("log_retention_days", 42),
    ("evidence_days", 3),
]


def context(**settings: Any) -> dict[str, Any]:
    return {"sources": [SHOP], "nightly": [night()], **settings}


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_bad_value_is_refused_in_one_line_that_names_the_key(key: str, value: Any) -> None:
    with pytest.raises(BadSettings) as refused:
        from_context(context(**{key: value}))
    line = str(refused.value)
    assert "\n" not in line
    faults = line.removeprefix("The settings were refused: ").split("; ")
    assert any(fault.startswith(key) for fault in faults), line


def test_each_setting_has_a_bad_value_above() -> None:
    assert {key for key, _ in BAD} == set(keys())


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(BadSettings, match=r"prefix: .*sweep_minutes: "):
        from_context(context(prefix="X", sweep_minutes=1))


def test_a_missing_source_is_told_with_the_remedy() -> None:
    with pytest.raises(BadSettings, match="sources: is missing; it is the production instances"):
        from_context({})


def test_the_settings_of_the_command_line_are_json() -> None:
    settings = from_context(context(retention_days="7", sources='[{"db_instance_id": "SHOP"}]'))
    assert (settings.retention_days, settings.sources[0].db_instance_id) == (7, "shop")


def test_a_secret_needs_the_way_to_its_source() -> None:
    sources = [{**SHOP, "secret_arn": SECRET}]
    with pytest.raises(BadSettings, match=r"network\.vpc_id: a source has a secret_arn"):
        from_context(context(sources=sources))
    closed = {key: value for key, value in GIVEN.items() if key != "source_security_group_ids"}
    with pytest.raises(BadSettings, match=r"network\.source_security_group_ids: is missing"):
        from_context(context(sources=sources, network=closed))
    baseline = [night(input={"baseline": "exact"})]
    settings = from_context(context(sources=sources, network=GIVEN, nightly=baseline))
    assert not settings.network.is_ours


def test_a_load_goes_to_named_instances_in_their_own_network() -> None:
    settings = from_context(context(load=LOAD, network=GIVEN))
    assert [target.name for target in settings.load.targets] == ["shop-staging"]
    assert settings.load.ports == (5432,)
    assert not from_context(context()).load.is_wanted
    with pytest.raises(BadSettings, match=r"load\.targets: a network of our own can't reach them"):
        from_context(context(load=LOAD))


def test_an_endpoint_carries_its_port() -> None:
    other = {**CLUSTER, "endpoint": "orders.example.org:6432"}
    load = {**LOAD, "targets": [TARGET, CLUSTER, other]}
    settings = from_context(context(load=load, network=GIVEN))
    assert [(it.name, it.is_instance) for it in settings.load.targets] == [
        ("shop-staging", True),
        ("orders.cluster-x.example.org:5432", False),
        ("orders.example.org:6432", False),
    ]
    assert settings.load.ports == (5432, 6432)


def test_a_load_into_kept_copies_alone_needs_no_targets_and_no_network_of_theirs() -> None:
    settings = from_context(context(load={"buckets": LOAD["buckets"]}))
    assert settings.load.is_wanted
    assert (settings.load.targets, settings.load.ports) == ((), ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"buckets": None}, "buckets: is missing; it is the S3 buckets that may be read"),
        ({"targets": None}, "targets: is missing; it is the servers in load.target_security"),
        ({"target_security_group_ids": None}, "target_security_group_ids: is missing"),
        (
            {"targets": [{**TARGET, "endpoint": "a"}]},
            r"targets\[0\]\.db_instance_id: give either db_instance_id or endpoint",
        ),
        (
            {"targets": [{"secret_arn": SECRET}]},
            r"targets\[0\]\.db_instance_id: give either db_instance_id or endpoint",
        ),
        (
            {"targets": [{**CLUSTER, "port": 5433}]},
            r"targets\[0\]\.port: an endpoint carries its own; write it as host:port",
        ),
        (
            {"targets": [CLUSTER, {**CLUSTER, "endpoint": "ORDERS.cluster-x.example.org"}]},
            r"targets\[1\]\.endpoint: orders\.cluster-x\.example\.org:5432 is listed twice",
        ),
        (
            {"targets": [{**CLUSTER, "endpoint": "o.proxy-x.eu-west-1.rds.amazonaws.com"}]},
            r"targets\[0\]\.endpoint: o\.proxy-.* is an RDS Proxy, which refuses the time-outs",
        ),
        (
            {"targets": [TARGET, {**TARGET, "db_instance_id": "SHOP-staging"}]},
            r"targets\[1\]\.db_instance_id: shop-staging is listed twice",
        ),
        (
            {"targets": [{**TARGET, "db_instance_id": "tm-shop"}]},
            r"targets\[0\]\.db_instance_id: tm-shop starts with the prefix of our own copies",
        ),
        (
            {"bucket_key_arns": [KEY.replace("central", "west")]},
            r"targets\[0\]\.secret_arn, load\.bucket_key_arns\[0\]: are not all of one region",
        ),
    ],
)
def test_what_a_load_lacks_or_contradicts_is_told(change: dict[str, Any], message: str) -> None:
    load = {key: value for key, value in {**LOAD, **change}.items() if value is not None}
    with pytest.raises(BadSettings, match=f"load.{message}"):
        from_context(context(load=load, network=GIVEN))


@pytest.mark.parametrize(
    "change",
    [
        {"buckets": []},
        {"buckets": ["Shop"]},
        {"buckets": ["shop..exports"]},
        {"buckets": ["10.0.0.1"]},
        {"buckets": ["shop-exports\n"]},
        {"buckets": ["shop/*"]},
        {"bucket_key_arns": ["alias/exports"]},
        {"targets": []},
        {"targets": [{"db_instance_id": "shop-staging"}]},
        {"targets": [{"endpoint": "a"}]},
        {"targets": [{**CLUSTER, "endpoint": "a b"}]},
        {"targets": [{**CLUSTER, "endpoint": "a:65536"}]},
        {"targets": [{**CLUSTER, "endpoint": "a:5432\n"}]},
        {"targets": [{**TARGET, "port": 80}]},
        {"targets": [{**TARGET, "secret_arn": "shop-writer"}]},
        {"targets": [{**TARGET, "pasword": "x"}]},
        {"target_security_group_ids": ["default"]},
        {"bucket": "x"},
    ],
)
def test_a_bad_part_of_a_load_is_refused_with_its_key(change: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=f"refused: load.{next(iter(change))}"):
        from_context(context(load={**LOAD, **change}, network=GIVEN))


def test_nights_that_would_fill_the_quota_are_refused() -> None:
    sources = [{"db_instance_id": f"shop-{n}"} for n in range(4)]
    nights = [night(sources=[s["db_instance_id"] for s in sources])]
    with pytest.raises(BadSettings, match="retention_days: 4 nightly drills would keep up to"):
        from_context(context(sources=sources, nightly=nights))
    with pytest.raises(BadSettings, match="retention_days: 1 nightly drills would keep up to"):
        from_context(context(nightly=[night(cron="0 */6 * * ? *")]))
    from_context(context(sources=sources, nightly=nights, snapshot_quota=200))
    from_context(context(sources=sources, nightly=nights, retention_days=14))


def test_the_dead_mans_switch_leaves_the_schedule_its_time() -> None:
    weekly = [night(cron="0 3 ? * SUN *")]
    with pytest.raises(BadSettings, match="passed_within_hours: 36 would always be in alarm"):
        from_context(context(nightly=weekly))
    with pytest.raises(BadSettings, match="takes up to 175"):
        from_context(context(nightly=weekly, passed_within_hours=168))
    from_context(context(nightly=weekly, passed_within_hours=0))
    monday = [*weekly, night(cron="0 3 ? * MON-SAT *")]
    from_context(context(nightly=monday, passed_within_hours=55))


def test_a_source_that_is_only_snapshotted_has_no_switch() -> None:
    settings = from_context(context(nightly=[night(input={"mode": "snapshot"})]))
    assert settings.nightly_sources == ()


def test_nights_that_take_no_snapshot_fill_no_quota() -> None:
    old = {"recovery_point": {"latest": "automated"}}
    from_context(context(nightly=[night(cron="0 0-23/2 * * ? *", input=old)]))


def test_cdk_json_shows_every_setting_with_its_default() -> None:
    shown = {key: value for key, value in CDK.items() if not key.startswith("@")}
    assert list(shown) == keys()
    schema = json.loads((ROOT / "stacks/settings.schema.json").read_text(encoding="utf-8"))
    defaults = {k: v["default"] for k, v in schema["properties"].items() if "default" in v}
    assert {k: shown[k] for k in defaults if k != "nightly"} == {
        k: v for k, v in defaults.items() if k != "nightly"
    }
