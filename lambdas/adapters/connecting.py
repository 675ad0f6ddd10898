"""Connections to a PostgreSQL server, with every time-out set."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from lambdas.adapters.postgres import NOTHING, Session
from lambdas.adapters.postgres_errors import no_connection
from lambdas.adapters.secrets import Credentials
from lambdas.adapters.session_preparation import at_login, preparation
from lambdas.adapters.session_settings import Purpose
from lambdas.errors import (
    DatabaseUnreachable,
)

CONNECT_SECONDS = 10
LOCK_SECONDS = 5


@dataclass(frozen=True)
class Server:
    """Where a server is and how to log in."""

    host: str
    port: int
    credentials: Credentials
    tls_mode: str
    tls_ca_file: str


@contextmanager
def connect(
    server: Server,
    database: str,
    *,
    statement_seconds: float,
    read_only: bool = True,
    purpose: Purpose = Purpose.READING,
    prepare: sql.Composable = NOTHING,
    remaining: Callable[[], float] | None = None,
) -> Iterator[Session]:
    """A session with all time-outs set, read-only unless asked otherwise.

    Args:
        purpose: what it is prepared for, see :mod:`lambdas.adapters.session_settings`.
        prepare: what is set besides.
        remaining: the seconds that are left for work; asked before each statement, which gets no
            more than that.

    Raises:
        DatabaseUnreachable: no connection. The driver's message is dropped: it holds the address,
            the user and sometimes more.
    """
    began = time.monotonic()
    try:
        connection = psycopg2.connect(
            host=server.host,
            port=server.port,
            user=server.credentials.username,
            password=server.credentials.password,
            dbname=database,
            sslmode=server.tls_mode,
            sslrootcert=server.tls_ca_file or None,
            connect_timeout=CONNECT_SECONDS,
            application_name="rds-time-machine",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            client_encoding="UTF8",
            options=at_login(statement_seconds, LOCK_SECONDS),
        )
    except psycopg2.Error as error:
        raise no_connection(error, database, time.monotonic() - began, CONNECT_SECONDS) from None
    try:
        connection.autocommit = True
        first = preparation(purpose, connection.server_version, read_only=read_only)
        session = Session(
            connection,
            database,
            statement_seconds,
            remaining,
            sql.SQL("{}{}").format(first, prepare),
            has_no_path=purpose is Purpose.READING,
        )
        try:
            session.prepare()
        except DatabaseUnreachable as error:
            # Not over what it is opened for.
            raise DatabaseUnreachable(str(error)) from None
        yield session
    finally:
        connection.close()
