"""IAM, simulated: what AWS would answer to a request under given policies, without AWS.

``@cloud-copilot/iam-simulate`` evaluates resources, conditions and denials, and knows from AWS's
service authorisation reference which resources and condition keys each action has. It runs in one
Node process of the project's own virtual environment, asked line by line.
"""

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.infra.installation import SimulatorUnavailable, install, node

Document = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]


class IllegalQuestion(ValueError):
    """The action is unknown, does not act on such a resource, or a policy is malformed."""


@dataclass(frozen=True)
class Decision:
    """What IAM answers.

    Attributes:
        result: ``Allowed``, ``ImplicitlyDenied`` or ``ExplicitlyDenied``.
        statements: the ``Sid`` of those that decided; none for an implicit denial.
        ignored: keys of the context that AWS does not set for this action and resource.
        detail: the action, the resource and the result, for an error message.
    """

    result: str
    statements: tuple[str, ...]
    ignored: tuple[str, ...]
    detail: str

    @property
    def allowed(self) -> bool:
        """Whether the request passes."""
        return self.result == "Allowed"


class Simulator:
    """Use as a context manager; safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        folder = install()
        self._process = subprocess.Popen(
            [node(), folder / "simulate.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def decide(
        self,
        policies: Sequence[Document],
        principal_arn: str,
        action: str,
        resource: str,
        context: Context,
    ) -> Decision:
        """One action on one resource.

        Args:
            policies: the principal's identity policies, whole documents.
            resource: an ARN without a wildcard, which the model would take for a pattern and say
                yes where AWS says no; ``*`` where the action has no resources.
            context: condition keys with their values, tags of the resource among them.

        Raises:
            IllegalQuestion: the question makes no sense to IAM; that is no denial.
        """
        if set(resource) & set("*?") and (resource != "*" or self.resource_types(action)):
            raise IllegalQuestion(f"{action} on {resource}: a question names what it is about")
        account = principal_arn.split(":")[4]
        found = self._ask(
            "decide",
            policies=list(policies),
            principal=principal_arn,
            action=action,
            resource=resource,
            account=account,
            context=dict(context),
        )
        by = tuple(found["statements"])
        detail = f"{found['result']}: {action} on {resource}" + (
            f" ({', '.join(by)})" if by else ""
        )
        return Decision(found["result"], by, tuple(found["ignored"]), detail)

    def authorize(
        self,
        policies: Sequence[Document],
        principal_arn: str,
        action: str,
        resources: Mapping[str, Context],
        context: Context,
    ) -> Decision:
        """One action on all the resources that it touches: each must be allowed.

        Args:
            resources: by ARN what is true of that resource alone, such as its tags.
            context: what is true of the whole request.

        Returns:
            The first denial, else the last decision.

        Raises:
            IllegalQuestion: as above, or no resource is given.
        """
        if not resources:
            raise IllegalQuestion(f"{action} on no resource")
        for resource, own in resources.items():
            decision = self.decide(policies, principal_arn, action, resource, {**context, **own})
            if not decision.allowed:
                return decision
        return decision

    def resource_types(self, action: str) -> tuple[str, ...]:
        """The types of resource that an action can be bounded to; none means ``*`` only."""
        return tuple(self._ask("describe", action=action)["resourceTypes"])

    def access_level(self, action: str) -> str:
        """What AWS says that an action does: ``Read``, ``List``, ``Write``, ``Tagging``, …"""
        return str(self._ask("describe", action=action)["accessLevel"])

    def condition_keys(self, action: str, resource: str) -> frozenset[str]:
        """The condition keys that AWS sets for an action on a resource, in small letters."""
        return frozenset(self._ask("keys", action=action, resource=resource)["keys"])

    def _ask(self, what: str, **question: Any) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise SimulatorUnavailable("the simulator is asked outside of its context")
        with self._lock:
            try:
                process.stdin.write(json.dumps({"ask": what, **question}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
        if not line:
            raise SimulatorUnavailable(f"the simulator ended, status {process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise IllegalQuestion(f"{what} {question.get('action')}: {answer['error']}")
        return answer
