"""The account's quotas, against what the deployment and its drills will use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from ops.preflight.account import Account, Facts
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.place import own_resources
from ops.preflight.plan import Plan
from ops.preflight.sources import instance
from stacks.settings import QUOTA_SHARE, DeploymentSettings

VPC_QUOTA = ("vpc", "L-F678F1CE")
"""Service Quotas' "VPCs per Region"."""

VPC_DEFAULT = 5

UNRESERVED = 100
"""Of Lambda's concurrency, what it keeps for functions without a reservation (developer guide).

It answers "Specified ReservedConcurrentExecutions for function decreases account's
UnreservedConcurrentExecution below its minimum value of [100]"; in accounts with a smaller quota
the number is that quota, as in [10] and [50] (aws-samples/siem-on-amazon-opensearch-service#175).
"""


@dataclass(frozen=True)
class Need:
    """Of one quota.

    Attributes:
        quota: RDS's name of it.
        what: in words.
        least: without so many, nothing works.
        most: at a time, in the worst case.
        remedy: beside a higher quota.
    """

    quota: str
    what: str
    least: int
    most: int
    remedy: str


def questions(plan: Plan) -> Iterator[Question]:
    """RDS's, Lambda's and, for a network of our own, that of VPCs."""
    yield Question(
        "quotas of RDS", partial(_ask_rds, plan=plan), partial(judge_rds, settings=plan.settings)
    )
    yield Question(
        "concurrency of Lambda", partial(_ask_lambda, plan=plan), partial(judge_lambda, plan=plan)
    )
    if plan.settings.network.is_ours:
        yield Question("quota of VPCs", partial(_ask_vpcs, plan=plan), judge_vpcs)


def _ask_rds(account: Account, plan: Plan) -> Facts:
    quotas = account.find(Calls.RDS_QUOTAS).get("AccountQuotas", [])
    made = own_resources(account, plan.settings.stack)
    sizes = [instance(account, s).get("AllocatedStorage", 0) for s in plan.settings.sources]
    return {
        "Quotas": {q["AccountQuotaName"]: (q["Used"], q["Max"]) for q in quotas},
        "Needs": needs(plan, sizes, {name for _, name in made}),
    }


def needs(plan: Plan, sizes: list[int], made: set[str]) -> list[Need]:
    """What comes on top of what is used now.

    Args:
        sizes: of the sources' storage, in GiB; a copy has its source's.
        made: names of what the stack has made already: its drills' snapshots are in use too.
    """
    groups = [n for n in plan.names["AWS::RDS::DBParameterGroup"] if n not in made]
    subnet_groups = [n for n in plan.names["AWS::RDS::DBSubnetGroup"] if n not in made]
    fewer = "list fewer sources, or schedule them apart"
    return [
        Need(
            "ManualSnapshots",
            "manual snapshots",
            1,
            1 if made else max(1, plan.kept_snapshots),
            "keep them for fewer retention_days, or delete old ones",
        ),
        Need("DBInstances", "DB instances", 1, len(sizes), fewer),
        Need("AllocatedStorage", "GiB of storage", max(sizes, default=0), sum(sizes), fewer),
        Need(
            "DBParameterGroups",
            "parameter groups",
            len(groups),
            len(groups),
            "list fewer postgres_majors",
        ),
        Need(
            "DBSubnetGroups",
            "subnet groups",
            len(subnet_groups),
            len(subnet_groups),
            "delete one that nobody uses",
        ),
    ]


def judge_rds(found: Facts, settings: DeploymentSettings) -> Iterator[Answer]:
    """One answer a quota."""
    quotas: Mapping[str, tuple[int, int]] = found["Quotas"]
    for need in found["Needs"]:
        yield judge_quota(need, quotas.get(need.quota))
    snapshots = quotas.get("ManualSnapshots")
    if snapshots:
        yield from judge_claim(snapshots[1], settings.snapshot_quota)


