"""The evidence bucket: JSON documents by drill, written once and read back."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from botocore.exceptions import ClientError

from lambdas.adapters.aws import client, translating_errors
from lambdas.errors import EvidenceMissing, NotFound

AT_ONCE = 10
"""A client is safe to share between threads (boto3, "Clients"), and keeps so many connections
(botocore, ``max_pool_connections``: 10 by default)."""

_EXISTS = ("PreconditionFailed", "412")


class Evidence:
    """One drill's folder of the bucket."""

    def __init__(self, bucket: str, folder: str) -> None:
        self._client = client("s3")
        self._bucket = bucket
        self._folder = folder

    def key(self, name: str) -> str:
        """The full key of a document."""
        return f"{self._folder}/{name}"

    def location(self, name: str) -> str:
        """The address for people."""
        return f"s3://{self._bucket}/{self.key(name)}"

    def write(self, name: str, document: Any) -> str:
        """Write a JSON document; return its key."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return self.write_bytes(name, body.encode(), "application/json")

    def write_once(self, name: str, document: Any) -> Any:
        """Write a JSON document unless there is one already; return the one that is there."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        with translating_errors(f"writing {self.location(name)}"):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self.key(name),
                    Body=body,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _EXISTS:
                    raise
                return self.read(name)
        return document

    def write_page(self, name: str, html: str) -> str:
        """Write a readable page; return its key."""
        return self.write_bytes(name, html.encode(), "text/html; charset=utf-8")

    def write_bytes(self, name: str, body: bytes, content_type: str) -> str:
        """Write anything; return its key."""
        with translating_errors(f"writing {self.location(name)}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self.key(name),
                Body=body,
                ContentType=content_type,
            )
        return self.key(name)

    def find(self, name: str) -> Any:
        """The document, or None when nobody has written it."""
        with translating_errors(f"reading {self.location(name)}"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self.key(name))
            except self._client.exceptions.NoSuchKey:
                return None
            return json.loads(answer["Body"].read())

    def find_all(self, names: Iterable[str]) -> Iterator[Any]:
        """The documents in the order of their names, None for one that nobody has written.

        ``AT_ONCE`` are fetched at the same time, and no more than that wait for the caller.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            coming: deque[Future[Any]] = deque()
            for name in names:
                # A thread begins with no context; what the caller's says holds for it as well.
                coming.append(pool.submit(copy_context().run, self.find, name))
                if len(coming) == AT_ONCE:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def read_all(self, names: Iterable[str]) -> Iterator[Any]:
        """The same.

        Raises:
            EvidenceMissing: no earlier state wrote one of them.
        """
        listed = list(names)
        for name, document in zip(listed, self.find_all(listed), strict=True):
            yield self._written(name, document)

    def read(self, name: str) -> Any:
        """The document.

        Raises:
            EvidenceMissing: no earlier state wrote it.
        """
        try:
            document = self.find(name)
        except NotFound:
            document = None
        return self._written(name, document)

    def _written(self, name: str, document: Any) -> Any:
        if document is None:
            raise EvidenceMissing(
                f"{self.location(name)} was never written: the function that should have was lost;"
                " see its log, and drill again"
            )
        return document
