"""The setting ``load``: what may be read from S3, and into which servers it may be loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.load.load_target import DEFAULT_PORT, address_of, target_name

PROXY = ".proxy-"
"""In the host name of an RDS Proxy, and in no instance's or cluster's."""


@dataclass(frozen=True)
class LoadTarget:
    """A server with a login that may write; an empty key stands for AWS's own.

    Attributes:
        name: the identifier of an instance, or ``host:port``.
    """

    name: str
    port: int
    secret_arn: str
    secret_kms_key_arn: str = ""

    @property
    def is_instance(self) -> bool:
        """Whether RDS of this account knows where it answers."""
        return address_of(self.name) is None


@dataclass(frozen=True)
class LoadSettings:
    """All empty where loads are not wanted."""

    buckets: tuple[str, ...] = ()
    bucket_key_arns: tuple[str, ...] = ()
    targets: tuple[LoadTarget, ...] = ()
    target_security_group_ids: tuple[str, ...] = ()

    @property
    def is_wanted(self) -> bool:
        """Whether the stack has the load at all."""
        return self != LoadSettings()

    @property
    def ports(self) -> tuple[int, ...]:
        """Each port that a target listens on, once."""
        return tuple(sorted({target.port for target in self.targets}))


def load_settings(entry: Mapping[str, Any]) -> LoadSettings:
    """The setting as the schema lets it through.

    Raises:
        KeyError: a target is neither an instance nor an endpoint, see :func:`entry_faults`.
    """
    return LoadSettings(
        buckets=tuple(entry.get("buckets", ())),
        bucket_key_arns=tuple(entry.get("bucket_key_arns", ())),
        targets=tuple(_target(target) for target in entry.get("targets", ())),
        target_security_group_ids=tuple(entry.get("target_security_group_ids", ())),
    )


def entry_faults(entry: Mapping[str, Any]) -> Iterator[str]:
    """What the schema lets through and no target can be made of."""
    for number, target in enumerate(entry.get("targets", ())):
        where = f"load.targets[{number}]"
        if ("db_instance_id" in target) == ("endpoint" in target):
            yield f"{where}.db_instance_id: give either db_instance_id or endpoint"
        if "endpoint" in target and "port" in target:
            yield f"{where}.port: an endpoint carries its own; write it as host:port"


def _target(entry: Mapping[str, Any]) -> LoadTarget:
    name = target_name(entry)
    address = address_of(name)
    return LoadTarget(
        name=name,
        port=address[1] if address else entry.get("port", DEFAULT_PORT),
        secret_arn=entry["secret_arn"],
        secret_kms_key_arn=entry.get("secret_kms_key_arn", ""),
    )


def load_faults(load: LoadSettings, prefix: str, *, network_is_ours: bool) -> Iterator[str]:
    """What does not go together, each with the key and the remedy."""
    if not load.is_wanted:
        return
    if not load.buckets:
        yield "load.buckets: is missing; it is the S3 buckets that may be read"
    if load.targets and not load.target_security_group_ids:
        yield (
            "load.target_security_group_ids: is missing; it is the groups that the targets are in"
        )
    if load.target_security_group_ids and not load.targets:
        yield (
            "load.targets: is missing; it is the servers in load.target_security_group_ids that may"
            " be loaded into, each with the secret of a login"
        )
    if load.targets and network_is_ours:
        yield (
            "load.targets: a network of our own can't reach them; give the targets' VPC in"
            " network.vpc_id"
        )
    names = [target.name for target in load.targets]
    for number, target in enumerate(load.targets):
        field = "db_instance_id" if target.is_instance else "endpoint"
        where = f"load.targets[{number}].{field}"
        if names.index(target.name) < number:
            yield f"{where}: {target.name} is listed twice; leave one out"
        yield from (f"{where}: {fault}" for fault in _name_faults(target, prefix))


def _name_faults(target: LoadTarget, prefix: str) -> Iterator[str]:
    if target.is_instance and target.name.startswith(f"{prefix}-"):
        yield (
            f"{target.name} starts with the prefix of our own copies, {prefix}-; rename it, or"
            " leave a kept copy out: it has a login of its own"
        )
    if PROXY in target.name:
        yield (
            f"{target.name} is an RDS Proxy, which refuses the time-outs that a session begins"
            " with; give the endpoint of the instance or the cluster behind it"
        )


def load_arns(load: LoadSettings) -> Iterator[tuple[str, str]]:
    """Each ARN with its key."""
    for number, target in enumerate(load.targets):
        for name in ("secret_arn", "secret_kms_key_arn"):
            if getattr(target, name):
                yield f"load.targets[{number}].{name}", getattr(target, name)
    for number, arn in enumerate(load.bucket_key_arns):
        yield f"load.bucket_key_arns[{number}]", arn
