"""Loads: they read the buckets of the settings and write into PostgreSQL, nothing else.

No role of a load changes anything in RDS or in a bucket that is loaded from.
"""

from lambdas.common import document_names
from stacks.permissions import evidence, rds, secrets
from stacks.permissions.evidence import LOADED, LOADS, REASONS, REJECTS, STRETCHES
from stacks.permissions.names import Grant, Names

_PLAN = (document_names.LOAD, document_names.REQUEST)


def plan_load(names: Names) -> list[Grant]:
    """Look at objects and tables; write the plan."""
    return [
        *_reach_target(names),
        *_read_objects(names),
        evidence.write(names, *_PLAN, document_names.PARTS, of=LOADS),
    ]


def survey_part(names: Names) -> list[Grant]:
    """Read a part; it knows no database."""
    return [
        *_read_objects(names),
        *evidence.read(names, *_PLAN, STRETCHES, LOADED, of=LOADS),
        evidence.write(names, STRETCHES, LOADED, of=LOADS),
    ]


def load_part(names: Names) -> list[Grant]:
    """Read a part and copy it."""
    return [
        *_reach_target(names),
        *_read_objects(names),
        *evidence.read(names, *_PLAN, STRETCHES, LOADED, REASONS, document_names.OVER, of=LOADS),
        evidence.write(names, LOADED, REJECTS, REASONS, of=LOADS),
    ]


def finish_load(names: Names) -> list[Grant]:
    """Move the rows by what the parts wrote down."""
    return [
        *_reach_target(names),
        *evidence.read(names, *_PLAN, LOADED, document_names.OVER, of=LOADS),
        evidence.write(names, document_names.RESULT, of=LOADS),
    ]


def tidy_load(names: Names) -> list[Grant]:
    """Drop the staging tables of the plan, and keep the result that a lost function could not.

    Of an execution that was ended from outside, note that nothing of it may go on.
    """
    return [
        *_reach_target(names),
        *evidence.read(names, document_names.LOAD, LOADED, document_names.RESULT, of=LOADS),
        evidence.write(names, document_names.RESULT, document_names.OVER, of=LOADS),
    ]


def _reach_target(names: Names) -> list[Grant]:
    """By the logins of the settings; into a copy that is kept, by its own master secret."""
    targets = tuple(f"db:{target}" for target in names.load_targets)
    why = "where the target answers; of a copy, whether it is kept too"
    return [
        rds.describe(names, *targets, f"db:{names.own}", why=why),
        *secrets.read_target_login(names),
        *secrets.read_copy_login(names),
    ]


def _read_objects(names: Names) -> list[Grant]:
    buckets = tuple(names.s3(bucket) for bucket in names.load_buckets)
    read = Grant(
        "ReadObjects",
        ("s3:GetObject",),
        tuple(f"{bucket}/*" for bucket in buckets),
        "the objects to load; S3 asks it for a HeadObject too",
    )
    listing = Grant(
        "ListObjects",
        ("s3:ListBucket",),
        buckets,
        "everything under a prefix; and without it S3 answers AccessDenied for a key that is not"
        " there",
    )
    return [read, listing, *_decrypt_objects(names)]


def _decrypt_objects(names: Names) -> list[Grant]:
    if not names.load_bucket_key_arns:
        return []
    return [
        Grant(
            "DecryptObjects",
            ("kms:Decrypt",),
            names.load_bucket_key_arns,
            "S3 decrypts as its caller; only through it, hence only objects",
            {"StringEquals": {"kms:ViaService": names.via("s3")}},
        )
    ]
