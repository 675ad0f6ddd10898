"""What a deployment sets, read from the environment into one frozen value."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lambdas.errors import InvalidSettings

MAX_POLL_SECONDS = 15  # the lag that the pacing promises; see drill/waiting/pacing.py

TLS_MODES = ("verify-full", "verify-ca", "require", "disable")
"""libpq's ``sslmode``; the first is the default."""

RDS_CA_FILE = Path(__file__).parent / "certificates" / "rds-global-bundle.pem"
"""Whom TLS trusts by default; see the README beside it."""

_PREFIX = re.compile(r"(?=.{1,12}\Z)[a-z](?:-?[a-z0-9])*")


@dataclass(frozen=True)
class Settings:
    """One deployment's settings. Units are in the names; no ``sources`` means any instance."""

    stack: str
    prefix: str
    evidence_bucket: str
    retention_days: int
    deadline_minutes: float
    teardown_minutes: float
    poll_seconds: float
    sources: tuple[str, ...]
    source_secrets: Mapping[str, str]
    baseline_connections: int
    baseline_bytes_per_second: float
    load_secrets: Mapping[str, str]
    load_part_bytes: int
    copy_instance_class: str
    copy_subnet_group: str
    copy_security_group_ids: tuple[str, ...]
    copy_parameter_groups: Mapping[str, str]
    tls_mode: str
    tls_ca_file: str

    def parameter_group(self, engine_version: str) -> str:
        """The quarantine parameter group of a version's major part; empty when none is set."""
        return self.copy_parameter_groups.get(engine_version.split(".", maxsplit=1)[0], "")


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the ``TM_*`` variables.

    Raises:
        InvalidSettings: a variable is missing or not of its type; the message names each one.
    """
    reader = _Reader(environment)
    settings = Settings(
        stack=reader.text("TM_STACK"),
        prefix=reader.prefix("TM_PREFIX", "tm"),
        evidence_bucket=reader.text("TM_EVIDENCE_BUCKET"),
        retention_days=int(reader.number("TM_RETENTION_DAYS", 30, 1, 3650)),
        deadline_minutes=reader.number("TM_DEADLINE_MINUTES", 360, 0.1, 7200),
        teardown_minutes=reader.number("TM_TEARDOWN_MINUTES", 240, 0.1, 1440),
        poll_seconds=reader.number("TM_POLL_SECONDS", MAX_POLL_SECONDS, 1, MAX_POLL_SECONDS),
        sources=tuple(name.lower() for name in reader.words("TM_SOURCES", "")),
        source_secrets=_by_instance(reader.mapping("TM_SOURCE_SECRETS")),
        baseline_connections=int(reader.number("TM_BASELINE_CONNECTIONS", 2, 1, 16)),
        baseline_bytes_per_second=reader.number("TM_BASELINE_MIB_PER_SECOND", 0, 0, 10_000)
        * (1 << 20),
        load_secrets=_by_instance(reader.mapping("TM_LOAD_SECRETS")),
        load_part_bytes=int(reader.number("TM_LOAD_PART_MIB", 2048, 0.01, 4096) * (1 << 20)),
        copy_instance_class=reader.text("TM_COPY_INSTANCE_CLASS", ""),
        copy_subnet_group=reader.text("TM_COPY_SUBNET_GROUP"),
        copy_security_group_ids=reader.words("TM_COPY_SECURITY_GROUP_IDS"),
        copy_parameter_groups=reader.mapping("TM_COPY_PARAMETER_GROUPS"),
        tls_mode=reader.choice("TM_TLS_MODE", TLS_MODES),
        tls_ca_file=reader.text("TM_TLS_CA_FILE", str(RDS_CA_FILE)),
    )
    reader.raise_faults()
    return settings


def _by_instance(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """RDS keeps identifiers in lower case."""
    return {name.lower(): secret for name, secret in secrets.items()}


class _Reader:
    """Reads variables and remembers every fault, so that one message names them all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name, default)
        if value is None or (default is None and not value.strip()):
            self._faults.append(f"{name} is not set")
            return ""
        return value.strip()

    def words(self, name: str, default: str | None = None) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name, default).split(",") if word.strip())

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, allowed[0])
        if value not in allowed:
            self._faults.append(f"{name} must be one of {', '.join(allowed)}")
        return value

    def prefix(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not _PREFIX.fullmatch(value):
            self._faults.append(
                f"{name} must be 1 to 12 lower-case letters, digits and single hyphens, a letter"
                " first and no hyphen last"
            )
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        text = self._environment.get(name, str(default))
        try:
            value = float(text)
        except ValueError:
            self._faults.append(f"{name} must be a number")
            return default
        if not low <= value <= high:
            self._faults.append(f"{name} must be between {low:g} and {high:g}")
            return default
        return value

    def mapping(self, name: str) -> Mapping[str, str]:
        try:
            value = json.loads(self._environment.get(name, "{}"))
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            self._faults.append(f"{name} must be a JSON object of strings")
            return {}
        return value

    def raise_faults(self) -> None:
        if self._faults:
            raise InvalidSettings("; ".join(self._faults))
