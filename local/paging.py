"""RDS lists snapshots in pages of 100; moto answers with all of them at once."""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from moto.core.responses import PaginatedResult
from moto.core.utils import get_pagination_model
from moto.rds.responses import RDSResponse


@contextlib.contextmanager
def paged_snapshots() -> Iterator[None]:
    """Answer ``DescribeDBSnapshots`` page by page, as moto does ``DescribeDBInstances``."""
    whole = RDSResponse.describe_db_snapshots

    def paged(response: Any) -> Any:
        return PaginatedResult(whole(response).result)

    model = get_pagination_model("rds")["DescribeDBSnapshots"]
    with (
        patch.dict(model, unique_attribute="resource_id"),
        patch.object(RDSResponse, "describe_db_snapshots", paged),
    ):
        yield
