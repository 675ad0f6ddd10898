"""The ways of a network that is given: plain tables for the judges, moto for the asking."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.preflight.account import Account
from ops.preflight.answers import Answer, Level
from ops.preflight.network import (
    SERVICES,
    judge_group,
    judge_subnets,
    judge_vpc,
    judge_way,
    questions,
)
from ops.preflight.plan import Plan
from tests.infra.conftest import Template
from tests.infra.preflight.conftest import REGION, Clients, plan
from tests.infra.test_settings import GIVEN, SECRET

NETWORK = plan(network=GIVEN).settings.network
ONE, TWO = NETWORK.subnet_ids


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"EnableDnsSupport": True, "EnableDnsHostnames": True}, Level.OK),
        ({"EnableDnsSupport": True, "EnableDnsHostnames": False}, Level.WARNING),
        ({"EnableDnsSupport": False, "EnableDnsHostnames": True}, Level.BLOCKED),
        ({}, Level.BLOCKED),
    ],
)
def test_a_vpc_is_there_and_resolves_names(facts: dict[str, bool], level: Level) -> None:
    (answer,) = judge_vpc({"Id": "vpc-1", **facts})
    assert answer.level is level
    assert answer.subject == "vpc-1"


def subnet(subnet_id: str, zone: str, **change: Any) -> dict[str, Any]:
    return {
        "SubnetId": subnet_id,
        "VpcId": NETWORK.vpc_id,
        "AvailabilityZone": zone,
        "AvailableIpAddressCount": 200,
        "MapPublicIpOnLaunch": False,
        **change,
    }


A, B = subnet(ONE, "a"), subnet(TWO, "b")


@pytest.mark.parametrize(
    ("found", "level", "says"),
    [
        ([A, B], Level.OK, "2 in a, b"),
        ([A, {**B, "AvailableIpAddressCount": 3}], Level.WARNING, f"{TWO} (3)"),
        ([A, {**B, "MapPublicIpOnLaunch": True}], Level.WARNING, "public"),
        ([A], Level.BLOCKED, f"no {TWO}"),
        ([], Level.BLOCKED, "no one of"),
        ([A, {**B, "AvailabilityZone": "a"}], Level.BLOCKED, "two zones"),
        ([A, {**B, "VpcId": "vpc-9"}], Level.BLOCKED, "another VPC"),
    ],
)
def test_subnets_are_of_the_vpc_and_of_two_zones(
    found: list[dict[str, Any]], level: Level, says: str
) -> None:
    (answer,) = judge_subnets(found, NETWORK)
    assert answer.level is level
    assert says in answer.says


@pytest.mark.parametrize(
    ("found", "level"),
    [
        ({"VpcId": NETWORK.vpc_id}, Level.OK),
        ({"VpcId": "vpc-9"}, Level.WARNING),
        ({}, Level.BLOCKED),
    ],
)
def test_a_security_group_is_of_the_vpc(found: dict[str, str], level: Level) -> None:
    (answer,) = judge_group(found, "sg-1", NETWORK.vpc_id)
    assert answer.level is level


def table(table_id: str = "rtb-1", **target: str) -> dict[str, Any]:
    way = [{"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **target}] if target else []
    local = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
    return {"RouteTableId": table_id, "Routes": [local, *way]}


INTERFACE = {
    "VpcEndpointId": "vpce-1",
    "VpcEndpointType": "Interface",
    "State": "available",
    "PrivateDnsEnabled": True,
    "Groups": [{"GroupId": "sg-1"}],
}
GATEWAY = {
    "VpcEndpointId": "vpce-2",
    "VpcEndpointType": "Gateway",
    "State": "Available",
    "RouteTableIds": ["rtb-1"],
}
NAT = table(NatGatewayId="nat-1")
DEAD = {
    "RouteTableId": "rtb-1",
    "Routes": [
        {"DestinationCidrBlock": "0.0.0.0/0", "State": "blackhole", "NatGatewayId": "nat-1"}
    ],
}


def opened(cidr: str, first: int = 443, last: int = 443) -> dict[str, Any]:
    rule = {
        "IpProtocol": "tcp",
        "FromPort": first,
        "ToPort": last,
        "IpRanges": [{"CidrIp": cidr}],
    }
    return {"GroupId": "sg-1", "IpPermissions": [rule]}


OPEN = [opened("10.0.0.0/16")]
ALL = [
    {
        "GroupId": "sg-1",
        "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    }
]


@pytest.mark.parametrize(
    ("endpoints", "tables", "groups", "level", "says"),
    [
        ([], [NAT, NAT], [], Level.OK, "nat-1"),
        ([INTERFACE], [table(), table()], OPEN, Level.OK, "vpce-1"),
        ([INTERFACE], [table(), table()], ALL, Level.OK, "vpce-1"),
        ([GATEWAY], [table(), table()], [], Level.OK, "vpce-2"),
        ([INTERFACE], [table(), table()], [], Level.WARNING, "does not let"),
        (
            [INTERFACE],
            [table(), table()],
            [opened("10.0.0.0/24", 80, 80)],
            Level.WARNING,
            "443",
        ),
        ([INTERFACE], [table(), table()], [opened("10.0.1.0/24")], Level.WARNING, "443"),
        ([], [table(TransitGatewayId="tgw-1"), NAT], [], Level.WARNING, "tgw-1"),
        ([], [], [], Level.WARNING, "not known"),
        ([], [table(), NAT], [], Level.BLOCKED, "no default route"),
        ([], [table(GatewayId="igw-1"), NAT], [], Level.BLOCKED, "internet gateway"),
        ([], [DEAD, NAT], [], Level.BLOCKED, ONE),
        ([{**INTERFACE, "State": "pending"}], [table(), table()], OPEN, Level.BLOCKED, ONE),
        (
            [{**INTERFACE, "PrivateDnsEnabled": False}],
            [table(), table()],
            OPEN,
            Level.BLOCKED,
            "no endpoint",
        ),
        ([GATEWAY], [table(), table("rtb-2")], [], Level.BLOCKED, TWO),
    ],
)
def test_a_service_is_reached_by_an_endpoint_or_a_default_route(
    endpoints: list[dict[str, Any]],
    tables: list[dict[str, Any]],
    groups: list[dict[str, Any]],
    level: Level,
    says: str,
) -> None:
    found = {
        "Endpoints": endpoints,
        "Tables": dict(zip((ONE, TWO), tables, strict=False)),
        "Cidrs": ["10.0.0.0/24", "10.0.1.0/24"][: max(1, len(tables))],
        "Groups": groups,
    }
    (answer,) = judge_way(found, "rds")
    assert answer.level is level, answer
    assert says in answer.says
    assert bool(answer.remedy) == (level is not Level.OK)


def test_the_services_are_those_that_a_network_of_our_own_has_endpoints_for(
    template: Template,
) -> None:
    made = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    assert {
        endpoint["ServiceName"]["Fn::Join"][1][-1].lstrip("."): endpoint["VpcEndpointType"]
        for endpoint in made
    } == SERVICES


@pytest.fixture
def given() -> Iterator[tuple[Any, Plan]]:
    """A VPC of moto's with two private subnets and a group, and the plan that names them."""
    with mock_aws():
        ec2 = boto3.client("ec2", region_name=REGION)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{z}"
            )
            for n, z in enumerate("ab")
        ]
        group = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
        network = {
            "vpc_id": vpc,
            "subnet_ids": [made["Subnet"]["SubnetId"] for made in subnets],
            "source_security_group_ids": [group],
        }
        source = {"db_instance_id": "shop", "secret_arn": SECRET}
        yield ec2, plan(sources=[source], network=network)


