"""What would be deployed: the settings, and the template that CDK makes of them."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdas.sweep.retention import most_snapshots
from stacks.schedule import runs_a_day, starts, today
from stacks.settings import DeploymentSettings, Source, from_context

NAMED = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::RDS::DBParameterGroup": "DBParameterGroupName",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""What the template names itself, and so can meet a stranger; CloudFormation names the rest."""


@dataclass(frozen=True)
class ParameterGroup:
    """A quarantine parameter group of the template."""

    name: str
    family: str
    parameters: Mapping[str, str]

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return int(self.family.removeprefix("postgres"))


@dataclass(frozen=True)
class Plan:
    """A deployment that may come.

    Attributes:
        bootstrap_version: of CDK's bootstrap, the least that the template needs.
        bootstrap_parameter: the SSM parameter that holds the account's.
    """

    settings: DeploymentSettings
    template: Mapping[str, Any]
    bootstrap_version: int
    bootstrap_parameter: str

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        """The properties of each resource of a type."""
        found = self.template["Resources"].values()
        return [resource.get("Properties", {}) for resource in found if resource["Type"] == kind]

    @property
    def parameter_groups(self) -> list[ParameterGroup]:
        """Those of the template."""
        return [
            ParameterGroup(found["DBParameterGroupName"], found["Family"], found["Parameters"])
            for found in self.of_type("AWS::RDS::DBParameterGroup")
        ]

    @property
    def reservations(self) -> dict[str, int]:
        """By function, the concurrency that it reserves."""
        return {
            found["FunctionName"]: int(found["ReservedConcurrentExecutions"])
            for found in self.of_type("AWS::Lambda::Function")
            if "ReservedConcurrentExecutions" in found
        }

    @property
    def names(self) -> dict[str, list[str]]:
        """By type, the names that the template gives."""
        return {
            kind: [found[key] for found in self.of_type(kind) if isinstance(found.get(key), str)]
            for kind, key in NAMED.items()
        }

    def classes_of(self, source: Source) -> list[str]:
        """The instance classes that its copies may have; empty where it is the source's own."""
        settings = self.settings
        nights = [n for n in settings.nightly if source.db_instance_id in n.sources and n.restores]
        asked = [night.input.get("restore", {}).get("instance_class", "") for night in nights]
        return list(dict.fromkeys([settings.copy_instance_class, *filter(None, asked)]))

    def needs_no_group(self, source: Source) -> bool:
        """Whether it has schedules, and none needs a quarantine group of the deployment."""
        nights = [n for n in self.settings.nightly if source.db_instance_id in n.sources]
        named = [bool(n.input.get("restore", {}).get("parameter_group")) for n in nights]
        return bool(nights) and all(
            own or not night.restores for night, own in zip(nights, named, strict=True)
        )

    @property
    def kept_snapshots(self) -> int:
        """The most snapshots that the nights come to, as the settings count them."""
        return sum(self._snapshots_of_nights())

    def _snapshots_of_nights(self) -> Iterator[int]:
        for night in self.settings.nightly:
            if night.input.get("recovery_point", "new") == "new":
                days = night.input.get("retention_days", self.settings.retention_days)
                a_day = runs_a_day(starts(night.cron, today()))
                yield most_snapshots(len(night.sources), a_day, days)


def plan_of(context: Mapping[str, Any]) -> Plan:
    """Synthesise, and ask nobody anything.

    Raises:
        BadSettings: they can't be deployed.
    """
    settings = from_context(context)
    from stacks.application import application  # noqa: PLC0415 -- jsii starts with the import

    with tempfile.TemporaryDirectory() as folder:
        whole = {**context, "aws:cdk:bundling-stacks": []}
        stack = application(whole, Path(folder)).synth().get_stack_by_name(settings.stack)
        return Plan(
            settings,
            stack.template,
            int(stack.requires_bootstrap_stack_version or 0),
            str(stack.bootstrap_stack_version_ssm_parameter or ""),
        )
