"""The copy's server, reached with its own RDS-managed secret; never with production's password."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lambdas.adapters.connecting import connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.rds import Rds
from lambdas.adapters.server_login import server_at
from lambdas.common import ownership
from lambdas.common.ownership import Owner, tags_of
from lambdas.errors import ResourceBusy
from lambdas.settings import Settings

STATEMENT_SECONDS = 840


@dataclass(frozen=True)
class CopyAddress:
    """Where the copy answers, and which secret opens it."""

    host: str
    port: int
    secret_arn: str


def copy_address(owner: Owner, copy_id: str) -> CopyAddress:
    """Look the copy up.

    Raises:
        NotOurs: the instance is not this drill's.
        ResourceBusy: it has no secret yet.
    """
    instance = Rds().instance(copy_id)
    ownership.require_ours(owner, ownership.ROLE_COPY, copy_id, tags_of(instance))
    if not instance.get("MasterUserSecret"):
        raise ResourceBusy(f"the copy {copy_id} has no master secret of its own yet")
    endpoint = instance["Endpoint"]
    return CopyAddress(
        endpoint["Address"], endpoint["Port"], instance["MasterUserSecret"]["SecretArn"]
    )


def copy_sessions(
    address: CopyAddress,
    settings: Settings,
    *,
    seconds: Callable[[], float],
    read_only: bool = True,
) -> Callable[[str], AbstractContextManager[Session]]:
    """Opens sessions on the copy's databases.

    Args:
        seconds: what is left for work; no statement takes longer than that when it begins, so
            that a slow one ends in a finding and not in the end of the function.
    """
    server = server_at(address.host, address.port, address.secret_arn, settings)

    def open_session(database: str) -> AbstractContextManager[Session]:
        limit = max(1.0, min(seconds(), STATEMENT_SECONDS))
        return connect(
            server, database, statement_seconds=limit, read_only=read_only, remaining=seconds
        )

    return open_session
