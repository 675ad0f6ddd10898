"""What a pipeline's later stages read of a drill, out of how its execution ended."""

from collections.abc import Mapping
from typing import Any

from lambdas.errors import RequestRefused

VALUE_LENGTH = 1000
"""CodePipeline: 122,880 bytes for all output variables of an action, and 100 KB for an action's
whole configuration once its variables are filled in; people read the rest in the report."""

VARIABLES = ("snapshot_id", "verdict", "headline", "report")


def variables(execution: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, str]:
    """The output variables of a drill that ended well, each a text and none too long.

    Args:
        execution: ``status``, ``cause`` and ``executionArn``, as DescribeExecution names them.
        output: what the execution ended with; empty if it did not end well.

    Raises:
        RequestRefused: it did not end well, or it was no drill.
    """
    name = execution["executionArn"].rpartition(":")[2]
    if execution["status"] != "SUCCEEDED":
        message = execution.get("cause") or execution.get("error") or "no cause is given"
        raise RequestRefused(f"the drill {name} is {execution['status']}: {message}")
    missing = [key for key in VARIABLES if not output.get(key)]
    if missing:
        raise RequestRefused(f"the execution {name} gave no {', '.join(missing)}: is it a drill?")
    return {key: str(output[key])[:VALUE_LENGTH] for key in VARIABLES}
