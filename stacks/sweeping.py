"""What starts the sweeper: the clock, and each execution that ended badly."""

from collections.abc import Sequence

from aws_cdk import Duration, aws_events, aws_lambda, aws_scheduler, aws_sqs
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_scheduler_targets as schedule_targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.permissions import Names
from stacks.roles import service_role
from stacks.settings import DeploymentSettings

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")
ENDED = (*ENDED_BADLY, "SUCCEEDED")
RETRIES = 20
"""With EventBridge's growing waits these outlast a function in the VPC that has to wake first, and
a throttled account; what is left then goes to the dead letters."""


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
        when_ended(self, "EndedBadly", machine, ENDED_BADLY, sweep, dead_letters)


def when_ended(
    scope: Construct,
    construct_id: str,
    machine: sfn.IStateMachine,
    how: Sequence[str],
    function: aws_lambda.IFunction,
    dead_letters: aws_sqs.IQueue,
) -> None:
    """Invoke a function for each execution of a machine that has ended so.

    The parts of a Distributed Map are executions of another machine to EventBridge: its ARN goes
    on with the map's name.
    """
    aws_events.Rule(
        scope,
        construct_id,
        description=f"RDS Time Machine: an execution that has ended: {', '.join(how).lower()}",
        event_pattern=aws_events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"status": list(how), "stateMachineArn": [machine.state_machine_arn]},
        ),
        targets=[
            event_targets.LambdaFunction(
                function, dead_letter_queue=dead_letters, retry_attempts=RETRIES
            )
        ],
    )
