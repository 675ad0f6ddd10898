"""The flow log of a network of our own: VPC Flow Logs writes it with this role."""

from stacks.permissions.names import Grant, Names


def log_flow(names: Names) -> list[Grant]:
    """Write to the flow log's own group, which the stack has made."""
    group = names.arn("logs", f"log-group:{names.flow_log}")
    return [
        Grant(
            "WriteFlowLog",
            ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"),
            # An ARN of CloudWatch Logs has a colon after the group's name, of a stream or not.
            (f"{group}:*",),
            "the flow log's own log group",
        )
    ]
