"""The stack: it wires what the constructs make."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Aws, CfnOutput, RemovalPolicy, Stack, Tags, aws_sqs
from constructs import Construct

from stacks.acknowledgements import acknowledge_dead_letters
from stacks.alarms import Alarms
from stacks.dashboard import DrillDashboard
from stacks.evidence import EvidenceBucket, VerdictTopic
from stacks.functions import Functions, environment
from stacks.network import QuarantineNetwork
from stacks.permissions import Names, too_long
from stacks.settings import BadSettings, DeploymentSettings
from stacks.spec import EXPORT_VERDICT, SWEEP, WORKFLOW
from stacks.sweeping import Sweeping
from stacks.workflow import DrillMachine, Nights, machine_name

ENVIRONMENT_BYTES = 4096 - 200
"""Lambda takes 4 KB of variables."""


class TimeMachineStack(Stack):
    """One deployment. Stacks with different prefixes can share an account.

    Attributes:
        machine: the drill's state machine, for a team's own pipeline.
        export_verdict: the function that hands a verdict to a pipeline's later stages.
    """

    def __init__(
        self, scope: Construct, construct_id: str, settings: DeploymentSettings, **options: Any
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description="RDS Time Machine: proves that RDS for PostgreSQL databases come back",
            **options,
        )
        self.settings = settings
        evidence = EvidenceBucket(self, "Evidence", settings)
        verdicts = VerdictTopic(self, "Verdicts", settings)
        dead_letters = aws_sqs.Queue(
            self, "DeadLetters", enforce_ssl=True, removal_policy=RemovalPolicy.DESTROY
        )
        acknowledge_dead_letters(dead_letters)
        names = self._names(settings, evidence, verdicts, dead_letters)
        _refuse_crowds(names)
        network = QuarantineNetwork(self, "Network", settings, names)
        variables = environment(settings, network, evidence.bucket.bucket_name)
        _refuse_long_environment(variables)
        functions = Functions(self, "Functions", settings, network, variables)
        machine = DrillMachine(
            self,
            "Drill",
            settings,
            {spec.name: functions.add(spec, names) for spec in WORKFLOW},
            {
                "S3GetObject": f"arn:{Aws.PARTITION}:states:::s3:getObject",
                "SnsPublish": f"arn:{Aws.PARTITION}:states:::sns:publish",
                "VerdictTopic": verdicts.topic.topic_arn,
            },
            names,
        ).machine
        sweep = functions.add(SWEEP, names)
        Nights(self, "Nights", settings, machine, names, dead_letters)
        Sweeping(self, "Sweeping", settings, sweep, machine, names, dead_letters)
        alarms = Alarms(self, "Alarms", settings, verdicts.topic, machine, sweep, dead_letters)
        DrillDashboard(self, "Dashboard", settings, alarms, machine)
        self.machine = machine
        self.export_verdict = functions.add(EXPORT_VERDICT, names)
        Tags.of(self).add("CreatedBy", "rds-time-machine")
        self._say_where("EvidenceBucket", evidence.bucket.bucket_name)
        self._say_where("VerdictTopic", verdicts.topic.topic_arn)
        self._say_where("DrillMachine", machine.state_machine_arn)
        self._say_where("ExportVerdict", self.export_verdict.function_arn)
        self._say_where("VerifierSecurityGroup", network.verifier.security_group_id)

    def _names(
        self,
        settings: DeploymentSettings,
        evidence: EvidenceBucket,
        verdicts: VerdictTopic,
        dead_letters: aws_sqs.IQueue,
    ) -> Names:
        arn = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine"
        sources = settings.sources
        return Names(
            partition=Aws.PARTITION,
            region=Aws.REGION,
            account=Aws.ACCOUNT_ID,
            url_suffix=Aws.URL_SUFFIX,
            prefix=settings.prefix,
            stack=settings.stack,
            bucket_arn=evidence.bucket.bucket_arn,
            sources=tuple(source.db_instance_id for source in sources),
            source_secret_arns={s.db_instance_id: s.secret_arn for s in sources if s.secret_arn},
            source_secret_key_arns=_each(s.secret_kms_key_arn for s in sources),
            kms_key_arns=_each(s.kms_key_arn for s in sources),
            state_machine_arn=f"{arn}:{machine_name(settings)}",
            topic_arn=verdicts.topic.topic_arn,
            topic_key_arn=verdicts.key.key_arn,
            dead_letters_arn=dead_letters.queue_arn,
            subnet_group=f"{settings.prefix}-quarantine-*",
            parameter_groups=f"{settings.prefix}-quarantine-*",
            vpc=True,
        )

    def _say_where(self, name: str, value: str) -> None:
        CfnOutput(self, f"{name}Is", value=value, key=name)


def _refuse_crowds(names: Names) -> None:
    crowded = too_long(names)
    if crowded:
        raise BadSettings(
            "The settings were refused: sources: are too many, or their names too long: the policy"
            f" of {', '.join(crowded)} would be longer than IAM allows; deploy a part of them with"
            " another prefix"
        )


def _refuse_long_environment(variables: Mapping[str, str]) -> None:
    """What CloudFormation fills in is longer than its token: the reserve is for that."""
    if sum(len(name) + len(value) for name, value in variables.items()) > ENVIRONMENT_BYTES:
        raise BadSettings(
            "The settings were refused: sources: are too many with a secret_arn for the 4 KB of a"
            " function's environment; deploy a part of them with another prefix"
        )


def _each(values: Any) -> tuple[str, ...]:
    """What is not empty, once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))
