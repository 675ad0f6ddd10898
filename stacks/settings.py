"""What a deployment sets: CDK context, checked at synth, read once into one frozen value."""

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonschema import Draft202012Validator

from lambdas.domain import schema
from lambdas.domain.request import contradictions, parse, structural_faults
from lambdas.domain.retention import most_snapshots

SCHEMA_FILE = Path(__file__).with_name("settings.schema.json")

QUOTA_SHARE = 0.8
"""Of the account's manual snapshots, what the nights may take; people and pipelines need some."""

_WHOLE = "the context must be a JSON object with sources, as in cdk.json"


class BadSettings(ValueError):
    """The context can't be used; the message names every key at fault and what would be right."""


@dataclass(frozen=True)
class Source:
    """A production instance that drills may snapshot; empty stands for "none"."""

    db_instance_id: str
    port: int = 5432
    secret_arn: str = ""
    secret_kms_key_arn: str = ""
    kms_key_arn: str = ""


@dataclass(frozen=True)
class Night:
    """A schedule: ``cron`` in ``time_zone``, for each of ``sources`` with the same ``input``."""

    sources: tuple[str, ...]
    cron: str
    time_zone: str
    window_minutes: int
    input: Mapping[str, Any]


@dataclass(frozen=True)
class Network:
    """The sources' own VPC, or with an empty ``vpc_id`` one of our own."""

    vpc_id: str
    subnet_ids: tuple[str, ...]
    source_security_group_ids: tuple[str, ...]
    cidr: str

    @property
    def is_ours(self) -> bool:
        """Whether the stack makes the network."""
        return not self.vpc_id


@dataclass(frozen=True)
class DeploymentSettings:
    """See ``settings.schema.json`` for what each one is; units are in the names."""

    prefix: str
    sources: tuple[Source, ...]
    nightly: tuple[Night, ...]
    network: Network
    postgres_majors: tuple[int, ...]
    copy_instance_class: str
    retention_days: int
    deadline_minutes: int
    teardown_minutes: int
    sweep_minutes: int
    notify_emails: tuple[str, ...]
    passed_within_hours: int
    snapshots_alarm: int
    snapshot_quota: int
    log_retention_days: int
    evidence_days: int

    @property
    def stack(self) -> str:
        """The stack's name, which is also the value of the tag ``time-machine:stack``."""
        return f"{self.prefix}-time-machine"

    @property
    def ports(self) -> tuple[int, ...]:
        """Each port that a source listens on, once."""
        return tuple(sorted({source.port for source in self.sources}))

    @property
    def nightly_sources(self) -> tuple[str, ...]:
        """Each source that has a schedule, once, in the order of ``sources``."""
        scheduled = {name for night in self.nightly for name in night.sources}
        return tuple(s.db_instance_id for s in self.sources if s.db_instance_id in scheduled)


def keys() -> list[str]:
    """The context keys that are settings."""
    return list(_schema()["properties"])


def from_context(context: Mapping[str, Any]) -> DeploymentSettings:
    """The settings in a CDK context; keys that are none of ours are left alone.

    Args:
        context: by key; a text from the command line (``-c key=value``) is read as JSON where the
            schema wants no text.

    Raises:
        BadSettings: one line that names every key at fault and the remedy.
    """
    document = {key: _value(key, context[key]) for key in keys() if context.get(key) is not None}
    faults = schema.faults(Draft202012Validator(_schema()), document, _WHOLE)
    if not faults:
        settings = _parse(document)
        faults = list(_contradictions(settings))
    if faults:
        raise BadSettings("The settings were refused: " + "; ".join(faults))
    return settings


@cache
def _schema() -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def _value(key: str, given: Any) -> Any:
    if not isinstance(given, str) or _schema()["properties"][key].get("type") == "string":
        return given
    try:
        return json.loads(given)
    except json.JSONDecodeError:
        return given


def _parse(document: Mapping[str, Any]) -> DeploymentSettings:
    properties = _schema()["properties"]
    whole: dict[str, Any] = {
        key: document.get(key, properties[key].get("default")) for key in properties
    }
    parsed: dict[str, Any] = {
        **{key: tuple(v) if isinstance(v, list) else v for key, v in whole.items()},
        "sources": tuple(_source(entry) for entry in whole["sources"]),
        "nightly": tuple(_night(entry) for entry in whole["nightly"]),
        "network": _network(whole["network"]),
    }
    return DeploymentSettings(**parsed)


def _source(entry: Mapping[str, Any]) -> Source:
    # RDS keeps identifiers in small letters.
    return Source(**{**entry, "db_instance_id": entry["db_instance_id"].lower()})


def _night(entry: Mapping[str, Any]) -> Night:
    return Night(
        sources=tuple(name.lower() for name in entry["sources"]),
        cron=entry["cron"],
        time_zone=entry.get("time_zone", "UTC"),
        window_minutes=entry.get("window_minutes", 30),
        input=entry.get("input", {}),
    )


