"""Every call that is made, and nothing besides: the policy is written from this list."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

_OTHER_PREFIXES = {
    "stepfunctions": "states",
    "service-quotas": "servicequotas",
}
"""IAM's name of a service where it is not boto3's."""


@dataclass(frozen=True)
class Call:
    """An operation of AWS that only reads.

    Attributes:
        service: as boto3 calls it.
        operation: as the API calls it.
        absent: error codes that mean "there is none", without the suffix ``Fault``.
        resource: what the permission is for.
    """

    service: str
    operation: str
    absent: tuple[str, ...] = ()
    resource: str = "*"

    @property
    def permission(self) -> str:
        """The action of IAM."""
        return f"{_OTHER_PREFIXES.get(self.service, self.service)}:{self.operation}"


class Calls(Enum):
    """By what they answer."""

    CALLER = Call("sts", "GetCallerIdentity")
    # CloudFormation answers ValidationError for a stack that is not there.
    STACKS = Call("cloudformation", "DescribeStacks", ("ValidationError",))
    STACK_RESOURCES = Call("cloudformation", "ListStackResources", ("ValidationError",))
    BOOTSTRAP_VERSION = Call(
        "ssm",
        "GetParameter",
        ("ParameterNotFound",),
        # A parameter's value can be a secret: nothing but the number that CDK's bootstrap wrote.
        "arn:*:ssm:*:*:parameter/cdk-bootstrap/*",
    )
    INSTANCES = Call("rds", "DescribeDBInstances", ("DBInstanceNotFound",))
    OFFERS = Call("rds", "DescribeOrderableDBInstanceOptions", ("InvalidParameterValue",))
    PARAMETERS = Call(
        "rds",
        "DescribeEngineDefaultParameters",
        ("InvalidParameterValue", "DBParameterGroupNotFound"),
    )
    PARAMETER_GROUPS = Call("rds", "DescribeDBParameterGroups")
    SUBNET_GROUPS = Call("rds", "DescribeDBSubnetGroups")
    RDS_QUOTAS = Call("rds", "DescribeAccountAttributes")
    LAMBDA_QUOTAS = Call("lambda", "GetAccountSettings")
    # Answers nothing for a function without a reservation, and this error without a function.
    RESERVATION = Call("lambda", "GetFunctionConcurrency", ("ResourceNotFoundException",))
    QUOTA = Call("service-quotas", "GetServiceQuota", ("NoSuchResourceException",))
    SECRET = Call("secretsmanager", "DescribeSecret", ("ResourceNotFoundException",))
    KEY = Call("kms", "DescribeKey", ("NotFoundException",))
    VPCS = Call("ec2", "DescribeVpcs", ("InvalidVpcID.NotFound",))
    VPC_ATTRIBUTE = Call("ec2", "DescribeVpcAttribute", ("InvalidVpcID.NotFound",))
    SUBNETS = Call("ec2", "DescribeSubnets", ("InvalidSubnetID.NotFound",))
    ROUTES = Call("ec2", "DescribeRouteTables")
    ENDPOINTS = Call("ec2", "DescribeVpcEndpoints")
    SECURITY_GROUPS = Call("ec2", "DescribeSecurityGroups", ("InvalidGroup.NotFound",))
    LOG_GROUPS = Call("logs", "DescribeLogGroups")
    STATE_MACHINES = Call("stepfunctions", "ListStateMachines")
    ALARMS = Call("cloudwatch", "DescribeAlarms")
    DASHBOARDS = Call("cloudwatch", "ListDashboards")


def policy() -> dict[str, Any]:
    """The IAM policy that all questions need, one statement for each kind of resource."""
    by_resource: dict[str, list[str]] = {}
    for member in Calls:
        by_resource.setdefault(member.value.resource, []).append(member.value.permission)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}
            for resource, actions in by_resource.items()
        ],
    }
