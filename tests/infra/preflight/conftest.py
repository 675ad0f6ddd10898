"""Accounts that answer as a test says, in the shapes of the API, and plans without a synth."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from botocore.validate import validate_parameters

from ops.preflight.account import Account
from ops.preflight.plan import Plan
from stacks.settings import from_context

REGION = "eu-central-1"
ACCOUNT = "123456789012"
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
REFUSED = 400

SCRIPTED: dict[str, Any] = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


class Refusal(Exception):
    """An error of AWS by its code."""

    def __init__(self, code: str, message: str = "as AWS puts it") -> None:
        super().__init__(code)
        self.code, self.message = code, message


Reply = Mapping[str, Any] | Refusal | Callable[[dict[str, Any]], Any]


class Clients:
    """Real clients whose operations answer as scripted; every answer has the API's shape.

    Attributes:
        asked: each operation that was called.
        otherwise: whether what is not scripted goes on its way (to moto) or fails the test.
    """

    def __init__(self, replies: Mapping[str, Reply], *, otherwise: bool = False) -> None:
        self.replies = dict(replies)
        self.otherwise = otherwise
        self.asked: list[str] = []

    def __call__(self, service: str) -> Any:
        client = boto3.client(service, region_name=REGION)
        for event, handler in self.handlers:
            client.meta.events.register(event, handler)
        return client

    @property
    def handlers(self) -> list[tuple[str, Any]]:
        """For a client, or for all that a session makes."""
        return [("provide-client-params", self._note), ("before-call", self._answer)]

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self._parameters = dict(params)

    def _answer(self, model: OperationModel, **_: Any) -> tuple[AWSResponse, Any] | None:
        self.asked.append(model.name)
        if model.name not in self.replies:
            assert self.otherwise, f"{model.name} is not scripted"
            return None
        reply = self.replies[model.name]
        if callable(reply):
            reply = reply(self._parameters)
        if isinstance(reply, Refusal):
            error = {"Code": reply.code, "Message": reply.message}
            return AWSResponse("", REFUSED, HTTPHeaders(), None), {
                "Error": error,
                "ResponseMetadata": {},
            }
        assert model.output_shape is not None
        validate_parameters(dict(reply), model.output_shape)
        return AWSResponse("", 200, HTTPHeaders(), None), {**reply, "ResponseMetadata": {}}


def account(**replies: Reply) -> Account:
    """One that knows nothing but these answers, by operation."""
    return Account(REGION, Clients(replies))


def plan(template: Mapping[str, Any] | None = None, **settings: Any) -> Plan:
    """Of settings, with a template that says nothing unless it is given."""
    context = {"sources": [{"db_instance_id": "shop"}], **settings}
    return Plan(from_context(context), template or {"Resources": {}}, 6, BOOTSTRAP)


@pytest.fixture(autouse=True)
def _no_account() -> Iterator[None]:
    """Nothing here may reach a real account."""
    with patch.dict("os.environ", SCRIPTED):
        yield
