"""The catalog sandwich: what DDL around the snapshot explains, and what it does not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.drill.checks.catalog.comparison import (
    FIRST_TRANSACTION,
    GATHERED,
    MEMBERSHIP,
    NUMBERED,
    UNREAD,
    XID_MODULUS,
    YOUNG_WINDOW,
    CatalogObject,
    Difference,
    Meanwhile,
    differences,
    is_young,
    meanwhile,
    named,
    nameless,
    objects_from,
    stray,
    unread_from,
    without,
    without_more,
)

HORIZON = 1000

A = CatalogObject("table", "orders", "digest-a", "100")
A_TOUCHED_BACK = CatalogObject("table", "orders", "digest-a", "1100")
B = CatalogObject("table", "orders", "digest-b", "1100")
STRANGE = CatalogObject("table", "orders", "digest-x", "100")

horizons = st.integers(FIRST_TRANSACTION, 2**63) | st.integers(0, 5).flatmap(
    lambda epoch: st.integers(-5, 5).map(lambda step: (epoch + 1) * XID_MODULUS + step)
)


def _told(
    before: CatalogObject | None,
    after: CatalogObject | None,
    copy: CatalogObject | None,
    horizon: int = HORIZON,
) -> list[tuple[str, bool]]:
    first, last, here = ({item.key: item} if item else {} for item in (before, after, copy))
    return [
        (found.what, found.certain) for found in differences(first, last, here, Meanwhile(horizon))
    ]


@pytest.mark.parametrize(
    ("before", "after", "copy"),
    [
        (A, A, A),
        (A, B, A),
        (A, B, B),
        (A, None, A),
        (A, None, None),
        (None, B, B),
        (None, B, None),
    ],
    ids=["still", "old", "new", "dropped later", "dropped", "created", "created later"],
)
def test_what_the_two_readings_allow_is_no_difference(
    before: CatalogObject | None, after: CatalogObject | None, copy: CatalogObject | None
) -> None:
    assert _told(before, after, copy) == []


def test_an_untouched_object_that_is_missing_is_certain() -> None:
    assert _told(A, A, None) == [("missing on the copy", True)]


def test_an_untouched_object_that_is_defined_otherwise_is_certain() -> None:
    assert _told(A, A, STRANGE) == [("defined differently on the copy", True)]


@pytest.mark.parametrize("after", [B, A_TOUCHED_BACK])
def test_a_touched_object_that_is_missing_is_not_certain(after: CatalogObject) -> None:
    assert _told(A, after, None) == [("missing on the copy", False)]


@pytest.mark.parametrize(("before", "after"), [(A, B), (A, None), (None, B), (A, A_TOUCHED_BACK)])
def test_a_touched_object_in_a_third_state_is_not_certain(
    before: CatalogObject | None, after: CatalogObject | None
) -> None:
    assert _told(before, after, STRANGE) == [("defined differently on the copy", False)]


@pytest.mark.parametrize(
    ("versions", "certain"),
    [
        ("999", True),
        ("2", True),
        ("5,999", True),
        ("1000", False),
        ("999,1001", False),
        ("", False),
    ],
    ids=["old", "frozen", "all old", "young", "one young", "unreadable"],
)
def test_an_object_only_on_the_copy_is_certain_unless_it_can_be_young(
    versions: str, certain: bool
) -> None:
    extra = CatalogObject("table", "orders", "digest-a", versions)
    assert _told(None, None, extra) == [("only on the copy", certain)]


ROLE = CatalogObject("role", "app", "digest-a", f"{NUMBERED}16400")
RENAMED = replace(ROLE, name="app_old")
REDEFINED = replace(ROLE, digest="digest-x")
RECREATED = replace(ROLE, versions=f"{NUMBERED}16500")


def _roles(*roles: CatalogObject) -> dict[tuple[str, str], CatalogObject]:
    return {role.key: role for role in roles}


def test_a_role_whose_number_is_gone_is_certainly_missing() -> None:
    (found,) = differences(_roles(ROLE), _roles(ROLE), {}, Meanwhile(HORIZON))
    assert (found.what, found.certain, found.undecided) == ("missing on the copy", True, False)


@pytest.mark.parametrize("copy", [REDEFINED, RENAMED])
def test_a_role_that_may_have_been_changed_and_changed_back_is_undecided(
    copy: CatalogObject,
) -> None:
    found = list(differences(_roles(ROLE), _roles(ROLE), _roles(copy), Meanwhile(HORIZON)))
    assert found[0].undecided
    assert not any(difference.certain for difference in found)


@pytest.mark.parametrize("copy", [[], [REDEFINED]])
def test_a_role_that_was_made_anew_meanwhile_is_explained(copy: list[CatalogObject]) -> None:
    (found,) = differences(_roles(ROLE), _roles(RECREATED), _roles(*copy), Meanwhile(HORIZON))
    assert (found.certain, found.undecided) == (False, False)


def test_a_role_only_on_the_copy_is_not_certain() -> None:
    (found,) = differences({}, {}, _roles(ROLE), Meanwhile(HORIZON))
    assert (found.what, found.certain) == ("only on the copy", False)


@pytest.mark.parametrize(
    ("horizon", "version", "young"),
    [
        (2**32 - 5, 3, True),
        (2**32 - 5, 2**32 - 5, True),
        (2**32 - 5, 2**32 - 6, False),
        (2**32 + 3, 2**32 - 1, False),
        (2**32 + 3, 3, True),
        (7 * 2**32, 2**32 - 1, False),
        (7 * 2**32, 3, True),
    ],
)
def test_the_32_bit_circle_is_minded_near_its_seam(horizon: int, version: int, young: bool) -> None:
    extra = CatalogObject("table", "orders", "digest-a", str(version))
    assert _told(None, None, extra, horizon) == [("only on the copy", not young)]


@given(horizons, st.integers(0, YOUNG_WINDOW - 1))
def test_what_began_at_the_horizon_or_after_it_is_young(horizon: int, later: int) -> None:
    version = (horizon + later) % XID_MODULUS
    assert is_young(version, horizon) is (version >= FIRST_TRANSACTION)


@given(horizons, st.integers(1, XID_MODULUS // 2))
def test_what_began_before_the_horizon_is_not_young(horizon: int, earlier: int) -> None:
    assert not is_young((horizon - earlier) % XID_MODULUS, horizon)


@pytest.mark.parametrize("mark", range(FIRST_TRANSACTION))
def test_frozen_and_bootstrap_rows_are_older_than_everything(mark: int) -> None:
    assert not is_young(mark, XID_MODULUS + mark)


def test_objects_of_one_name_and_two_kinds_are_two() -> None:
    inventory = objects_from([["table", "orders", "a", "1"], ["type", "orders", "a", "1"]])
    found = list(differences(inventory, inventory, {}, Meanwhile(HORIZON)))
    assert found == [
        Difference("table", "orders", "missing on the copy", certain=True),
        Difference("type", "orders", "missing on the copy", certain=True),
    ]


def test_differences_come_by_kind_and_name() -> None:
    inventory = objects_from([["view", "a", "d", "1"], ["table", "z", "d", "1"]])
    extra = objects_from([["table", "b", "d", "1"]])
    found = [
        (item.kind, item.name)
        for item in differences(inventory, inventory, extra, Meanwhile(HORIZON))
    ]
    assert found == [("table", "b"), ("table", "z"), ("view", "a")]


def test_objects_are_read_from_the_evidence() -> None:
    assert objects_from([["table", "orders", "digest-a", "100"]]) == {("table", "orders"): A}


def test_what_stands_for_many_rows_is_certain_while_none_of_them_was_touched() -> None:
    gathered = replace(A, versions=f"{GATHERED}aa")
    assert _told(gathered, gathered, STRANGE) == [("defined differently on the copy", True)]
    assert _told(gathered, replace(gathered, versions=f"{GATHERED}bb"), None) == [
        ("missing on the copy", False)
    ]


def test_what_stands_for_many_rows_has_no_age() -> None:
    extra = replace(A, versions=f"{GATHERED}aa")
    assert _told(None, None, extra) == [("only on the copy", False)]


def test_a_kind_that_could_not_be_read_is_no_object() -> None:
    inventory = [["table", "orders", "digest-a", "100"], [UNREAD, "user mapping", "", "pg_x"]]
    assert objects_from(inventory) == {("table", "orders"): A}
    assert unread_from(inventory) == {"user mapping": "pg_x"}


def test_a_kind_is_taken_out_whole() -> None:
    inventory = objects_from([["view", "a", "d", "1"], ["table", "orders", "digest-a", "100"]])
    assert without(inventory, {"view"}) == {("table", "orders"): A}


def test_of_some_roles_only_memberships_that_a_reading_has_are_the_copy_s() -> None:
    """A second grant must not take the name of the first; a changed one is one that is missing."""
    first = [MEMBERSHIP, "of role #10 in role #20", "b", "100"]
    second = [MEMBERSHIP, "of role #10 in role #20", "a", "1100"]
    others = [[MEMBERSHIP, "of role #101 in role #20", "a", "1100"], ["table", "orders", "x", "9"]]
    copy = [first, second, *others]
    assert without_more(copy, [first], {"10"}) == [first, *others]
    assert without_more(copy, [], {"10"}) == others
    assert without_more(copy, [], ()) == copy


def test_an_object_that_has_no_name_on_the_copy_alone_is_damage() -> None:
    """However young: nobody makes one. One that the source has too is the source's."""
    lost, known = (
        CatalogObject("column default", nameless(digest), digest, "100000")
        for digest in ("digest-a", "digest-b")
    )
    copy = {item.key: item for item in (lost, known, A)}
    there = {known.key: known}
    assert stray(there, {}, copy) == {"column default": 1}
    assert list(named(copy).values()) == [A]


