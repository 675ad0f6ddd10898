"""Many documents are read at the same time, in order, and never far ahead of who asks."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lambdas.adapters.aws import client
from lambdas.adapters.evidence_bucket import AT_ONCE, Evidence
from lambdas.errors import EvidenceMissing

DELAY_SECONDS = 0.05
NUMBERS = range(60)


@dataclass
class Bucket:
    """S3 on loopback whose answers take a while; even numbers are there."""

    asked: int = 0
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str) -> bytes | None:
        with self.lock:
            self.asked, self.now = self.asked + 1, self.now + 1
            self.most = max(self.most, self.now)
        time.sleep(DELAY_SECONDS)
        with self.lock:
            self.now -= 1
        number = int(path.rpartition("/")[2].partition(".")[0])
        return json.dumps({"number": number}).encode() if number % 2 == 0 else None


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    made = Bucket()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = made.answer(self.path)
            message = body or b"<Error><Code>NoSuchKey</Code></Error>"
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(message)))
            self.end_headers()
            self.wfile.write(message)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "embedded")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client.cache_clear()
    yield made
    client.cache_clear()
    server.shutdown()
    server.server_close()


def test_documents_come_in_order_and_many_at_a_time(bucket: Bucket) -> None:
    began = time.monotonic()
    found = list(Evidence("evidence", "drill").find_all(f"{n}.json" for n in NUMBERS))
    seconds = time.monotonic() - began
    assert found == [{"number": n} if n % 2 == 0 else None for n in NUMBERS]
    assert 2 < bucket.most <= AT_ONCE
    assert seconds < len(NUMBERS) * DELAY_SECONDS


def test_no_more_is_fetched_than_who_asks_can_take(bucket: Bucket) -> None:
    """A thousand documents of a batch each are more than the function's memory."""
    coming = Evidence("evidence", "drill").find_all(f"{n}.json" for n in NUMBERS)
    for taken in range(1, 6):
        next(coming)
        time.sleep(2 * DELAY_SECONDS)
        assert bucket.asked <= taken + AT_ONCE


def test_one_that_is_missing_ends_the_reading_with_its_name(bucket: Bucket) -> None:
    assert bucket.asked == 0
    with pytest.raises(EvidenceMissing, match=r"drill/7\.json was never written"):
        list(Evidence("evidence", "drill").read_all(["4.json", "7.json", "8.json"]))
