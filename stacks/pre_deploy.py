"""The pre-deploy gate: a stage that a team adds to its own pipeline in one line."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from aws_cdk import ArnFormat, Stack, aws_codepipeline, aws_lambda
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.drill.admission.request import MODE_SNAPSHOT, contradictions, parse, structural_faults
from ops.build import ROOT
from stacks.spec import EXPORT_VERDICT

DEFINITION = ROOT / "statemachine" / "drill.asl.json"

ACTION_LIMIT_SECONDS = 7 * 24 * 3600
"""CodePipeline fails a Step Functions action after 7 days and lets the execution go on. That is a
quota of the account, to be raised only: an action's own TimeoutInMinutes is for approvals alone.
So it is the state machine that must end first."""

POLLING_SECONDS = 3600
"""CodePipeline polls; it needs a while to see that an execution has ended."""

INPUT_LENGTH = 1000
"""CodePipeline: the length of a value in an action's configuration."""

PREFIX_LENGTH = 43
"""An execution's name has 80 characters: this, a hyphen, and the action's execution id of 36."""


class BadStage(ValueError):
    """The stage can't be made so; the message names each argument at fault and the remedy."""


class Drills(Protocol):
    """What the stage needs of a deployment: the stack itself has it, an import has it too."""

    machine: sfn.IStateMachine
    export_verdict: aws_lambda.IFunction


class DeployedTimeMachine(Construct):
    """A deployment that is already there, in the account and region of the scope's stack.

    Attributes:
        machine: its state machine.
        export_verdict: its function that hands a verdict to a pipeline's later stages.
    """

    def __init__(self, scope: Construct, construct_id: str, prefix: str = "tm") -> None:
        super().__init__(scope, construct_id)
        self.machine = sfn.StateMachine.from_state_machine_name(self, "Machine", f"{prefix}-drill")
        self.export_verdict = aws_lambda.Function.from_function_attributes(
            self,
            "ExportVerdict",
            function_arn=Stack.of(self).format_arn(
                service="lambda",
                resource="function",
                resource_name=f"{prefix}-{EXPORT_VERDICT.name}",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
            same_environment=True,
        )


class PreDeployStage(Construct):
    """A stage that snapshots or drills a database, and stops the pipeline unless that passed.

    ``PreDeployStage(pipeline, time_machine, db_instance_id="shop-production")`` is all it takes,
    with a ``TimeMachineStack`` of the same app or a :class:`DeployedTimeMachine`.

    Attributes:
        snapshot_id, verdict, headline, report: what later stages put into their configuration;
            CodePipeline fills it in when the drill has ended.
    """

    def __init__(
        self,
        pipeline: aws_codepipeline.Pipeline,
        time_machine: Drills,
        *,
        db_instance_id: str,
        mode: str = MODE_SNAPSHOT,
        stage_name: str = "PreDeploy",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the stage after the pipeline's last one so far.

        Args:
            mode: ``snapshot``, the fast gate: snapshot, tag and wait. ``drill``: restore and
                verify too. ``restore``: keep the verified copy as well, for later stages.
            stage_name: also the namespace of the variables.
            options: further fields of the execution input, such as ``retention_days``.

        Raises:
            BadStage: the input would be refused, or CodePipeline could not carry it.
        """
        super().__init__(pipeline, f"{stage_name}Gate")
        refuse_impatience(json.loads(DEFINITION.read_text(encoding="utf-8"))["TimeoutSeconds"])
        document = {
            **(options or {}),
            "db_instance_id": db_instance_id,
            "mode": mode,
            "purpose": "pre-deploy",
        }
        _refuse_faults(document)
        self._namespace = stage_name
        pipeline.add_stage(
            stage_name=stage_name,
            actions=[
                self._drill(time_machine.machine, document),
                self._export(time_machine.export_verdict),
            ],
        )
        self.snapshot_id = self._variable("snapshot_id")
        self.verdict = self._variable("verdict")
        self.headline = self._variable("headline")
        self.report = self._variable("report")

    def _drill(
        self, machine: sfn.IStateMachine, document: Mapping[str, Any]
    ) -> actions.StepFunctionInvokeAction:
        return actions.StepFunctionInvokeAction(
            action_name="Drill",
            state_machine=machine,
            state_machine_input=actions.StateMachineInput.literal(dict(document)),
            execution_name_prefix=_execution_prefix(document["db_instance_id"]),
            variables_namespace=f"{self._namespace}Drill",
            run_order=1,
        )

    def _export(self, function: aws_lambda.IFunction) -> actions.LambdaInvokeAction:
        return actions.LambdaInvokeAction(
            action_name=EXPORT_VERDICT.name,
            lambda_=function,
            user_parameters_string=f"#{{{self._namespace}Drill.ExecutionArn}}",
            variables_namespace=self._namespace,
            run_order=2,
        )

    def _variable(self, name: str) -> str:
        return f"#{{{self._namespace}.{name}}}"


def refuse_impatience(machine_timeout_seconds: int) -> None:
    """A pipeline that gives up first would call a drill failed that still runs.

    Raises:
        BadStage: the state machine may run for longer than CodePipeline waits.
    """
    allowed = ACTION_LIMIT_SECONDS - POLLING_SECONDS
    if machine_timeout_seconds > allowed:
        raise BadStage(
            f"statemachine/drill.asl.json: TimeoutSeconds is {machine_timeout_seconds};"
            f" CodePipeline waits for {ACTION_LIMIT_SECONDS}; give at most {allowed}"
        )


def _refuse_faults(document: Mapping[str, Any]) -> None:
    faults = structural_faults(document) or contradictions(parse(document))
    length = len(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    if length > INPUT_LENGTH:
        faults.append(
            f"options: the input has {length} characters and CodePipeline carries {INPUT_LENGTH};"
            " leave the long expectations to the nightly drill"
        )
    if faults:
        raise BadStage("The pre-deploy stage was refused: " + "; ".join(faults))


def _execution_prefix(db_instance_id: str) -> str:
    return f"pre-deploy-{db_instance_id}"[:PREFIX_LENGTH].rstrip("-")
