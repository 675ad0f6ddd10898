"""The secrets and the customer keys: there, usable, and as the settings say. No value is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ops.preflight.account import Account, Facts, NotKnown
from ops.preflight.answers import Answer, Question, blocked, ok, warning
from ops.preflight.calls import Calls
from ops.preflight.plan import Plan
from ops.preflight.sources import instance, subject_of
from stacks.settings import Source


@dataclass(frozen=True)
class Login:
    """A secret of the settings and the key that they give for it."""

    owner: str
    secret_arn: str
    key_arn: str


def questions(plan: Plan) -> Iterator[Question]:
    """Each secret, the storage of each source, and each key."""
    for login in logins(plan):
        yield Question(
            f"secret of {login.owner}",
            partial(_ask_secret, login=login),
            partial(judge_secret, login=login),
        )
    for source in plan.settings.sources:
        yield Question(
            f"encryption of {subject_of(source)}",
            partial(_ask_storage, source=source),
            partial(judge_storage, source=source),
        )
    for arn in keys(plan):
        yield Question(
            f"key {arn}",
            partial(_ask_key, arn=arn),
            partial(judge_key, arn=arn),
        )


def logins(plan: Plan) -> list[Login]:
    """Of the sources' readers and of the load's writers."""
    sources, targets = plan.settings.sources, plan.settings.load.targets
    found = [
        *(Login(s.db_instance_id, s.secret_arn, s.secret_kms_key_arn) for s in sources),
        *(Login(t.name, t.secret_arn, t.secret_kms_key_arn) for t in targets),
    ]
    return [login for login in found if login.secret_arn]


def keys(plan: Plan) -> list[str]:
    """Every customer key of the settings, once."""
    settings = plan.settings
    given = [
        *(source.kms_key_arn for source in settings.sources),
        *(login.key_arn for login in logins(plan)),
        *settings.load.bucket_key_arns,
    ]
    return list(dict.fromkeys(filter(None, given)))


def _ask_secret(account: Account, login: Login) -> Facts:
    found = account.find(Calls.SECRET, SecretId=login.secret_arn)
    key = found.get("KmsKeyId")
    return {**found, "Key": account.find(Calls.KEY, KeyId=key) if key else {}}


def judge_secret(found: Facts, login: Login) -> Iterator[Answer]:
    """A function reads it with the key of the settings and no other."""
    subject, own = f"secret of {login.owner}", customer_key(found["Key"])
    if "ARN" not in found:
        yield blocked(
            subject,
            f"there is no {login.secret_arn}",
            "correct secret_arn: the full ARN, with the six characters at its end",
        )
    elif found.get("DeletedDate"):
        yield blocked(subject, "it is scheduled for deletion", "restore it, or give another one")
    elif own and own != login.key_arn:
        given = login.key_arn or "none"
        yield blocked(
            subject,
            f"it is encrypted with the customer key {own}, the settings give {given}",
            f'give "secret_kms_key_arn": "{own}" beside its secret_arn',
        )
    elif found.get("OwningService") == "rds":
        yield warning(
            subject,
            "it is one that RDS manages: the login of a master user",
            "make a login that may only do what docs/security.md grants, with a secret of its own",
        )
    else:
        yield ok(subject, "is there; its value was not read")


def _ask_storage(account: Account, source: Source) -> Facts:
    found = instance(account, source)
    if not found:
        raise NotKnown("not asked: the source is not there", "mend that first, then ask again")
    key = found.get("KmsKeyId")
    return {**found, "Key": account.find(Calls.KEY, KeyId=key) if key else {}}


def judge_storage(found: Facts, source: Source) -> Iterator[Answer]:
    """The copy has the source's key, and only a role that may make a grant on it can restore."""
    subject, own = f"encryption of {subject_of(source)}", customer_key(found["Key"])
    if own and own != source.kms_key_arn:
        yield blocked(
            subject,
            f"it is encrypted with the customer key {own}, the settings give"
            f" {source.kms_key_arn or 'none'}",
            f'give "kms_key_arn": "{own}" in sources',
        )
    elif source.kms_key_arn and not own:
        yield warning(
            subject,
            "the settings give kms_key_arn, and no customer key encrypts it",
            "leave kms_key_arn out: the roles then may use one key less",
        )
    elif not found.get("StorageEncrypted"):
        yield ok(subject, "is off: the copy will not be encrypted either")
    else:
        yield ok(subject, f"by {own or 'the key of AWS'}")


def _ask_key(account: Account, arn: str) -> Facts:
    return account.find(Calls.KEY, KeyId=arn)


def judge_key(found: Facts, arn: str) -> Iterator[Answer]:
    """KMS answers KMSInvalidStateException for a key that is not enabled."""
    subject, key = f"key {arn}", found.get("KeyMetadata", {})
    state = key.get("KeyState")
    if not key:
        yield blocked(subject, "there is no such key", "correct its ARN in the settings")
    elif state != "Enabled":
        yield blocked(subject, f"it is {state}", "enable it, or cancel its deletion")
    elif key.get("KeyManager") != "CUSTOMER":
        yield warning(
            subject,
            "it is AWS's own, which needs no permission",
            "leave it out of the settings",
        )
    else:
        yield ok(subject, "is enabled; whether its policy lets the roles in shows the first drill")


def customer_key(found: Facts) -> str:
    """Its ARN where it is a customer's; empty for AWS's own, and where there is none."""
    key = found.get("KeyMetadata", {})
    return str(key["Arn"]) if key.get("KeyManager") == "CUSTOMER" else ""
