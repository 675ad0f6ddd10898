"""Settings: read once, and every fault in one message."""

from dataclasses import FrozenInstanceError

import pytest

from lambdas.errors import InvalidSettings
from lambdas.settings import MAX_POLL_SECONDS, RDS_CA_FILE, Settings, from_environment

REQUIRED = [
    "TM_STACK",
    "TM_EVIDENCE_BUCKET",
    "TM_COPY_SUBNET_GROUP",
    "TM_COPY_SECURITY_GROUP_IDS",
]
LIMITS = [
    ("TM_RETENTION_DAYS", "retention_days", 1, 3650),
    ("TM_DEADLINE_MINUTES", "deadline_minutes", 0.1, 7200),
    ("TM_TEARDOWN_MINUTES", "teardown_minutes", 0.1, 1440),
    ("TM_POLL_SECONDS", "poll_seconds", 1, MAX_POLL_SECONDS),
    ("TM_BASELINE_CONNECTIONS", "baseline_connections", 1, 16),
]


def _message(environment: dict[str, str]) -> str:
    with pytest.raises(InvalidSettings) as caught:
        from_environment(environment)
    return str(caught.value)


def test_a_deployment_that_sets_only_what_it_must_gets_the_defaults(
    environment: dict[str, str],
) -> None:
    found = from_environment({name: environment[name] for name in REQUIRED})
    assert (found.prefix, found.retention_days, found.tls_mode) == ("tm", 30, "verify-full")
    assert (found.deadline_minutes, found.teardown_minutes) == (360, 240)
    assert found.poll_seconds == MAX_POLL_SECONDS
    assert found.source_secrets == found.copy_parameter_groups == {}
    assert found.copy_instance_class == ""
    assert found.sources == ()
    assert found.tls_ca_file == str(RDS_CA_FILE)
    assert RDS_CA_FILE.is_file()


def test_what_is_set_is_read(environment: dict[str, str]) -> None:
    found = from_environment({**environment, "TM_PREFIX": "dr", "TM_COPY_INSTANCE_CLASS": "db.m"})
    assert (found.stack, found.prefix) == ("TimeMachine", "dr")
    assert found.copy_security_group_ids == ("sg-0a", "sg-0b")
    assert found.copy_instance_class == "db.m"
    assert list(found.source_secrets) == ["orders"]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_variable_is_named(environment: dict[str, str], name: str) -> None:
    del environment[name]
    assert _message(environment) == f"{name} is not set"


def test_every_fault_is_told_at_once() -> None:
    message = _message({"TM_POLL_SECONDS": "x", "TM_SOURCE_SECRETS": "[]"})
    assert all(name in message for name in [*REQUIRED, "TM_POLL_SECONDS", "TM_SOURCE_SECRETS"])


@pytest.mark.parametrize(("name", "field", "low", "high"), LIMITS)
def test_the_limits_of_a_number_belong_to_it(
    environment: dict[str, str], name: str, field: str, low: float, high: float
) -> None:
    for limit in (low, high):
        assert getattr(from_environment({**environment, name: str(limit)}), field) == limit


@pytest.mark.parametrize(("name", "field", "low", "high"), LIMITS)
def test_a_number_beyond_its_limits_is_refused_with_them(
    environment: dict[str, str], name: str, field: str, low: float, high: float
) -> None:
    for value in (low / 2, high * 2, -1):
        message = _message({**environment, name: str(value)})
        assert message == f"{name} must be between {low:g} and {high:g}"


@pytest.mark.parametrize("name", [name for name, *_ in LIMITS])
@pytest.mark.parametrize("text", ["", "soon", "1,5", "0x10"])
def test_a_number_that_is_none_is_refused(
    environment: dict[str, str], name: str, text: str
) -> None:
    assert _message({**environment, name: text}) == f"{name} must be a number"


@pytest.mark.parametrize("name", ["TM_SOURCE_SECRETS", "TM_COPY_PARAMETER_GROUPS"])
@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", '{"16": 5}', '{"16": null}'])
def test_a_mapping_that_is_none_is_refused_without_its_text(
    environment: dict[str, str], name: str, text: str
) -> None:
    assert _message({**environment, name: text}) == f"{name} must be a JSON object of strings"


@pytest.mark.parametrize(
    ("version", "group"),
    [("16.4", "quarantine-16"), ("16", "quarantine-16"), ("1.6", ""), ("17.1", "")],
)
def test_a_parameter_group_is_found_by_the_major_version(
    settings: Settings, version: str, group: str
) -> None:
    assert settings.parameter_group(version) == group


def test_settings_can_not_be_changed(settings: Settings) -> None:
    with pytest.raises(FrozenInstanceError):
        settings.prefix = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_setting_may_not_be_empty(environment: dict[str, str], name: str) -> None:
    """An empty list of security groups would mean RDS's default group: out of quarantine."""
    assert f"{name} is not set" in _message({**environment, name: " "})


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_must_be_one(environment: dict[str, str], number: str) -> None:
    assert "TM_RETENTION_DAYS" in _message({**environment, "TM_RETENTION_DAYS": number})


@pytest.mark.parametrize("prefix", ["tm-", "-tm", "Tm", "t--m", "1tm", "", "a" * 13])
def test_a_prefix_must_make_legal_names(environment: dict[str, str], prefix: str) -> None:
    assert "TM_PREFIX" in _message({**environment, "TM_PREFIX": prefix})


def test_identifiers_and_lists_are_read_as_people_write_them(environment: dict[str, str]) -> None:
    written = {"TM_COPY_SECURITY_GROUP_IDS": "sg-1, sg-2", "TM_SOURCE_SECRETS": '{"Orders": "arn"}'}
    settings = from_environment({**environment, **written})
    assert settings.copy_security_group_ids == ("sg-1", "sg-2")
    assert settings.source_secrets == {"orders": "arn"}


@pytest.mark.parametrize(
    ("text", "sources"),
    [("", ()), (" ", ()), ("orders", ("orders",)), ("Orders, billing,", ("orders", "billing"))],
)
def test_a_list_of_sources_may_be_empty_and_is_kept_in_small_letters(
    environment: dict[str, str], text: str, sources: tuple[str, ...]
) -> None:
    assert from_environment({**environment, "TM_SOURCES": text}).sources == sources


def test_an_unknown_tls_mode_is_refused(environment: dict[str, str]) -> None:
    assert "TM_TLS_MODE must be one of verify-full" in _message(
        {**environment, "TM_TLS_MODE": "prefer"}
    )
