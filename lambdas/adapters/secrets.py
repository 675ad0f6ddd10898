"""Credentials from Secrets Manager, in the shape that RDS gives a managed secret."""

import json
from dataclasses import dataclass, field

from lambdas.adapters.aws import client, translating_errors
from lambdas.errors import RequestRefused


@dataclass(frozen=True)
class Credentials:
    """A login; the password stays out of every ``repr``."""

    username: str
    password: str = field(repr=False)


def read_credentials(secret_arn: str) -> Credentials:
    """The ``username`` and ``password`` of a secret.

    Raises:
        NotFound, AccessDenied: as Secrets Manager answers.
        RequestRefused: the secret is not a JSON object with both keys.
    """
    with translating_errors(f"reading the secret {secret_arn}"):
        text = client("secretsmanager").get_secret_value(SecretId=secret_arn)["SecretString"]
    try:
        value = json.loads(text)
        return Credentials(value["username"], value["password"])
    except (ValueError, KeyError, TypeError):
        message = f"the secret {secret_arn} must be a JSON object with username and password"
        raise RequestRefused(message) from None
