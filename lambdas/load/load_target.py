"""What a load may go into, and what the deployment calls it: an identifier, or ``host:port``.

Only an endpoint's name has a colon. A login is never an input's to choose: it is the one that the
setting ``load.targets`` gives, or a kept copy's own.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from lambdas.common import ownership
from lambdas.common.naming import drill_name_pattern

DEFAULT_PORT = 5432


def target_name(target: Mapping[str, Any]) -> str:
    """The one name of a target that gives ``db_instance_id`` or ``endpoint``, in lower case."""
    if "endpoint" not in target:
        return str(target["db_instance_id"]).lower()
    host, _, port = str(target["endpoint"]).lower().partition(":")
    return f"{host}:{int(port or DEFAULT_PORT)}"


def address_of(name: str) -> tuple[str, int] | None:
    """Host and port of an endpoint's name; None for an identifier, which RDS has to look up."""
    host, colon, port = name.partition(":")
    return (host, int(port)) if colon else None


def contradictions(target: Mapping[str, Any]) -> list[str]:
    """A target is either."""
    if ("db_instance_id" in target) != ("endpoint" in target):
        return []
    return ["target.db_instance_id: give either db_instance_id or endpoint"]


def login_faults(
    target: Mapping[str, Any], load_secrets: Mapping[str, str], prefix: str
) -> list[str]:
    """A target must be one whose login the deployment knows; said before anything is looked up.

    An instance with a name of our own copies' is looked at first, see :func:`copy_faults`.
    """
    name = target_name(target)
    may_be_ours = "endpoint" not in target and fnmatchcase(name, drill_name_pattern(prefix))
    if name in load_secrets or may_be_ours:
        return []
    field = "endpoint" if "endpoint" in target else "db_instance_id"
    return [_no_login(field, name)]


def copy_faults(name: str, stack: str, prefix: str, tags: Mapping[str, str]) -> list[str]:
    """Why an instance with a copy's name may not be loaded into; a drill may be measuring it."""
    role = ownership.ROLE_COPY
    if ownership.why_not_of_any_drill(stack, prefix, role, name, tags):
        return [_no_login("db_instance_id", name)]
    if not ownership.is_kept(tags):
        return [
            f"target.db_instance_id: {name} is a drill's copy that is not kept; load into one that"
            " a drill in mode restore has verified and kept"
        ]
    return []


def _no_login(field: str, name: str) -> str:
    return (
        f"target.{field}: the deployment knows no login of {name} that may write; add it to"
        " the setting load.targets"
    )
