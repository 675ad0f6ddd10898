"""The source's server, reached with the read-only login that the deployment keeps for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from lambdas.adapters.postgres import Session, connect
from lambdas.adapters.rds import Rds
from lambdas.adapters.server import server_of
from lambdas.settings import Settings

STATEMENT_SECONDS = 600


def source_sessions(
    source: str, settings: Settings
) -> Callable[[str], AbstractContextManager[Session]]:
    """Opens read-only sessions on the source's databases."""
    server = server_of(Rds().instance(source), settings.source_secrets[source], settings)
    return partial(connect, server, statement_seconds=STATEMENT_SECONDS)
