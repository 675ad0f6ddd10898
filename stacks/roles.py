"""Roles whose policies ``stacks.permissions`` has written, and the services that assume them."""

from typing import Any

from aws_cdk import Aws, aws_iam
from constructs import Construct

from stacks.acknowledgements import acknowledge_wildcards
from stacks.permissions import Names, grants

OF_THIS_ACCOUNT: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
"""A service acts for this account's resources; another account's can't use it as its deputy."""

LAMBDA = "lambda.amazonaws.com"


def service_role(
    scope: Construct, construct_id: str, service: str, name: str, names: Names
) -> aws_iam.Role:
    """A role of ``permissions`` that a service assumes; it may do what stands there, no more."""
    policy = grants(name, names)
    role = aws_iam.Role(
        scope,
        construct_id,
        assumed_by=_principal(service),
        inline_policies={
            "Allowed": aws_iam.PolicyDocument(
                statements=[
                    aws_iam.PolicyStatement.from_json(grant.statement()) for grant in policy
                ]
            )
        },
    )
    acknowledge_wildcards(role, policy)
    return role


def _principal(service: str) -> aws_iam.ServicePrincipal:
    # Lambda sets no aws:SourceAccount when it assumes a function's role: it would be shut out.
    conditions = {} if service == LAMBDA else OF_THIS_ACCOUNT
    return aws_iam.ServicePrincipal(service, conditions=conditions)
