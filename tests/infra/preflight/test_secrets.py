"""Secrets and customer keys, whose values nobody reads."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ops.preflight.answers import Answer, Level
from ops.preflight.secrets import keys, logins, questions
from tests.infra.preflight.conftest import Refusal, account, plan
from tests.infra.test_settings import GIVEN, KEY, SECRET
from tests.infra.test_template import DEPLOYMENTS

OTHER_KEY = KEY.replace("1234abcd", "99999999")
CUSTOMER = {"KeyId": "k", "Arn": KEY, "KeyManager": "CUSTOMER", "KeyState": "Enabled"}
NOW = datetime.now(UTC)
AWS = {**CUSTOMER, "KeyManager": "AWS"}


def said(
    subject: str, source: dict[str, Any], key: dict[str, Any] | None = None, **replies: Any
) -> Answer:
    """The one answer to a question about a source with these settings."""
    settings = {"db_instance_id": "shop", **source}
    of = plan(sources=[settings], network=GIVEN)
    (question,) = [q for q in questions(of) if q.subject == subject]
    described = Refusal("NotFoundException") if key is None else {"KeyMetadata": key}
    (answer,) = question.judge(question.ask(account(DescribeKey=described, **replies)))
    assert answer.subject == subject
    assert bool(answer.remedy) == (answer.level is not Level.OK)
    return answer


READER = {"secret_arn": SECRET}
KEYED = {**READER, "secret_kms_key_arn": KEY}


@pytest.mark.parametrize(
    ("source", "key", "secret", "level", "says"),
    [
        (READER, None, {"ARN": SECRET}, Level.OK, "not read"),
        (READER, AWS, {"ARN": SECRET, "KmsKeyId": "alias/aws/secretsmanager"}, Level.OK, ""),
        (KEYED, CUSTOMER, {"ARN": SECRET, "KmsKeyId": "alias/shop"}, Level.OK, "is there"),
        (READER, CUSTOMER, {"ARN": SECRET, "KmsKeyId": KEY}, Level.BLOCKED, "give none"),
        (
            {**READER, "secret_kms_key_arn": OTHER_KEY},
            CUSTOMER,
            {"ARN": SECRET, "KmsKeyId": KEY},
            Level.BLOCKED,
            OTHER_KEY,
        ),
        (READER, None, {"ARN": SECRET, "OwningService": "rds"}, Level.WARNING, "master user"),
        (READER, None, {"ARN": SECRET, "DeletedDate": NOW}, Level.BLOCKED, "deletion"),
        (READER, None, Refusal("ResourceNotFoundException"), Level.BLOCKED, SECRET),
    ],
)
def test_a_login_is_there_and_its_key_is_the_settings_key(
    source: dict[str, str], key: dict[str, Any] | None, secret: Any, level: Level, says: str
) -> None:
    answer = said("secret of shop", source, key, DescribeSecret=secret)
    assert answer.level is level
    assert says in answer.says


@pytest.mark.parametrize(
    ("source", "key", "instance", "level", "says"),
    [
        ({}, None, {"StorageEncrypted": False}, Level.OK, "off"),
        ({}, AWS, {"StorageEncrypted": True, "KmsKeyId": KEY}, Level.OK, "key of AWS"),
        (
            {"kms_key_arn": KEY},
            CUSTOMER,
            {"StorageEncrypted": True, "KmsKeyId": KEY},
            Level.OK,
            KEY,
        ),
        ({}, CUSTOMER, {"StorageEncrypted": True, "KmsKeyId": KEY}, Level.BLOCKED, "give none"),
        (
            {"kms_key_arn": OTHER_KEY},
            CUSTOMER,
            {"StorageEncrypted": True, "KmsKeyId": KEY},
            Level.BLOCKED,
            KEY,
        ),
        ({"kms_key_arn": KEY}, None, {"StorageEncrypted": False}, Level.WARNING, "no customer"),
    ],
)
def test_the_copy_can_be_encrypted_like_its_source(
    source: dict[str, str],
    key: dict[str, Any] | None,
    instance: dict[str, Any],
    level: Level,
    says: str,
) -> None:
    answer = said(
        "encryption of source shop",
        source,
        key,
        DescribeDBInstances={"DBInstances": [instance]},
    )
    assert answer.level is level
    assert says in answer.says


@pytest.mark.parametrize(
    ("key", "level", "says"),
    [
        (CUSTOMER, Level.OK, "enabled"),
        (AWS, Level.WARNING, "AWS's own"),
        ({**CUSTOMER, "KeyState": "PendingDeletion"}, Level.BLOCKED, "PendingDeletion"),
        ({**CUSTOMER, "KeyState": "Disabled"}, Level.BLOCKED, "Disabled"),
        (None, Level.BLOCKED, "no such key"),
    ],
)
def test_a_key_of_the_settings_is_usable(
    key: dict[str, Any] | None, level: Level, says: str
) -> None:
    answer = said(f"key {KEY}", {"kms_key_arn": KEY}, key)
    assert answer.level is level
    assert says in answer.says


def test_every_secret_and_key_of_the_settings_is_asked_about() -> None:
    of = plan(**DEPLOYMENTS["loading"])
    owners = {login.owner for login in logins(of)}
    assert owners == {"shop", "shop-staging", "orders.example.org:5434"}
    assert keys(of) == [KEY]
