"""What cdk-nag finds and why it stays: each finding by its granular id, with its reason.

A wildcard in a policy has the reason that ``permissions`` gives for the statement it stands in.
"""

from collections.abc import Iterable
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations, aws_iam, aws_lambda, aws_sqs
from constructs import IConstruct

from stacks.permissions import Grant

_RUNTIME = (
    "Python 3.13 is what the locked wheels are tested on; AWS supports it for years, and the next "
    "one comes with the next lock"
)
_DEAD_LETTERS = "it is itself the dead-letter queue, of the schedules and of the sweeper's rule"


def acknowledge_runtime(function: aws_lambda.Function) -> None:
    """The pinned runtime."""
    _acknowledge(function, "AwsSolutions-L1", _RUNTIME)


def acknowledge_dead_letters(queue: aws_sqs.Queue) -> None:
    """A dead-letter queue has none of its own."""
    _acknowledge(queue, "AwsSolutions-SQS3", _DEAD_LETTERS)


def acknowledge_wildcards(role: aws_iam.Role, policy: Iterable[Grant]) -> None:
    """Each resource of a policy that has a wildcard in it."""
    reasons: dict[str, list[str]] = {}
    for grant in policy:
        for resource in grant.resources:
            text = _flat(Stack.of(role).resolve(resource))
            if "*" in text and grant.effect == "Allow":
                reasons.setdefault(text, []).append(f"{grant.sid}: {grant.why}")
    for text, whys in reasons.items():
        _acknowledge(role, f"AwsSolutions-IAM5[Resource::{text}]", "; ".join(whys))


def _acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def _flat(value: Any) -> str:
    """As cdk-nag writes what CloudFormation will only know later: ``<Name.Attribute>``."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(_flat(part) for part in argument[1])
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Ref":
        return f"<{argument}>"
    raise ValueError(f"{function} in a resource of a policy")
