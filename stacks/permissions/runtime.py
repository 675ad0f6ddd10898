"""What running as a function costs: a log, traces and, in the VPC, a network interface."""

from stacks.permissions.names import Grant, Names

_MAKE = ("ec2:CreateNetworkInterface",)
_KEEP = (
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
_LOOK = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")


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
    """What Lambda does with the role to reach the VPC, and what the code is denied all the same."""
    interface = names.arn("ec2", "network-interface/*")
    return [
        Grant(
            "LetLambdaJoinNetwork",
            _MAKE,
            (interface, names.arn("ec2", "subnet/*"), names.arn("ec2", "security-group/*")),
            "Lambda makes the interface with the function's role; its configuration says where",
        ),
        Grant(
            "LetLambdaKeepInterface",
            _KEEP,
            (interface,),
            "likewise; Lambda wants every id allowed, since it knows none beforehand",
        ),
        Grant(
            "LetLambdaLookAtNetwork",
            _LOOK,
            ("*",),
            "likewise; EC2 knows no resources for its Describe actions",
        ),
        Grant(
            "NotFromCode",
            (*_MAKE, *_KEEP, *_LOOK),
            ("*",),
            "lambda:SourceFunctionArn is set on calls that code makes, not on Lambda's own",
            {"ArnLike": {"lambda:SourceFunctionArn": names.arn("lambda", "function:*")}},
            effect="Deny",
        ),
    ]
