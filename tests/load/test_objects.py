"""The object that was planned is read once, whole, whatever becomes of the connection."""

import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lambdas.adapters.aws import client
from lambdas.errors import ObjectChanged, ServiceUnavailable
from lambdas.load.reading import s3_objects
from lambdas.load.reading.s3_objects import RESUMES, ObjectVersion
from local.calls import Fault
from local.loads import CSV_BUCKET
from tests.load.conftest import PART_MIB, TINY, Loads, document

BODY = bytes(number * 7 % 251 for number in range(1_500_000))
VERSION = ObjectVersion("bucket", "key", '"one"', len(BODY))


@dataclass
class Stand:
    """A small S3 on loopback that breaks connections.

    Attributes:
        cuts: after how many bytes of the body each answer breaks; then none does.
        refusals: answers of status 503, with ``code``, that come first.
        etag: of the object now.
    """

    cuts: list[int] = field(default_factory=list)
    refusals: int = 0
    code: str = "ServiceUnavailable"
    etag: str = '"one"'
    ranges: list[str] = field(default_factory=list)


def handler_of(stand: Stand) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = re.findall(r"\d+", self.headers["Range"])
            stand.ranges.append(self.headers["Range"])
            if self.headers["If-Match"] != stand.etag:
                self.send_error(412)
                return
            if stand.refusals > 0:
                stand.refusals -= 1
                self.send_response(503)
                self.end_headers()
                self.wfile.write(f"<Error><Code>{stand.code}</Code></Error>".encode())
                return
            body = BODY[int(asked[0]) : int(asked[1]) + 1]
            self.send_response(206)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: stand.cuts.pop(0)] if stand.cuts else body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    found = Stand()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(found))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    yield found
    client.cache_clear()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "cuts",
    [[], [1], [0, 1, 0], [400_000] * 3, [300_000, 0, 0, 0, 0, 300_000, 0, 0, 0, 0], [1_499_999]],
)
def test_a_broken_connection_loses_and_doubles_no_byte(stand: Stand, cuts: list[int]) -> None:
    waits: list[float] = []
    stand.cuts = list(cuts)
    assert b"".join(s3_objects.chunks(VERSION, sleep=waits.append)) == BODY
    assert len(waits) == len(cuts)
    stand.cuts = list(cuts)
    part = s3_objects.chunks(VERSION, 1000, 1_400_000, sleep=waits.append)
    assert b"".join(part) == BODY[1000:1_400_000]


def test_it_is_given_up_when_nothing_comes_any_more(stand: Stand) -> None:
    """After waits that grow, each begun anew once bytes have come."""
    stand.cuts = [0, 300_000, *[0] * 100]
    waits: list[float] = []
    with pytest.raises(ServiceUnavailable, match=r"s3://bucket/key: the connection broke 6 times"):
        b"".join(s3_objects.chunks(VERSION, sleep=waits.append))
    assert len(stand.ranges) == RESUMES + 2
    longest = [0.2, 0.2, 0.4, 0.8, 1.6, 3.2]
    assert len(waits) == len(longest)
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len({wait / most for wait, most in zip(waits, longest, strict=True)}) > 1


def test_a_wait_before_a_resume_is_bounded_and_readers_do_not_come_at_once() -> None:
    assert s3_objects.wait_before(1, lambda: 0.0) == 0.1
    assert s3_objects.wait_before(3, lambda: 0.5) == pytest.approx(0.6)
    assert s3_objects.wait_before(50, lambda: 1.0) == s3_objects.LONGEST_WAIT_SECONDS == 5


@pytest.mark.parametrize("code", ["ServiceUnavailable", "SlowDown"])
def test_a_service_that_stumbles_between_is_asked_again(stand: Stand, code: str) -> None:
    stand.cuts, stand.refusals, stand.code = [300_000], 3, code
    waits: list[float] = []
    assert b"".join(s3_objects.chunks(VERSION, sleep=waits.append)) == BODY
    assert waits != []


def test_an_object_replaced_while_being_read_is_not_read_on(stand: Stand) -> None:
    stand.cuts = [600_000]
    reading = s3_objects.chunks(VERSION)
    next(reading)
    stand.etag = '"two"'
    with pytest.raises(ObjectChanged, match="was replaced or deleted"):
        b"".join(reading)


@pytest.mark.parametrize("state", ["SurveyPart", "LoadPart"])
@pytest.mark.parametrize("deleted", [True, False])
def test_an_object_replaced_after_the_plan_is_not_loaded(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, state: str, deleted: bool
) -> None:
    monkeypatch.setenv(PART_MIB, TINY)
    loads.make("CREATE TABLE t (id int)")
    loads.put(b"id\n" + b"1\n" * 9000)

    def replace(now: str, _event: object) -> None:
        if now == state and deleted:
            loads.cloud.client("s3").delete_object(Bucket=CSV_BUCKET, Key="data.csv")
        elif now == state:
            loads.put(b"id\n" + b"2\n" * 9000)

    loads.cloud.functions.before = replace
    cause = loads.refuse()
    assert "s3://shop-exports/data.csv was replaced or deleted" in cause
    assert loads.rows() == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"key": "nope.csv"}, "there is no object s3://shop-exports/nope.csv"),
        ({"bucket": "no-such-bucket"}, "s3://no-such-bucket/data.csv"),
        ({"prefix": "nope/"}, "nothing in the bucket shop-exports begins with nope/"),
        ({"prefix": "", "bucket": "no-such-bucket"}, "NoSuchBucket"),
    ],
)
def test_what_is_not_there_is_named(loads: Loads, more: dict[str, str], said: str) -> None:
    loads.make("CREATE TABLE t (id int)")
    ending = loads.run(**more)
    assert (ending.status, ending.error) == ("FAILED", "InvalidRequest")
    assert said in ending.cause


@pytest.mark.parametrize("operation", ["s3.HeadObject", "s3.GetObject"])
def test_a_denied_object_is_told_as_denied(loads: Loads, operation: str) -> None:
    code = "403" if operation == "s3.HeadObject" else "AccessDenied"
    loads.put(b"id\n1\n")
    loads.make("CREATE TABLE t (id int)")
    loads.cloud.ledger.faults.append(Fault(operation, code, state="PlanLoad"))
    ending = loads.run()
    assert ending.status == "FAILED"
    assert "AccessDenied" in ending.cause
    assert "s3://shop-exports/data.csv" in ending.cause


def test_a_service_that_can_not_look_is_asked_again(loads: Loads) -> None:
    """A HEAD's error has no body, only a status."""
    loads.put(b"id\n1\n")
    loads.make("CREATE TABLE t (id int)")
    loads.cloud.ledger.faults.append(Fault("s3.HeadObject", "ServiceUnavailable", times=3))
    assert loads.load()["rows"] == 1


def test_a_bucket_may_not_be_listed(loads: Loads) -> None:
    loads.cloud.ledger.faults.append(Fault("s3.ListObjectsV2", "AccessDenied"))
    ending = loads.cloud.run(document(prefix="x"), machine=loads.machine)
    assert "listing s3://shop-exports/x: AWS answered AccessDenied" in ending.cause
