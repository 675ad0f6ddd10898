"""The functions: one role each, one asset, one layer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import (
    AssetHashType,
    BundlingOptions,
    DockerImage,
    Duration,
    ILocalBundling,
    aws_ec2,
    aws_lambda,
)
from constructs import Construct

from ops.build import (
    ROOT,
    build_functions,
    build_layer,
    functions_digest,
    layer_digest,
)
from stacks.acknowledgements import acknowledge_runtime
from stacks.logs import log_group
from stacks.network import QuarantineNetwork
from stacks.permissions import Names
from stacks.roles import LAMBDA, service_role
from stacks.settings import DeploymentSettings
from stacks.spec import FunctionSpec

RUNTIME = aws_lambda.Runtime.PYTHON_3_13


@jsii.implements(ILocalBundling)
class _FunctionsBundling:
    def try_bundle(self, output_dir: str, *_options: Any, **_named: Any) -> bool:
        build_functions(Path(output_dir))
        return True


@jsii.implements(ILocalBundling)
class _LayerBundling:
    def try_bundle(self, output_dir: str, *_options: Any, **_named: Any) -> bool:
        build_layer(Path(output_dir))
        return True


class Functions(Construct):
    """Makes the functions of the deployment, out of one asset and one layer."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: DeploymentSettings,
        network: QuarantineNetwork,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._network = network
        self._environment = environment
        self._code = _code(ROOT / "lambdas", functions_digest(), _FunctionsBundling())
        self._layer = aws_lambda.LayerVersion(
            self,
            "Dependencies",
            code=_code(ROOT / "layer", layer_digest(), _LayerBundling()),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[aws_lambda.Architecture.ARM_64],
            description="RDS Time Machine: the locked dependencies",
        )

    def add(
        self, spec: FunctionSpec, names: Names, environment: Mapping[str, str] | None = None
    ) -> aws_lambda.Function:
        """Make a function with its log group and its role.

        Args:
            environment: instead of the one that the others share.
        """
        function_name = f"{self._settings.prefix}-{spec.name}"
        logs = log_group(
            self,
            f"{spec.name}Logs",
            f"/aws/lambda/{function_name}",
            self._settings.log_retention_days,
        )
        role = service_role(self, f"{spec.name}Role", LAMBDA, spec.name, names)
        function = aws_lambda.Function(
            self,
            spec.name,
            function_name=function_name,
            description=spec.purpose,
            runtime=RUNTIME,
            architecture=aws_lambda.Architecture.ARM_64,
            handler=f"{spec.module}.handler",
            code=self._code,
            layers=[self._layer],
            # What a role may do is written in stacks/permissions and nowhere else.
            role=role.without_policy_updates(),
            memory_size=spec.memory_mib,
            timeout=Duration.seconds(spec.timeout_seconds),
            environment=dict(environment or self._environment),
            log_group=logs,
            logging_format=aws_lambda.LoggingFormat.JSON,
            tracing=aws_lambda.Tracing.ACTIVE,
            reserved_concurrent_executions=self._concurrency(spec),
            **self._place(spec),
        )
        acknowledge_runtime(function)
        return function

    def _concurrency(self, spec: FunctionSpec) -> int | None:
        """So many for each source that may be read; the others share what the account has.

        Lambda refuses a reservation that leaves too little unreserved (100 ordinarily, and 10 where
        10 is the quota, as in a new account), and the whole stack is rolled back.
        """
        if not self._settings.reserve_concurrency:
            return None
        if spec.alone:
            return 1
        readable = sum(bool(source.secret_arn) for source in self._settings.sources)
        each = self._settings.baseline_connections if spec.fans_out else 1
        return readable * each if spec.reads_source and readable else None

    def _place(self, spec: FunctionSpec) -> dict[str, Any]:
        if not spec.in_vpc:
            return {}
        return {
            "vpc": self._network.vpc,
            "vpc_subnets": aws_ec2.SubnetSelection(subnets=list(self._network.subnets)),
            "security_groups": [self._network.verifier],
        }


def environment(
    settings: DeploymentSettings, network: QuarantineNetwork, bucket_name: str
) -> dict[str, str]:
    """The ``TM_*`` variables of ``lambdas/settings.py``."""
    secrets = {s.db_instance_id: s.secret_arn for s in settings.sources if s.secret_arn}
    return {
        "TM_STACK": settings.stack,
        "TM_PREFIX": settings.prefix,
        "TM_EVIDENCE_BUCKET": bucket_name,
        "TM_RETENTION_DAYS": str(settings.retention_days),
        "TM_DEADLINE_MINUTES": str(settings.deadline_minutes),
        "TM_TEARDOWN_MINUTES": str(settings.teardown_minutes),
        "TM_SOURCES": ",".join(source.db_instance_id for source in settings.sources),
        "TM_SOURCE_SECRETS": json.dumps(secrets),
        "TM_BASELINE_CONNECTIONS": str(settings.baseline_connections),
        "TM_BASELINE_MIB_PER_SECOND": str(settings.baseline_mib_per_second),
        "TM_COPY_INSTANCE_CLASS": settings.copy_instance_class,
        "TM_COPY_SUBNET_GROUP": network.subnet_group,
        "TM_COPY_SECURITY_GROUP_IDS": network.copy_group.security_group_id,
        "TM_COPY_PARAMETER_GROUPS": json.dumps(
            {major: f"{settings.prefix}-quarantine-{major}" for major in network.parameter_groups}
        ),
    }


def _code(folder: Path, digest: str, bundling: Any) -> aws_lambda.Code:
    """An asset named by what goes in, and built only where it is deployed."""
    return aws_lambda.Code.from_asset(
        str(folder),
        asset_hash=digest,
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(
            # Never pulled: the bundling is local.
            image=DockerImage.from_registry("none"),
            local=bundling,
        ),
    )