def asked(of: Plan) -> dict[str, Answer]:
    found = Account(REGION, Clients({}, otherwise=True))
    answers = [a for q in questions(of) for a in q.judge(q.ask(found))]
    return {answer.subject: answer for answer in answers}


def test_a_vpc_without_any_way_out_is_blocked(given: tuple[Any, Plan]) -> None:
    _, of = given
    network = of.settings.network
    found = asked(of)
    assert {found[f"way to {service}"].level for service in SERVICES} == {Level.BLOCKED}
    assert found["subnets"].level is Level.OK
    assert found[network.vpc_id].level is Level.WARNING
    assert found[f"security group {network.source_security_group_ids[0]}"].level is Level.OK


def test_a_vpc_with_endpoints_is_ok(given: tuple[Any, Plan]) -> None:
    ec2, of = given
    network = of.settings.network
    ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsHostnames={"Value": True})
    (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [network.vpc_id]}])[
        "RouteTables"
    ]
    group = network.source_security_group_ids[0]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.0.0.0/16"
    )
    for service, kind in SERVICES.items():
        options = (
            {"RouteTableIds": [main["RouteTableId"]]}
            if kind == "Gateway"
            else {
                "SubnetIds": list(network.subnet_ids),
                "SecurityGroupIds": [group],
                "PrivateDnsEnabled": True,
            }
        )
        ec2.create_vpc_endpoint(
            VpcId=network.vpc_id,
            ServiceName=f"com.amazonaws.{REGION}.{service}",
            VpcEndpointType=kind,
            **options,
        )
    assert {answer.level for answer in asked(of).values()} == {Level.OK}


def test_what_is_not_there_is_blocked() -> None:
    with mock_aws():
        found = asked(plan(network=GIVEN))
    assert {answer.level for answer in found.values()} == {Level.BLOCKED, Level.WARNING}
    assert found[NETWORK.vpc_id].level is Level.BLOCKED
    assert found["subnets"].level is Level.BLOCKED


def test_a_network_of_our_own_is_not_asked_about() -> None:
    assert list(questions(plan())) == []
