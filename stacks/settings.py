"""What a deployment sets: CDK context, checked at synth, read once into one frozen value."""

import ipaddress
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast
from zoneinfo import available_timezones

from jsonschema import Draft202012Validator

from lambdas.common import schema
from lambdas.drill.admission.request import (
    MODE_DRILL,
    MODE_SNAPSHOT,
    contradictions,
    parse,
    structural_faults,
)
from lambdas.sweep.retention import most_snapshots
from stacks.load_settings import (
    LoadSettings,
    entry_faults,
    load_arns,
    load_faults,
    load_settings,
)
from stacks.schedule import BadSchedule, longest_gap, runs_a_day, starts, today

SCHEMA_FILE = Path(__file__).with_name("settings.schema.json")

QUOTA_SHARE = 0.8
"""Of the account's manual snapshots, what the nights may take; people and pipelines need some."""

INPUT_CHARACTERS = 100_000
"""Step Functions takes 256 KiB, and the drill is carried along with its input's parts."""

_NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})
"""Files among the time zones that are none of EventBridge's."""

_PRIVATE = [
    ipaddress.IPv4Network(cidr)
    for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]

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
class Schedule:
    """A schedule: ``cron`` in ``time_zone``, for each of ``sources`` with the same ``input``."""

    sources: tuple[str, ...]
    cron: str
    time_zone: str
    window_minutes: int
    input: Mapping[str, Any]

    @property
    def restores(self) -> bool:
        """Whether it can PASS: a snapshot alone proves nothing."""
        return bool(self.input.get("mode", MODE_DRILL) != MODE_SNAPSHOT)


@dataclass(frozen=True)
class _Planned:
    """A night with the key it came from, and its next starts."""

    where: str
    night: Schedule
    starts: list[datetime]


@dataclass(frozen=True)
class Network:
    """The sources' own VPC, or with an empty ``vpc_id`` one of our own."""

    vpc_id: str
    subnet_ids: tuple[str, ...]
    source_security_group_ids: tuple[str, ...]
    cidr: str
    cidr_given: bool

    @property
    def is_ours(self) -> bool:
        """Whether the stack makes the network."""
        return not self.vpc_id


@dataclass(frozen=True)
class DeploymentSettings:
    """See ``settings.schema.json`` for what each one is; units are in the names."""

    prefix: str
    sources: tuple[Source, ...]
    nightly: tuple[Schedule, ...]
    network: Network
    load: LoadSettings
    postgres_majors: tuple[int, ...]
    event_triggers_off: bool
    copy_instance_class: str
    baseline_connections: int
    baseline_mib_per_second: int
    retention_days: int
    deadline_minutes: int
    teardown_minutes: int
    sweep_minutes: int
    reserve_concurrency: bool
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
        """Each source with a schedule that restores, once, in the order of ``sources``."""
        nights = (night for night in self.nightly if night.restores)
        scheduled = {name for night in nights for name in night.sources}
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
    faults = faults or list(entry_faults(document.get("load", {})))
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
        "load": load_settings(whole["load"]),
    }
    return DeploymentSettings(**parsed)


def _source(entry: Mapping[str, Any]) -> Source:
    # RDS keeps identifiers in lower case.
    return Source(**{**entry, "db_instance_id": entry["db_instance_id"].lower()})


def _night(entry: Mapping[str, Any]) -> Schedule:
    return Schedule(
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
        cidr_given="cidr" in entry,
    )


def _contradictions(settings: DeploymentSettings) -> Iterator[str]:
    yield from _source_faults(settings.sources, settings.prefix)
    yield from _network_faults(settings)
    yield from load_faults(settings.load, settings.prefix, network_is_ours=settings.network.is_ours)
    yield from _secret_faults(settings)
    known = {source.db_instance_id: source for source in settings.sources}
    nights: list[_Planned] = []
    for number, night in enumerate(settings.nightly):
        where = f"nightly[{number}]"
        yield from _night_faults(where, night, known)
        try:
            nights.append(_Planned(where, night, starts(night.cron, today())))
        except BadSchedule as error:
            yield f"{where}.cron: {error}; it is six fields, as in 0 3 * * ? *"
    yield from _quota_faults(settings, nights)
    yield from _switch_faults(settings, nights)


def _source_faults(sources: Sequence[Source], prefix: str) -> Iterator[str]:
    names = [source.db_instance_id for source in sources]
    for number, source in enumerate(sources):
        where = f"sources[{number}]"
        if names.index(source.db_instance_id) < number:
            yield f"{where}.db_instance_id: {source.db_instance_id} is listed twice; leave one out"
        if source.db_instance_id.startswith(f"{prefix}-"):
            yield (
                f"{where}.db_instance_id: {source.db_instance_id} starts with the prefix of our own"
                f" copies, {prefix}-; choose another prefix"
            )
        if source.secret_kms_key_arn and not source.secret_arn:
            yield (
                f"{where}.secret_kms_key_arn: there is no secret_arn that it encrypts; give both or"
                " neither"
            )


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
        yield from _cidr_faults(network.cidr)
        return
    if network.cidr_given:
        yield "network.cidr: is for a network of our own; leave it out with a vpc_id"
    if not network.subnet_ids:
        yield "network.subnet_ids: is missing; it is private subnets of the VPC in two zones"
    if with_secret and not network.source_security_group_ids:
        yield (
            "network.source_security_group_ids: is missing; a source has a secret_arn, and only"
            " the groups that the sources are in may be reached for it; give those"
        )


