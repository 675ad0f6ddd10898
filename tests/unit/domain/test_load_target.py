"""What a load may go into: a target's one name, and whose login opens it."""

from typing import Any

import pytest

from lambdas.common.naming import drill_name
from lambdas.common.ownership import KEPT, Owner, ownership_tags
from lambdas.common.ownership import ROLE_COPY as COPY
from lambdas.load.load_target import (
    address_of,
    contradictions,
    copy_faults,
    login_faults,
    target_name,
)
from tests.unit.domain.test_retention import ARN, NOW

OWNER = Owner("stack", "tm", f"{ARN}1", "orders")
COPY_ID = drill_name("tm", "orders", OWNER.drill, NOW)
TAGS = ownership_tags(OWNER, COPY, NOW)
SECRETS = {"staging": "arn:staging", "db.example.org:5432": "arn:db"}


@pytest.mark.parametrize(
    ("target", "name", "address"),
    [
        ({"db_instance_id": "Staging"}, "staging", None),
        ({"endpoint": "DB.example.org"}, "db.example.org:5432", ("db.example.org", 5432)),
        ({"endpoint": "db.example.org:6432"}, "db.example.org:6432", ("db.example.org", 6432)),
        ({"endpoint": "staging"}, "staging:5432", ("staging", 5432)),
    ],
)
def test_a_target_has_one_name(
    target: dict[str, Any], name: str, address: tuple[str, int] | None
) -> None:
    """However it is written; and an endpoint's is never an instance's."""
    assert target_name(target) == name
    assert address_of(name) == address


@pytest.mark.parametrize("target", [{}, {"db_instance_id": "a", "endpoint": "b"}])
def test_a_target_is_an_instance_or_an_endpoint(target: dict[str, Any]) -> None:
    assert contradictions(target) == [
        "target.db_instance_id: give either db_instance_id or endpoint"
    ]


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"db_instance_id": "orders"}, "db_instance_id"),
        ({"db_instance_id": "tm-reporting"}, "db_instance_id"),
        ({"endpoint": "db.example.org:5433"}, "endpoint"),
        ({"endpoint": "evil.example.org"}, "endpoint"),
        ({"endpoint": "staging"}, "endpoint"),
        ({"endpoint": COPY_ID}, "endpoint"),
    ],
)
def test_a_server_that_is_not_listed_is_refused_before_anything_is_sent_to_it(
    target: dict[str, Any], field: str
) -> None:
    (fault,) = login_faults(target, SECRETS, "tm")
    assert fault.startswith(f"target.{field}: the deployment knows no login of ")
    assert fault.endswith("; add it to the setting load.targets")


@pytest.mark.parametrize(
    "target",
    [
        {"db_instance_id": "STAGING"},
        {"endpoint": "db.example.org"},
        {"endpoint": "DB.example.org:5432"},
        {"db_instance_id": COPY_ID},
    ],
)
def test_a_listed_server_is_let_through_and_a_copys_name_looked_at(target: dict[str, Any]) -> None:
    assert login_faults(target, SECRETS, "tm") == []


def test_a_kept_copy_of_this_deployment_may_be_loaded_into() -> None:
    assert copy_faults(COPY_ID, "stack", "tm", {**TAGS, KEPT: "yes"}) == []


@pytest.mark.parametrize("kept", [{}, {KEPT: "no"}])
def test_a_copy_that_a_drill_may_be_measuring_is_refused(kept: dict[str, str]) -> None:
    (fault,) = copy_faults(COPY_ID, "stack", "tm", {**TAGS, **kept})
    assert fault == (
        f"target.db_instance_id: {COPY_ID} is a drill's copy that is not kept; load into one that"
        " a drill in mode restore has verified and kept"
    )


@pytest.mark.parametrize(
    "changed",
    [{name: "another's"} for name in TAGS if not name.endswith("expires-at")],
    ids=lambda changed: next(iter(changed)),
)
def test_whoever_else_has_a_copys_name_needs_a_login(changed: dict[str, str]) -> None:
    (fault,) = copy_faults(COPY_ID, "stack", "tm", {**TAGS, KEPT: "yes", **changed})
    assert "the deployment knows no login of" in fault
