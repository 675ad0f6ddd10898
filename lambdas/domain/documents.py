"""The names of a drill's documents in its evidence folder."""

REQUEST = "request.json"
BASELINE_BEFORE = "baseline-before.json"
BASELINE_AFTER = "baseline-after.json"
PLAN = "plan.json"
JUDGEMENT = "judgement.json"
REPORT = "report.json"
PAGE = "report.html"


def batch(number: int) -> str:
    """A batch's units."""
    return f"batches/{number:05d}.json"


def findings(number: int) -> str:
    """A batch's measurements."""
    return f"findings/{number:05d}.json"
