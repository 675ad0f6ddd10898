"""The simulator: it says yes and no for the right reasons, and no no for "don't know"."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.installation import SimulatorUnavailable, install
from tests.infra.simulation import IllegalQuestion, Simulator

ME = "arn:aws:iam::111122223333:role/me"
RDS = "arn:aws:rds:eu-central-1:111122223333"


def policy(**parts: Any) -> dict[str, Any]:
    statement = {"Sid": "It", "Effect": "Allow", "Action": "rds:DeleteDBInstance", **parts}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as found:
        yield found


@pytest.mark.parametrize(
    ("resource", "tags", "result"),
    [
        ("db:tm-x", {"aws:ResourceTag/owner": "me"}, "Allowed"),
        ("db:tm-x", {"aws:ResourceTag/owner": "you"}, "ImplicitlyDenied"),
        ("db:tm-x", {}, "ImplicitlyDenied"),
        ("db:other", {"aws:ResourceTag/owner": "me"}, "ImplicitlyDenied"),
    ],
)
def test_a_resource_and_its_tags_are_both_looked_at(
    simulator: Simulator, resource: str, tags: dict[str, str], result: str
) -> None:
    mine = {"StringEquals": {"aws:ResourceTag/owner": "me"}}
    found = [policy(Resource=f"{RDS}:db:tm-*", Condition=mine)]
    decision = simulator.decide(found, ME, "rds:DeleteDBInstance", f"{RDS}:{resource}", tags)
    assert decision.result == result
    assert decision.allowed == (result == "Allowed")
    assert decision.statements == (("It",) if decision.allowed else ())


def test_a_denial_wins_and_is_named(simulator: Simulator) -> None:
    found = [
        policy(Resource="*"),
        policy(Sid="Never", Effect="Deny", Resource=f"{RDS}:db:shop"),
    ]
    decision = simulator.decide(found, ME, "rds:DeleteDBInstance", f"{RDS}:db:shop", {})
    assert decision.result == "ExplicitlyDenied"
    assert decision.detail == f"ExplicitlyDenied: rds:DeleteDBInstance on {RDS}:db:shop (Never)"


def test_of_several_resources_each_must_be_allowed(simulator: Simulator) -> None:
    found = [policy(Action="rds:CreateDBSnapshot", Resource=f"{RDS}:db:shop")]
    action, source, snapshot = "rds:CreateDBSnapshot", f"{RDS}:db:shop", f"{RDS}:snapshot:tm-x"
    assert simulator.authorize(found, ME, action, {source: {}}, {}).allowed
    decision = simulator.authorize(found, ME, action, {source: {}, snapshot: {}}, {})
    assert not decision.allowed
    assert snapshot in decision.detail


def test_a_resource_is_judged_by_its_own_tags_only(simulator: Simulator) -> None:
    mine = {"StringEquals": {"aws:ResourceTag/owner": "me"}}
    found = [policy(Resource="*", Condition=mine)]
    resources = {f"{RDS}:db:mine": {"aws:ResourceTag/owner": "me"}, f"{RDS}:db:nobodys": {}}
    decision = simulator.authorize(found, ME, "rds:DeleteDBInstance", resources, {})
    assert not decision.allowed


def test_a_key_that_aws_does_not_set_is_told(simulator: Simulator) -> None:
    context = {"s3:prefix": "x", "aws:ResourceTag/owner": "me"}
    decision = simulator.decide(
        [policy(Resource="*")], ME, "rds:DeleteDBInstance", f"{RDS}:db:x", context
    )
    assert decision.ignored == ("s3:prefix",)


@pytest.mark.parametrize(
    ("action", "resource", "found"),
    [
        ("rds:DeleteDatabase", f"{RDS}:db:x", policy(Resource="*")),
        ("rds:DeleteDBInstance", "arn:aws:s3:::x", policy(Resource="*")),
        ("rds:DeleteDBInstance", f"{RDS}:db:x", policy(Resource="*", Effect="Perhaps")),
    ],
)
def test_a_question_without_sense_is_an_error_and_no_denial(
    simulator: Simulator, action: str, resource: str, found: dict[str, Any]
) -> None:
    with pytest.raises(IllegalQuestion):
        simulator.decide([found], ME, action, resource, {})


@pytest.mark.parametrize("resource", [f"{RDS}:snapshot:*", f"{RDS}:snapshot:tm-?", "*"])
def test_a_question_about_a_pattern_is_refused(simulator: Simulator, resource: str) -> None:
    """The model would match it with any policy; AWS asks a listing's about all there is."""
    ours = [policy(Action="rds:DescribeDBSnapshots", Resource=f"{RDS}:snapshot:tm-*")]
    with pytest.raises(IllegalQuestion, match="names what it is about"):
        simulator.decide(ours, ME, "rds:DescribeDBSnapshots", resource, {})


def test_what_has_no_resources_is_asked_on_everything(simulator: Simulator) -> None:
    tracing = [policy(Action="xray:PutTraceSegments", Resource="*")]
    assert simulator.decide(tracing, ME, "xray:PutTraceSegments", "*", {}).allowed


def test_outside_of_its_context_it_says_nothing() -> None:
    with pytest.raises(SimulatorUnavailable):
        Simulator().decide([], ME, "rds:DeleteDBInstance", f"{RDS}:db:x", {})


def test_it_is_installed_once() -> None:
    assert install() == install()
    assert install().parent.parent == Path(sys.prefix)


def test_a_registry_out_of_reach_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(SimulatorUnavailable, match="needs npm's registry once") as error:
        install()
    assert "\n" not in str(error.value)
    assert list((tmp_path / "node").iterdir()) == []
