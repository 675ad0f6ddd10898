"""What kept the workflow from going on, in one sentence."""

import json
from collections.abc import Mapping
from typing import Any

from lambdas.remedies import remedy_of_word

_OURS = {"failed": "", "overdue": ""}


def in_words(failure: Mapping[str, str] | None) -> str:
    """The sentence of a caught error, or of a poll that ended badly, with what to do; else empty.

    Args:
        failure: ``state``, ``error`` (the error's name) and ``cause``: text, or the JSON document
            that Lambda makes of an exception.
    """
    if not failure:
        return ""
    message = _message(failure.get("cause", ""))
    error = _OURS.get(failure["error"], failure["error"])
    sentence = ": ".join(part for part in (error, message) if part)
    remedy = remedy_of_word(failure["error"])
    return "; ".join(part for part in (f"{failure['state']}: {sentence}", remedy) if part)


def _message(cause: str) -> str:
    try:
        document: Any = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", "")) if isinstance(document, dict) else cause
