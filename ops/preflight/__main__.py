"""``make preflight CONTEXT=<file>``: ask an AWS account what can be asked before a deployment.

It only reads. Exit status: 0 nothing is blocked, 1 something is, 2 it could not ask.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.config import Config
from rich.console import Console
from rich.text import Text

from app import context_of
from ops.credentials import Unusable, usable_session
from ops.preflight.account import Account
from ops.preflight.answers import Level
from ops.preflight.calls import policy
from ops.preflight.plan import plan_of
from ops.preflight.report import document, show, write
from ops.preflight.run import answers_of
from stacks.settings import BadSettings

BLOCKED = 1
UNUSABLE = 2

_CLIENT = Config(
    connect_timeout=5, read_timeout=25, retries={"mode": "standard", "total_max_attempts": 5}
)


def main(arguments: list[str] | None = None) -> int:
    """Ask as the command line says; return the exit status."""
    options = _options(arguments)
    if options.policy:
        write(policy())
        return 0
    try:
        session = usable_session()
        plan = plan_of(context_of(options.context, options.c))
        account = Account(str(session.region_name), _clients(session))
        answers = answers_of(account, plan)
    except (BadSettings, Unusable) as error:
        Console(stderr=True, highlight=False).print(Text(str(error)), soft_wrap=True)
        return UNUSABLE
    if options.json:
        write(document(answers))
    else:
        show(answers)
    return BLOCKED if any(answer.level is Level.BLOCKED for answer in answers) else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make preflight", description=__doc__)
    parser.add_argument(
        "--context", type=Path, help="a JSON file of settings, instead of those in cdk.json"
    )
    parser.add_argument(
        "-c", action="append", default=[], metavar="KEY=VALUE", help="one setting; JSON or text"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")
    parser.add_argument("--policy", action="store_true", help="print the IAM policy that it needs")
    return parser.parse_args(arguments)


def _clients(session: Any) -> Callable[[str], Any]:
    return lambda service: session.client(service, config=_CLIENT)


if __name__ == "__main__":
    sys.exit(main())
