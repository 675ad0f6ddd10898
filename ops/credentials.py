"""The caller's own credentials and region, or one line that says what is missing."""

import os

import boto3
from botocore.exceptions import BotoCoreError


class Unusable(Exception):
    """The account can't be asked; the message says what is missing."""


def usable_session() -> boto3.Session:
    """A session with credentials and a region.

    Raises:
        Unusable: one of them is missing, or a profile can't be read.
    """
    # The SDK for Python reads AWS_DEFAULT_REGION only; other tools, and so people, set AWS_REGION.
    if os.environ.get("AWS_REGION"):
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
    try:
        session = boto3.Session()
        known = session.get_credentials()
    except BotoCoreError as error:
        raise Unusable(f"AWS credentials: {error}") from error
    if known is None:
        raise Unusable("no AWS credentials: set AWS_PROFILE, or log in with aws sso login")
    if session.region_name is None:
        raise Unusable("no AWS region: set AWS_REGION to the deployment's")
    return session
