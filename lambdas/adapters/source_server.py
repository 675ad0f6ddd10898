"""The source's server, reached with the read-only login that the deployment keeps for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from lambdas.adapters.connecting import connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.rds import Rds
from lambdas.adapters.server_login import server_of
from lambdas.settings import Settings

STATEMENT_SECONDS = 600


def source_sessions(
    source: str, settings: Settings, seconds: Callable[[], float]
) -> Callable[[str], AbstractContextManager[Session]]:
    """Opens read-only sessions on the source's databases.

    Args:
        seconds: what is left for work; no statement takes longer than that when it begins.
    """
    server = server_of(Rds().instance(source), settings.source_secrets[source], settings)
    return partial(connect, server, statement_seconds=STATEMENT_SECONDS, remaining=seconds)
