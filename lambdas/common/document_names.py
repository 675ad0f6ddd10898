"""The names of a drill's documents in its evidence folder."""

REQUEST = "request.json"
BASELINE_BEFORE = "baseline-before.json"
BASELINE_AFTER = "baseline-after.json"
PLAN = "plan.json"
JUDGEMENT = "judgement.json"
REPORT = "report.json"
PAGE = "report.html"


def source_plan(survey: str) -> str:
    """The batches that a survey of the source cut; each try of the survey has a name of its own."""
    return f"source/{survey}/plan.json"


def source_batch(survey: str, number: int) -> str:
    """What a batch reads of the source, both times."""
    return f"source/{survey}/{number:05d}.json"


def read_before(number: int) -> str:
    """What a batch read of the source before the snapshot."""
    return f"before/{number:05d}.json"


def read_after(number: int) -> str:
    """What a batch read of the source after the snapshot."""
    return f"after/{number:05d}.json"


def batch(number: int) -> str:
    """A batch's units."""
    return f"batches/{number:05d}.json"


def findings(number: int) -> str:
    """A batch's measurements."""
    return f"findings/{number:05d}.json"


LOAD = "load.json"
PARTS = "parts.json"
RESULT = "result.json"
OVER = "over.json"
"""That a load was ended from outside, and may not go on."""


def stretch(number: int) -> str:
    """What a part of an object says about its rows."""
    return f"stretches/{number:05d}.json"


def loaded(number: int) -> str:
    """What became of a part of a load."""
    return f"loaded/{number:05d}.json"


def reasons(number: int) -> str:
    """Why rows of a part were left out."""
    return f"reasons/{number:05d}.json"


def rejects(number: int) -> str:
    """The rows of a part that were left out."""
    return f"rejects/{number:05d}.csv"
