"""Whether what the template names itself is there already, and is somebody else's."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from lambdas.common.ownership import STACK
from ops.preflight.account import Account, Facts
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.place import own_resources
from ops.preflight.plan import NAMED, Plan


@dataclass(frozen=True)
class _Listing:
    """How names of a kind are listed; ``starts_with`` is a parameter, where there is one."""

    call: Calls
    key: str
    name: str
    starts_with: str = ""


_LISTINGS = {
    "AWS::CloudWatch::Alarm": _Listing(
        Calls.ALARMS, "MetricAlarms", "AlarmName", "AlarmNamePrefix"
    ),
    "AWS::CloudWatch::Dashboard": _Listing(
        Calls.DASHBOARDS, "DashboardEntries", "DashboardName", "DashboardNamePrefix"
    ),
    "AWS::RDS::DBParameterGroup": _Listing(
        Calls.PARAMETER_GROUPS, "DBParameterGroups", "DBParameterGroupName"
    ),
    "AWS::RDS::DBSubnetGroup": _Listing(Calls.SUBNET_GROUPS, "DBSubnetGroups", "DBSubnetGroupName"),
    "AWS::StepFunctions::StateMachine": _Listing(Calls.STATE_MACHINES, "stateMachines", "name"),
}

_REMEDIES = {
    "AWS::Logs::LogGroup": (
        "a function that was still at work when its stack was removed makes its log group once"
        " more: delete it (aws logs delete-log-group --log-group-name …), or choose another prefix"
    )
}


def questions(plan: Plan) -> Iterator[Question]:
    """One for each kind of thing that has a name, and the instances with our prefix."""
    for kind in NAMED:
        if plan.names[kind]:
            yield Question(
                subject_of(kind),
                partial(_ask, kind=kind, plan=plan),
                partial(judge, kind=kind, wanted=plan.names[kind]),
            )
    yield Question(
        f"instances named {plan.settings.prefix}-",
        lambda account: account.find(Calls.INSTANCES).get("DBInstances", []),
        partial(judge_instances, prefix=plan.settings.prefix, stack=plan.settings.stack),
    )


def subject_of(kind: str) -> str:
    """As in "names: Logs LogGroup"."""
    return "names: " + " ".join(kind.split("::")[1:])


def _ask(account: Account, kind: str, plan: Plan) -> Facts:
    made = own_resources(account, plan.settings.stack)
    # The physical id of a state machine is its ARN; of all others it is the name.
    ours = {name.rpartition(":")[2] for of_kind, name in made if of_kind == kind}
    return {"There": set(_there(account, kind, plan)), "Ours": ours}


def _there(account: Account, kind: str, plan: Plan) -> Iterator[str]:
    """Names of a kind that the account has; some more than are wanted, where that is one call."""
    prefix = plan.settings.prefix
    if kind == "AWS::Lambda::Function":
        for name in plan.names[kind]:
            if account.ask(Calls.RESERVATION, FunctionName=name) is not None:
                yield name
    elif kind == "AWS::Logs::LogGroup":
        for start in sorted({_common(name, prefix) for name in plan.names[kind]}):
            found = account.find(Calls.LOG_GROUPS, logGroupNamePrefix=start)
            yield from (group["logGroupName"] for group in found.get("logGroups", []))
    else:
        listing = _LISTINGS[kind]
        parameters = {listing.starts_with: f"{prefix}-"} if listing.starts_with else {}
        for found in account.find(listing.call, **parameters).get(listing.key, []):
            yield found[listing.name]


def _common(name: str, prefix: str) -> str:
    """What the log groups of a kind begin with, as ``/aws/lambda/tm-``."""
    start, _, _ = name.partition(prefix)
    return start + prefix


def judge(found: Facts, kind: str, wanted: list[str]) -> Iterator[Answer]:
    """CloudFormation makes nothing whose name is taken: the stack would be rolled back."""
    there, ours = set(wanted) & found["There"], found["Ours"]
    taken = sorted(there - ours)
    if taken:
        yield blocked(
            subject_of(kind),
            f"already there, and not the stack's: {', '.join(taken)}",
            _REMEDIES.get(kind, "rename or delete them, or choose another prefix"),
        )
    elif there:
        yield ok(subject_of(kind), f"{len(there)} of {len(wanted)} are there, and the stack's own")
    else:
        yield ok(subject_of(kind), f"none of {len(wanted)} is taken")


def judge_instances(found: list[Facts], prefix: str, stack: str) -> Iterator[Answer]:
    """A copy is known by its name and tags; people should see at a glance what is one."""
    subject = f"instances named {prefix}-"
    strangers = [
        instance["DBInstanceIdentifier"]
        for instance in found
        if instance["DBInstanceIdentifier"].startswith(f"{prefix}-")
        and {"Key": STACK, "Value": stack} not in instance.get("TagList", [])
    ]
    if strangers:
        yield warning(
            subject,
            f"not copies of this deployment: {', '.join(sorted(strangers))}",
            "choose another prefix, so that people can tell copies from production by their names",
        )
    else:
        yield ok(subject, "there is none but copies of this deployment")
