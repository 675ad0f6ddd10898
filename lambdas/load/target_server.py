"""The server that is loaded into, reached with the login that the deployment keeps for it.

A copy that a drill in mode ``restore`` kept is reached with its own RDS-managed secret.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from psycopg2 import sql

from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.rds import Rds
from lambdas.adapters.server_login import server_at, server_of
from lambdas.adapters.session_settings import Purpose
from lambdas.common.ownership import tags_of
from lambdas.errors import InvalidRequest
from lambdas.load.load_target import address_of, copy_faults
from lambdas.load.transient_errors import errors_with_remedies
from lambdas.settings import Settings

_PREPARE = sql.SQL("SET idle_in_transaction_session_timeout = 0")
"""S3 may be slow while a COPY waits for it; the statement's own time-out bounds it."""


def target_sessions(
    target: str,
    settings: Settings,
    seconds: Callable[[], float],
    name: str = "time_machine_load",
) -> Callable[[str], AbstractContextManager[Session]]:
    """Opens sessions on the target's databases that may write; see :func:`errors_with_remedies`.

    Args:
        target: its name, see :mod:`lambdas.load.load_target`.
        seconds: what is left for work when a session is opened; no statement takes longer.
        name: of the sessions, for ``pg_stat_activity``.

    Raises:
        InvalidRequest: it is a copy that is not kept, or not ours.
        NotFound: RDS does not know it.
    """
    server = _server(target, settings)

    @contextmanager
    def open_session(database: str) -> Iterator[Session]:
        limit = max(1.0, seconds())
        prepare = sql.SQL("{}; SET application_name = {}").format(_PREPARE, sql.Literal(name))
        opened = connect(
            server,
            database,
            statement_seconds=limit,
            read_only=False,
            purpose=Purpose.LOADING,
            prepare=prepare,
        )
        with errors_with_remedies(), opened as session:
            yield session

    return open_session


def _server(target: str, settings: Settings) -> Server:
    """The password of an endpoint goes to none but that endpoint: they are one entry's."""
    address = address_of(target)
    if address is not None:
        return server_at(*address, settings.load_secrets[target], settings)
    instance = Rds().instance(target)
    secret_arn = settings.load_secrets.get(target) or _own_secret(target, instance, settings)
    return server_of(instance, secret_arn, settings)


def _own_secret(target: str, instance: Mapping[str, Any], settings: Settings) -> str:
    faults = copy_faults(target, settings.stack, settings.prefix, tags_of(instance))
    if faults:
        raise InvalidRequest(faults)
    return str(instance["MasterUserSecret"]["SecretArn"])
