"""Step Functions, and what starts and asks it: the machine, the schedule, the pipeline."""

from stacks.permissions import evidence
from stacks.permissions.names import Grant, Names

_MAP_RUN = "a Distributed Map runs its batches as executions of the same machine"


def run_drill(names: Names, states: tuple[str, ...]) -> list[Grant]:
    """The drill's machine: its functions, its plan, its map runs, its topic."""
    return [
        _invoke(names, states),
        evidence.read_plan(names),
        start_drill(names, _MAP_RUN),
        _follow(names.execution_arns),
        _redrive(names.execution_arns[1:]),
        *_announce(names),
        *_run(),
    ]


def run_load(names: Names, states: tuple[str, ...]) -> list[Grant]:
    """The load's machine: its functions, its parts, its map runs; it tells nobody."""
    return [
        _invoke(names, states),
        evidence.read_parts(names),
        Grant("StartLoad", ("states:StartExecution",), (names.load_machine_arn,), _MAP_RUN),
        _follow(names.load_execution_arns),
        _redrive(names.load_execution_arns[1:]),
        *_run(),
    ]


def _invoke(names: Names, states: tuple[str, ...]) -> Grant:
    return Grant(
        "InvokeStates",
        ("lambda:InvokeFunction",),
        tuple(names.function_arn(state) for state in states),
        "the functions of the workflow and no other",
    )


def _follow(execution_arns: tuple[str, ...]) -> Grant:
    return Grant(
        "FollowMapRun",
        ("states:DescribeExecution", "states:StopExecution"),
        execution_arns,
        "a Distributed Map watches its batches, and stops them when it is stopped",
    )


def _redrive(child_arns: tuple[str, ...]) -> Grant:
    """Step Functions developer guide, "Redriving Map Runs", IAM permissions."""
    return Grant(
        "RedriveMapRun",
        ("states:RedriveExecution",),
        child_arns,
        "when a person redrives an execution, its Distributed Map redrives the batches that failed",
    )


def _run() -> list[Grant]:
    """What running as a state machine costs: traces and a log."""
    return [
        Grant(
            "Trace",
            (
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
            ),
            ("*",),
            "active tracing; X-Ray knows no resources here",
        ),
        Grant(
            "DeliverLog",
            (
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ),
            ("*",),
            "Step Functions logs through log delivery, whose actions know no resources",
        ),
    ]


def start_drill(names: Names, why: str) -> Grant:
    """Start an execution of the drill's machine."""
    return Grant("StartDrill", ("states:StartExecution",), (names.state_machine_arn,), why)


def start_night(names: Names) -> list[Grant]:
    """The role of the nightly schedules."""
    return [start_drill(names, "what the schedule is for"), _keep_dead_letter(names)]


def start_sweep(names: Names) -> list[Grant]:
    """The role of the sweeper's clock."""
    start = Grant(
        "StartSweep",
        ("lambda:InvokeFunction",),
        (names.function_arn("Sweep"),),
        "what the sweeper's clock is for",
    )
    return [start, _keep_dead_letter(names)]


def look_at_drill(names: Names, why: str) -> Grant:
    """Ask how an execution of the drill's machine stands."""
    return Grant("LookAtDrill", ("states:DescribeExecution",), names.execution_arns[:1], why)


def answer_pipeline() -> Grant:
    """Tell CodePipeline how the action of a Lambda function went."""
    return Grant(
        "AnswerPipeline",
        ("codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"),
        ("*",),
        "CodePipeline knows no resources here; a job answers only to the id it handed out",
    )


def _keep_dead_letter(names: Names) -> Grant:
    return Grant(
        "KeepDeadLetter",
        ("sqs:SendMessage",),
        (names.dead_letters_arn,),
        "EventBridge Scheduler sends what it could not start with the schedule's own role",
    )


def _announce(names: Names) -> list[Grant]:
    publish = Grant("Announce", ("sns:Publish",), (names.topic_arn,), "the verdict's message")
    if not names.topic_key_arn:
        return [publish]
    return [
        publish,
        Grant(
            "EncryptAnnouncement",
            ("kms:GenerateDataKey", "kms:Decrypt"),
            (names.topic_key_arn,),
            "SNS encrypts as its caller; only through SNS",
            {"StringEquals": {"kms:ViaService": names.via("sns")}},
        ),
    ]
