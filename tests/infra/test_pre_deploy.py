"""The pre-deploy stage as a pipeline gets it, with a deployment of the same app or an import."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codepipeline, aws_lambda
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_stepfunctions as sfn

from lambdas.drill.admission.request import structural_faults
from stacks.example_pipeline import ExamplePipelineStack
from stacks.pre_deploy import (
    ACTION_LIMIT_SECONDS,
    INPUT_LENGTH,
    BadStage,
    DeployedTimeMachine,
    PreDeployStage,
    refuse_impatience,
)
from tests.infra.conftest import FLAGS

CONNECTION = "arn:aws:codeconnections:eu-central-1:123456789012:connection/0123"
SOURCE = "shop-production"


class Made:
    """A pipeline's template, with what the tests look at."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self.resources: Mapping[str, Any] = template["Resources"]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [r["Properties"] for r in self.resources.values() if r["Type"] == kind]

    def stages(self) -> dict[str, list[dict[str, Any]]]:
        (pipeline,) = self.of_type("AWS::CodePipeline::Pipeline")
        return {stage["Name"]: stage["Actions"] for stage in pipeline["Stages"]}

    def policy(self, action: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The statements of the role that an action of the pipeline takes on."""
        role = action["RoleArn"]["Fn::GetAtt"][0]
        return [
            statement
            for policy in self.of_type("AWS::IAM::Policy")
            if policy["Roles"] == [{"Ref": role}]
            for statement in policy["PolicyDocument"]["Statement"]
        ]


def new_app() -> cdk.App:
    return cdk.App(context=FLAGS)


def with_source(stack: cdk.Stack) -> aws_codepipeline.Pipeline:
    pipeline = aws_codepipeline.Pipeline(stack, "Pipeline")
    source = actions.CodeStarConnectionsSourceAction(
        action_name="Code",
        connection_arn=CONNECTION,
        owner="example",
        repo="shop",
        output=aws_codepipeline.Artifact("Code"),
    )
    pipeline.add_stage(stage_name="Source", actions=[source])
    return pipeline


def made(
    add: Callable[[aws_codepipeline.Pipeline], Any], environment: cdk.Environment | None = None
) -> Made:
    app = new_app()
    stack = cdk.Stack(app, "Team", env=environment)
    add(with_source(stack))
    return Made(app.synth().get_stack_by_name("Team").template)


@pytest.fixture(scope="module")
def example() -> Made:
    app = new_app()
    stack = ExamplePipelineStack(
        app, "Example", connection_arn=CONNECTION, db_instance_id=SOURCE, mode="drill"
    )
    return Made(app.synth().get_stack_by_name(stack.stack_name).template)


def test_the_gate_stands_before_the_deployment(example: Made) -> None:
    assert list(example.stages()) == ["Source", "PreDeploy", "Deploy"]


def test_the_drill_is_started_and_then_its_verdict_is_exported(example: Made) -> None:
    drill, export = example.stages()["PreDeploy"]
    assert drill["ActionTypeId"]["Provider"] == "StepFunctions"
    assert export["ActionTypeId"]["Provider"] == "Lambda"
    assert (drill["RunOrder"], export["RunOrder"]) == (1, 2)
    assert drill["Configuration"]["InputType"] == "Literal"
    assert json.loads(drill["Configuration"]["Input"]) == {
        "db_instance_id": SOURCE,
        "mode": "drill",
        "purpose": "pre-deploy",
    }
    assert drill["Namespace"] == "PreDeployDrill"
    assert export["Namespace"] == "PreDeploy"
    assert export["Configuration"]["UserParameters"] == "#{PreDeployDrill.ExecutionArn}"


def test_later_stages_read_the_verdict_and_the_snapshot(example: Made) -> None:
    approve, release = example.stages()["Deploy"]
    message = approve["Configuration"]["CustomData"]
    for name in ("verdict", "snapshot_id", "report"):
        assert f"#{{PreDeploy.{name}}}" in message
    assert json.loads(release["Configuration"]["EnvironmentVariables"]) == [
        {"name": "SNAPSHOT_ID", "type": "PLAINTEXT", "value": "#{PreDeploy.snapshot_id}"}
    ]


def test_no_time_out_is_set_where_codepipeline_takes_none(example: Made) -> None:
    """TimeoutInMinutes is for approvals alone; a template with it elsewhere is refused."""
    for action in example.stages()["PreDeploy"]:
        assert "TimeoutInMinutes" not in action


def test_the_drills_role_starts_and_watches_its_own_executions_only(example: Made) -> None:
    drill, _ = example.stages()["PreDeploy"]
    start, watch = example.policy(drill)
    assert start["Action"] == ["states:StartExecution", "states:DescribeStateMachine"]
    assert joined(start["Resource"]).endswith(":stateMachine:tm-drill")
    assert watch["Action"] == "states:DescribeExecution"
    assert joined(watch["Resource"]).endswith(":execution:tm-drill:pre-deploy-shop-production*")


def test_the_exports_role_invokes_that_function_only(example: Made) -> None:
    """CDK adds ListFunctions, which CodePipeline's guide asks for and AWS can't narrow."""
    _, export = example.stages()["PreDeploy"]
    listing, invoking = example.policy(export)
    assert (listing["Action"], listing["Resource"]) == ("lambda:ListFunctions", "*")
    assert invoking["Action"] == "lambda:InvokeFunction"
    names = [joined(resource).partition(":function:")[2] for resource in invoking["Resource"]]
    assert names == ["tm-ExportVerdict", "tm-ExportVerdict:*"]


def joined(value: Any) -> str:
    """A resource's ARN with its pseudo parameters as words."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return str(value["Ref"])
    return "".join(joined(part) for part in value["Fn::Join"][1])


@pytest.mark.parametrize(
    "environment", [None, cdk.Environment(account="123456789012", region="eu-central-1")]
)
def test_a_deployment_is_found_by_its_prefix(environment: cdk.Environment | None) -> None:
    """In the pipeline's own account and region, known at synth or not."""
    found = made(
        lambda pipeline: PreDeployStage(
            pipeline,
            DeployedTimeMachine(cdk.Stack.of(pipeline), "TimeMachine", prefix="dr"),
            db_instance_id=SOURCE,
        ),
        environment,
    )
    drill, export = found.stages()["PreDeploy"]
    assert joined(drill["Configuration"]["StateMachineArn"]).endswith(":stateMachine:dr-drill")
    assert "dr-ExportVerdict" in json.dumps(export["Configuration"]["FunctionName"])
    assert json.loads(drill["Configuration"]["Input"])["mode"] == "snapshot"


def test_a_machine_of_the_same_app_crosses_over_from_its_stack() -> None:
    app = new_app()
    theirs = cdk.Stack(app, "Theirs")
    deployed = SimpleNamespace(
        machine=sfn.StateMachine(
            theirs,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(theirs, "P")),
        ),
        export_verdict=aws_lambda.Function(
            theirs,
            "Export",
            runtime=aws_lambda.Runtime.PYTHON_3_13,
            handler="x.y",
            code=aws_lambda.Code.from_inline("x"),
        ),
    )
    PreDeployStage(with_source(cdk.Stack(app, "Team")), deployed, db_instance_id=SOURCE)
    assembly = app.synth()
    drill, _ = Made(assembly.get_stack_by_name("Team").template).stages()["PreDeploy"]
    exported = assembly.get_stack_by_name("Theirs").template["Outputs"].values()
    names = [output["Export"]["Name"] for output in exported]
    assert drill["Configuration"]["StateMachineArn"]["Fn::ImportValue"] in names


