"""A load in the deployed template: its roles enforced, its environments, its least grants.

The login is made by the statements of ``docs/security.md``. Two things are not the template's:
``TM_TLS_MODE``, since the servers on loopback have no certificate, and ``TM_LOAD_PART_MIB``, so
that a small file is cut into parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto.events.models import EventPattern

from local.cloud import REGION, SOURCE, Ending
from local.loads import CSV_BUCKET
from stacks.spec import AUXILIARY, LOAD, WORKFLOW
from tests.infra.authorisation import Answer
from tests.infra.conftest import Template, synthesise
from tests.infra.deployment import USED_BY_AWS, Deployment, deployed
from tests.infra.resources import client
from tests.infra.simulation import Simulator
from tests.infra.test_calls import LOADING
from tests.infra.test_deployed import invokers, role_of, unneeded_by
from tests.load.test_ended import event_of

FIRST, ROWS = 100_001, 1500
DENIED = "billing"

NOT_OF_A_LOAD: dict[str | tuple[str, str], str] = {
    **USED_BY_AWS,
    "ReadCopyLogin": "for a copy that is kept, see below",
    ("SurveyPart", "ListObjects"): "for an object that was deleted meanwhile",
    ("LoadPart", "ListObjects"): "likewise",
    ("TidyLoad", "MissEvidence"): "for a load that was not finished",
    ("TidyLoad", "WriteEvidence"): "for a result that a lost function could not write, and an end",
}
"""What a role may do and a load that goes well does not, and why it is allowed all the same."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployed")
    with (
        Simulator() as simulator,
        deployed(
            folder, simulator, lambda it: synthesise(it, folder / "cdk.out"), loads=True
        ) as found,
    ):
        client("s3").create_bucket(
            Bucket=DENIED, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for bucket in (CSV_BUCKET, DENIED):
            client("s3").put_object(Bucket=bucket, Key="2026/orders.csv", Body=orders())
        yield found


def orders(first: int = FIRST) -> bytes:
    rows = (f'{n},"an order\nof {n}"\n' for n in range(first, first + ROWS))
    return ("id,note\n" + "".join(rows)).encode()


def run(stack: Deployment, bucket: str = CSV_BUCKET, target: str = SOURCE) -> Ending:
    stack.authoriser.answers.clear()
    stack.cloud.ledger.calls.clear()
    stack.cloud.functions.invocations.clear()
    machine = stack.physical_id("AWS::StepFunctions::StateMachine", "Load")
    document = {
        "bucket": bucket,
        "prefix": "2026/",
        "target": {"db_instance_id": target, "database": "shop"},
        "table": "sales.orders",
    }
    return stack.cloud.run(document, machine=machine)


def rows_loaded(stack: Deployment, target: str = SOURCE) -> int:
    server = stack.cloud.rds.instance(target).server
    assert server is not None
    with server.admin("shop") as cursor:
        cursor.execute("SELECT count(*) FROM sales.orders WHERE id >= %s", [FIRST])
        return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class Done:
    """A load that went well, with all that it did; ``ran`` are its functions."""

    ending: Ending
    answers: list[Answer]
    calls: set[tuple[str, str]]
    ran: set[str]
    rows: int


@pytest.fixture(scope="module")
def load(stack: Deployment) -> Done:
    ending = run(stack)
    cloud = stack.cloud
    return Done(
        ending,
        list(stack.authoriser.answers),
        {(call.state.removeprefix("tm-"), call.operation) for call in cloud.ledger.calls},
        {state for state, _, _ in cloud.functions.invocations},
        rows_loaded(stack),
    )


def test_a_load_succeeds_under_its_own_roles_and_the_least_grants(
    stack: Deployment, load: Done
) -> None:
    assert load.ending.status == "SUCCEEDED", load.ending.cause
    assert load.ending.output is not None
    assert (load.ending.output["rows"], load.rows) == (ROWS, ROWS)
    assert [it.decision.detail for it in load.answers if not it.decision.allowed] == []
    assert load.ran == {f"tm-{spec.name}" for spec in LOAD}
    roles = {it.call.state: it.call.role_arn for it in load.answers if it.call.state}
    assert roles == {function: role_of(function) for function in load.ran}
    keys = [key for key in stack.cloud.evidence() if key.endswith("/result.json")]
    assert [key.split("/")[:2] for key in keys] == [["loads", SOURCE]]


def test_the_calls_of_a_load_are_those_of_the_table(load: Done) -> None:
    asked = {"s3.HeadObject": "s3.GetObject", "s3.ListObjectsV2": "s3.ListBucket"}
    made = {(state, asked.get(operation, operation)) for state, operation in load.calls}
    assert made == set(LOADING) - {("TidyLoad", "s3.PutObject")}


def test_the_table_of_calls_sets_no_condition_key_that_aws_does_not_set(load: Done) -> None:
    assert {key for it in load.answers for key in it.decision.ignored} == set()


def test_every_permission_is_needed_by_a_load_or_has_a_reason(
    stack: Deployment, load: Done
) -> None:
    """Each statement taken away in turn: the same calls are then no longer all allowed."""
    names = {role_of(f"tm-{spec.name}"): spec.name for spec in LOAD}
    unneeded = {
        (names.get(role, ""), sid)
        for role in {it.call.role_arn for it in load.answers}
        for sid in unneeded_by(stack, role, load.answers)
    }
    explained = {it for it in unneeded if it in NOT_OF_A_LOAD or it[1] in NOT_OF_A_LOAD}
    assert unneeded - explained == set()
    sids = {sid for _, sid in unneeded}
    assert {why for why in NOT_OF_A_LOAD if why not in unneeded and why not in sids} == set()


def test_a_copy_is_kept_and_loaded_into_under_the_least_grants(
    stack: Deployment, load: Done
) -> None:
    """The copy has what the source had been given; the second load goes into the copy alone."""
    stack.authoriser.answers.clear()
    drill = stack.cloud.run({"db_instance_id": SOURCE, "mode": "restore", "baseline": "none"})
    assert drill.status == "SUCCEEDED", drill.cause
    assert drill.output is not None
    copy = drill.output["kept"]["copy_id"]
    keeping, role = list(stack.authoriser.answers), role_of("tm-KeepInstance")
    assert set(unneeded_by(stack, role, keeping)) <= set(USED_BY_AWS)
    before = rows_loaded(stack, copy)
    client("s3").put_object(Bucket=CSV_BUCKET, Key="2026/orders.csv", Body=orders(FIRST + ROWS))
    loaded = run(stack, target=copy)
    assert loaded.status == "SUCCEEDED", loaded.cause
    assert rows_loaded(stack, copy) == before + ROWS == load.rows + ROWS
    answers = [*keeping, *stack.authoriser.answers]
    assert [it.decision.detail for it in answers if not it.decision.allowed] == []
    login = drill.output["kept"]["secret_arn"]
    readers = {
        it.call.state
        for it in stack.authoriser.answers
        if it.call.parameters.get("SecretId") == login
    }
    assert readers == {f"tm-{spec.name}" for spec in LOAD if spec.in_vpc}
    assert rows_loaded(stack) == load.rows


def test_a_bucket_that_the_settings_do_not_name_is_denied(stack: Deployment, load: Done) -> None:
    ending = run(stack, bucket=DENIED)
    assert ending.status == "FAILED"
    assert f"s3://{DENIED}/" in ending.cause
    assert "s3:ListBucket" in "".join(stack.authoriser.denials())
    assert rows_loaded(stack) == load.rows


def test_a_part_that_may_not_read_leaves_the_table_as_it_was(stack: Deployment, load: Done) -> None:
    def without(properties: Template) -> None:
        document = properties["Policies"][0]["PolicyDocument"]
        document["Statement"] = [it for it in document["Statement"] if it["Sid"] != "ReadObjects"]

    with stack.changed("AWS::IAM::Role", "FunctionsLoadPartRole", without):
        ending = run(stack)
    assert ending.status == "FAILED"
    assert ending.cause.startswith("Nothing was loaded.")
    assert all("s3:GetObject" in denial for denial in stack.authoriser.denials())
    assert stack.authoriser.denials() != []
    assert rows_loaded(stack) == load.rows


def test_the_machine_of_loads_may_invoke_no_function_but_its_own(stack: Deployment) -> None:
    machine = client("stepfunctions").describe_state_machine(
        stateMachineArn=stack.physical_id("AWS::StepFunctions::StateMachine", "Load")
    )
    for spec in (*WORKFLOW, *AUXILIARY, *LOAD):
        function = f"arn:aws:lambda:{REGION}:123456789012:function:tm-{spec.name}"
        why = stack.may(machine["roleArn"], "lambda.Invoke", {"FunctionName": function})
        assert (why == "") == (spec in LOAD), spec.name


def test_a_stopped_load_is_tidied_by_its_event_under_its_own_role(
    stack: Deployment, load: Done
) -> None:
    """And under the rule of its own machine: the sweeper is another's."""
    cloud, started = stack.cloud, list[str]()

    def stop(state: str, event: Any) -> None:
        if state == "tm-LoadPart" and not started:
            started.append(event["load"]["id"])
            cloud.stop(started[0])

    cloud.functions.before = stop
    assert run(stack).status == "ABORTED"
    cloud.functions.before = None
    assert staging_tables(stack) != 0
    event = event_of(cloud, started[0])
    rule = client("events").describe_rule(Name=stack.physical_id("AWS::Events::Rule", "Load"))
    assert EventPattern.load(rule["EventPattern"]).matches_event(event)
    (target,) = client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert invokers(target["Arn"]) == [("events.amazonaws.com", rule["Arn"])]
    answer = stack.invoke(target["Arn"], event)["Payload"]
    assert (answer["dropped"] > 0, answer["loaded"]) == (True, None)
    assert stack.authoriser.denials() == []
    assert staging_tables(stack) == 0
    assert rows_loaded(stack) == load.rows


def staging_tables(stack: Deployment) -> int:
    server = stack.cloud.rds.instance(SOURCE).server
    assert server is not None
    with server.admin("shop") as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'time_machine_load_%'")
        return int(cursor.fetchone()[0])
