"""Objects of S3 as streams: bounded pieces, one version, whatever becomes of a connection."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from lambdas.adapters.aws import client, translating_errors
from lambdas.errors import AccessDenied, NotFound, ObjectChanged, ServiceUnavailable, Throttled
from lambdas.load.load import Part

CHUNK_BYTES = 256 << 10
"""boto3 reads a body in pieces of 8 KiB 10 % slower; pieces of 1 MiB are no faster, and take 7 to
12 MiB more of a function's memory."""

RESUMES = 5
"""Broken connections in a row, without a byte between them, that are mended."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0

SERVER_ERROR = 500


@dataclass(frozen=True)
class ObjectVersion:
    """One object as it was when the load was planned; read later, it must still be that one."""

    bucket: str
    key: str
    etag: str
    size_bytes: int

    @property
    def location(self) -> str:
        """The address for people."""
        return f"s3://{self.bucket}/{self.key}"


def version_of(part: Part) -> ObjectVersion:
    """The object of a part, as it was when the load was planned."""
    return ObjectVersion(part.bucket, part.key, part.etag, part.size_bytes)


def find(bucket: str, key: str) -> ObjectVersion:
    """The object as it is now.

    Raises:
        NotFound, AccessDenied: as S3 answers; without the right to list the bucket, S3 denies
            what is not there.
    """
    with translating_errors(f"looking at s3://{bucket}/{key}"):
        try:
            found = client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # HeadObject has no body: a status is all that it tells.
            if error.response["Error"]["Code"] == "404":
                said = f"there is no object s3://{bucket}/{key}; see how it is written, case counts"
                raise NotFound(said) from None
            if error.response["Error"]["Code"] == "403":
                message = (
                    f"AWS denied to look at s3://{bucket}/{key}, and it may not be there either;"
                    " see how it is written, whether its bucket is in the setting load.buckets, and"
                    " whether the policy of the bucket forbids it"
                )
                raise AccessDenied(message) from None
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
                message = f"S3 could not look at s3://{bucket}/{key}; load again"
                raise ServiceUnavailable(message) from None
            raise
    return ObjectVersion(bucket, key, found["ETag"], found["ContentLength"])


def under(bucket: str, prefix: str) -> Iterator[ObjectVersion]:
    """Every object whose key begins with a prefix, in order, but for the markers of folders."""
    with translating_errors(f"listing s3://{bucket}/{prefix}"):
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                if not entry["Key"].endswith("/"):
                    yield ObjectVersion(bucket, entry["Key"], entry["ETag"], entry["Size"])


def wait_before(resume: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds before the ``resume``-th reading in a row; so that many readers do not come at once.

    Args:
        chance: from 0 up to 1; where in the second half of the longest wait it lies.
    """
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** (resume - 1))
    return longest * (1 + chance()) / 2


def chunks(
    version: ObjectVersion,
    first: int = 0,
    end: int | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[bytes]:
    """The bytes from ``first`` up to ``end``, in order, none twice and none left out.

    Raises:
        ObjectChanged: it was replaced or deleted since.
        ServiceUnavailable: the connection broke, or S3 asked to slow down, again and again.
    """
    at, stop, broken = first, version.size_bytes if end is None else end, 0
    while at < stop:
        try:
            for chunk in _pieces(_body(version, at, stop)):
                at, broken = at + len(chunk), 0
                yield chunk
            reason = "the answer was cut short"
        except (BotoCoreError, HTTPError, OSError, ServiceUnavailable, Throttled) as error:
            reason = type(error).__name__
        if at < stop:
            broken += 1
            if broken > RESUMES:
                message = f"the connection broke {broken} times in a row, at last by {reason}"
                raise ServiceUnavailable(f"reading {version.location}: {message}; load again")
            sleep(wait_before(broken))


def _body(version: ObjectVersion, first: int, stop: int) -> Any:
    with translating_errors(f"reading {version.location}"):
        try:
            answer = client("s3").get_object(
                Bucket=version.bucket,
                Key=version.key,
                Range=f"bytes={first}-{stop - 1}",
                IfMatch=version.etag,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "NoSuchKey"):
                message = (
                    f"{version.location} was replaced or deleted while it was being read; load"
                    " again when nobody writes it"
                )
                raise ObjectChanged(message) from None
            raise
    return answer["Body"]


def _pieces(body: Any) -> Iterator[bytes]:
    try:
        while piece := body.read(CHUNK_BYTES):
            yield piece
    finally:
        body.close()
