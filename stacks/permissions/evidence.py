"""The evidence bucket: each function reads and writes its own documents, and deletes none."""

from lambdas.common import document_names
from stacks.permissions.names import Grant, Names

SOURCE = "source/*.json"
READ_BEFORE = "before/*.json"
READ_AFTER = "after/*.json"
BATCHES = "batches/*.json"
FINDINGS = "findings/*.json"
STRETCHES = "stretches/*.json"
LOADED = "loaded/*.json"
REJECTS = "rejects/*.csv"
REASONS = "reasons/*.json"

DRILLS, LOADS = "drills", "loads"
"""Where the evidence folders of either begin."""


def read(names: Names, *names_of_documents: str, of: str = DRILLS) -> list[Grant]:
    """Read documents of any drill, or load; learn when one was never written."""
    return [
        Grant(
            "ReadEvidence",
            ("s3:GetObject",),
            _keys(names, names_of_documents, of),
            "what earlier states wrote",
        ),
        Grant(
            "MissEvidence",
            ("s3:ListBucket",),
            (names.bucket_arn,),
            "without it S3 answers AccessDenied for a key that is not there; such a request"
            " carries no s3:prefix, hence IfExists",
            {"StringLikeIfExists": {"s3:prefix": [f"{of}/*"]}},
        ),
    ]


def write(names: Names, *names_of_documents: str, of: str = DRILLS) -> Grant:
    """Write documents; the bucket is versioned, so nothing is ever lost by it."""
    return Grant(
        "WriteEvidence",
        ("s3:PutObject",),
        _keys(names, names_of_documents, of),
        "what this state establishes",
    )


def read_plan(names: Names) -> Grant:
    """What the Distributed Maps of a drill read their items from, over the source too."""
    return _read_items(names, document_names.PLAN, DRILLS)


def read_parts(names: Names) -> Grant:
    """What the Distributed Maps of a load read their items from."""
    return _read_items(names, document_names.PARTS, LOADS)


def _read_items(names: Names, document: str, of: str) -> Grant:
    keys = _keys(names, (document,), of)
    return Grant("ReadPlan", ("s3:GetObject",), keys, "the map's item reader")


def write_sweep(names: Names) -> Grant:
    """The sweeper's own reports."""
    return Grant(
        "WriteSweepReport",
        ("s3:PutObject",),
        (f"{names.bucket_arn}/sweeps/*",),
        "what was deleted, what was left, and why",
    )


def _keys(names: Names, names_of_documents: tuple[str, ...], of: str) -> tuple[str, ...]:
    return tuple(f"{names.bucket_arn}/{of}/*/{name}" for name in names_of_documents)
