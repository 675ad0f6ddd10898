"""One embedded cloud for a module: no two may be open in one process."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from local.cloud import Cloud, embedded_cloud
from local.rds import Tempo
from tests.workflow.conftest import FAST

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

VISIBLE = Tempo(
    creating=0.3,
    backing_up=0.3,
    snapshot=0.8,
    before_reset=0.3,
    resetting=0.3,
    before_active=0.3,
    deleting=0.3,
)
"""Long enough that a look every few milliseconds sees each status."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with embedded_cloud(tempo=FAST) as found:
        yield found


@pytest.fixture(scope="module")
def rds(cloud: Cloud) -> "RDSClient":
    client: RDSClient = cloud.client("rds")
    return client


@pytest.fixture
def visible(cloud: Cloud) -> Iterator[None]:
    """Statuses last long enough to be seen."""
    cloud.rds.tempo = VISIBLE
    yield
    cloud.rds.tempo = FAST
