"""No secret, password or row's value in any log line, state payload, report or exception."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from lambdas.adapters.secrets import read_credentials
from lambdas.observability import logger
from local.cloud import READER, SOURCE, Cloud
from tests.workflow.conftest import Slot, leftovers

PLANTED = "planted-4711-do-not-tell"

RICH = f"""
CREATE TABLE IF NOT EXISTS public.people (id int PRIMARY KEY, secret text);
INSERT INTO public.people SELECT n, '{PLANTED}' FROM generate_series(1, 100) n
    ON CONFLICT DO NOTHING;
"""


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Every log line of the functions, as CloudWatch would get it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield stream
    logging.getLogger("time-machine").removeHandler(handler)


def test_a_whole_drill_tells_nothing(
    cloud: Cloud, slot: Slot, lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """Findings, failing casts and raised values are all provoked."""
    server = cloud.rds.instance(SOURCE).server
    assert server is not None
    with server.admin("shop") as cursor:
        cursor.execute(RICH)
    passwords = list(cloud.secrets)
    manager = cloud.client("secretsmanager")

    def watch(_state: str, _event: object) -> None:
        for name in leftovers(cloud):
            secret = cloud.rds.instance(name).__dict__.get("master_user_secret")
            if secret is not None:
                text = manager.get_secret_value(SecretId=secret.secret_arn)["SecretString"]
                passwords.append(json.loads(text)["password"])

    cloud.functions.before = watch
    queries = {
        "cast": "SELECT secret::int FROM public.people LIMIT 1",
        "shape": "SELECT secret FROM public.people",
        "value": "SELECT secret FROM public.people LIMIT 1",
        "raised": "DO $$ BEGIN RAISE EXCEPTION '%', (SELECT min(secret) FROM people); END $$",
    }
    expectations = [
        {"name": name, "database": "shop", "sql": sql, "expect": "= 1"}
        for name, sql in queries.items()
    ]
    ending = cloud.run(
        {"db_instance_id": SOURCE, "baseline": "exact", "expectations": expectations}
    )
    assert ending.status == "FAILED"
    printed = capsys.readouterr()
    everything = {
        "logs": lines.getvalue(),
        "stdout": printed.out,
        "stderr": printed.err,
        "ending": str(ending),
        "history": str(cloud.history(ending.execution_arn)),
        **{key: body.decode() for key, body in cloud.evidence().items()},
    }
    assert len(set(passwords)) >= 3
    assert everything["logs"].count("state started") > 10
    for place, text in everything.items():
        for secret in {PLANTED, *passwords}:
            assert secret not in text, place


def test_the_credentials_do_not_print_themselves(cloud: Cloud) -> None:
    credentials = read_credentials(f"{SOURCE}-reader")
    assert credentials.username == READER
    assert credentials.password in cloud.secrets
    assert credentials.password not in repr(credentials)
