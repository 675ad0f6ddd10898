"""TLS to a database: only a server that a trusted authority vouches for, under its own name.

The embedded PostgreSQL has no OpenSSL, so a small server speaks the beginning of the protocol: it
takes the request for TLS, and notes who got far enough to say which user and database they want.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.secrets import Credentials
from lambdas.errors import DatabaseUnreachable
from lambdas.settings import RDS_CA_FILE

SSL_REQUEST = 80877103
"""PostgreSQL, "Message Formats": the code of an SSLRequest; other requests are answered with N."""

PASSWORD = "never-sent-to-a-stranger"


class Door:
    """A loopback server with a certificate for ``localhost`` that nobody else has signed.

    Attributes:
        startups: the start-up messages that came in after TLS stood.
        plain: what came in without TLS.
    """

    def __init__(self, certificate: Path) -> None:
        self.startups: list[bytes] = []
        self.plain: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # close() alone would not wake the thread that waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            with connection, contextlib.suppress(OSError):
                self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        while True:
            message = connection.recv(8)
            if not message:
                return
            _, code = struct.unpack("!ii", message)
            if code == SSL_REQUEST:
                break
            self.plain.append(message)
            connection.sendall(b"N")
        connection.sendall(b"S")
        with self._context.wrap_socket(connection, server_side=True) as secured:
            startup = secured.recv(4096)
            # A client that does not like the name hangs up once TLS stands.
            if startup:
                self.startups.append(startup)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate in one file; as a client's bundle it trusts just itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def door(certificate: Path) -> Iterator[Door]:
    found = Door(certificate)
    yield found
    found.close()


def knock(door: Door, ca_file: Path, host: str = "localhost", mode: str = "verify-full") -> None:
    """Try to connect; no way leads to a session, since the server hangs up in the end."""
    server = Server(host, door.port, Credentials("tm", PASSWORD), mode, str(ca_file))
    with (
        pytest.raises(DatabaseUnreachable, match="no connection to the database shop"),
        connect(server, "shop", statement_seconds=1),
    ):
        pass
    assert PASSWORD.encode() not in b"".join(door.startups + door.plain)


def test_a_server_that_the_shipped_bundle_does_not_vouch_for_learns_nothing(door: Door) -> None:
    knock(door, RDS_CA_FILE)
    assert door.startups == []


def test_a_server_with_the_right_certificate_and_name_gets_past_tls(
    door: Door, certificate: Path
) -> None:
    knock(door, certificate)
    (startup,) = door.startups
    assert b"user\0tm\0" in startup
    assert b"database\0shop\0" in startup


def test_a_server_under_another_name_is_refused(door: Door, certificate: Path) -> None:
    """The certificate is trusted, but it is for localhost."""
    knock(door, certificate, host="127.0.0.1")
    assert door.startups == []


def test_the_name_is_what_verify_full_adds(door: Door, certificate: Path) -> None:
    """The refusal above comes from the name and nothing else."""
    knock(door, certificate, host="127.0.0.1", mode="verify-ca")
    assert len(door.startups) == 1


def test_without_a_bundle_nobody_is_trusted(door: Door) -> None:
    knock(door, Path("no-such-file.pem"))
    assert door.startups == []
