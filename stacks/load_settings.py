"""The setting ``load``: what may be read from S3, and into which instances it may be loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LoadTarget:
    """An instance with a login that may write; an empty key stands for AWS's own."""

    db_instance_id: str
    secret_arn: str
    port: int = 5432
    secret_kms_key_arn: str = ""


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
    """The setting as the schema lets it through."""
    return LoadSettings(
        buckets=tuple(entry.get("buckets", ())),
        bucket_key_arns=tuple(entry.get("bucket_key_arns", ())),
        # RDS keeps identifiers in small letters.
        targets=tuple(
            LoadTarget(**{**target, "db_instance_id": target["db_instance_id"].lower()})
            for target in entry.get("targets", ())
        ),
        target_security_group_ids=tuple(entry.get("target_security_group_ids", ())),
    )


_NEEDED = {
    "buckets": "the S3 buckets that may be read",
    "targets": "the instances that may be loaded into, each with the secret of a login",
    "target_security_group_ids": "the groups that the targets are in",
}


def load_faults(load: LoadSettings, prefix: str, *, network_is_ours: bool) -> Iterator[str]:
    """What does not go together, each with the key and the remedy."""
    if not load.is_wanted:
        return
    for name, what in _NEEDED.items():
        if not getattr(load, name):
            yield f"load.{name}: is missing; it is {what}"
    if network_is_ours:
        yield (
            "load.targets: a network of our own can't reach them; give the targets' VPC in"
            " network.vpc_id"
        )
    names = [target.db_instance_id for target in load.targets]
    for number, name in enumerate(names):
        where = f"load.targets[{number}].db_instance_id"
        if names.index(name) < number:
            yield f"{where}: {name} is listed twice"
        if name.startswith(f"{prefix}-"):
            yield f"{where}: {name} starts with the prefix of our own copies, {prefix}-; rename it"


def load_arns(load: LoadSettings) -> Iterator[tuple[str, str]]:
    """Each ARN with its key."""
    for number, target in enumerate(load.targets):
        for name in ("secret_arn", "secret_kms_key_arn"):
            if getattr(target, name):
                yield f"load.targets[{number}].{name}", getattr(target, name)
    for number, arn in enumerate(load.bucket_key_arns):
        yield f"load.bucket_key_arns[{number}]", arn
