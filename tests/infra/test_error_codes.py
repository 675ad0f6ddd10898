"""Each error that an API's model gives a call of ours, and what becomes of it.

A code that is not known ends a drill at once. So each is named here, for each operation that a
function calls: waited for, absent, taken, denied, refused for good, or a fault of ours.
"""

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from lambdas import errors
from lambdas.adapters.aws import MESSAGE_LENGTH, translating_errors
from tests.infra.test_calls import AT_TIMES, AUXILIARY, LOADING
from tests.workflow.test_failures import CALLS
from tests.workflow.test_machine import functions_of

MADE = sorted({*CALLS, *AUXILIARY, *LOADING, *AT_TIMES})
"""Function and operation, as the tests of the policies have them."""

OPERATIONS = sorted(
    {operation for _, operation in MADE if operation != "s3.ListBucket"}
    | {"s3.ListObjectsV2", "s3.HeadObject"}
)

SERVICES = {"states": "stepfunctions"}
"""Whom IAM calls otherwise than botocore."""

WAITED_FOR: Mapping[str, type[errors.TimeMachineError]] = {
    "DBInstanceAutomatedBackupQuotaExceeded": errors.QuotaExceeded,
    "InstanceQuotaExceeded": errors.QuotaExceeded,
    "InsufficientDBInstanceCapacity": errors.InsufficientCapacity,
    "InternalServiceError": errors.ServiceUnavailable,
    "InvalidDBInstanceState": errors.ResourceBusy,
    "InvalidDBSnapshotState": errors.ResourceBusy,
    "KmsThrottlingException": errors.Throttled,
    "ProvisionedIopsNotAvailableInAZFault": errors.InsufficientCapacity,
    "SnapshotQuotaExceeded": errors.QuotaExceeded,
    "StorageQuotaExceeded": errors.QuotaExceeded,
}

ANSWERED: Mapping[str, type[errors.TimeMachineError]] = {
    "DBInstanceAlreadyExists": errors.NameTaken,
    "DBInstanceNotFound": errors.NotFound,
    "DBSnapshotAlreadyExists": errors.NameTaken,
    "DBSnapshotNotFound": errors.NotFound,
    "ExecutionDoesNotExist": errors.NotFound,
    "KmsAccessDeniedException": errors.AccessDenied,
    "NoSuchBucket": errors.NotFound,
    "NoSuchKey": errors.NotFound,
    "ResourceNotFoundException": errors.NotFound,
}
"""Absent, taken or denied: the code that calls decides."""

REFUSED = {
    "CertificateNotFound": "the account's default certificate is gone; only AWS can say why",
    "DBParameterGroupNotFound": "somebody deleted the quarantine's group: deploy again",
    "DBSubnetGroupDoesNotCoverEnoughAZs": "likewise, or its subnets",
    "DBSubnetGroupNotFoundFault": "likewise",
    "DBUpgradeDependencyFailure": "somebody upgrades the copy",
    "DecryptionFailure": "the secret's key is disabled or gone",
    "EncryptionTypeMismatch": "somebody changed the evidence bucket",
    "InvalidDBClusterStateFault": "the instance is a member of a cluster; admission refuses it",
    "InvalidJobStateException": "the pipeline has given the job up",
    "InvalidObjectState": "the object is archived: it has to be restored first",
    "InvalidRequestException": "the secret is marked for deletion",
    "InvalidRestoreFault": "the snapshot can't be restored from a VPC to elsewhere",
    "InvalidSubnet": "somebody deleted a subnet",
    "InvalidVPCNetworkStateFault": "the subnet group no longer covers its zones",
    "JobNotFoundException": "the pipeline no longer knows the job",
    "KMSKeyNotAccessibleFault": "the key is disabled, gone, or its policy forbids it",
    "KmsInvalidStateException": "likewise, of the state machine's key",
    "NetworkTypeNotSupported": "the subnet group can't hold the network type",
    "OptionGroupNotFoundFault": "the snapshot's option group is gone",
    "OutputVariablesSizeExceededException": "the verdict's variables are bounded",
    "StorageTypeNotSupported": "the class can't have the storage type: restore.storage_type",
    "VpcEncryptionControlViolationException": "the VPC enforces encryption in transit",
    **dict.fromkeys(
        (
            "InvalidArn",
            "InvalidParameterException",
            "InvalidRequest",
            "InvalidWriteOffset",
            "TooManyParts",
            "ValidationException",
        ),
        "a fault of ours: the parameter is wrong",
    ),
    **dict.fromkeys(
        (
            "AuthorizationNotFound",
            "BackupPolicyNotFoundFault",
            "BlueGreenDeploymentNotFoundFault",
            "DBCapacityReservationNotFound",
            "DBClusterNotFoundFault",
            "DBClusterSnapshotNotFoundFault",
            "DBProxyEndpointNotFoundFault",
            "DBProxyNotFoundFault",
            "DBProxyTargetGroupNotFoundFault",
            "DBSecurityGroupNotFound",
            "DBShardGroupNotFound",
            "DBSnapshotTenantDatabaseNotFoundFault",
            "DomainNotFoundFault",
            "IntegrationNotFoundFault",
            "InvalidDBCapacityReservationState",
            "InvalidDBClusterEndpointStateFault",
            "InvalidDBSecurityGroupState",
            "TenantDatabaseNotFound",
            "TenantDatabaseQuotaExceeded",
        ),
        "of something that no call of ours names",
    ),
}
"""Waiting mends none of these."""

