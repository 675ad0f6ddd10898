"""Amazon RDS: what may be read, made, changed and deleted, and what never.

RDS authorises an action once for each resource that it touches, so a restore needs the copy, the
snapshot, the subnet group, the parameter group and the option group each to be allowed. A create
call with ``Tags`` is authorised for ``rds:AddTagsToResource`` too.
"""

from lambdas.common import ownership
from lambdas.common.ownership import RESTORABLE, RESTORABLE_YES
from stacks.permissions.names import Conditions, Grant, Names

_DECIDING_TAGS = [
    ownership.STACK,
    ownership.DRILL,
    ownership.SOURCE,
    ownership.ROLE,
    ownership.EXPIRES_AT,
]


def describe(names: Names, *resources: str, why: str) -> Grant:
    """Look at instances (``db:…``), snapshots (``snapshot:…``) or both."""
    kinds = sorted({resource.split(":", maxsplit=1)[0] for resource in resources})
    plural = {"db": "Instances", "snapshot": "Snapshots"}
    return Grant(
        "Describe" + "And".join(plural[kind] for kind in kinds),
        tuple(f"rds:DescribeDB{plural[kind]}" for kind in kinds),
        tuple(names.rds(resource) for resource in resources),
        why,
    )


def spare_sources(names: Names) -> list[Grant]:
    """Whatever else is ever allowed: a source is described and snapshotted, nothing more."""
    if not names.sources:
        return []
    return [
        Grant(
            "SpareSources",
            ("rds:Describe*", "rds:CreateDBSnapshot"),
            names.source_arns,
            "lock 4: a source is looked at and snapshotted, whatever another statement allows",
            effect="Deny",
            everything_but=True,
        )
    ]


def take_snapshot(names: Names) -> list[Grant]:
    """Snapshot a source, and only into a name and tags of our own."""
    ours = _requested_as(names, ownership.ROLE_SNAPSHOT)
    target = (names.rds(f"snapshot:{names.own}"),)
    create = ("rds:CreateDBSnapshot",)
    return [
        Grant("SnapshotSources", create, names.source_arns, "only the sources", ours),
        Grant("SnapshotIntoOurs", create, target, "only into our names and tags", ours),
        Grant(
            "TagNewSnapshot",
            ("rds:AddTagsToResource",),
            target,
            "the create call carries tags, which RDS authorises separately",
            _tag_at_creation(names, ownership.ROLE_SNAPSHOT),
        ),
    ]


def restore_copy(names: Names) -> list[Grant]:
    """Restore into a copy of our own, in quarantine, from a snapshot that may be restored."""
    restore = ("rds:RestoreDBInstanceFromDBSnapshot",)
    copy = (names.rds(f"db:{names.own}"),)
    quarantine = (
        names.rds(f"subgrp:{names.subnet_group}"),
        names.rds(f"pg:{names.parameter_groups}"),
        # RDS names an engine's default option group default:<engine>-<major>.
        names.rds("og:default:*"),
    )
    automated = tuple(
        # Their names end with the minute; a longer source name does not fit the pattern.
        names.rds(f"snapshot:rds:{source}-????-??-??-??-??")
        for source in names.sources
    )
    private: Conditions = {"BoolIfExists": {"rds:PubliclyAccessible": "false"}}
    return [
        Grant(
            "RestoreIntoCopy",
            restore,
            copy,
            "only into our names and tags, never public",
            {**_requested_as(names, ownership.ROLE_COPY), **private},
        ),
        Grant("RestoreInQuarantine", restore, quarantine, "only into the quarantine"),
        Grant(
            "RestoreOurSnapshot",
            restore,
            (names.rds(f"snapshot:{names.own}"),),
            "a snapshot of an earlier or this drill",
            _ours(names, ownership.ROLE_SNAPSHOT),
        ),
        *(
            [Grant("RestoreAutomatedSnapshot", restore, automated, "a source's own daily backup")]
            if automated
            else []
        ),
        Grant(
            "RestoreLentSnapshot",
            restore,
            (names.rds("snapshot:*"),),
            f"a snapshot whose owner tagged it {RESTORABLE} = {RESTORABLE_YES}",
            {"StringEquals": {f"aws:ResourceTag/{RESTORABLE}": RESTORABLE_YES}},
        ),
        Grant(
            "TagNewCopy",
            ("rds:AddTagsToResource",),
            copy,
            "the restore call carries tags, which RDS authorises separately",
            _tag_at_creation(names, ownership.ROLE_COPY),
        ),
    ]


