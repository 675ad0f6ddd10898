"""The stack: it wires what the constructs make."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Aws, CfnOutput, RemovalPolicy, Stack, Tags, aws_sqs
from constructs import Construct

from lambdas.version import VERSION
from stacks.acknowledgements import acknowledge_dead_letters
from stacks.alarms import Alarms
from stacks.dashboard import DrillDashboard
from stacks.evidence import EvidenceBucket, VerdictTopic
from stacks.functions import Functions, environment
from stacks.loading import Loading, load_environment, load_machine_name
from stacks.network import QuarantineNetwork
from stacks.permissions import LOAD_ROLES, Names, too_long
from stacks.settings import BadSettings, DeploymentSettings
from stacks.spec import EXPORT_VERDICT, SWEEP, WORKFLOW
from stacks.sweeping import Sweeping
from stacks.workflow import DEFINITION, Machine, NightlySchedules, machine_name

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
        _refuse_long_environment(variables, "sources: are too many with a secret_arn")
        functions = Functions(self, "Functions", settings, network, variables)
        machine = Machine(
            self,
            "Drill",
            settings,
            machine_name(settings),
            DEFINITION,
            "StateMachine",
            {spec.name: functions.add(spec, names) for spec in WORKFLOW},
            {
                "S3GetObject": f"arn:{Aws.PARTITION}:states:::s3:getObject",
                "SnsPublish": f"arn:{Aws.PARTITION}:states:::sns:publish",
                "VerdictTopic": verdicts.topic.topic_arn,
            },
            names,
        ).machine
        sweep = functions.add(SWEEP, names)
        NightlySchedules(self, "Nights", settings, machine, names, dead_letters)
        Sweeping(self, "Sweeping", settings, sweep, machine, names, dead_letters)
        load = self._loading(functions, variables, names, dead_letters)
        alarms = Alarms(
            self, "Alarms", settings, verdicts.topic, machine, sweep, dead_letters, load
        )
        DrillDashboard(self, "Dashboard", settings, alarms, machine)
        self.machine = machine
        self.export_verdict = functions.add(EXPORT_VERDICT, names)
        Tags.of(self).add("CreatedBy", "rds-time-machine")
        self._say_where("EvidenceBucket", evidence.bucket.bucket_name)
        self._say_where("VerdictTopic", verdicts.topic.topic_arn)
        self._say_where("DrillMachine", machine.state_machine_arn)
        self._say_where("ExportVerdict", self.export_verdict.function_arn)
        self._say_where("VerifierSecurityGroup", network.verifier.security_group_id)
        self._say_where("Version", VERSION)

    def _loading(
        self,
        functions: Functions,
        variables: Mapping[str, str],
        names: Names,
        dead_letters: aws_sqs.IQueue,
    ) -> Loading | None:
        if not self.settings.load.is_wanted:
            return None
        own = load_environment(self.settings, variables)
        _refuse_long_environment(own, "load.targets: are too many")
        load = Loading(self, "Load", self.settings, functions, own, names, dead_letters)
        self._say_where("LoadMachine", load.machine.state_machine_arn)
        return load

    def _names(
        self,
        settings: DeploymentSettings,
        evidence: EvidenceBucket,
        verdicts: VerdictTopic,
        dead_letters: aws_sqs.IQueue,
    ) -> Names:
        arn = f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:stateMachine"
        sources, load = settings.sources, settings.load
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
            load_buckets=load.buckets,
            load_bucket_key_arns=load.bucket_key_arns,
            load_targets=tuple(t.name for t in load.targets if t.is_instance),
            load_secret_arns=_each(target.secret_arn for target in load.targets),
            load_secret_key_arns=_each(target.secret_kms_key_arn for target in load.targets),
            load_machine_arn=f"{arn}:{load_machine_name(settings)}",
            vpc=True,
        )

    def _say_where(self, name: str, value: str) -> None:
        CfnOutput(self, f"{name}Is", value=value, key=name)


def _refuse_crowds(names: Names) -> None:
    crowded = too_long(names)
    if crowded:
        key = "load.targets" if set(crowded) <= set(LOAD_ROLES) else "sources"
        raise BadSettings(
            f"The settings were refused: {key}: are too many, or their names too long: the policy"
            f" of {', '.join(crowded)} would be longer than IAM allows; deploy a part of them with"
            " another prefix"
        )


def _refuse_long_environment(variables: Mapping[str, str], fault: str) -> None:
    """What CloudFormation fills in is longer than its token: the reserve is for that."""
    if sum(len(name) + len(value) for name, value in variables.items()) > ENVIRONMENT_BYTES:
        raise BadSettings(
            f"The settings were refused: {fault} for the 4 KB of a function's environment; deploy a"
            " part of them with another prefix"
        )


def _each(values: Any) -> tuple[str, ...]:
    """What is not empty, once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))
