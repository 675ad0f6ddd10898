"""What the tests of the embedded cloud look at it with."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import psutil
import psycopg2
import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.postgres import PostgresServer
from local.rds import MASTER

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_rds.type_defs import DBInstanceTypeDef

BOUND_SECONDS = 60
LOOK_SECONDS = 0.02
COMMON_CODES = {"InvalidParameterValue", "InvalidParameterCombination"}
"""Of every operation; the SDK's model does not list them."""

Seen = TypeVar("Seen")


@contextlib.contextmanager
def refused(code: str) -> Iterator[None]:
    """The call is refused with ``code``, one that the SDK's model lists for its operation."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code
    assert code in COMMON_CODES | _codes_of(caught.value.operation_name)


@cache
def _codes_of(operation: str) -> frozenset[str]:
    model = boto3.client("rds").meta.service_model.operation_model(operation)
    return frozenset(shape.error_code for shape in model.error_shapes)


def watch(look: Callable[[], Seen], until: Callable[[Seen], bool]) -> list[Seen]:
    """What was seen, without repetition, from now until the condition holds."""
    seen: list[Seen] = []
    end = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < end:
        now = look()
        if not seen or seen[-1] != now:
            seen.append(now)
        if until(now):
            return seen
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"not within {BOUND_SECONDS} seconds; seen: {seen}")


def instance(rds: "RDSClient", name: str) -> "DBInstanceTypeDef":
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def names(rds: "RDSClient") -> set[str]:
    """Every instance."""
    return {found["DBInstanceIdentifier"] for found in rds.describe_db_instances()["DBInstances"]}


def wait_until_gone(cloud: Cloud, name: str) -> None:
    """Wait until RDS does not know the instance any more."""
    watch(lambda: name in cloud.rds.names(), lambda there: not there)


def take_snapshot(cloud: Cloud, source: str, name: str) -> None:
    """A snapshot, finished."""
    cloud.client("rds").create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name)
    watch(lambda: cloud.rds.database_snapshots[name].status, lambda status: status == "available")


def server_of(cloud: Cloud, name: str) -> PostgresServer:
    server = cloud.rds.instance(name).server
    assert server is not None
    return server


def ask(server: PostgresServer, question: str, database: str = "shop") -> Any:
    """The only value of the answer."""
    with server.admin(database) as cursor:
        cursor.execute(question)
        ((value,),) = cursor.fetchall()
    return value


def logs_in(server: PostgresServer, password: str) -> bool:
    """Whether the master user can."""
    try:
        with contextlib.closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=server.port,
                user=MASTER,
                password=password,
                dbname="postgres",
                connect_timeout=5,
            )
        ):
            return True
    except psycopg2.OperationalError:
        return False


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process that was started on something below ``folder``, with its children."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(f"{folder}/" in argument for argument in process.cmdline()):
                family = [process, *process.children(recursive=True)]
                found |= {member.pid: member for member in family}
    return list(found.values())


def lives(process: psutil.Process) -> bool:
    """Whether the process still does anything."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
