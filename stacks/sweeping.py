"""What starts the sweeper: the clock, and each execution that ended badly."""

from aws_cdk import Duration, aws_events, aws_lambda, aws_scheduler, aws_sqs
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_scheduler_targets as schedule_targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.permissions import Names
from stacks.roles import service_role
from stacks.settings import DeploymentSettings

ENDED_BADLY = ["FAILED", "TIMED_OUT", "ABORTED"]


class Sweeping(Construct):
    """A stopped or timed-out execution runs no catch: only something outside can clean up."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        sweep: aws_lambda.IFunction,
        machine: sfn.IStateMachine,
        names: Names,
        dead_letters: aws_sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        role = service_role(self, "Role", "scheduler.amazonaws.com", "SweepClock", names)
        aws_scheduler.Schedule(
            self,
            "Clock",
            description="RDS Time Machine: delete what drills left behind",
            schedule=aws_scheduler.ScheduleExpression.rate(
                Duration.minutes(settings.sweep_minutes)
            ),
            target=schedule_targets.LambdaInvoke(
                sweep,
                input=aws_scheduler.ScheduleTargetInput.from_object({}),
                role=role.without_policy_updates(),
                dead_letter_queue=dead_letters,
            ),
        )
        aws_events.Rule(
            self,
            "EndedBadly",
            description="RDS Time Machine: an execution that failed, timed out or was stopped",
            event_pattern=aws_events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"status": ENDED_BADLY, "stateMachineArn": [machine.state_machine_arn]},
            ),
            targets=[
                event_targets.LambdaFunction(
                    sweep, dead_letter_queue=dead_letters, retry_attempts=5
                )
            ],
        )
