"""A network that is given: its subnets, and their ways to the APIs that the functions call."""

import ipaddress
from collections.abc import Iterator, Sequence
from functools import partial

from ops.preflight.account import Account, Facts
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.plan import Plan
from stacks.network import S3_AND_APIS
from stacks.settings import Network

SERVICES = {"rds": "Interface", "secretsmanager": "Interface", "s3": "Gateway"}
"""What the functions in the VPC call, with the endpoint that a network of our own has for it."""

LEAST_ADDRESSES = 16
"""Lambda takes an address for each interface that it makes in a subnet, RDS one for each copy."""

_NAT = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId")
"""Targets of a default route behind which there may be an internet gateway."""


def questions(plan: Plan) -> Iterator[Question]:
    """Nothing for a network of our own: it is made as it has to be."""
    network = plan.settings.network
    if network.is_ours:
        return
    yield Question(network.vpc_id, partial(_ask_vpc, vpc=network.vpc_id), judge_vpc)
    yield Question(
        "subnets", partial(_ask_subnets, network=network), partial(judge_subnets, network=network)
    )
    groups = (*network.source_security_group_ids, *plan.settings.load.target_security_group_ids)
    for group in dict.fromkeys(groups):
        yield Question(
            f"security group {group}",
            partial(_ask_group, group=group),
            partial(judge_group, group=group, vpc=network.vpc_id),
        )
    for service in SERVICES:
        yield Question(
            f"way to {service}",
            partial(_ask_ways, network=network, service=service),
            partial(judge_way, service=service),
        )


def _ask_vpc(account: Account, vpc: str) -> Facts:
    if not account.find(Calls.VPCS, VpcIds=[vpc]).get("Vpcs"):
        return {"Id": vpc}
    names = {"EnableDnsSupport": "enableDnsSupport", "EnableDnsHostnames": "enableDnsHostnames"}
    known = {
        name: account.find(Calls.VPC_ATTRIBUTE, VpcId=vpc, Attribute=asked)[name]["Value"]
        for name, asked in names.items()
    }
    return {"Id": vpc, **known}


def judge_vpc(found: Facts) -> Iterator[Answer]:
    """An interface endpoint answers under AWS's own names only where both attributes are on."""
    subject = found["Id"]
    if "EnableDnsSupport" not in found:
        yield blocked(
            subject, "there is no such VPC here", "correct network.vpc_id, or set AWS_REGION"
        )
    elif not found["EnableDnsSupport"]:
        yield blocked(
            subject,
            "enableDnsSupport is off: no name of AWS or of an instance resolves",
            "turn it on: aws ec2 modify-vpc-attribute --enable-dns-support",
        )
    elif not found["EnableDnsHostnames"]:
        yield warning(
            subject,
            "enableDnsHostnames is off: no private name of an interface endpoint resolves",
            "turn it on, unless the subnets have a NAT gateway",
        )
    else:
        yield ok(subject, "is there, and resolves names")


def _ask_subnets(account: Account, network: Network) -> list[Facts]:
    found = account.find(Calls.SUBNETS, SubnetIds=list(network.subnet_ids))
    subnets: list[Facts] = found.get("Subnets", [])
    return subnets


def judge_subnets(found: list[Facts], network: Network) -> Iterator[Answer]:
    """RDS: DBSubnetGroupDoesNotCoverEnoughAZs, unless they are in two zones."""
    missing = set(network.subnet_ids) - {subnet["SubnetId"] for subnet in found}
    foreign = [s["SubnetId"] for s in found if s["VpcId"] != network.vpc_id]
    zones = sorted({subnet["AvailabilityZone"] for subnet in found})
    public = [s["SubnetId"] for s in found if s.get("MapPublicIpOnLaunch")]
    narrow = [
        f"{s['SubnetId']} ({s['AvailableIpAddressCount']})"
        for s in found
        if s["AvailableIpAddressCount"] < LEAST_ADDRESSES
    ]
    if missing:
        # EC2 names one that is missing and lists none of the others.
        which = "one of " if len(missing) > 1 else ""
        yield blocked(
            "subnets",
            f"there is no {which}{', '.join(sorted(missing))} here",
            "correct network.subnet_ids",
        )
    elif foreign:
        yield blocked(
            "subnets",
            f"{', '.join(foreign)} belong to another VPC than {network.vpc_id}",
            "correct network.subnet_ids",
        )
    elif len(zones) < 2:  # noqa: PLR2004 -- RDS's rule
        yield blocked(
            "subnets",
            f"all are in {zones[0]}; RDS wants two zones",
            "add a subnet of another zone to network.subnet_ids",
        )
    elif narrow:
        yield warning(
            "subnets",
            f"few addresses are free: {', '.join(narrow)}",
            f"give subnets with {LEAST_ADDRESSES} or more: functions and copies each take some",
        )
    elif public:
        yield warning(
            "subnets",
            f"{', '.join(public)} give out public addresses",
            "give private ones; no copy is ever public, but a function in a public subnet has no"
            " way out",
        )
    else:
        yield ok("subnets", f"{len(found)} in {', '.join(zones)}")


def _ask_group(account: Account, group: str) -> Facts:
    found = account.find(Calls.SECURITY_GROUPS, GroupIds=[group]).get("SecurityGroups", [])
    return dict(found[0]) if found else {}


