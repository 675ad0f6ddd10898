"""The policies as a table for a reviewer; ``python -m stacks.permissions.table`` writes it again.

It stands in ``docs/security.md`` between two markers, and a test holds it against the policies.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stacks.permissions import FUNCTIONS, ROLES, grants
from stacks.permissions.names import Grant, Names

FILE = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN = "<!-- Written by `python -m stacks.permissions.table`; do not edit. -->"
END = "<!-- End of what is written. -->"

PLACEHOLDERS = Names(
    partition="aws",
    region="region",
    account="account",
    url_suffix="amazonaws.com",
    prefix="<prefix>",
    stack="<stack>",
    bucket_arn="arn:aws:s3:::<evidence>",
    sources=("<source>",),
    source_secret_arns={"<source>": "arn:aws:secretsmanager:region:account:<login>"},
    source_secret_key_arns=("arn:aws:kms:region:account:<login key>",),
    kms_key_arns=("arn:aws:kms:region:account:<storage key>",),
    state_machine_arn="arn:aws:states:region:account:stateMachine:<prefix>-drill",
    topic_arn="arn:aws:sns:region:account:<topic>",
    topic_key_arn="arn:aws:kms:region:account:<topic key>",
    dead_letters_arn="arn:aws:sqs:region:account:<dead letters>",
    subnet_group="<prefix>-quarantine-*",
    parameter_groups="<prefix>-quarantine-*",
    load_buckets=("<exports>",),
    load_bucket_key_arns=("arn:aws:kms:region:account:<exports key>",),
    load_targets=("<target>",),
    load_secret_arns=("arn:aws:secretsmanager:region:account:<target login>",),
    load_secret_key_arns=("arn:aws:kms:region:account:<target login key>",),
    load_machine_arn="arn:aws:states:region:account:stateMachine:<prefix>-load",
    vpc=True,
)

_HEAD = ["| role | may | on | if | why |", "|---|---|---|---|---|"]


def rows() -> list[str]:
    """The table; roles that share a statement share a row."""
    roles: dict[str, list[str]] = {}
    for role in ROLES:
        for grant in grants(role, PLACEHOLDERS):
            row = _row(grant).replace(f"<prefix>-{role}:", "<prefix>-<function>:")
            roles.setdefault(row, []).append(role)
    return [*_HEAD, *(f"| {_who(found)} | {row} |" for row, found in roles.items())]


def written(text: str) -> str:
    """A document with the table between its markers.

    Raises:
        ValueError: it lacks a marker.
    """
    before, rest = text.split(f"{BEGIN}\n", maxsplit=1)
    after = rest.split(END, maxsplit=1)[1]
    return "\n".join([f"{before}{BEGIN}", *rows(), f"{END}{after}"])


def _who(roles: list[str]) -> str:
    return "every function" if roles == list(FUNCTIONS) else ", ".join(roles)


def _row(grant: Grant) -> str:
    verb = "" if grant.effect == "Allow" else "**never** "
    verb += "anything but " if grant.everything_but else ""
    actions = ", ".join(f"`{action}`" for action in grant.actions)
    resources = ", ".join(f"`{_short(resource)}`" for resource in grant.resources)
    return f"{verb}{actions} | {resources} | {'; '.join(_conditions(grant))} | {grant.why}"


def _conditions(grant: Grant) -> Iterator[str]:
    for test, keys in grant.conditions.items():
        for key, value in keys.items():
            yield f"{test} `{key}` = {_values(value)}"


def _values(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ", ".join(f"`{_short(entry)}`" for entry in values)


def _short(text: str) -> str:
    """Without what is the same in every ARN of this account and region."""
    for prefix in ("region:account:", "arn:aws:s3:::"):
        text = text.split(prefix, maxsplit=1)[-1]
    return text


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text(encoding="utf-8")), encoding="utf-8")
