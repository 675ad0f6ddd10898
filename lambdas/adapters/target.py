"""The server that is loaded into, reached with the login that the deployment keeps for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from psycopg2 import sql

from lambdas.adapters.postgres import Server, Session, connect
from lambdas.adapters.rds import Rds
from lambdas.adapters.secrets import read_credentials
from lambdas.settings import Settings

_PREPARE = sql.SQL("SET idle_in_transaction_session_timeout = 0; SET client_min_messages = error")
"""S3 may be slow while a COPY waits for it; the statement's own time-out bounds it."""


def target_sessions(
    instance_id: str,
    settings: Settings,
    seconds: Callable[[], float],
    name: str = "time_machine_load",
) -> Callable[[str], AbstractContextManager[Session]]:
    """Opens sessions on the target's databases that may write.

    Args:
        seconds: what is left for work when a session is opened; no statement takes longer.
        name: of the sessions, for ``pg_stat_activity``.
    """
    endpoint = Rds().instance(instance_id)["Endpoint"]
    server = Server(
        host=endpoint["Address"],
        port=endpoint["Port"],
        credentials=read_credentials(settings.load_secrets[instance_id]),
        tls_mode=settings.tls_mode,
        tls_ca_file=settings.tls_ca_file,
    )

    def open_session(database: str) -> AbstractContextManager[Session]:
        limit = max(1.0, seconds())
        prepare = sql.SQL("{}; SET application_name = {}").format(_PREPARE, sql.Literal(name))
        return connect(server, database, statement_seconds=limit, read_only=False, prepare=prepare)

    return open_session
