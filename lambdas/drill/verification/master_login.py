"""Whether the copy's master user will be able to log in, which the source can tell beforehand.

A role that is a member of ``rds_iam``, directly or not, logs in by IAM authentication and by no
password, "even if it has one" (RDS user guide, "Creating a database account using IAM
authentication"). A copy has the source's roles, and is opened with its own master password.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.errors import RequestRefused

IAM_ROLE = "rds_iam"

_IS_MEMBER = (
    "SELECT count(*) FROM pg_catalog.pg_roles m, pg_catalog.pg_roles g"
    " WHERE m.rolname = %s AND g.rolname = %s AND NOT m.rolsuper"
    " AND pg_catalog.pg_has_role(m.oid, g.oid, 'MEMBER')"
)


def refuse_iam_master(
    connect: Callable[[str], AbstractContextManager[Session]], source: str, master: str
) -> None:
    """End the drill before its snapshot when no password would open its copy.

    Args:
        connect: opens sessions on the source.
        master: its ``MasterUsername``.

    Raises:
        RequestRefused: the master user is a member of ``rds_iam``.
    """
    with connect(MAINTENANCE_DATABASE) as session:
        action = f"looking whether {master} is a member of {IAM_ROLE}"
        (found,) = session.row(_IS_MEMBER, [master, IAM_ROLE], action=action)
    if found:
        raise RequestRefused(
            f"the master user {master} of {source} is a member of {IAM_ROLE}: it logs in by IAM"
            " authentication and by no password, and a copy is opened with its own master password;"
            f" REVOKE {IAM_ROLE} FROM {master} on the source, and give IAM authentication to"
            " another role"
        )
