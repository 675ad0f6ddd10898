"""Log groups that forget."""

from typing import cast

from aws_cdk import RemovalPolicy, aws_logs
from constructs import Construct


def log_group(scope: Construct, construct_id: str, name: str, days: int) -> aws_logs.LogGroup:
    """A log group that goes with the stack; ``days`` is one of CloudWatch's retentions."""
    group = aws_logs.LogGroup(
        scope, construct_id, log_group_name=name, removal_policy=RemovalPolicy.DESTROY
    )
    cast(aws_logs.CfnLogGroup, group.node.default_child).retention_in_days = days
    return group
