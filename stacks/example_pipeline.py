"""An example of a team's own pipeline with the pre-deploy gate in it; nothing here deploys it."""

from typing import Any

from aws_cdk import Stack, aws_codebuild, aws_codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from constructs import Construct

from stacks.pre_deploy import DeployedTimeMachine, PreDeployStage


class ExamplePipelineStack(Stack):
    """Source, gate, deployment: the last stage tells which snapshot leads back."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        connection_arn: str,
        db_instance_id: str,
        mode: str = "snapshot",
        **options: Any,
    ) -> None:
        """Make the pipeline.

        Args:
            connection_arn: a CodeConnections connection to where the code is.
            mode: ``snapshot`` or ``drill``, see :class:`PreDeployStage`.
        """
        super().__init__(scope, construct_id, **options)
        pipeline = aws_codepipeline.Pipeline(self, "Pipeline")
        code = aws_codepipeline.Artifact("Code")
        pipeline.add_stage(
            stage_name="Source",
            actions=[
                actions.CodeStarConnectionsSourceAction(
                    action_name="Code",
                    connection_arn=connection_arn,
                    owner="example",
                    repo="shop",
                    output=code,
                )
            ],
        )
        gate = PreDeployStage(
            pipeline,
            DeployedTimeMachine(self, "TimeMachine"),
            db_instance_id=db_instance_id,
            mode=mode,
        )
        pipeline.add_stage(
            stage_name="Deploy", actions=[_approval(gate), self._release(gate, code)]
        )

    def _release(
        self, gate: PreDeployStage, code: aws_codepipeline.Artifact
    ) -> actions.CodeBuildAction:
        """The release's own script learns the snapshot."""
        phases = {"build": {"commands": ["./release.sh"]}}
        return actions.CodeBuildAction(
            action_name="Release",
            input=code,
            project=aws_codebuild.PipelineProject(
                self,
                "Release",
                build_spec=aws_codebuild.BuildSpec.from_object(
                    {"version": "0.2", "phases": phases}
                ),
            ),
            environment_variables={
                "SNAPSHOT_ID": aws_codebuild.BuildEnvironmentVariable(value=gate.snapshot_id)
            },
            run_order=2,
        )


def _approval(gate: PreDeployStage) -> actions.ManualApprovalAction:
    """A person sees the verdict, and the way back, before saying yes."""
    return actions.ManualApprovalAction(
        action_name="Approve",
        additional_information=(
            f"{gate.verdict}. The way back is the snapshot {gate.snapshot_id}."
            f" Report: {gate.report}"
        ),
        run_order=1,
    )
