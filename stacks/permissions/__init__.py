"""The policies of every role, as plain data: no CDK, nothing parsed, one reason per statement.

``docs/security.md`` shows them as a table; ``tests/infra/cases.md`` says what they must allow and
deny.
"""

import json
from collections.abc import Callable
from dataclasses import replace

from stacks.permissions import network, runtime, workflow
from stacks.permissions.functions import LOAD_GRANTS, OF_FUNCTIONS, STATE_GRANTS
from stacks.permissions.names import Grant, Names, Statement

__all__ = [
    "FUNCTIONS",
    "IN_VPC",
    "LOAD_ROLES",
    "LOAD_STATES",
    "ROLES",
    "STATES",
    "Grant",
    "Names",
    "Statement",
    "grants",
    "statements",
    "too_long",
]

INLINE_POLICY_CHARACTERS = 10_240
"""IAM's quota for all inline policies of a role together, white space aside."""

STATES = tuple(STATE_GRANTS)
"""The functions that the drill's state machine invokes; each has its state's name."""

LOAD_STATES = tuple(LOAD_GRANTS)
"""Those that the load's invokes."""

FUNCTIONS = tuple(OF_FUNCTIONS)
"""Every function, those outside of a workflow too."""

LOAD_ROLES = (*LOAD_STATES, "LoadMachine")
"""The roles that only a deployment with the load has."""

IN_VPC = (
    *("CaptureBaseline", "ReadSource", "CompleteBaseline", "RereadSource"),
    *("PlanVerification", "VerifyBatch"),
    *("PlanLoad", "LoadPart", "FinishLoad", "TidyLoad"),
)
"""The functions that talk to PostgreSQL."""

ROLES = (*FUNCTIONS, "StateMachine", "LoadMachine", "Scheduler", "SweepClock", "FlowLog")
"""Every role that a deployment can have; ``FlowLog`` only where the network is its own."""


_BESIDE: dict[str, Callable[[Names], list[Grant]]] = {
    "StateMachine": lambda names: workflow.run_drill(names, STATES),
    "LoadMachine": lambda names: workflow.run_load(names, LOAD_STATES),
    "Scheduler": workflow.start_night,
    "SweepClock": workflow.start_sweep,
    "FlowLog": network.log_flow,
}


def grants(role: str, names: Names) -> list[Grant]:
    """Everything that a role may do, and is denied, with the reasons.

    Raises:
        KeyError: there is no such role.
    """
    if role in _BESIDE:
        return _BESIDE[role](names)
    return [
        *OF_FUNCTIONS[role](names),
        runtime.log(names, role),
        runtime.trace(),
        *(runtime.join_network(names) if names.vpc and role in IN_VPC else []),
    ]


def too_long(names: Names) -> list[str]:
    """The roles whose policies IAM would refuse for their length; there are too many sources."""
    # Tokens have other lengths than what they stand for: take the longest that there are.
    longest = replace(
        names,
        partition="aws-us-gov",
        region="ap-southeast-2",
        account="0" * 12,
        url_suffix="amazonaws.com.cn",
    )
    return [role for role in ROLES if _characters(role, longest) > INLINE_POLICY_CHARACTERS]


def _characters(role: str, names: Names) -> int:
    document = {"Version": "2012-10-17", "Statement": statements(role, names)}
    return len(json.dumps(document, separators=(",", ":")))


def statements(role: str, names: Names) -> list[Statement]:
    """The role's policy as IAM statements.

    Raises:
        KeyError: there is no such role.
    """
    return [grant.statement() for grant in grants(role, names)]
