"""AWS Step Functions: whether an execution still runs, and what it ended with."""

import json
from collections.abc import Mapping
from typing import Any

from lambdas.adapters.aws import PATIENT, client, translating_errors
from lambdas.sweep.retention import ExecutionState

RUNNING = frozenset({"RUNNING", "PENDING_REDRIVE"})


class Executions:
    """The states of executions, each asked for once."""

    def __init__(self) -> None:
        self._client = client("stepfunctions", PATIENT)
        self._known: dict[str, ExecutionState] = {}

    def state(self, execution_arn: str) -> ExecutionState:
        """``running`` or ``over``; Step Functions forgets an execution 90 days after its end.

        The ARN is a tag's: which executions may be asked about is bounded by the role.
        """
        if execution_arn not in self._known:
            self._known[execution_arn] = self._ask(execution_arn)
        return self._known[execution_arn]

    def _ask(self, execution_arn: str) -> ExecutionState:
        with translating_errors(f"describing the execution {execution_arn}"):
            try:
                # The input may hold SQL; it is not asked for.
                found = self._client.describe_execution(
                    executionArn=execution_arn, includedData="METADATA_ONLY"
                )
            except self._client.exceptions.ExecutionDoesNotExist:
                return ExecutionState.OVER
        return ExecutionState.RUNNING if found["status"] in RUNNING else ExecutionState.OVER


def ending(execution_arn: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """An execution as DescribeExecution gives it, and its output, empty while there is none.

    Raises:
        NotFound: no such execution, or it ended more than 90 days ago.
    """
    with translating_errors(f"reading the execution {execution_arn}"):
        found = client("stepfunctions").describe_execution(executionArn=execution_arn)
    output = json.loads(found.get("output") or "{}")
    return found, output if isinstance(output, dict) else {}
