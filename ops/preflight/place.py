"""Who asks, where, and whether CDK and an earlier deployment let another one in."""

from collections.abc import Iterator

from ops.certificates import BUNDLE, authorities
from ops.preflight.account import Account, Facts
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.plan import Plan
from stacks.load_settings import load_arns
from stacks.settings import DeploymentSettings

RENEW = (
    "download RDS's global-bundle.pem (for China and GovCloud the one of their user guide), then"
    " make certificates BUNDLE=global-bundle.pem, before the deployment"
)

_COMPLETE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_ROLLED_BACK = {
    "ROLLBACK_COMPLETE": "its first deployment was rolled back; CDK removes it before the next",
    "UPDATE_ROLLBACK_COMPLETE": "its last update was rolled back",
    "IMPORT_ROLLBACK_COMPLETE": "its last import was rolled back",
    "REVIEW_IN_PROGRESS": "it is only a change set so far",
}


def questions(plan: Plan) -> Iterator[Question]:
    """Account and region, the authorities of the region, CDK's bootstrap, the stack."""
    yield Question("account", ask_caller, lambda found: judge_caller(found, arns_of(plan.settings)))
    yield Question(
        "certificates",
        lambda account: account.region,
        lambda region: judge_authorities(region, trusted_authorities(region)),
    )
    yield Question(
        "CDK bootstrap",
        lambda account: ask_bootstrap(account, plan.bootstrap_parameter),
        lambda found: judge_bootstrap(found, plan),
    )
    yield Question(
        f"stack {plan.settings.stack}",
        lambda account: ask_stack(account, plan.settings.stack),
        lambda found: judge_stack(found, plan.settings.stack),
    )


def arns_of(settings: DeploymentSettings) -> dict[str, str]:
    """Each ARN of the settings that names a region and an account, by its key."""
    found = dict(load_arns(settings.load))
    for number, source in enumerate(settings.sources):
        for key in ("secret_arn", "secret_kms_key_arn", "kms_key_arn"):
            found[f"sources[{number}].{key}"] = getattr(source, key)
    return {key: arn for key, arn in found.items() if arn}


def ask_caller(account: Account) -> Facts:
    """Account, caller and region."""
    return {**account.find(Calls.CALLER), "Region": account.region}


def judge_caller(found: Facts, arns: dict[str, str]) -> Iterator[Answer]:
    """A stack is of one region of one account, and so is what it may read."""
    here = [found["Region"], found["Account"]]
    elsewhere = [key for key, arn in arns.items() if arn.split(":")[3:5] != here]
    says = f"{found['Account']} in {found['Region']}, as {found['Arn']}"
    if elsewhere:
        yield blocked(
            "account",
            f"{says}; {', '.join(elsewhere)} of the settings belong to another account or region",
            "use that account's credentials and set AWS_REGION to that region, or correct the ARNs",
        )
    elif found["Arn"].endswith(":root"):
        yield warning(
            "account",
            f"{says}: the root user",
            "deploy with a role or a user of its own; AWS advises against the root user for work",
        )
    else:
        yield ok("account", says)


def trusted_authorities(region: str) -> list[str]:
    """RDS's identifiers of the region's authorities that the shipped bundle holds."""
    found = authorities(BUNDLE.read_text(encoding="utf-8"))
    return [_identifier(authority.name) for authority in found if authority.region == region]


def _identifier(name: str) -> str:
    """Of a root, as in "Amazon RDS eu-central-1 Root CA RSA2048 G1"."""
    return "rds-ca-" + "-".join(name.split()[-2:]).lower()


def judge_authorities(region: str, trusted: list[str]) -> Iterator[Answer]:
    """TLS is verified against the shipped bundle: no authority, no connection."""
    if trusted:
        yield ok("certificates", f"the bundle holds {', '.join(trusted)} of {region}")
    else:
        yield blocked("certificates", f"the bundle has no authority of {region}", RENEW)


def ask_bootstrap(account: Account, parameter: str) -> Facts:
    """The version that the account has, and how its stack stands."""
    version = account.ask(Calls.BOOTSTRAP_VERSION, Name=parameter)
    stacks = account.find(Calls.STACKS, StackName="CDKToolkit").get("Stacks", [])
    return {
        "Version": version and version["Parameter"]["Value"],
        "Status": stacks[0]["StackStatus"] if stacks else "",
    }


def judge_bootstrap(found: Facts, plan: Plan) -> Iterator[Answer]:
    """``cdk deploy`` needs the bucket and the roles of a bootstrap that is new enough."""
    subject, version, needed = "CDK bootstrap", found["Version"], plan.bootstrap_version
    if not version or int(version) < needed:
        has = f"is of version {version}" if version else "is not there"
        yield blocked(
            subject, f"it {has}; version {needed} or newer is needed", "run make bootstrap"
        )
    elif found["Status"] and found["Status"] not in _COMPLETE:
        yield warning(
            subject,
            f"its stack CDKToolkit is in {found['Status']}",
            "look at its events in CloudFormation, then run make bootstrap again",
        )
    else:
        yield ok(subject, f"version {version}, {needed} is needed")


def ask_stack(account: Account, stack: str) -> str:
    """Its status, empty where there is none."""
    found = account.find(Calls.STACKS, StackName=stack).get("Stacks", [])
    return str(found[0]["StackStatus"]) if found else ""


def judge_stack(status: str, stack: str) -> Iterator[Answer]:
    """Whether CloudFormation takes an update."""
    subject = f"stack {stack}"
    if not status:
        yield ok(subject, "is not there yet: this is the first deployment")
    elif status in _COMPLETE:
        yield ok(subject, f"is there ({status}): a deployment will update it")
    elif status in _ROLLED_BACK:
        yield warning(
            subject,
            f"is in {status}: {_ROLLED_BACK[status]}",
            "read the first failure among its events in CloudFormation, and mend that first",
        )
    elif status.endswith("_IN_PROGRESS"):
        yield warning(
            subject, f"is in {status}: somebody is deploying it", "wait until that is done"
        )
    else:
        yield blocked(
            subject,
            f"is in {status}, in which CloudFormation takes no update",
            "read its events; after UPDATE_ROLLBACK_FAILED continue the rollback there, otherwise"
            " delete the stack (the evidence bucket and the snapshots stay)",
        )


def own_resources(account: Account, stack: str) -> set[tuple[str, str]]:
    """Type and name of what the stack has made; empty where it is not there."""
    found = account.find(Calls.STACK_RESOURCES, StackName=stack)
    summaries: list[Facts] = found.get("StackResourceSummaries", [])
    return {(s["ResourceType"], s.get("PhysicalResourceId", "")) for s in summaries}
