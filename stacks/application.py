"""The CDK app as a function of its context, for ``app.py`` and for the tests."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from stacks.settings import BadSettings, from_context, keys
from stacks.time_machine import TimeMachineStack

_OURS = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
"""CDK's own context keys hold a colon, a slash or an at sign."""


def application(context: Mapping[str, Any], outdir: Path | None = None) -> cdk.App:
    """The app with the deployment that the context describes, checked by cdk-nag at synth.

    Raises:
        BadSettings: a setting is unknown or can't be used.
    """
    _refuse_strays(context)
    settings = from_context(context)
    app = cdk.App(
        context={key: value for key, value in context.items() if key not in keys()},
        outdir=str(outdir) if outdir else None,
        analytics_reporting=False,
    )
    TimeMachineStack(app, settings.stack, settings)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _refuse_strays(context: Mapping[str, Any]) -> None:
    strays = [key for key in context if _OURS.fullmatch(key) and key not in keys()]
    if strays:
        known = ", ".join(keys())
        raise BadSettings(
            "The settings were refused: "
            + "; ".join(f"{key}: unknown setting; known are {known}" for key in strays)
        )
