"""The account that is asked: one way to call it, which only reads and remembers."""

import json
from collections.abc import Callable
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from ops.credentials import Unusable
from ops.preflight.calls import Call, Calls

Facts = dict[str, Any]

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""RDS, STS, SSM and CloudWatch; Lambda, KMS and others that speak JSON; EC2."""

_NOBODY = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
    }
)
"""The credentials are none: no question has an answer."""


class NotKnown(Exception):
    """A question has no answer; the others go on.

    Attributes:
        says: what AWS answered.
        remedy: what would give an answer.
    """

    def __init__(self, says: str, remedy: str) -> None:
        super().__init__(says)
        self.says = says
        self.remedy = remedy


class Account:
    """An account in a region.

    Args:
        region: where the deployment goes.
        client_of: the client of a service, as ``boto3.Session.client``.
    """

    def __init__(self, region: str, client_of: Callable[[str], Any]) -> None:
        self.region = region
        self._client_of = client_of
        self._clients: dict[str, Any] = {}
        self._known: dict[str, Facts | None] = {}

    def ask(self, call: Calls, **parameters: Any) -> Facts | None:
        """All pages of the answer; None where there is none of that name. Asked once.

        Raises:
            NotKnown: denied, throttled, or out of reach.
            Unusable: nobody could be asked with these credentials.
        """
        key = json.dumps([call.name, parameters], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._ask(call.value, parameters)
        return self._known[key]

    def find(self, call: Calls, **parameters: Any) -> Facts:
        """As :meth:`ask`, and nothing found is an empty answer."""
        return self.ask(call, **parameters) or {}

    def _ask(self, call: Call, parameters: Facts) -> Facts | None:
        method = xform_name(call.operation)
        try:
            client = self._client(call.service)
            if client.can_paginate(method):
                return dict(client.get_paginator(method).paginate(**parameters).build_full_result())
            return dict(getattr(client, method)(**parameters))
        except ClientError as error:
            _let_pass_absent(call, error)
            return None
        except BotoCoreError as error:
            raise NotKnown(
                f"{call.permission} got no answer: {error}",
                "see that AWS can be reached from here, then ask again",
            ) from None

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._client_of(service)
        return self._clients[service]


def _let_pass_absent(call: Call, error: ClientError) -> None:
    """Return where the error says that there is none of that name.

    Raises:
        NotKnown: it says something else.
        Unusable: the credentials are none.
    """
    found = error.response.get("Error", {})
    code, message = str(found.get("Code", "")), str(found.get("Message", ""))
    if code in call.absent or code.removesuffix("Fault") in call.absent:
        return
    if code in _NOBODY:
        raise Unusable(
            f"AWS takes no such credentials ({code}): {message}; log in again, as with aws sso"
            " login"
        )
    if code in _DENIED:
        raise NotKnown(
            f"{call.permission} was denied: {message}",
            f"allow {call.permission} (make preflight ARGS=--policy prints all that is needed);"
            " where that is allowed, look for an organisation's policy, a permission boundary, or"
            " the policy of the key or secret itself",
        )
    raise NotKnown(f"{call.permission} answered {code}: {message}", "ask again later")
