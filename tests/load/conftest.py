"""One embedded cloud for all loads; each test begins with an empty bucket and no tables."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambdas.observability import logger
from local.cloud import BUCKET, SOURCE, Cloud, Ending, embedded_cloud
from local.loads import CSV_BUCKET, deploy_loads
from local.postgres import ADMIN, PostgresServer
from local.rds import MASTER
from tests.workflow.conftest import FAST

DATABASE = "shop"
PART_MIB = "TM_LOAD_PART_MIB"
TINY = "0.01"
"""The smallest part that a deployment may set: 10,485 bytes."""


EMPTY = f"""
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION {MASTER};
"""


@dataclass
class Loads:
    """What a test does to the cloud and asks of it."""

    cloud: Cloud
    machine: str
    log: io.StringIO = field(default_factory=io.StringIO)

    def put(self, body: bytes, key: str = "data.csv") -> None:
        self.cloud.client("s3").put_object(Bucket=CSV_BUCKET, Key=key, Body=body)

    def run(self, table: str = "t", name: str = "", **more: Any) -> Ending:
        """Load ``data.csv``, unless the input says otherwise."""
        return self.cloud.run(document(table, **more), name=name, machine=self.machine)

    def load(self, table: str = "t", **more: Any) -> dict[str, Any]:
        """Load, and be surprised if it did not go well."""
        ending = self.run(table, **more)
        assert ending.status == "SUCCEEDED", ending.cause
        assert ending.output is not None
        assert self.staging() == []
        return ending.output

    def refuse(self, table: str = "t", **more: Any) -> str:
        """Load, and be surprised if it went well; returns the cause."""
        ending = self.run(table, **more)
        assert ending.status == "FAILED"
        assert self.staging() == []
        return ending.cause

    @property
    def server(self) -> PostgresServer:
        server = self.cloud.rds.instance(SOURCE).server
        assert server is not None
        return server

    def step_through(self, table: str = "t", **more: Any) -> Any:
        """Each function once, in order, without the interpreter; returns FinishLoad's answer.

        A refusal is returned as text. It is some ten times as fast as :meth:`run`.
        """
        execution = {
            "id": f"arn:{uuid.uuid4()}",
            "name": "quick",
            "started_at": "2026-11-22T00:00:00Z",
        }
        planned = self.call("PlanLoad", execution=execution, input=document(table, **more))
        if not planned["accepted"]:
            return planned["cause"]
        load = planned["load"]
        for state in ("SurveyPart",) * load["to_survey"] + ("LoadPart",):
            for number in range(1, load["parts"] + 1):
                self.call(state, load=load, part={"number": number})
        result = self.call("FinishLoad", load=load)
        self.call("TidyLoad", load=load)
        assert self.staging() == []
        return result if "rows" in result else result["errorMessage"]

    def call(self, state: str, **event: Any) -> Any:
        """One function's answer, or what Lambda makes of its error."""
        functions = self.cloud.functions
        return functions.invoke(functions.arn(state), json.dumps(event).encode())["Payload"]

    def sql(self, query: str, role: str = ADMIN) -> list[tuple[Any, ...]]:
        with self.server.admin(DATABASE) as cursor:
            cursor.execute(f"SET ROLE {role}")
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def make(self, statements: str) -> None:
        """Make tables that belong to whoever loads."""
        self.sql(statements, MASTER)

    def rows(self, table: str = "t") -> list[tuple[Any, ...]]:
        return self.sql(f"SELECT * FROM {table} ORDER BY 1")

    def staging(self) -> list[str]:
        """The tables that a load should not leave behind."""
        found = self.sql("SELECT relname FROM pg_class WHERE relname LIKE 'time_machine_load_%'")
        return [name for (name,) in found]

    def message(self, ending: Ending) -> dict[str, str]:
        """Everything that anybody could read of a load, but for the rejects."""
        return {
            "log": self.log.getvalue(),
            "ending": str(ending),
            "history": json.dumps(self.cloud.history(ending.execution_arn), default=str),
            **{
                key: body.decode()
                for key, body in self.cloud.evidence().items()
                if not key.endswith(".csv")
            },
        }


def document(table: str = "t", **more: Any) -> dict[str, Any]:
    """An input; ``prefix`` instead of the key where it is given."""
    return {
        "bucket": CSV_BUCKET,
        **({} if "prefix" in more else {"key": "data.csv"}),
        "target": {"db_instance_id": SOURCE, "database": DATABASE},
        "table": table,
        **more,
    }


@pytest.fixture(scope="package")
def deployed() -> Iterator[Loads]:
    with embedded_cloud(tempo=FAST, retry_speed=2000, wait_speed=20) as cloud:
        cloud.create_source()
        yield Loads(cloud, deploy_loads(cloud))


@pytest.fixture
def loads(deployed: Loads, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loads]:
    monkeypatch.delenv(PART_MIB, raising=False)
    cloud = deployed.cloud
    _forget(cloud)
    client = cloud.client("s3")
    for bucket in (CSV_BUCKET, BUCKET):
        for entry in client.list_objects_v2(Bucket=bucket).get("Contents", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"])
    deployed.sql(EMPTY)
    deployed.log = io.StringIO()
    handler = logging.StreamHandler(deployed.log)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield deployed
    logging.getLogger("time-machine").removeHandler(handler)
    _forget(cloud)


def _forget(cloud: Cloud) -> None:
    cloud.ledger.calls.clear()
    cloud.ledger.faults.clear()
    cloud.functions.invocations.clear()
    cloud.functions.before = None
