"""The load of CSV: its functions and its state machine, where the settings want them."""

import json
from collections.abc import Mapping

from aws_cdk import Aws, aws_lambda, aws_sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ops.build import ROOT
from stacks.functions import Functions
from stacks.permissions import Names
from stacks.settings import DeploymentSettings
from stacks.spec import LOAD
from stacks.sweeping import ENDED, when_ended
from stacks.workflow import Machine

DEFINITION = ROOT / "statemachine" / "load.asl.json"


class Loading(Construct):
    """``statemachine/load.asl.json`` and what it calls.

    Attributes:
        machine: the state machine.
        tidy: what drops the staging tables; also when an execution has ended without it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        functions: Functions,
        variables: Mapping[str, str],
        names: Names,
        dead_letters: aws_sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        made = {spec.name: functions.add(spec, names, variables) for spec in LOAD}
        self.tidy: aws_lambda.IFunction = made["TidyLoad"]
        self.machine: sfn.StateMachine = Machine(
            self,
            "Csv",
            settings,
            load_machine_name(settings),
            DEFINITION,
            "LoadMachine",
            made,
            {"S3GetObject": f"arn:{Aws.PARTITION}:states:::s3:getObject"},
            names,
        ).machine
        # One that succeeded too: its teardown may have failed, and its output says so.
        when_ended(self, "Ended", self.machine, ENDED, self.tidy, dead_letters)


def load_machine_name(settings: DeploymentSettings) -> str:
    """Known before the machine is made, as the drill's is."""
    return f"{settings.prefix}-load"


def load_environment(settings: DeploymentSettings, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of the load's functions: other secrets than those of drills."""
    secrets = {target.name: target.secret_arn for target in settings.load.targets}
    drills = {name: value for name, value in variables.items() if name != "TM_SOURCE_SECRETS"}
    return {**drills, "TM_LOAD_SECRETS": json.dumps(secrets)}
