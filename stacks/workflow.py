"""A state machine, the drill's nightly schedules, and who may start what."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration, TimeZone, aws_lambda, aws_scheduler, aws_sqs
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ops.build import ROOT
from stacks.logs import log_group
from stacks.permissions import Names
from stacks.roles import service_role
from stacks.settings import DeploymentSettings, Schedule

DEFINITION = ROOT / "statemachine" / "drill.asl.json"

SCHEDULE_RETRIES = 5
SCHEDULE_RETRY_HOURS = 2


class Machine(Construct):
    """A definition of ``statemachine/``, byte for byte, with its placeholders filled.

    Attributes:
        machine: the state machine.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        name: str,
        definition: Path,
        role_name: str,
        functions: Mapping[str, aws_lambda.IFunction],
        substitutions: Mapping[str, str],
        names: Names,
    ) -> None:
        """Make it with its log group and its role.

        Args:
            name: the state machine's.
            role_name: the role's in ``permissions``.
            functions: by state.
            substitutions: the definition's other placeholders.
        """
        super().__init__(scope, construct_id)
        logs = log_group(
            self, "Logs", f"/aws/vendedlogs/states/{name}", settings.log_retention_days
        )
        role = service_role(self, "Role", "states.amazonaws.com", role_name, names)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(definition.read_text(encoding="utf-8")),
            definition_substitutions={
                **{state: function.function_arn for state, function in functions.items()},
                **substitutions,
            },
            role=role.without_policy_updates(),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                # Without the data: a user's SQL is part of the input.
                destination=logs,
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
        )


class NightlySchedules(Construct):
    """A schedule for each source of each entry of ``nightly``.

    Attributes:
        dead_letters: where a start that failed for good ends up.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        machine: sfn.IStateMachine,
        names: Names,
        dead_letters: aws_sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._machine = machine
        self._dead_letters = dead_letters
        self._role = service_role(self, "Role", "scheduler.amazonaws.com", "Scheduler", names)
        self.dead_letters = dead_letters
        for number, night in enumerate(settings.nightly, start=1):
            for source in night.sources:
                self._schedule(f"Night{number}-{source}", night, source)

    def _schedule(self, name: str, night: Schedule, source: str) -> None:
        target = targets.StepFunctionsStartExecution(
            self._machine,
            input=aws_scheduler.ScheduleTargetInput.from_object(
                {**night.input, "db_instance_id": source, "purpose": "nightly"}
            ),
            role=self._role.without_policy_updates(),
            dead_letter_queue=self._dead_letters,
            retry_attempts=SCHEDULE_RETRIES,
            max_event_age=Duration.hours(SCHEDULE_RETRY_HOURS),
        )
        aws_scheduler.Schedule(
            self,
            name,
            description=f"RDS Time Machine: the nightly drill of {source}",
            schedule=aws_scheduler.ScheduleExpression.expression(
                f"cron({night.cron})", TimeZone.of(night.time_zone)
            ),
            time_window=_window(night.window_minutes),
            target=target,
        )


def machine_name(settings: DeploymentSettings) -> str:
    """Known before the machine is made, since the functions' roles name its executions."""
    return f"{settings.prefix}-drill"


def _window(minutes: int) -> aws_scheduler.TimeWindow:
    if minutes == 0:
        return aws_scheduler.TimeWindow.off()
    return aws_scheduler.TimeWindow.flexible(Duration.minutes(minutes))
