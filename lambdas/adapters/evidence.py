"""The evidence bucket: JSON documents by drill, written once and read back."""

import json
from typing import Any

from botocore.exceptions import ClientError

from lambdas.adapters.aws import client, errors_in_our_words
from lambdas.errors import EvidenceMissing, NotFound

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
        with errors_in_our_words(f"writing {self.location(name)}"):
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
        with errors_in_our_words(f"writing {self.location(name)}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self.key(name),
                Body=body,
                ContentType=content_type,
            )
        return self.key(name)

    def find(self, name: str) -> Any:
        """The document, or None when nobody has written it."""
        with errors_in_our_words(f"reading {self.location(name)}"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self.key(name))
            except self._client.exceptions.NoSuchKey:
                return None
            return json.loads(answer["Body"].read())

    def read(self, name: str) -> Any:
        """The document.

        Raises:
            EvidenceMissing: no earlier state wrote it.
        """
        try:
            document = self.find(name)
        except NotFound:
            document = None
        if document is None:
            raise EvidenceMissing(f"{self.location(name)} was never written")
        return document
