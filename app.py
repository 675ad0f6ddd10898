"""The CDK app: ``make synth`` writes the template, ``make deploy`` deploys it."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from stacks.application import application
from stacks.settings import BadSettings, DeploymentSettings, from_context

CDK_FILE = Path(__file__).with_name("cdk.json")


def main() -> int:
    """Synthesise; 2 with one line on stderr when the settings can't be used.

    All that is said goes to stderr: stdout is the CLI's, ``cdk synth`` writes the template there.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--context", type=Path, help="a JSON file of settings, instead of those in cdk.json"
    )
    parser.add_argument(
        "-c", action="append", default=[], metavar="KEY=VALUE", help="one setting; JSON or text"
    )
    options = parser.parse_args()
    try:
        context = context_of(options.context, options.c)
        application(context, Path(os.environ.get("CDK_OUTDIR", "build/cdk.out"))).synth()
    except BadSettings as error:
        print(error, file=sys.stderr)  # noqa: T201 -- for the person at the terminal
        return 2
    print(majors_of(from_context(context)), file=sys.stderr)  # noqa: T201 -- likewise
    return 0


def majors_of(settings: DeploymentSettings) -> str:
    """Which sources it is for: synth asks no source, and PlanDrill refuses the others only then."""
    majors = ", ".join(map(str, settings.postgres_majors))
    return (
        f"The sources must be on PostgreSQL {majors} (setting postgres_majors): a drill of another"
        " one is refused, unless it restores nothing or names restore.parameter_group."
    )


def context_of(file: Path | None, pairs: list[str]) -> dict[str, Any]:
    """cdk.json's flags, the settings of the file or else of cdk.json, and what was said besides.

    ``python app.py`` alone reads no cdk.json, and the CLI hands all of it over, settings too: a
    file of settings takes their place, and what differs from cdk.json was said with ``-c``. What
    was said and is the same can't be told from it: the Makefile hands over the command line too,
    as ``CDK_ARGS``, lest a deployment with the prefix of cdk.json be taken for the file's.
    """
    written: dict[str, Any] = json.loads(CDK_FILE.read_text(encoding="utf-8"))["context"]
    handed: dict[str, Any] = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    said = {key: value for key, value in handed.items() if written.get(key) != value}
    known = written if file is None else {**_flags(written), **_read(file)}
    given = [pair.partition("=") for pair in _said_to_cdk(os.environ.get("CDK_ARGS", ""))]
    said |= {key: value for key, equals, value in given if equals}
    return {**known, **said, **dict(map(_pair, pairs))}


def _said_to_cdk(arguments: str) -> list[str]:
    """The ``key=value`` of each ``-c`` and ``--context`` of the CLI, as yargs reads them."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-c", "--context", action="append", default=[], dest="said")
    try:
        return list(parser.parse_known_args(shlex.split(arguments))[0].said)
    except (ValueError, argparse.ArgumentError):
        wrong = "a quote is not closed, or -c has no KEY=VALUE"
        raise BadSettings(f"The settings were refused: ARGS: {wrong}") from None


def _flags(context: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in context.items() if key.startswith("@")}


def _pair(pair: str) -> tuple[str, Any]:
    key, _, value = pair.partition("=")
    if not key.startswith("aws:"):
        return key, value
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        raise BadSettings(f"The settings were refused: {key}: is no JSON") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(f"The settings were refused: {file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise BadSettings(f"The settings were refused: {file}: is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadSettings(f"The settings were refused: {file}: must hold a JSON object")
    return found


if __name__ == "__main__":
    sys.exit(main())
