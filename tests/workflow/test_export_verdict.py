"""ExportVerdict answers the pipeline's job, whatever became of the drill."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas.adapters.aws import client
from local.calls import Fault
from local.cloud import SOURCE, Cloud

JOB = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def pipeline(cloud: Cloud) -> Iterator[Stubber]:
    """CodePipeline, which moto does not answer for: botocore holds each call to its model."""
    with Stubber(client("codepipeline")) as stub:
        yield stub
        stub.assert_no_pending_responses()


def export(cloud: Cloud, execution_arn: str | None) -> Any:
    """Send the event of a Lambda invoke action, as the CodePipeline user guide shows it."""
    configuration = {"FunctionName": "ExportVerdict"}
    if execution_arn is not None:
        configuration["UserParameters"] = execution_arn
    event = {
        "CodePipeline.job": {
            "id": JOB,
            "accountId": "123456789012",
            "data": {
                "actionConfiguration": {"configuration": configuration},
                "inputArtifacts": [],
                "outputArtifacts": [],
            },
        }
    }
    arn = cloud.functions.arn("ExportVerdict")
    return cloud.functions.invoke(arn, json.dumps(event).encode())["Payload"]


def expect_failure(pipeline: Stubber, kind: str, message: str) -> None:
    details = {"type": kind, "message": message}
    wanted = {"jobId": JOB, "failureDetails": details}
    pipeline.add_response("put_job_failure_result", {}, wanted)


@pytest.mark.parametrize("mode", ["snapshot", "drill"])
def test_later_stages_read_snapshot_and_verdict(cloud: Cloud, pipeline: Stubber, mode: str) -> None:
    ending = cloud.run({"db_instance_id": SOURCE, "mode": mode, "purpose": "pre-deploy"})
    assert ending.output is not None
    variables = {
        key: ending.output[key] for key in ("snapshot_id", "verdict", "headline", "report")
    }
    assert variables["snapshot_id"].startswith("tm-")
    assert variables["verdict"] == "PASSED"
    pipeline.add_response(
        "put_job_success_result", {}, {"jobId": JOB, "outputVariables": variables}
    )
    assert export(cloud, ending.execution_arn) == {"variables": variables}


def test_a_drill_that_failed_fails_the_job_with_its_cause(cloud: Cloud, pipeline: Stubber) -> None:
    ending = cloud.run({"db_instance_id": "not-there"}, name="bad")
    expect_failure(pipeline, "JobFailed", f"the drill bad is FAILED: {ending.cause}")
    assert export(cloud, ending.execution_arn) == {"variables": None}


@pytest.mark.parametrize("parameters", [None, "", "  "])
def test_a_job_without_an_execution_is_told_what_it_lacks(
    cloud: Cloud, pipeline: Stubber, parameters: str | None
) -> None:
    expect_failure(
        pipeline, "ConfigurationError", "UserParameters: must be the ARN of the drill's execution"
    )
    assert export(cloud, parameters) == {"variables": None}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", "PermissionError"),
        ("ExecutionDoesNotExist", "ConfigurationError"),
        ("ThrottlingException", "SystemUnavailable"),
        ("ServiceUnavailable", "SystemUnavailable"),
        ("InvalidArn", "JobFailed"),
    ],
)
def test_a_refused_look_fails_the_job_in_our_words(
    cloud: Cloud, pipeline: Stubber, code: str, kind: str
) -> None:
    cloud.ledger.faults.append(Fault("stepfunctions.DescribeExecution", code))
    message = f"reading the execution arn:x: AWS answered {code}: scripted fault"
    expect_failure(pipeline, kind, message)
    assert export(cloud, "arn:x") == {"variables": None}


def test_an_answer_that_is_not_taken_is_an_error_and_not_a_success(
    cloud: Cloud, pipeline: Stubber
) -> None:
    """Without an answer the pipeline gives the action up after 20 minutes: never a silent pass."""
    ending = cloud.run({"db_instance_id": SOURCE, "mode": "snapshot"})
    pipeline.add_client_error("put_job_success_result", "InvalidJobStateException")
    answer = export(cloud, ending.execution_arn)
    assert answer["errorType"] == "RequestRefused"
    assert answer["errorMessage"] == (
        f"answering the job {JOB}: AWS answered InvalidJobStateException"
    )