def test_two_gates_in_one_pipeline_keep_their_variables_apart() -> None:
    def add(pipeline: aws_codepipeline.Pipeline) -> None:
        deployed = DeployedTimeMachine(cdk.Stack.of(pipeline), "TimeMachine")
        first = PreDeployStage(pipeline, deployed, db_instance_id="orders", stage_name="Orders")
        other = PreDeployStage(pipeline, deployed, db_instance_id="people", stage_name="People")
        assert first.verdict == "#{Orders.verdict}"
        assert other.headline == "#{People.headline}"

    stages = made(add).stages()
    assert list(stages) == ["Source", "Orders", "People"]
    assert stages["People"][1]["Configuration"]["UserParameters"] == "#{PeopleDrill.ExecutionArn}"


@pytest.fixture(scope="module")
def refusing() -> Callable[..., None]:
    """Adds stages that must be refused, each under a name of its own."""
    stack = cdk.Stack(new_app(), "Team")
    pipeline, deployed = with_source(stack), DeployedTimeMachine(stack, "TimeMachine")
    count = iter(range(1000))

    def add(**arguments: Any) -> None:
        PreDeployStage(pipeline, deployed, stage_name=f"Gate{next(count)}", **arguments)

    return add


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"db_instance_id": "-shop"}, "db_instance_id: is not of the right form"),
        ({"db_instance_id": SOURCE, "mode": "verify"}, "mode: is not allowed"),
        ({"db_instance_id": SOURCE, "options": {"colour": 1}}, "colour: unknown field"),
        (
            {"db_instance_id": SOURCE, "mode": "drill", "options": {"deadline_minutes": 7201}},
            "deadline_minutes: is out of range",
        ),
        (
            {"db_instance_id": SOURCE, "options": {"baseline": "exact"}},
            "baseline: mode snapshot restores nothing",
        ),
        (
            {"db_instance_id": SOURCE, "options": {"tags": {f"k{n}": "v" * 90 for n in range(11)}}},
            f"CodePipeline carries {INPUT_LENGTH}",
        ),
    ],
)
def test_a_stage_that_could_not_run_is_refused_at_synth(
    refusing: Callable[..., None], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadStage, match="The pre-deploy stage was refused: ") as caught:
        refusing(**arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_reach_the_execution_but_never_its_purpose(tmp_path: Path) -> None:
    options = {"retention_days": 7, "purpose": "manual", "tags": {"Team": "shop"}}
    found = made(
        lambda pipeline: PreDeployStage(
            pipeline,
            DeployedTimeMachine(cdk.Stack.of(pipeline), "TimeMachine"),
            db_instance_id=SOURCE,
            options=options,
        )
    )
    drill, _ = found.stages()["PreDeploy"]
    document = json.loads(drill["Configuration"]["Input"])
    assert document["retention_days"] == 7
    assert document["purpose"] == "pre-deploy"
    assert structural_faults(document) == []


@pytest.mark.parametrize("name", ["a", "a" * 31 + "-" + "b" * 31, "x" * 63])
def test_an_executions_name_is_never_too_long(name: str) -> None:
    """80 characters, of which CodePipeline takes 37 for a hyphen and the action's execution id."""
    found = made(
        lambda pipeline: PreDeployStage(
            pipeline,
            DeployedTimeMachine(cdk.Stack.of(pipeline), "TimeMachine"),
            db_instance_id=name,
        )
    )
    prefix = found.stages()["PreDeploy"][0]["Configuration"]["ExecutionNamePrefix"]
    assert prefix.startswith("pre-deploy-")
    assert len(prefix) <= 80 - 37
    assert not prefix.endswith("-")


def test_a_machine_that_outlasts_the_pipeline_is_refused() -> None:
    refuse_impatience(ACTION_LIMIT_SECONDS - 3600)
    with pytest.raises(BadStage, match="CodePipeline waits for 604800; give at most 601200"):
        refuse_impatience(ACTION_LIMIT_SECONDS)


def test_the_names_are_those_of_the_deployment(template: dict[str, Any]) -> None:
    """An import finds by name what the stack has named."""
    deployment = Made(template)
    (machine,) = deployment.of_type("AWS::StepFunctions::StateMachine")
    functions = {f.get("FunctionName") for f in deployment.of_type("AWS::Lambda::Function")}
    assert machine["StateMachineName"] == "tm-drill"
    assert "tm-ExportVerdict" in functions
