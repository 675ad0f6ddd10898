"""Whether a thing is ours. Every destructive call goes through here; unsure means no."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.common.naming import is_drill_name
from lambdas.errors import NameTaken, NotOurs

STACK = "time-machine:stack"
DRILL = "time-machine:drill"
SOURCE = "time-machine:source"
ROLE = "time-machine:role"
EXPIRES_AT = "time-machine:expires-at"
VERDICT = "time-machine:verdict"
HOLD = "time-machine:hold"
"""A person's: a snapshot with it is never deleted, whatever its value says."""
RESTORABLE = "time-machine:restorable"
RESTORABLE_YES = "yes"
"""Its owner's, on a snapshot that we did not take: we may restore it, and do nothing else."""

KEPT = "time-machine:kept"
KEPT_YES = "yes"
"""On a copy that outlives its drill: verified, and nobody measures it any more."""

RESERVED_TAG_PREFIXES = ("time-machine:", "aws:", "rds:")

ROLE_SNAPSHOT = "snapshot"
ROLE_COPY = "copy"

_EXECUTION_ARN = re.compile(r"arn:aws[\w-]*:states:[\w-]+:\d{12}:execution:[^\s:/]+:[^\s:/]+")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Owner:
    """Who made a thing: this deployment's stack, for this drill (execution ARN) of this source."""

    stack: str
    prefix: str
    drill: str
    source: str


def ownership_tags(owner: Owner, role: str, expires_at: datetime) -> dict[str, str]:
    """The tags that go in with the create call itself, so that no orphan is ever nameless."""
    return {
        STACK: owner.stack,
        DRILL: owner.drill,
        SOURCE: owner.source,
        ROLE: role,
        EXPIRES_AT: utc_text(expires_at),
    }


def why_not_ours(owner: Owner, role: str, name: str, tags: Mapping[str, str]) -> str:
    """Empty when ``name`` with ``tags`` was made by ``owner`` in ``role``; else the reason."""
    if name.lower() == owner.source.lower():
        return f"{name} is the source of this drill"
    if not name.lower().startswith(f"{owner.prefix.lower()}-"):
        return f"{name} does not start with the prefix {owner.prefix}-"
    expected = {STACK: owner.stack, DRILL: owner.drill, SOURCE: owner.source, ROLE: role}
    for key, value in expected.items():
        if key not in tags:
            return f"{name} has no tag {key}"
        if tags[key] != value:
            return f"the tag {key} of {name} is another's"
    return ""


def why_not_of_any_drill(
    stack: str, prefix: str, role: str, name: str, tags: Mapping[str, str]
) -> str:
    """As :func:`why_not_ours`, for whichever drill of this deployment the tags name.

    The drill must be an execution, and the name one that it gave.
    """
    owner = Owner(stack, prefix, tags.get(DRILL, ""), tags.get(SOURCE, ""))
    reason = why_not_ours(owner, role, name, tags)
    if reason:
        return reason
    if not owner.source:
        return f"the tag {SOURCE} of {name} is empty"
    if not _EXECUTION_ARN.fullmatch(owner.drill):
        return f"the tag {DRILL} of {name} is not an execution"
    if not is_drill_name(name, prefix, owner.source, owner.drill):
        return f"{name} is not a name that its drill gives"
    return ""


def require_adoptable(owner: Owner, role: str, name: str, tags: Mapping[str, str]) -> None:
    """Allow a retried step to go on with what its first try made.

    Raises:
        NameTaken: the name exists, but this drill did not make it.
    """
    reason = why_not_ours(owner, role, name, tags)
    if reason:
        raise NameTaken(f"refused to adopt: {reason}")


def require_ours(owner: Owner, role: str, name: str, tags: Mapping[str, str]) -> None:
    """Guard of every change and deletion.

    Raises:
        NotOurs: this drill did not make it, or that can't be decided.
    """
    reason = why_not_ours(owner, role, name, tags)
    if reason:
        raise NotOurs(f"refused to touch: {reason}")


def snapshot_expiry(started_at: datetime, retention_days: int) -> datetime:
    """When the snapshot's life ends."""
    return started_at + timedelta(days=retention_days)


def utc_text(moment: datetime) -> str:
    """An aware time as ``2026-11-22T09:44:33Z``."""
    return moment.astimezone(UTC).strftime(_TIME)


def keep_tags(until: datetime) -> dict[str, str]:
    """What makes a drill's copy a kept one; the sweeper ends it at ``until``."""
    return {EXPIRES_AT: utc_text(until), KEPT: KEPT_YES}


def is_kept(tags: Mapping[str, str]) -> bool:
    """Whether a copy outlives its drill."""
    return tags.get(KEPT) == KEPT_YES


def expiry_of(tags: Mapping[str, str]) -> datetime | None:
    """The end of the life of a thing; None when it has none that we wrote."""
    text = tags.get(EXPIRES_AT, "")
    try:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if utc_text(moment) == text else None


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """The tags that ``describe`` already returned; ``ListTagsForResource`` is never needed."""
    return {tag["Key"]: tag.get("Value", "") for tag in resource.get("TagList", [])}
