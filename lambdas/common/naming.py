"""Names that derive from others, so that a retried step finds what its first try made."""

import hashlib
import re
from datetime import datetime

INSTANCE_NAME_LENGTH = 63
"""RDS: 1 to 63 letters, digits, hyphens; a letter first; no hyphen last, nor two in a row."""

INSTANCE_NAME_PATTERN = r"^[A-Za-z](?:-?[A-Za-z0-9])*$"


def snake_case(state: str) -> str:
    """``CreateSnapshot`` is handled in the file ``create_snapshot.py``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()


def drill_name(prefix: str, source: str, execution_arn: str, started_at: datetime) -> str:
    """The one name of a drill's snapshot and copy: ``tm-<source>-<UTC time>-<6 hex>``.

    Args:
        prefix: the deployment's; its letters and hyphens are checked at synth.
        source: a legal RDS identifier of up to 63 characters; shortened here where it must be.
        execution_arn: makes the name unique and the same on each retry.
        started_at: when the execution started, aware.

    Returns:
        A legal instance identifier, hence a legal snapshot identifier too.
    """
    stamp = started_at.strftime("%Y%m%d-%H%M%S")
    digest = _digest(source, execution_arn)
    room = INSTANCE_NAME_LENGTH - len(f"{prefix}--{stamp}-{digest}")
    shortened = source[: max(room, 0)].strip("-").lower()
    parts = [part for part in (prefix, shortened, stamp, digest) if part]
    return re.sub(r"-{2,}", "-", "-".join(parts)).lower()


def drill_name_pattern(prefix: str) -> str:
    """The shape of what :func:`drill_name` gives, with ``*`` and ``?`` as IAM reads them.

    Tighter than ``<prefix>-*``: an instance that merely shares our prefix is out of reach.
    """
    return f"{prefix}-*-????????-??????-??????"


def is_drill_name(name: str, prefix: str, source: str, execution_arn: str) -> bool:
    """Whether :func:`drill_name` could have made ``name`` for this execution and source.

    RDS hands tags on (``CopyDBSnapshot`` with ``CopyTags``), so a person's copy of a snapshot of
    ours may carry every tag of ours. It can't carry the name.
    """
    name, digest = name.lower(), _digest(source, execution_arn)
    return name.startswith(f"{prefix.lower()}-") and name.endswith(f"-{digest}")


def evidence_folder(source: str, started_at: datetime, name: str) -> str:
    """The S3 key prefix of a drill's evidence, by source and date, without a slash at the end."""
    return f"drills/{source}/{started_at.strftime('%Y/%m/%d')}/{name}"


def _digest(source: str, execution_arn: str) -> str:
    return hashlib.sha256(f"{execution_arn}\n{source}".encode()).hexdigest()[:6]