COMMON: Mapping[str, type[errors.TimeMachineError]] = {
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "InternalFailure": errors.ServiceUnavailable,
    "InternalServerError": errors.ServiceUnavailable,
    "OperationAborted": errors.ServiceUnavailable,
    "RequestTimeout": errors.ServiceUnavailable,
    "ServiceUnavailable": errors.ServiceUnavailable,
    "SlowDown": errors.Throttled,
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    "TooManyRequestsException": errors.Throttled,
    "ExpiredToken": errors.RequestRefused,
    "ValidationError": errors.RequestRefused,
}
"""What any call may answer: no model has these ("Common errors" of each API reference)."""


def codes_of(operation: str) -> set[str]:
    """The codes that are sent, from the ``error`` trait; the shape's name where it has none."""
    service, _, name = operation.partition(".")
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    shapes = model.operation_model(name).error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


def raised(code: str, message: str = "", status: int = 400) -> errors.TimeMachineError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    error = ClientError(answer, "Any")
    with pytest.raises(errors.TimeMachineError) as found, translating_errors("doing it"):
        raise error
    return found.value


@pytest.mark.parametrize("operation", OPERATIONS)
def test_something_is_said_of_each_error_of_a_call(operation: str) -> None:
    assert codes_of(operation) <= WAITED_FOR.keys() | ANSWERED.keys() | REFUSED.keys()


def test_nothing_is_said_twice_or_of_nothing() -> None:
    known = {code for operation in OPERATIONS for code in codes_of(operation)}
    said = [*WAITED_FOR, *ANSWERED, *REFUSED]
    assert len(set(said)) == len(said)
    assert set(said) <= known


@pytest.mark.parametrize(("code", "kind"), [*WAITED_FOR.items(), *ANSWERED.items()])
def test_a_code_becomes_the_word_of_the_workflow(
    code: str, kind: type[errors.TimeMachineError]
) -> None:
    assert type(raised(code)) is kind
    assert type(raised(f"{code.removesuffix('Fault')}Fault")) is kind


@pytest.mark.parametrize("code", REFUSED)
def test_what_waiting_does_not_mend_is_refused(code: str) -> None:
    assert type(raised(code)) is errors.RequestRefused
    assert code in str(raised(code))


@pytest.mark.parametrize(("code", "kind"), COMMON.items())
def test_what_any_call_may_answer_is_known(code: str, kind: type[errors.TimeMachineError]) -> None:
    assert type(raised(code)) is kind


def test_a_code_that_nobody_knows_is_a_passing_fault_where_the_server_says_so() -> None:
    assert type(raised("SomethingNew", status=503)) is errors.ServiceUnavailable
    assert type(raised("SomethingNew", status=400)) is errors.RequestRefused


DRILL = functions_of("drill")

TAGGING = ("PublishReport", "rds.AddTagsToResource")
"""Waited for by the function itself, for seconds: a report has to come, and the tag need not."""


@pytest.mark.parametrize(
    ("function", "operation"), [made for made in MADE if made[0] in DRILL], ids="-".join
)
def test_what_is_waited_for_is_waited_for_where_it_comes(function: str, operation: str) -> None:
    """The state of the function that calls tries again for each such word."""
    if operation == "s3.ListBucket" or (function, operation) == TAGGING:
        return
    retried = {word for rule in DRILL[function]["Retry"] for word in rule["ErrorEquals"]}
    for code in codes_of(operation) & WAITED_FOR.keys():
        assert {WAITED_FOR[code].__name__, "States.ALL"} & retried, code


DENIAL = (
    "User: arn:aws:sts::123456789012:assumed-role/tm-CreateSnapshot/tm-CreateSnapshot is not"
    " authorized to perform: rds:CreateDBSnapshot on resource:"
    " arn:aws:rds:eu-central-1:123456789012:db:shop because no identity-based policy allows the"
    " rds:CreateDBSnapshot action"
)


def test_the_message_of_aws_is_kept_for_who_has_to_mend_it() -> None:
    assert str(raised("AccessDenied", DENIAL)) == f"doing it: AWS answered AccessDenied: {DENIAL}"
    assert str(raised("InvalidArn")) == "doing it: AWS answered InvalidArn"


def test_the_message_is_one_line_bounded_and_names_no_access_key() -> None:
    assert "\n" not in str(raised("AccessDenied", "one\n  two\r\nthree"))
    assert len(str(raised("AccessDenied", "x" * 100_000))) < MESSAGE_LENGTH + 100
    message = str(raised("InvalidAccessKeyId", "the key ASIAIOSFODNN7EXAMPLE is not known"))
    assert "ASIA" not in message
