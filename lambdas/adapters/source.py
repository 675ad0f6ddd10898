"""The source's server, reached with the read-only login that the deployment keeps for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from lambdas.adapters.postgres import Server, Session, connect
from lambdas.adapters.rds import Rds
from lambdas.adapters.secrets import read_credentials
from lambdas.settings import Settings

STATEMENT_SECONDS = 600


def source_sessions(
    source: str, settings: Settings
) -> Callable[[str], AbstractContextManager[Session]]:
    """Opens read-only sessions on the source's databases."""
    endpoint = Rds().instance(source)["Endpoint"]
    server = Server(
        host=endpoint["Address"],
        port=endpoint["Port"],
        credentials=read_credentials(settings.source_secrets[source]),
        tls_mode=settings.tls_mode,
        tls_ca_file=settings.tls_ca_file,
    )
    return partial(connect, server, statement_seconds=STATEMENT_SECONDS)
