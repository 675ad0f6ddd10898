"""Ownership: each single deviation is enough for no."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain import ownership
from lambdas.domain.ownership import Owner, require_adoptable, require_ours, why_not_ours
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
