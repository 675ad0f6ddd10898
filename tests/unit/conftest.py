"""A deployment and a drill to start from; a test replaces what it is about."""

from datetime import UTC, datetime

import pytest

from lambdas.common.execution import Execution
from lambdas.drill.admission.request import parse
from lambdas.drill.drill import Drill, decide
from lambdas.settings import Settings, from_environment

ENVIRONMENT = {
    "TM_STACK": "TimeMachine",
    "TM_EVIDENCE_BUCKET": "evidence-bucket",
    "TM_COPY_SUBNET_GROUP": "isolated",
    "TM_COPY_SECURITY_GROUP_IDS": "sg-0a,sg-0b",
    "TM_COPY_PARAMETER_GROUPS": '{"16": "quarantine-16"}',
    "TM_SOURCE_SECRETS": '{"orders": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:o"}',
}


@pytest.fixture
def environment() -> dict[str, str]:
    return dict(ENVIRONMENT)


@pytest.fixture
def settings() -> Settings:
    return from_environment(ENVIRONMENT)


@pytest.fixture
def execution() -> Execution:
    started_at = datetime(2026, 11, 22, 9, 44, 33, tzinfo=UTC)
    return Execution("arn:aws:states:eu-west-1:123456789012:execution:d:1", "1", started_at)


@pytest.fixture
def drill(settings: Settings, execution: Execution) -> Drill:
    instance = {"EngineVersion": "16.4", "DBInstanceClass": "db.r6g.large"}
    return decide(parse({"db_instance_id": "orders"}), instance, None, settings, execution)
