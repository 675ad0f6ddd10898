"""Accounts made at random, full of look-alikes, and an oracle that knows how each thing was made.

The oracle judges by the recipe: who made the thing, when, and what was done to it since. It never
looks at a name or a tag, which is all that the code under test has.
"""

import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

NOW = datetime.now(UTC).replace(microsecond=0)
"""The real time, because the function reads the clock itself."""

STACK = "TimeMachine"
PREFIX = "tm"
MACHINE = "arn:aws:states:eu-central-1:123456789012:execution:drill"

SOURCES = ("orders", "tm-orders", "tm-tm", "customers-" + "x" * 53)
"""Two of them begin with the prefix, one is as long as a name may be."""

LOOK_ALIKES: dict[str, dict[str, str | None]] = {
    "no stack": {"time-machine:stack": None},
    "another stack": {"time-machine:stack": "TimeMachine2"},
    "stack in small letters": {"time-machine:stack": "timemachine"},
    "no role": {"time-machine:role": None},
    "odd role": {"time-machine:role": "Copy"},
    "no drill": {"time-machine:drill": None},
    "drill by hand": {"time-machine:drill": "by hand"},
    "another drill": {"time-machine:drill": f"{MACHINE}:another"},
    "no source": {"time-machine:source": None},
    "empty source": {"time-machine:source": ""},
    "another source": {"time-machine:source": "another"},
    "no tags": dict.fromkeys(
        [f"time-machine:{key}" for key in ("stack", "role", "drill", "source", "expires-at")]
    ),
}
"""Ours but for a tag: what a person, another team or a half-done script leaves behind."""

NAMES = ("{source}", "tm", "tm-{source:.40}-copy", "x{name}", "{name}-2", "{name}x", "dev-{name}")
"""Ours but for the name: renamed, copied with its tags, or the source with our tags on it."""


@dataclass(frozen=True)
class Made:
    """How a thing came to be. ``look_alike`` is empty for what a drill of ours made."""

    number: int
    source: str
    expires_in: timedelta
    look_alike: str
    name_as: str
    extra_tags: tuple[tuple[str, str], ...]

    @property
    def ours(self) -> bool:
        return not self.look_alike and not self.name_as

    @property
    def execution(self) -> str:
        return f"{MACHINE}:drill-{self.number}"

    @property
    def name(self) -> str:
        """By the rule of ``drill_name``, spelt out here once more."""
        mark = sha256(f"{self.execution}\n{self.source}".encode()).hexdigest()[:6]
        name = f"{PREFIX}-{self.source[:30].strip('-')}-20261120-120000-{mark}"
        return self.name_as.format(name=name, source=self.source) if self.name_as else name

    def tags(self, role: str) -> dict[str, str]:
        made: dict[str, str | None] = {
            "time-machine:stack": STACK,
            "time-machine:drill": self.execution,
            "time-machine:source": self.source,
            "time-machine:role": role,
            "time-machine:expires-at": f"{NOW + self.expires_in:%Y-%m-%dT%H:%M:%SZ}",
            **dict(self.extra_tags),
            **LOOK_ALIKES.get(self.look_alike, {}),
        }
        return {key: value for key, value in made.items() if value is not None}

    def tag_list(self, role: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags(role).items()]


@dataclass(frozen=True)
class Instance:
    """A copy, or what looks like one."""

    made: Made
    execution: str
    status: str
    protected: bool
    kept: str = ""

    def tag_list(self) -> list[dict[str, str]]:
        more = [{"Key": "time-machine:kept", "Value": self.kept}] if self.kept else []
        return [*self.made.tag_list("copy"), *more]

    def described(self) -> dict[str, Any]:
        return {
            "DBInstanceIdentifier": self.made.name,
            "DBInstanceStatus": self.status,
            "DeletionProtection": self.protected,
            "TagList": self.tag_list(),
        }

    def must_go(self) -> bool:
        kept = self.kept == "yes"
        over = self.made.expires_in <= timedelta(0) or (self.execution == "over" and not kept)
        going = self.status in ("deleting", "delete-precheck")
        return self.made.ours and over and not going and not self.protected


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a drill, or what looks like one."""

    made: Made
    age: timedelta
    kind: str
    status: str
    verdict: str
    held: bool
    of_another: bool

    @property
    def of(self) -> str:
        return "another" if self.of_another else self.made.source

    @property
    def ours(self) -> bool:
        return self.made.ours and self.kind == "manual" and not self.of_another

    def tag_list(self) -> list[dict[str, str]]:
        more = {"time-machine:verdict": self.verdict} if self.verdict else {}
        more |= {"time-machine:hold": "false"} if self.held else {}
        return [
            *self.made.tag_list("snapshot"),
            *({"Key": key, "Value": value} for key, value in more.items()),
        ]

    def described(self) -> dict[str, Any]:
        return {
            "DBSnapshotIdentifier": self.made.name,
            "DBInstanceIdentifier": self.of,
            "SnapshotType": self.kind,
            "Status": self.status,
            "OriginalSnapshotCreateTime": NOW - self.age,
            "SnapshotCreateTime": NOW,
            "TagList": self.tag_list(),
        }

    def must_go(self, account: Iterable["Snapshot"]) -> bool:
        if not self.ours or self.held or self.status != "available":
            return False
        if self.made.expires_in > timedelta(0):
            return False
        return self.verdict != "PASSED" or any(
            other.is_a_backup_of(self.of) and other.age < self.age for other in account
        )

    def is_a_backup_of(self, source: str) -> bool:
        """Of ours, verified, and there to be restored from."""
        usable = self.status == "available" and self.verdict == "PASSED"
        return self.ours and usable and self.of == source


def _mostly(usual: str, *others: str) -> st.SearchStrategy[str]:
    return st.sampled_from((usual,) * 3 * len(others) + others)


SECONDS = st.sampled_from([-(10**6), -3600, -1, 0, 1, 3600, 10**6])
TAG = st.tuples(
    st.sampled_from(["Team", "Purpose", "Retention", "aws:backup", "time-machine:note"]),
    st.text(string.ascii_letters + string.digits + " _.:/=+-@", max_size=8),
)


@st.composite
def _made(draw: st.DrawFn) -> Made:
    return Made(
        number=draw(st.integers(0, 10**9)),
        source=draw(st.sampled_from(SOURCES)),
        expires_in=timedelta(seconds=draw(SECONDS)),
        look_alike=draw(_mostly("", *LOOK_ALIKES)),
        name_as=draw(_mostly("", *NAMES)),
        extra_tags=tuple(draw(st.lists(TAG, max_size=2))),
    )


INSTANCES = st.builds(
    Instance,
    made=_made(),
    execution=st.sampled_from(["running", "over", "unknown"]),
    status=_mostly("available", "creating", "stopped", "failed", "deleting", "delete-precheck"),
    protected=st.sampled_from([False, False, False, True]),
    kept=st.sampled_from(["", "", "yes", "no"]),
)
SNAPSHOTS = st.builds(
    Snapshot,
    made=_made(),
    age=st.integers(1, 90).map(lambda days: timedelta(days=days)),
    kind=_mostly("manual", "automated", "awsbackup"),
    status=_mostly("available", "creating", "copying", "deleting", "failed"),
    verdict=st.sampled_from(["PASSED", "PASSED", "FAILED", "INCONCLUSIVE", ""]),
    held=st.sampled_from([False, False, False, True]),
    of_another=st.sampled_from([False] * 9 + [True]),
)