def _network(entry: Mapping[str, Any]) -> Network:
    cidr = _schema()["properties"]["network"]["properties"]["cidr"]["default"]
    return Network(
        vpc_id=entry.get("vpc_id", ""),
        subnet_ids=tuple(entry.get("subnet_ids", ())),
        source_security_group_ids=tuple(entry.get("source_security_group_ids", ())),
        cidr=entry.get("cidr", cidr),
    )


def _contradictions(settings: DeploymentSettings) -> Iterator[str]:
    yield from _source_faults(settings.sources, settings.prefix)
    yield from _network_faults(settings)
    known = {source.db_instance_id: source for source in settings.sources}
    for number, night in enumerate(settings.nightly):
        yield from _night_faults(f"nightly[{number}]", night, known)
    yield from _quota_faults(settings)


def _source_faults(sources: Sequence[Source], prefix: str) -> Iterator[str]:
    names = [source.db_instance_id for source in sources]
    for number, source in enumerate(sources):
        where = f"sources[{number}]"
        if names.index(source.db_instance_id) < number:
            yield f"{where}.db_instance_id: {source.db_instance_id} is listed twice"
        if source.db_instance_id.startswith(f"{prefix}-"):
            yield (
                f"{where}.db_instance_id: {source.db_instance_id} starts with the prefix of our own"
                f" copies, {prefix}-; choose another prefix"
            )
        if source.secret_kms_key_arn and not source.secret_arn:
            yield f"{where}.secret_kms_key_arn: there is no secret_arn that it could encrypt"


def _network_faults(settings: DeploymentSettings) -> Iterator[str]:
    network = settings.network
    with_secret = any(source.secret_arn for source in settings.sources)
    if network.is_ours:
        for name in ("subnet_ids", "source_security_group_ids"):
            if getattr(network, name):
                yield f"network.{name}: belongs to the sources' VPC; give network.vpc_id too"
        if with_secret:
            yield (
                "network.vpc_id: a source has a secret_arn, but a network of our own can't reach"
                " it; give the sources' VPC, or leave the secret out"
            )
        try:
            ipaddress.ip_network(network.cidr)
        except ValueError:
            yield "network.cidr: is not a network's address; its host bits must be zero"
        return
    if not network.subnet_ids:
        yield "network.subnet_ids: is missing; it is private subnets of the VPC in two zones"
    if with_secret and not network.source_security_group_ids:
        yield (
            "network.source_security_group_ids: is missing; a source has a secret_arn, and only"
            " the groups that the sources are in may be reached for it"
        )


def _night_faults(where: str, night: Night, known: Mapping[str, Source]) -> Iterator[str]:
    for name in night.sources:
        if name not in known:
            yield f"{where}.sources: {name} is not in sources; add it there"
    yield from _cron_faults(where, night.cron)
    try:
        ZoneInfo(night.time_zone)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        yield f"{where}.time_zone: is not a time zone; it is an IANA name, as in Europe/Berlin"
    for name in ("db_instance_id", "purpose"):
        if name in night.input:
            yield f"{where}.input.{name}: is set by the schedule; leave it out"
    document = {**night.input, "db_instance_id": night.sources[0]}
    faults = structural_faults(document)
    for fault in faults or contradictions(parse(document)):
        yield f"{where}.input.{fault}"
    wants_secret = night.input.get("baseline", "none") != "none"
    for name in night.sources:
        if wants_secret and name in known and not known[name].secret_arn:
            yield f"{where}.input.baseline: reads the source; {name} has no secret_arn in sources"


def _cron_faults(where: str, cron: str) -> Iterator[str]:
    day_of_month, day_of_week = cron.split()[2], cron.split()[4]
    if (day_of_month == "?") == (day_of_week == "?"):
        yield f"{where}.cron: one of day-of-month and day-of-week must be ?, and not both"


def _runs_a_day(cron: str) -> int:
    """How often a schedule runs on a day on which it runs."""
    hours: set[int] = set()
    for part in cron.split()[1].split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = 0 if first == "*" else int(first)
        end = int(last) if last else (23 if step or first == "*" else begin)
        hours.update(range(begin, end + 1, int(step or 1)))
    return len(hours)


def _quota_faults(settings: DeploymentSettings) -> Iterator[str]:
    wheres, most, drills = [], 0, 0
    for number, night in enumerate(settings.nightly):
        if night.input.get("recovery_point", "new") != "new":
            continue
        days = night.input.get("retention_days", settings.retention_days)
        named = "retention_days" in night.input
        wheres.append(f"nightly[{number}].input.retention_days" if named else "retention_days")
        drills += len(night.sources)
        most += most_snapshots(len(night.sources), _runs_a_day(night.cron), days)
    room = int(settings.snapshot_quota * QUOTA_SHARE)
    if most > room:
        yield (
            f"{', '.join(dict.fromkeys(wheres))}: {drills} nightly drills would keep up to {most}"
            f" snapshots, and the quota of {settings.snapshot_quota} leaves {room} for them; keep"
            " them shorter, or have the quota raised and say so in snapshot_quota"
        )
