"""What running as a function costs: a log, traces and, in the VPC, a network interface."""

from stacks.permissions.names import Grant, Names

_NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""Those of AWS's own policy for it, ``AWSLambdaVPCAccessExecutionRole``."""


def log(names: Names, function: str) -> Grant:
    """Its own log group, which the stack has made: it may not make one."""
    return Grant(
        "WriteLog",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        (names.log_streams_arn(function),),
        "its own log group",
    )


def trace() -> Grant:
    """Active tracing."""
    return Grant(
        "Trace",
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        ("*",),
        "active tracing; X-Ray knows no resources here",
    )


def join_network(names: Names) -> list[Grant]:
    """What Lambda does with the role to reach the VPC, and what the code is denied all the same.

    When a function is put into a VPC, Lambda asks IAM whether its role may do each of these without
    naming any resource. A role that has them on ``network-interface/*`` alone is refused there
    ("The provided execution role does not have permissions to call DeleteNetworkInterface on EC2"),
    and the stack is rolled back. The denial is that of the Lambda developer guide ("Giving Lambda
    functions access to resources in an Amazon VPC").
    """
    return [
        Grant(
            "LetLambdaJoinNetwork",
            _NETWORK,
            ("*",),
            "Lambda makes and keeps the interface with the function's role, and asks for these on"
            " everything before it takes the function; its configuration says where",
        ),
        Grant(
            "NotFromCode",
            _NETWORK,
            ("*",),
            "lambda:SourceFunctionArn is set on calls that code makes, not on Lambda's own",
            {"ArnLike": {"lambda:SourceFunctionArn": names.arn("lambda", "function:*")}},
            effect="Deny",
        ),
    ]
