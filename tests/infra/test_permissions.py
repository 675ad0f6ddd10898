"""The policies, put to the simulator: what a role must do is allowed, anything else denied."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.naming import drill_name
from stacks.permissions import (
    FUNCTIONS,
    IN_VPC,
    LOAD_ROLES,
    LOAD_STATES,
    ROLES,
    STATES,
    Names,
    grants,
    statements,
    table,
    too_long,
)
from stacks.spec import AUXILIARY, LOAD, WORKFLOW
from tests.infra.cases import Case, cases, circumstances, context_of, resource_of, tags_of, things
from tests.infra.policies import (
    NAMES,
    OWN_NETWORK,
    SETTINGS,
    Deployment,
    Policies,
    document,
    from_data,
    from_template,
    principal,
)
from tests.infra.simulation import Decision, Simulator

EVERYTHING = [document([{"Sid": "All", "Effect": "Allow", "Action": ["*"], "Resource": ["*"]}])]

WITHOUT_RESOURCES = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "codepipeline:PutJobSuccessResult",
    "codepipeline:PutJobFailureResult",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
"""What is allowed on ``*``: each of them because AWS knows no resources for it."""

ASKED_FOR_WITHOUT_RESOURCES = {
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}
"""AWS knows resources for these, and Lambda asks for them on ``*`` when it makes a function in a
VPC: with anything less the function is refused ("does not have permissions to call …")."""

WRITERS = (
    "CreateSnapshot",
    "TagSnapshot",
    "RestoreInstance",
    "SecureInstance",
    "KeepInstance",
    "DeleteInstance",
    "PublishReport",
    "Sweep",
)
"""The roles that change anything in RDS."""

Statement = dict[str, Any]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as found:
        yield found


@pytest.fixture(scope="module", params=["data", "template"])
def deployment(
    request: pytest.FixtureRequest,
    synthesised: Callable[[str, Mapping[str, Any]], dict[str, Any]],
) -> Deployment:
    if request.param == "data":
        return from_data()
    own = synthesised("own-network", OWN_NETWORK)
    return from_template(synthesised("permissions", SETTINGS), own)


def ask(
    simulator: Simulator, case: Case, role: str, policies: Policies, words: Mapping[str, str]
) -> Decision:
    """The row's question, for one of its roles."""
    words = {**words, "role": role}
    context = context_of(case, words)
    resources = {resource_of(thing, words): tags_of(thing, words) for thing in case.things}
    decision = simulator.authorize(policies, principal(role), case.action, resources, context)
    assert not decision.ignored, f"AWS sets no {decision.ignored} for {case.action}"
    return decision


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_role_is_answered_as_the_table_says(
    simulator: Simulator, deployment: Deployment, case: Case
) -> None:
    for role in case.roles:
        decision = ask(simulator, case, role, deployment.policies[role], deployment.words)
        assert decision.allowed == case.allowed, f"{role}: {decision.detail}"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_the_simulator_says_yes_to_all_under_all_and_no_under_nothing(
    simulator: Simulator, case: Case
) -> None:
    """Else a denial of the table could be the simulator's, and an answer worth nothing."""
    words, role = from_data().words, case.roles[0]
    assert ask(simulator, case, role, EVERYTHING, words).allowed
    nothing = [document([{"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}])]
    assert not ask(simulator, case, role, nothing, words).allowed
    assert not ask(simulator, case, role, [], words).allowed


def changes(found: list[Statement]) -> Iterator[tuple[str, list[str], list[Statement]]]:
    """Every way to loosen or to break a policy by one part, with the actions it touches."""
    for number, entry in enumerate(found):
        rest = [*found[:number], *found[number + 1 :]]
        if entry["Sid"] == "SpareSources":
            continue  # never needed while the rest is right; it has a test of its own
        yield f"without {entry['Sid']}", entry["Action"], rest
        if entry["Effect"] == "Allow":
            for name, changed in (*fewer(entry), *looser(entry)):
                yield f"{entry['Sid']} {name}", entry["Action"], [*rest, changed]


def fewer(entry: Statement) -> Iterator[tuple[str, Statement]]:
    """A statement without one of its actions or resources."""
    for part in ("Action", "Resource"):
        for value in entry[part] if len(entry[part]) > 1 else []:
            yield f"without {value}", {**entry, part: [v for v in entry[part] if v != value]}


def looser(entry: Statement) -> Iterator[tuple[str, Statement]]:
    """A statement on all resources, or without one of its conditions."""
    if entry["Resource"] != ["*"]:
        yield "on everything", {**entry, "Resource": ["*"]}
    for test, keys in entry.get("Condition", {}).items():
        for key in keys:
            changed = copy.deepcopy(entry)
            del changed["Condition"][test][key]
            yield f"without {test} {key}", changed


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("thing", ["the source", "a copy that became a source"])
def test_a_source_is_spared_even_by_a_role_that_is_allowed_everything(
    simulator: Simulator, role: str, thing: str
) -> None:
    """So that no statement written one day can reach one."""
    policies = [document(statements(role, NAMES)), *EVERYTHING]
    for case in (case for case in cases() if case.things == (thing,) and not case.allowed):
        decision = ask(simulator, case, role, policies, from_data().words)
        harmless = case.action.startswith("rds:Describe") or case.action == "rds:CreateDBSnapshot"
        assert decision.allowed == harmless, decision.detail


def test_the_writers_are_the_roles_that_spare_sources() -> None:
    reading = ("rds:Describe", "rds:List")
    for role in ROLES:
        writes = any(
            a.startswith("rds:") and not a.startswith(reading) for a, _, _ in allowed(role)
        )
        spares = any(grant.sid == "SpareSources" for grant in grants(role, NAMES))
        assert writes == spares == (role in WRITERS), role


def test_no_role_both_tags_and_deletes_or_modifies() -> None:
    """So that none can adopt a stranger and then end it."""
    actions = {role: {action for action, _, _ in allowed(role)} for role in ROLES}
    tagging = {role for role in ROLES if "rds:AddTagsToResource" in actions[role]}
    ending = ("rds:Delete", "rds:Modify")
    harming = {role for role in ROLES if any(a.startswith(ending) for a in actions[role])}
    making = {"CreateSnapshot", "TagSnapshot", "RestoreInstance"}
    assert tagging == {*making, "KeepInstance", "PublishReport"}
    assert harming == {"SecureInstance", "DeleteInstance", "Sweep"}


@pytest.mark.parametrize("role", ROLES)
def test_every_part_of_a_policy_is_needed(simulator: Simulator, role: str) -> None:
    """Whatever is taken away or loosened, a row of the table comes out otherwise."""
    words = from_data().words
    unnoticed = []
    for name, actions, changed in changes(statements(role, NAMES)):
        policies = [document(changed)]
        rows = [case for case in cases() if role in case.roles and case.action in actions]
        if all(ask(simulator, c, role, policies, words).allowed == c.allowed for c in rows):
            unnoticed.append(name)
    assert unnoticed == []


def test_the_table_has_no_word_that_is_not_used() -> None:
    used = {thing for case in cases() for thing in case.things}
    assert set(things()) == used
    assert set(circumstances()) == {name for case in cases() for name in case.circumstances}


def test_no_row_stands_twice() -> None:
    assert len({case.id for case in cases()}) == len(cases())


def allowed(role: str) -> Iterator[tuple[str, str, Statement]]:
    """Each allowed action with each of its resources, and the statement."""
    for entry in statements(role, NAMES):
        if entry["Effect"] == "Allow":
            for action in entry["Action"]:
                for resource in entry["Resource"]:
                    yield action, resource, entry


@pytest.mark.parametrize("role", ROLES)
def test_everything_is_bounded_to_resources_where_aws_knows_any(
    simulator: Simulator, role: str
) -> None:
    for action, resource, _ in allowed(role):
        assert "*" not in action
        if resource == "*" and action not in ASKED_FOR_WITHOUT_RESOURCES:
            assert action in WITHOUT_RESOURCES
            assert simulator.resource_types(action) == ()
        else:
            assert simulator.resource_types(action)


@pytest.mark.parametrize("role", FUNCTIONS)
def test_lambda_finds_what_it_asks_for_when_it_makes_a_function(role: str) -> None:
    """In a VPC its network actions, on everything and without a condition; elsewhere none."""
    asked = {*ASKED_FOR_WITHOUT_RESOURCES, "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"}
    found = {
        action
        for action, resource, entry in allowed(role)
        if action.startswith("ec2:") and resource == "*" and "Condition" not in entry
    }
    assert found == (asked if role in IN_VPC else set())
    denied = [entry for entry in statements(role, NAMES) if entry["Sid"] == "NotFromCode"]
    assert len(denied) == (role in IN_VPC)
    for entry in denied:
        assert entry["Effect"] == "Deny"
        assert set(entry["Action"]) == asked


def test_the_list_of_what_has_no_resources_is_not_longer_than_it_must_be() -> None:
    used = {action for role in ROLES for action, resource, _ in allowed(role) if resource == "*"}
    assert used == WITHOUT_RESOURCES | ASKED_FOR_WITHOUT_RESOURCES


@pytest.mark.parametrize("role", ROLES)
def test_a_condition_goes_by_keys_that_aws_sets(simulator: Simulator, role: str) -> None:
    """A key that AWS never sets would deny all, or with IfExists bound nothing."""
    for action, resource, entry in allowed(role):
        keys = [key.lower() for test in entry.get("Condition", {}).values() for key in test]
        known = simulator.condition_keys(action, resource) if keys else frozenset()
        families = {key.partition("/")[0] for key in known}
        for key in keys:
            assert key in known or key.partition("/")[0] in families, f"{action}: {key}"


def test_the_roles_are_those_of_the_functions() -> None:
    assert [spec.name for spec in WORKFLOW] == list(STATES)
    assert [spec.name for spec in LOAD] == list(LOAD_STATES)
    assert [spec.name for spec in (*WORKFLOW, *AUXILIARY, *LOAD)] == list(FUNCTIONS)
    assert [spec.name for spec in (*WORKFLOW, *LOAD) if spec.in_vpc] == list(IN_VPC)


@pytest.mark.parametrize("role", ROLES)
def test_each_statement_has_a_name_and_a_reason(role: str) -> None:
    found = grants(role, NAMES)
    assert len({grant.sid for grant in found}) == len(found)
    for grant in found:
        assert grant.sid.isalnum()
        assert grant.why
        assert not grant.everything_but or grant.effect == "Deny"


def with_sources(length: int, keys: int) -> Names:
    """Forty sources with names of ``length`` characters, and so many keys."""
    sources = tuple(f"{number:02}".rjust(length, "s") for number in range(40))
    arns = tuple(f"{NAMES.arn('kms', 'key/')}{number:036}" for number in range(keys))
    return replace(
        NAMES,
        sources=sources,
        source_secret_arns={
            source: f"{NAMES.arn('secretsmanager', 'secret:')}{source}-reader-Ab12Cd"
            for source in sources
        },
        source_secret_key_arns=arns,
        kms_key_arns=arns,
    )


def test_forty_sources_with_ordinary_names_fit_into_the_policies() -> None:
    assert too_long(with_sources(length=15, keys=1)) == []


def test_more_than_fits_into_a_policy_is_told() -> None:
    assert "RestoreInstance" in too_long(with_sources(length=63, keys=40))


@given(
    prefix=st.from_regex(r"\A[a-z](?:-?[a-z0-9]){0,5}\Z"),
    source=st.from_regex(r"\A[A-Za-z](?:-?[A-Za-z0-9]){0,31}\Z"),
    at=st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year > 1999),
)
def test_the_names_that_drills_give_are_within_reach(
    prefix: str, source: str, at: datetime
) -> None:
    shape = replace(NAMES, prefix=prefix).own
    assert fnmatchcase(drill_name(prefix, source, "arn:of:execution", at), shape)


def test_the_reviewers_table_is_that_of_the_policies() -> None:
    text = table.FILE.read_text(encoding="utf-8")
    assert table.written(text) == text, "run python -m stacks.permissions.table"


def test_the_template_has_these_roles_and_no_other(
    synthesised: Callable[[str, Mapping[str, Any]], dict[str, Any]],
) -> None:
    for name, context, count in (
        ("permissions", SETTINGS, len(ROLES) - 1),  # all but the flow log's
        ("own-network", OWN_NETWORK, len(ROLES) - len(LOAD_ROLES)),
    ):
        kinds = [entry["Type"] for entry in synthesised(name, context)["Resources"].values()]
        assert kinds.count("AWS::IAM::Role") == count
        attached = {"AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"}
        assert not attached & set(kinds)


def test_the_keys_of_another_partition_are_used_through_its_own_host_names() -> None:
    china = replace(NAMES, region="cn-north-1", url_suffix="amazonaws.com.cn")
    assert china.via("rds") == "rds.cn-north-1.amazonaws.com.cn"
