"""A PostgreSQL server and the login that opens it, put together."""

from collections.abc import Mapping
from typing import Any

from lambdas.adapters.connecting import Server
from lambdas.adapters.secrets import read_credentials
from lambdas.settings import Settings


def server_at(host: str, port: int, secret_arn: str, settings: Settings) -> Server:
    """A server with the login of a secret and the deployment's TLS.

    Raises:
        NotFound, AccessDenied, RequestRefused: see :func:`read_credentials`.
    """
    return Server(
        host=host,
        port=port,
        credentials=read_credentials(secret_arn),
        tls_mode=settings.tls_mode,
        tls_ca_file=settings.tls_ca_file,
    )


def server_of(instance: Mapping[str, Any], secret_arn: str, settings: Settings) -> Server:
    """The server of a ``DBInstance``."""
    endpoint = instance["Endpoint"]
    return server_at(endpoint["Address"], endpoint["Port"], secret_arn, settings)
