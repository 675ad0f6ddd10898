"""The names that policies are made of, and the one shape of a permission."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdas.common.naming import drill_name_pattern

Statement = dict[str, Any]
Conditions = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Grant:
    """One IAM statement with the reason for it.

    Attributes:
        sid: unique within a role, letters and digits.
        why: one clause for a reviewer; a fact of AWS where that forces the statement.
        everything_but: turns ``actions`` into ``NotAction``; only ever used to deny.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str
    conditions: Conditions = field(default_factory=dict)
    effect: str = "Allow"
    everything_but: bool = False

    def statement(self) -> Statement:
        """As IAM reads it; a list is a list even with one member."""
        document: Statement = {
            "Sid": self.sid,
            "Effect": self.effect,
            "NotAction" if self.everything_but else "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            document["Condition"] = {test: dict(keys) for test, keys in self.conditions.items()}
        return document


@dataclass(frozen=True)
class Names:
    """What a deployment is called; each text may be a token of CDK, so none is ever parsed.

    Attributes:
        url_suffix: what the partition's host names end in, ``amazonaws.com`` or another.
        stack: the value of the tag ``time-machine:stack``.
        sources: identifiers of the production instances, in lower case.
        source_secret_arns: by source, the whole ARN of its read-only login's secret.
        source_secret_key_arns: customer-managed keys of those secrets.
        kms_key_arns: customer-managed keys of encrypted sources.
        topic_key_arn: the topic's customer-managed key, empty without one.
        dead_letters_arn: the queue of what the schedules could not start.
        subnet_group: the name, or a pattern of names, that a copy may be restored into.
        parameter_groups: likewise for its parameter group.
        load_buckets: the buckets that loads read; with none there is no load.
        load_bucket_key_arns: customer-managed keys of their objects.
        load_targets: identifiers of the instances that are loaded into, in lower case; endpoints
            have none.
        load_secret_arns: the whole ARNs of the secrets with their logins.
        load_secret_key_arns: customer-managed keys of those secrets.
        load_machine_arn: the state machine of loads.
        vpc: whether the functions that talk to PostgreSQL are in a VPC.
    """

    partition: str
    region: str
    account: str
    url_suffix: str
    prefix: str
    stack: str
    bucket_arn: str
    sources: tuple[str, ...]
    source_secret_arns: Mapping[str, str]
    source_secret_key_arns: tuple[str, ...]
    kms_key_arns: tuple[str, ...]
    state_machine_arn: str
    topic_arn: str
    topic_key_arn: str
    dead_letters_arn: str
    subnet_group: str
    parameter_groups: str
    load_buckets: tuple[str, ...]
    load_bucket_key_arns: tuple[str, ...]
    load_targets: tuple[str, ...]
    load_secret_arns: tuple[str, ...]
    load_secret_key_arns: tuple[str, ...]
    load_machine_arn: str
    vpc: bool

    @property
    def own(self) -> str:
        """The shape of the names that we give, ``<prefix>-<source>-<date>-<time>-<6 hex>``."""
        return drill_name_pattern(self.prefix)

    @property
    def execution_arns(self) -> tuple[str, ...]:
        """Drills, and the children of their map runs."""
        return self._executions("drill")

    @property
    def load_execution_arns(self) -> tuple[str, ...]:
        """Loads, and the children of their map runs."""
        return self._executions("load")

    @property
    def source_arns(self) -> tuple[str, ...]:
        """The production instances."""
        return tuple(self.rds(f"db:{source}") for source in self.sources)

    @property
    def flow_log(self) -> str:
        """The log group of the network's flow log, where the network is ours."""
        return f"/rds-time-machine/{self.prefix}/flow"

    def function_arn(self, function: str) -> str:
        """A function's; its name is known before it is made, as its log group's is."""
        return self.arn("lambda", f"function:{self.prefix}-{function}")

    def log_streams_arn(self, function: str) -> str:
        """Everything in a function's log group."""
        return self.arn("logs", f"log-group:/aws/lambda/{self.prefix}-{function}:log-stream:*")

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def s3(self, bucket: str) -> str:
        """A bucket's ARN, which has neither region nor account."""
        return f"arn:{self.partition}:s3:::{bucket}"

    def rds(self, resource: str) -> str:
        """``db:x``, ``snapshot:x``, ``subgrp:x``, ``pg:x`` or ``og:x`` as an ARN."""
        return self.arn("rds", resource)

    def _executions(self, machine: str) -> tuple[str, ...]:
        """The children of a map run carry a label after a slash."""
        name = f"execution:{self.prefix}-{machine}"
        return (self.arn("states", f"{name}:*"), self.arn("states", f"{name}/*"))

    def via(self, service: str) -> str:
        """The value of ``kms:ViaService`` when a service uses a key for its caller."""
        return f"{service}.{self.region}.{self.url_suffix}"
