"""Where copies are quarantined, and where the functions that talk to PostgreSQL stand."""

import hashlib
from collections.abc import Sequence

from aws_cdk import CfnTag, aws_ec2, aws_rds
from constructs import Construct

from stacks.logs import log_group
from stacks.permissions import Names
from stacks.roles import service_role
from stacks.settings import DeploymentSettings

EVENT_TRIGGERS_CAN_BE_OFF_FROM = 17
"""The parameter ``event_triggers`` came with PostgreSQL 17."""

S3_AND_APIS = 443

_PURPOSE = {"Sources": "the sources, for baselines", "Targets": "the targets of loads"}


class QuarantineNetwork(Construct):
    """The VPC, the groups of the copies, and the group of the functions.

    Attributes:
        vpc: the sources' own, or one with nothing but isolated subnets.
        subnets: for the functions and the copies.
        verifier: the security group of the functions.
        copy_group: the security group of the copies: one way in, none out.
        subnet_group: the name of the copies' subnet group.
        parameter_groups: the quarantine parameter group's name by PostgreSQL major version.
    """

    def __init__(
        self, scope: Construct, construct_id: str, settings: DeploymentSettings, names: Names
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._names = names
        if settings.network.is_ours:
            self.vpc, self.subnets = self._own_vpc()
        else:
            self.vpc, self.subnets = self._given_vpc()
        self.verifier = self._group("Verifier", "RDS Time Machine: the functions that verify")
        self.copy_group = self._group("Copy", "RDS Time Machine: quarantined copies, no way out")
        self._open_ways()
        self.subnet_group = self._subnet_group()
        self.parameter_groups = {
            str(major): self._parameter_group(major) for major in settings.postgres_majors
        }

    def _own_vpc(self) -> tuple[aws_ec2.IVpc, Sequence[aws_ec2.ISubnet]]:
        vpc = aws_ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=aws_ec2.IpAddresses.cidr(self._settings.network.cidr),
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,  # would need a custom resource of its own
            subnet_configuration=[
                aws_ec2.SubnetConfiguration(
                    name="isolated", subnet_type=aws_ec2.SubnetType.PRIVATE_ISOLATED
                )
            ],
            gateway_endpoints={
                "S3": aws_ec2.GatewayVpcEndpointOptions(
                    service=aws_ec2.GatewayVpcEndpointAwsService.S3
                )
            },
            flow_logs={"Flow": aws_ec2.FlowLogOptions(destination=self._flow_log())},
        )
        endpoints = aws_ec2.SecurityGroup(
            self,
            "Endpoints",
            vpc=vpc,
            description="RDS Time Machine: the AWS APIs that the verifier calls",
            allow_all_outbound=False,
        )
        self._endpoints: aws_ec2.SecurityGroup | None = endpoints
        services = aws_ec2.InterfaceVpcEndpointAwsService
        for name, service in (("Rds", services.RDS), ("Secrets", services.SECRETS_MANAGER)):
            vpc.add_interface_endpoint(
                name, service=service, security_groups=[endpoints], open=False
            )
        return vpc, vpc.isolated_subnets

    def _flow_log(self) -> aws_ec2.FlowLogDestination:
        names, days = self._names, self._settings.log_retention_days
        group = log_group(self, "FlowLog", names.flow_log, days)
        role = service_role(self, "FlowLogRole", "vpc-flow-logs.amazonaws.com", "FlowLog", names)
        return aws_ec2.FlowLogDestination.to_cloud_watch_logs(group, role.without_policy_updates())

    def _given_vpc(self) -> tuple[aws_ec2.IVpc, Sequence[aws_ec2.ISubnet]]:
        network = self._settings.network
        self._endpoints = None
        vpc = aws_ec2.Vpc.from_vpc_attributes(
            self, "Vpc", vpc_id=network.vpc_id, availability_zones=["of-the-subnets"]
        )
        subnets = [
            aws_ec2.Subnet.from_subnet_id(self, f"Subnet{number}", subnet_id)
            for number, subnet_id in enumerate(network.subnet_ids, start=1)
        ]
        return vpc, subnets

    def _group(self, name: str, description: str) -> aws_ec2.SecurityGroup:
        return aws_ec2.SecurityGroup(
            self, name, vpc=self.vpc, description=description, allow_all_outbound=False
        )

    def _open_ways(self) -> None:
        """The verifier reaches copies, sources where it reads them, and AWS's APIs; no more."""
        apis = aws_ec2.Port.tcp(S3_AND_APIS)
        for port in map(aws_ec2.Port.tcp, self._settings.ports):
            self.copy_group.add_ingress_rule(self.verifier, port, "the verifier")
            self.verifier.add_egress_rule(self.copy_group, port, "the copies")
        self._open_ways_to_databases()
        if self._endpoints is not None:
            self._endpoints.add_ingress_rule(self.verifier, apis, "the verifier")
        # S3's gateway endpoint answers on S3's public addresses, whose prefix list has no name
        # that is the same everywhere; isolated subnets have no other way out.
        self.verifier.add_egress_rule(aws_ec2.Peer.any_ipv4(), apis, "S3 and the APIs of AWS")

    def _open_ways_to_databases(self) -> None:
        """To sources for baselines, to targets for loads; one rule where a group is both."""
        settings, load = self._settings, self._settings.load
        sources = settings.network.source_security_group_ids
        ways = [("Sources", n, group, settings.ports) for n, group in enumerate(sources)]
        ways += [
            ("Targets", n, group, load.ports)
            for n, group in enumerate(load.target_security_group_ids)
        ]
        opened: set[tuple[str, int]] = set()
        for kind, number, group_id, ports in ways:
            group = aws_ec2.SecurityGroup.from_security_group_id(
                self,
                f"{kind}{number}",
                group_id,
                mutable=False,  # theirs: the way in is for them to open
            )
            for port in ports:
                if (group_id, port) not in opened:
                    self.verifier.add_egress_rule(group, aws_ec2.Port.tcp(port), _PURPOSE[kind])
                    opened.add((group_id, port))

    def _subnet_group(self) -> str:
        # RDS moves no subnet group into another VPC: another network is another group.
        digest = hashlib.sha256(repr(self._settings.network).encode()).hexdigest()[:6]
        name = f"{self._settings.prefix}-quarantine-{digest}"
        group = aws_rds.CfnDBSubnetGroup(
            self,
            "SubnetGroup",
            db_subnet_group_name=name,
            db_subnet_group_description="RDS Time Machine: where copies are restored",
            subnet_ids=[subnet.subnet_id for subnet in self.subnets],
            tags=[CfnTag(key="time-machine:stack", value=self._settings.stack)],
        )
        return str(group.ref)

    def _parameter_group(self, major: int) -> str:
        group = aws_rds.CfnDBParameterGroup(
            self,
            f"Parameters{major}",
            db_parameter_group_name=f"{self._settings.prefix}-quarantine-{major}",
            family=f"postgres{major}",
            description="RDS Time Machine: a copy that starts none of the jobs it brought along",
            parameters=quarantine_parameters(
                major, event_triggers_off=self._settings.event_triggers_off
            ),
            tags=[CfnTag(key="time-machine:stack", value=self._settings.stack)],
        )
        return str(group.ref)


def quarantine_parameters(major: int, *, event_triggers_off: bool = True) -> dict[str, str]:
    """What keeps a copy of a major version quiet.

    A restored copy wakes up with the source's jobs: a preloaded job runner starts its schedules,
    a subscription's worker can steal the source's slot, an event trigger runs on a login. And it
    can't start at all where it may hold fewer prepared transactions than the snapshot has.

    Args:
        event_triggers_off: False where RDS refuses the parameter ``event_triggers``: CloudFormation
            compares a group with ``DescribeDBParameters``, and "Invalid / Unmodifiable /
            Unsupported DB Parameter" rolls the whole stack back.
    """
    parameters = {
        "max_logical_replication_workers": "0",
        "max_prepared_transactions": "1000",
        "rds.force_ssl": "1",
        "shared_preload_libraries": "pg_stat_statements",
    }
    if event_triggers_off and major >= EVENT_TRIGGERS_CAN_BE_OFF_FROM:
        parameters["event_triggers"] = "0"
    return parameters