def test_of_two_objects_with_one_name_neither_hides_the_other() -> None:
    """A stale page of a catalog shows a row twice: one as it was, one as it is."""
    before, twice = [["table", "t", "b", "100"]], [["table", "t", "b", "100"]]
    twice.append(["table", "t", "a", "90"])
    source, copy = objects_from(before), objects_from(twice)
    message = [
        (found.name, found.certain)
        for found in differences(source, source, copy, Meanwhile(HORIZON))
    ]
    assert message == [("t", True), ("t (once more)", True)]


YOUNG = CatalogObject("trigger", "orders.t", "digest-t", "100,1100")
BEYOND = CatalogObject("trigger", "orders.t", "digest-t", "100,1200")
"""Its table's row is old; its own is of the first transaction after the second reading."""


def _heads(
    first: tuple[int, int, int], last: tuple[int, int, int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    names = ("oldest", "newest", "running")
    before, after = (dict(zip(names, each, strict=True)) for each in (first, last))
    return {"horizon": HORIZON, "transactions": before}, {"transactions": after}


@pytest.mark.parametrize(
    ("first", "last", "idle"),
    [
        ((1100, 1100, 0), (1100, 1100, 0), True),
        ((1050, 1100, 1), (1050, 1100, 1), False),
        ((1100, 1100, 1), (1100, 1100, 1), False),
        ((1100, 1100, 0), (1100, 1101, 0), False),
    ],
)
def test_the_source_was_idle_if_nothing_with_an_id_ran(
    first: tuple[int, int, int], last: tuple[int, int, int], idle: bool
) -> None:
    found = meanwhile(*_heads(first, last))
    assert (found.horizon, found.next, found.idle) == (HORIZON, last[1], idle)


def test_readings_without_their_transactions_say_nothing_of_them() -> None:
    assert meanwhile({"horizon": HORIZON}, {}) == Meanwhile(HORIZON)


@pytest.mark.parametrize(("item", "certain"), [(YOUNG, False), (BEYOND, True)])
def test_what_is_younger_than_the_second_reading_was_made_on_the_copy(
    item: CatalogObject, certain: bool
) -> None:
    (found,) = differences({}, {}, {item.key: item}, Meanwhile(HORIZON, 1200))
    assert (found.what, found.certain) == ("only on the copy", certain)


def test_a_version_of_another_turn_of_the_circle_is_no_proof_of_that() -> None:
    """The source has rows that only seem to be of the future: they are frozen."""
    table = {A.key: replace(A, versions="1200")}
    found = differences(table, table, {**table, BEYOND.key: BEYOND}, Meanwhile(HORIZON, 1200))
    assert [item.certain for item in found] == [False]


@pytest.mark.parametrize("item", [STRANGE, YOUNG])
def test_after_too_many_transactions_no_version_tells_its_age(item: CatalogObject) -> None:
    long = Meanwhile(HORIZON, HORIZON + YOUNG_WINDOW)
    (found,) = differences({}, {}, {item.key: item}, long)
    assert not found.certain


@pytest.mark.parametrize("idle", [True, False])
@pytest.mark.parametrize("versions", [f"{NUMBERED}16400", f"{GATHERED}abc", ""])
def test_what_has_no_age_is_strange_only_if_nothing_ran_on_the_source(
    versions: str, idle: bool
) -> None:
    item = CatalogObject("role", "mallory", "digest-m", versions)
    (found,) = differences({}, {}, {item.key: item}, Meanwhile(HORIZON, 1200, idle))
    assert found.certain is idle
