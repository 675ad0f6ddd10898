"""Ownership: each single deviation is enough for no."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.common import ownership
from lambdas.common.naming import drill_name
from lambdas.common.ownership import (
    Owner,
    require_adoptable,
    require_ours,
    why_not_of_any_drill,
    why_not_ours,
)
from lambdas.errors import NameTaken, NotOurs, TimeMachineError

OWNER = Owner("TimeMachine", "tm", "arn:aws:states:::execution:drill:1", "orders")
NAME = "tm-orders-20261122-094433-abcdef"
EXPIRES_AT = datetime(2026, 11, 23, 9, 44, 33, tzinfo=UTC)
TAGS = ownership.ownership_tags(OWNER, ownership.ROLE_COPY, EXPIRES_AT)
DECIDING = (ownership.STACK, ownership.DRILL, ownership.SOURCE, ownership.ROLE)

Guard = Callable[[Owner, str, str, dict[str, str]], None]


def _why(name: str = NAME, tags: dict[str, str] = TAGS, owner: Owner = OWNER) -> str:
    return why_not_ours(owner, ownership.ROLE_COPY, name, tags)


def test_what_the_drill_made_is_ours() -> None:
    assert _why() == ""


def test_names_are_compared_as_rds_does_without_case() -> None:
    assert _why(NAME.upper()) == ""


@pytest.mark.parametrize("name", ["orders", "ORDERS"])
def test_the_source_is_never_ours_even_with_every_tag(name: str) -> None:
    assert "is the source" in _why(name)


@pytest.mark.parametrize("name", ["tm-orders", "TM-Orders"])
def test_a_source_with_our_prefix_is_never_ours_even_with_every_tag(name: str) -> None:
    owner = replace(OWNER, source="tm-orders")
    tags = ownership.ownership_tags(owner, ownership.ROLE_COPY, EXPIRES_AT)
    assert "is the source" in _why(name, tags, owner)


@pytest.mark.parametrize("name", ["", "tm", "tmorders", "xtm-orders", "production", "a-tm-orders"])
def test_a_name_without_the_prefix_is_not_ours_even_with_every_tag(name: str) -> None:
    assert "prefix" in _why(name)


@settings(deadline=None)
@given(st.sets(st.sampled_from(DECIDING), min_size=1))
def test_any_missing_tag_makes_it_not_ours(missing: set[str]) -> None:
    assert _why(tags={key: value for key, value in TAGS.items() if key not in missing})


@pytest.mark.parametrize("key", DECIDING)
@pytest.mark.parametrize("change", [str.upper, lambda text: text + "x", lambda _: ""])
def test_any_different_tag_makes_it_not_ours(key: str, change: Callable[[str], str]) -> None:
    assert key in _why(tags={**TAGS, key: change(TAGS[key])})


@pytest.mark.parametrize("part", ["stack", "prefix", "drill", "source"])
def test_another_owner_does_not_own_it(part: str) -> None:
    assert _why(owner=replace(OWNER, **{part: "another"}))


def test_a_snapshot_is_not_ours_as_a_copy() -> None:
    tags = ownership.ownership_tags(OWNER, ownership.ROLE_SNAPSHOT, EXPIRES_AT)
    assert ownership.ROLE in _why(tags=tags)
    assert why_not_ours(OWNER, ownership.ROLE_SNAPSHOT, NAME, tags) == ""


@pytest.mark.parametrize("guard", [require_ours, require_adoptable])
def test_the_guards_let_ours_through(guard: Guard) -> None:
    guard(OWNER, ownership.ROLE_COPY, NAME, TAGS)


@pytest.mark.parametrize(
    ("guard", "error"), [(require_ours, NotOurs), (require_adoptable, NameTaken)]
)
@pytest.mark.parametrize(("name", "tags"), [("orders", TAGS), (NAME, {}), ("production", TAGS)])
def test_the_guards_refuse_in_their_own_words(
    guard: Guard, error: type[TimeMachineError], name: str, tags: dict[str, str]
) -> None:
    with pytest.raises(error, match=f"refused to .*{name}") as caught:
        guard(OWNER, ownership.ROLE_COPY, name, tags)
    assert type(caught.value) is error


def test_the_create_call_gets_every_ownership_tag() -> None:
    assert dict(TAGS) == {
        "time-machine:stack": OWNER.stack,
        "time-machine:drill": OWNER.drill,
        "time-machine:source": OWNER.source,
        "time-machine:role": "copy",
        "time-machine:expires-at": "2026-11-23T09:44:33Z",
    }


def test_no_user_may_set_our_tags() -> None:
    assert all(key.startswith(ownership.RESERVED_TAG_PREFIXES) for key in TAGS)


def test_a_snapshot_lives_for_its_retention() -> None:
    assert ownership.snapshot_expiry(EXPIRES_AT, 30) == datetime(
        2026, 12, 23, 9, 44, 33, tzinfo=UTC
    )


ARN = "arn:aws:states:eu-west-1:123456789012:execution:drill:1"
ANY = replace(OWNER, drill=ARN)
ANY_NAME = drill_name("tm", "orders", ARN, EXPIRES_AT)
ANY_TAGS = ownership.ownership_tags(ANY, ownership.ROLE_COPY, EXPIRES_AT)


def _of_any(name: str = ANY_NAME, tags: dict[str, str] = ANY_TAGS, prefix: str = "tm") -> str:
    return why_not_of_any_drill("TimeMachine", prefix, ownership.ROLE_COPY, name, tags)


def test_what_any_drill_of_the_deployment_made_is_ours() -> None:
    assert _of_any() == _of_any(ANY_NAME.upper()) == ""


@settings(deadline=None)
@given(st.sets(st.sampled_from(DECIDING), min_size=1))
def test_any_missing_tag_makes_it_no_drills(missing: set[str]) -> None:
    assert _of_any(tags={key: value for key, value in ANY_TAGS.items() if key not in missing})


@pytest.mark.parametrize("key", DECIDING)
@pytest.mark.parametrize("change", [str.upper, lambda text: text + "x", lambda _: ""])
def test_any_different_tag_makes_it_no_drills(key: str, change: Callable[[str], str]) -> None:
    """A drill and a source are not known beforehand here: the name gives a change away."""
    assert _of_any(tags={**ANY_TAGS, key: change(ANY_TAGS[key])})


@pytest.mark.parametrize(
    "drill",
    [
        "1",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:drill",
        "arn:aws:states:eu-west-1:123456789012:execution:drill",
        "arn:aws:states:eu-west-1:123456789012:execution:drill/map:1",
        "arn:aws:states:eu-west-1:123456789012:execution:drill:1:2",
        "arn:aws:states:eu-west-1::execution:drill:1",
        "arn:aws:lambda:eu-west-1:123456789012:execution:drill:1",
        f"{ARN}\n",
    ],
)
def test_a_drill_that_is_no_execution_owns_nothing(drill: str) -> None:
    name = drill_name("tm", "orders", drill, EXPIRES_AT)
    assert "not an execution" in _of_any(name, {**ANY_TAGS, ownership.DRILL: drill})


def test_executions_of_every_partition_are_executions() -> None:
    for partition in ("aws-cn", "aws-us-gov"):
        drill = ARN.replace("aws", partition, 1)
        name = drill_name("tm", "orders", drill, EXPIRES_AT)
        assert _of_any(name, {**ANY_TAGS, ownership.DRILL: drill}) == ""


def test_a_source_without_a_name_owns_nothing() -> None:
    name = drill_name("tm", "", ARN, EXPIRES_AT)
    assert "is empty" in _of_any(name, {**ANY_TAGS, ownership.SOURCE: ""})


def test_an_expiry_is_read_as_it_was_written() -> None:
    assert ownership.expiry_of(TAGS) == EXPIRES_AT


@settings(deadline=None)
@given(st.text(max_size=25) | st.from_regex(r"[0-9]{1,5}-[0-9]{1,2}-[0-9]{1,2}T[0-9:]{1,8}Z"))
def test_an_expiry_that_we_did_not_write_is_none(text: str) -> None:
    found = ownership.expiry_of({ownership.EXPIRES_AT: text})
    assert found is None or ownership.utc_text(found) == text


def test_without_the_tag_there_is_no_expiry() -> None:
    assert ownership.expiry_of({}) is None
