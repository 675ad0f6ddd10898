"""The CDK app: ``make synth`` writes the template, ``make deploy`` deploys it."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from stacks.application import application
from stacks.settings import BadSettings

CDK_FILE = Path(__file__).with_name("cdk.json")


def main() -> int:
    """Synthesise; 2 with one line on stderr when the settings can't be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--context", type=Path, help="a JSON file of settings, instead of those in cdk.json"
    )
    parser.add_argument(
        "-c", action="append", default=[], metavar="KEY=VALUE", help="one setting; JSON or text"
    )
    options = parser.parse_args()
    try:
        context = _context(options.context, options.c)
        application(context, Path(os.environ.get("CDK_OUTDIR", "build/cdk.out"))).synth()
    except BadSettings as error:
        print(error, file=sys.stderr)  # noqa: T201 -- for the person at the terminal
        return 2
    return 0


def _context(file: Path | None, pairs: list[str]) -> dict[str, Any]:
    """``python app.py`` alone reads no cdk.json: that is the CLI's work, so it is done here."""
    known: dict[str, Any] = json.loads(CDK_FILE.read_text(encoding="utf-8"))["context"]
    if file is not None:
        known = {key: value for key, value in known.items() if key.startswith("@")}
        known |= _read(file)
    known |= json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    for pair in pairs:
        key, _, value = pair.partition("=")
        known[key] = json.loads(value) if key.startswith("aws:") else value
    return known


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