def judge_quota(need: Need, known: tuple[int, int] | None) -> Answer:
    """``known`` is what is used and what is allowed."""
    subject = f"quota of {need.what}"
    raise_it = f"have the quota {need.quota} raised (Service Quotas, Amazon RDS), or {need.remedy}"
    if known is None:
        return warning(
            subject, f"RDS named none of the name {need.quota}", "look it up in Service Quotas"
        )
    used, most = known
    says = f"{used} of {most} are used, and the deployment comes to {need.most} more"
    if used + need.least > most:
        return blocked(subject, f"{says}; not even {need.least} more fit", raise_it)
    if used + need.most > most:
        return warning(subject, says, raise_it)
    return ok(subject, says)


def judge_claim(allowed: int, claimed: int) -> Iterator[Answer]:
    """The settings are refused by ``snapshot_quota``: it has to be true."""
    if claimed > allowed:
        yield warning(
            "setting snapshot_quota",
            f"it says {claimed}, the account has {allowed}",
            f"set snapshot_quota to {allowed}; the nights may take {QUOTA_SHARE:.0%} of it",
        )


def _ask_lambda(account: Account, plan: Plan) -> Facts:
    limit = account.find(Calls.LAMBDA_QUOTAS).get("AccountLimit", {})
    reserved = {
        name: account.find(Calls.RESERVATION, FunctionName=name).get(
            "ReservedConcurrentExecutions", 0
        )
        for name in plan.reservations
    }
    return {
        "Limit": limit["ConcurrentExecutions"],
        "Unreserved": limit["UnreservedConcurrentExecutions"],
        "Reserved": reserved,
    }


def judge_lambda(found: Facts, plan: Plan) -> Iterator[Answer]:
    """What is reserved already by a deployment that is there is not asked for again."""
    subject, limit, unreserved = "concurrency of Lambda", found["Limit"], found["Unreserved"]
    wants = sum(
        max(0, wanted - found["Reserved"].get(name, 0))
        for name, wanted in plan.reservations.items()
    )
    says = f"{unreserved} of {limit} are not reserved, and the deployment reserves {wants} more"
    higher = (
        "have the quota Concurrent executions raised to 1,000 (Service Quotas, AWS Lambda), or"
        " set reserve_concurrency to false"
    )
    if wants and unreserved - wants < UNRESERVED:
        yield blocked(subject, f"{says}; Lambda keeps {UNRESERVED} for all other functions", higher)
    elif unreserved - wants < UNRESERVED:
        yield warning(subject, f"{says}: drills will be throttled beside other functions", higher)
    else:
        yield ok(subject, says)


def _ask_vpcs(account: Account, plan: Plan) -> Facts:
    service, code = VPC_QUOTA
    quota = account.find(Calls.QUOTA, ServiceCode=service, QuotaCode=code).get("Quota", {})
    made = {kind for kind, _ in own_resources(account, plan.settings.stack)}
    return {
        "Used": len(account.find(Calls.VPCS).get("Vpcs", [])),
        # Service Quotas has no entry where the default was never changed, in some partitions.
        "Max": int(quota.get("Value", VPC_DEFAULT)),
        "Wants": 0 if "AWS::EC2::VPC" in made else 1,
    }


def judge_vpcs(found: Facts) -> Iterator[Answer]:
    """EC2 answers VpcLimitExceeded, "The maximum number of VPCs has been reached."."""
    used, most, wants = found["Used"], found["Max"], found["Wants"]
    says = f"{used} of {most} are used, and the deployment makes {wants} more"
    if used + wants > most:
        yield blocked(
            "quota of VPCs",
            says,
            "have VPCs per Region raised (Service Quotas, Amazon VPC), or give network the sources'"
            " own VPC",
        )
    elif used + wants == most:
        yield warning("quota of VPCs", f"{says}: the last", "have it raised if others need one too")
    else:
        yield ok("quota of VPCs", says)