def _cidr_faults(cidr: str) -> Iterator[str]:
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError:
        yield "network.cidr: is not a network's address; its host bits must be zero"
        return
    if not any(network.subnet_of(private) for private in _PRIVATE):
        yield "network.cidr: is not private; it is within 10/8, 172.16/12, 192.168/16 or 100.64/10"


def _night_faults(where: str, night: Schedule, known: Mapping[str, Source]) -> Iterator[str]:
    for name in night.sources:
        if name not in known:
            yield f"{where}.sources: {name} is not in sources; add it there"
    if len(set(night.sources)) < len(night.sources):
        yield f"{where}.sources: an instance is listed twice; leave one out"
    if night.time_zone not in available_timezones() - _NO_ZONES:
        yield f"{where}.time_zone: is not a time zone; it is an IANA name, as in Europe/Berlin"
    if len(json.dumps(night.input)) > INPUT_CHARACTERS:
        yield f"{where}.input: is too long; at most {INPUT_CHARACTERS} characters"
    yield from _input_faults(f"{where}.input", night, known)


def _input_faults(where: str, night: Schedule, known: Mapping[str, Source]) -> Iterator[str]:
    for name in ("db_instance_id", "purpose"):
        if name in night.input:
            yield f"{where}.{name}: is set by the schedule; leave it out"
    document = {**night.input, "db_instance_id": night.sources[0]}
    faults = structural_faults(document)
    for fault in faults or contradictions(parse(document)):
        yield f"{where}.{fault}"
    wants_secret = night.input.get("baseline", "none") != "none"
    for name in night.sources:
        if wants_secret and name in known and not known[name].secret_arn:
            yield (
                f"{where}.baseline: reads the source, and {name} has no secret_arn in sources; give"
                " it there, or baseline none"
            )


def _quota_faults(settings: DeploymentSettings, nights: Sequence[_Planned]) -> Iterator[str]:
    wheres, most, drills = [], 0, 0
    for planned in nights:
        night = planned.night
        if night.input.get("recovery_point", "new") != "new":
            continue
        days = night.input.get("retention_days", settings.retention_days)
        named = "retention_days" in night.input
        wheres.append(f"{planned.where}.input.retention_days" if named else "retention_days")
        drills += len(night.sources)
        most += most_snapshots(len(night.sources), runs_a_day(planned.starts), days)
    room = int(settings.snapshot_quota * QUOTA_SHARE)
    if most > room:
        yield (
            f"{', '.join(dict.fromkeys(wheres))}: {drills} nightly drills would keep up to {most}"
            f" snapshots, and the quota of {settings.snapshot_quota} leaves {room} for them; keep"
            " them shorter, or have the quota raised and say so in snapshot_quota"
        )
    if settings.snapshots_alarm >= settings.snapshot_quota:
        yield (
            "snapshots_alarm: would never sound, it is not below snapshot_quota"
            f" ({settings.snapshot_quota}); give a lower number"
        )


def _switch_faults(settings: DeploymentSettings, nights: Sequence[_Planned]) -> Iterator[str]:
    """A dead man's switch that is always in alarm warns nobody."""
    if settings.passed_within_hours == 0:
        return
    for source in settings.nightly_sources:
        gaps = [
            longest_gap(planned.starts)
            + timedelta(
                minutes=planned.night.window_minutes
                + planned.night.input.get("deadline_minutes", settings.deadline_minutes)
            )
            for planned in nights
            if source in planned.night.sources and planned.night.restores
        ]
        if gaps and min(gaps) > timedelta(hours=settings.passed_within_hours):
            hours = math.ceil(min(gaps) / timedelta(hours=1))
            yield (
                f"passed_within_hours: {settings.passed_within_hours} would always be in alarm for"
                f" {source}, whose schedule with its window and deadline takes up to {hours}; give"
                " at least so many, at most 168, or 0 for no such alarm, or schedule more often"
            )


def _secret_faults(settings: DeploymentSettings) -> Iterator[str]:
    """A stack lives in one region of one account, and so does what it may read."""
    homes = {}
    for number, source in enumerate(settings.sources):
        for name in ("secret_arn", "secret_kms_key_arn", "kms_key_arn"):
            arn = getattr(source, name)
            if arn:
                homes[f"sources[{number}].{name}"] = _home(arn)
    homes.update((where, _home(arn)) for where, arn in load_arns(settings.load))
    if len(set(homes.values())) > 1:
        yield f"{', '.join(homes)}: are not all of one region and account; deploy a stack in each"


def _home(arn: str) -> tuple[str, ...]:
    """Its region and account."""
    return tuple(arn.split(":")[3:5])