def label_snapshot(names: Names) -> Grant:
    """Tags for people on a snapshot that is ours; never one that decides anything."""
    deciding = [*_DECIDING_TAGS, ownership.VERDICT, ownership.HOLD, RESTORABLE]
    return Grant(
        "LabelOurSnapshot",
        ("rds:AddTagsToResource",),
        (names.rds(f"snapshot:{names.own}"),),
        "people's tags on our snapshot; IAM compares tag keys without case, so this does too",
        {
            **_ours(names, ownership.ROLE_SNAPSHOT),
            "ForAllValues:StringNotEqualsIgnoreCase": {"aws:TagKeys": deciding},
            "ForAllValues:StringNotLike": {"aws:TagKeys": ["time-machine:*"]},
            "Null": {"aws:TagKeys": "false"},
        },
    )


def tag_verdict(names: Names) -> Grant:
    """The verdict, and nothing else, on a snapshot that is ours."""
    return Grant(
        "TagVerdict",
        ("rds:AddTagsToResource",),
        (names.rds(f"snapshot:{names.own}"),),
        "the verdict's tag on our snapshot",
        {
            **_ours(names, ownership.ROLE_SNAPSHOT),
            "ForAllValues:StringEquals": {"aws:TagKeys": [ownership.VERDICT]},
            "Null": {"aws:TagKeys": "false"},
        },
    )


def give_secret(names: Names) -> Grant:
    """Change the copy, for nothing but a master password that RDS keeps."""
    return Grant(
        "SecureCopy",
        ("rds:ModifyDBInstance",),
        (names.rds(f"db:{names.own}"),),
        "lock 1: a copy of this stack, and for a password that RDS keeps",
        {
            **_ours(names, ownership.ROLE_COPY),
            "BoolIfExists": {"rds:ManageMasterUserPassword": "true"},
        },
    )


def keep_copy(names: Names) -> Grant:
    """The end of the life of a copy that is ours, and that it is kept; no other tag."""
    return Grant(
        "KeepCopy",
        ("rds:AddTagsToResource",),
        (names.rds(f"db:{names.own}"),),
        "mode restore: until when the copy is kept",
        {
            **_ours(names, ownership.ROLE_COPY),
            "ForAllValues:StringEquals": {"aws:TagKeys": [ownership.EXPIRES_AT, ownership.KEPT]},
            "Null": {"aws:TagKeys": "false"},
        },
    )


def delete_copy(names: Names) -> Grant:
    """Delete a copy of this stack."""
    return Grant(
        "DeleteCopy",
        ("rds:DeleteDBInstance",),
        (names.rds(f"db:{names.own}"),),
        "lock 1: our name, this stack's tag and the role of a copy",
        _ours(names, ownership.ROLE_COPY),
    )


def delete_snapshot(names: Names) -> list[Grant]:
    """Delete a snapshot of this stack that nobody holds."""
    delete = ("rds:DeleteDBSnapshot",)
    return [
        Grant(
            "DeleteSnapshot",
            delete,
            (names.rds(f"snapshot:{names.own}"),),
            "lock 1: our name, this stack's tag and the role of a snapshot",
            _ours(names, ownership.ROLE_SNAPSHOT),
        ),
        Grant(
            "SpareHeldSnapshots",
            delete,
            (names.rds("snapshot:*"),),
            f"a person's {ownership.HOLD} wins over any retention",
            {"Null": {f"aws:ResourceTag/{ownership.HOLD}": "false"}},
            effect="Deny",
        ),
    ]


def _ours(names: Names, role: str) -> Conditions:
    return {
        "StringEquals": {
            f"aws:ResourceTag/{ownership.STACK}": names.stack,
            f"aws:ResourceTag/{ownership.ROLE}": role,
        }
    }


def _requested_as(names: Names, role: str) -> Conditions:
    return {
        "StringEquals": {
            f"aws:RequestTag/{ownership.STACK}": names.stack,
            f"aws:RequestTag/{ownership.ROLE}": role,
        }
    }


def _tag_at_creation(names: Names, role: str) -> Conditions:
    """What is being created has no tags yet; what exists under our tags may be tagged the same."""
    return {
        **_requested_as(names, role),
        "StringEqualsIfExists": {
            f"aws:ResourceTag/{ownership.STACK}": names.stack,
            f"aws:ResourceTag/{ownership.ROLE}": role,
        },
        "ForAllValues:StringEquals": {"aws:TagKeys": _DECIDING_TAGS},
    }