def judge_group(found: Facts, group: str, vpc: str) -> Iterator[Answer]:
    """A rule may name a group of the VPC, or of one that is peered with it."""
    subject = f"security group {group}"
    if not found:
        yield blocked(subject, "there is no such group here", "correct its id in the settings")
    elif found["VpcId"] != vpc:
        yield warning(
            subject,
            f"it belongs to {found['VpcId']}, not to {vpc}",
            "that works between peered VPCs of one region only; otherwise give a group of the VPC",
        )
    else:
        yield ok(subject, "is there; let the stack's VerifierSecurityGroup into it after deploying")


def _ask_ways(account: Account, network: Network, service: str) -> Facts:
    """The endpoints of a service, and each subnet with its routes."""
    of_vpc = [{"Name": "vpc-id", "Values": [network.vpc_id]}]
    endpoints: list[Facts] = account.find(Calls.ENDPOINTS, Filters=of_vpc).get("VpcEndpoints", [])
    name = f".{account.region}.{service}"
    mine = [endpoint for endpoint in endpoints if endpoint["ServiceName"].endswith(name)]
    tables: list[Facts] = account.find(Calls.ROUTES, Filters=of_vpc).get("RouteTables", [])
    subnets = _ask_subnets(account, network)
    groups = sorted({g["GroupId"] for e in mine for g in e.get("Groups", [])})
    rules = account.find(Calls.SECURITY_GROUPS, GroupIds=groups) if groups else {}
    return {
        "Endpoints": mine,
        "Tables": {s["SubnetId"]: table_of(s["SubnetId"], tables) for s in subnets},
        "Cidrs": [subnet["CidrBlock"] for subnet in subnets],
        "Groups": rules.get("SecurityGroups", []),
    }


def table_of(subnet: str, tables: list[Facts]) -> Facts:
    """The subnet's own route table, or else the VPC's main one."""
    main: Facts = {}
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main"):
                main = table
    return main


def judge_way(found: Facts, service: str) -> Iterator[Answer]:
    """By an endpoint, or by a default route that leads somewhere."""
    subject = f"way to {service}"
    endpoints = [e for e in found["Endpoints"] if str(e.get("State", "")).lower() == "available"]
    without = [
        subnet
        for subnet, table in found["Tables"].items()
        if not any(_serves(endpoint, table) for endpoint in endpoints)
    ]
    ways = {subnet: default_route(found["Tables"][subnet]) for subnet in without}
    remedy = (
        f"make a {SERVICES[service].lower()} endpoint for {service} in the VPC"
        + (" with private DNS" if SERVICES[service] == "Interface" else " in their route tables")
        + ", or give the subnets a NAT gateway"
    )
    cut_off = [subnet for subnet, way in ways.items() if not way or way.startswith("igw-")]
    if not found["Tables"]:
        yield warning(subject, "not known: the subnets are not there", "correct them first")
    elif cut_off:
        why = "no endpoint that answers to AWS's name of it, and no default route"
        if any(ways[subnet].startswith("igw-") for subnet in cut_off):
            # A function's interface never has a public address (Lambda developer guide).
            why += " but one to an internet gateway, which a function can't use"
        yield blocked(subject, f"{', '.join(cut_off)}: {why}", remedy)
    elif any(not way.startswith("nat-") for way in ways.values()):
        unsure = sorted(way for way in set(ways.values()) if not way.startswith("nat-"))
        yield warning(
            subject,
            f"goes by {', '.join(unsure)}, behind which nothing is to be seen from here",
            f"see that {service} can be reached that way, or {remedy}",
        )
    elif not without and not lets_in(found["Groups"], found["Cidrs"], endpoints):
        yield warning(
            subject,
            f"the endpoint's security group does not let the subnets in on port {S3_AND_APIS}",
            f"let in the stack's VerifierSecurityGroup on port {S3_AND_APIS} after deploying",
        )
    else:
        names = sorted({endpoint["VpcEndpointId"] for endpoint in endpoints if not without})
        yield ok(subject, f"goes by {', '.join(names or sorted(set(ways.values())))}")


def _serves(endpoint: Facts, table: Facts) -> bool:
    """A gateway serves the route tables that it is in, an interface the VPC by its name."""
    if endpoint["VpcEndpointType"] == "Gateway":
        return table.get("RouteTableId") in endpoint.get("RouteTableIds", [])
    return bool(endpoint.get("PrivateDnsEnabled"))


def default_route(table: Facts) -> str:
    """Where everything else goes, such as ``nat-…`` or ``igw-…``; empty for nowhere."""
    for route in table.get("Routes", []):
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") != "blackhole":
            targets = [route.get(key) for key in (*_NAT, "GatewayId") if route.get(key)]
            return str(targets[0]) if targets else ""
    return ""


def lets_in(groups: list[Facts], cidrs: list[str], endpoints: Sequence[Facts]) -> bool:
    """Whether every subnet may talk TLS to an interface endpoint; a gateway has no groups."""
    if any(endpoint["VpcEndpointType"] == "Gateway" for endpoint in endpoints):
        return True
    opened = [
        ipaddress.IPv4Network(span["CidrIp"])
        for group in groups
        for rule in group.get("IpPermissions", [])
        if rule["IpProtocol"] == "-1"
        or rule.get("FromPort", 0) <= S3_AND_APIS <= rule.get("ToPort", 0)
        for span in rule.get("IpRanges", [])
    ]
    wanted = [ipaddress.IPv4Network(cidr) for cidr in cidrs]
    return all(any(cidr.subnet_of(span) for span in opened) for cidr in wanted)
