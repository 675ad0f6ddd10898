"""What a campaign prints: the matrix of damages and checks, and the totals."""

import json
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from campaign.damage import Expected
from campaign.trial import NOT_STARTED, Outcome
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.verdict.verdict import Verdict

FOUND, UNMEASURED, NOTHING = "●", "?", "·"
LETTERS = dict(zip(CHECKS, string.ascii_lowercase[: len(CHECKS)], strict=True))
USERS, COUNTS = "U", "N"
"""What stands over a check's column, and over those of the two usual ways to look."""


@dataclass(frozen=True)
class Campaign:
    """All damages on one specimen.

    Attributes:
        title: of the specimen.
    """

    title: str
    seed: int
    outcomes: Sequence[Outcome]

    @property
    def broken(self) -> list[Outcome]:
        """The promises that were not kept."""
        return [outcome for outcome in self.outcomes if outcome.broken]

    def of(self, *expected: Expected) -> list[Outcome]:
        """The outcomes of which something is expected."""
        return [outcome for outcome in self.outcomes if outcome.expected in expected]

    @property
    def changed(self) -> list[Outcome]:
        """What a check could have noticed: an answer has changed, and the server starts."""
        found = self.of(Expected.FAILED, Expected.STOPPED)
        return [outcome for outcome in found if outcome.started and not outcome.fault]


def matrix(campaign: Campaign) -> Table:
    """Damage by check; a letter stands for each."""
    message = ", ".join(f"{letter} {name}" for name, letter in LETTERS.items())
    table = Table(
        title=f"{campaign.title}: damage × check\n{message};\n{USERS} SELECT COUNT(*) FROM users,"
        f" {COUNTS} exact counts of all tables; {FOUND} found, {UNMEASURED} not measured",
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    for name in ("damage", "expected", "verdict", "".join(LETTERS.values()), USERS, COUNTS):
        table.add_column(name, no_wrap=True)
    for outcome in campaign.outcomes:
        table.add_row(*_cells(outcome), style="red" if outcome.broken else None)
    return table


def _cells(outcome: Outcome) -> Iterator[str]:
    yield outcome.damage.name
    yield outcome.expected
    yield _verdict(outcome)
    yield "".join(_mark(outcome, name) for name in CHECKS)
    yield FOUND if outcome.usual else NOTHING
    yield FOUND if outcome.counts else NOTHING


def _mark(outcome: Outcome, check: str) -> str:
    if check in outcome.wrong:
        return FOUND
    return UNMEASURED if check in outcome.unmeasured else NOTHING


def _verdict(outcome: Outcome) -> str:
    if outcome.fault:
        return "fault"
    return str(outcome.verdict or NOT_STARTED)


def totals(campaigns: Sequence[Campaign]) -> Table:
    """How many damages each way of looking notices."""
    table = Table(title="noticed, of the damages that change an answer", title_justify="left")
    table.add_column("")
    for campaign in campaigns:
        table.add_column(campaign.title, justify="right")
    for name, message in _lines(campaigns):
        table.add_row(name, *message)
    return table


def _lines(campaigns: Sequence[Campaign]) -> Iterator[tuple[str, list[str]]]:
    yield "SELECT COUNT(*) FROM users", [_share(c, [o.usual for o in c.changed]) for c in campaigns]
    yield (
        "exact counts of all tables",
        [_share(c, [o.counts for o in c.changed]) for c in campaigns],
    )
    yield "this verification", [_share(c, [_noticed(o) for o in c.changed]) for c in campaigns]
    for name in CHECKS:
        yield f"  {name} (alone)", [_of_check(campaign, name) for campaign in campaigns]
    yield "the server does not start", [_stopped(campaign) for campaign in campaigns]
    yield "harmless, and PASSED", [_kept(c, Expected.HARMLESS) for c in campaigns]
    yield "wrong later only, noticed", [_kept_apart(c, Expected.LATER) for c in campaigns]
    yield "unseen over SQL", [str(len(c.of(Expected.UNSEEN))) for c in campaigns]
    yield "promises broken", [str(len(campaign.broken)) for campaign in campaigns]


def _noticed(outcome: Outcome) -> bool:
    return outcome.verdict not in {None, Verdict.PASSED}


def _kept_apart(campaign: Campaign, expected: Expected) -> str:
    outcomes = campaign.of(expected)
    return f"{sum(map(_noticed, outcomes))} of {len(outcomes)}"


def _share(campaign: Campaign, noticed: Sequence[bool]) -> str:
    if not campaign.changed:
        return "-"
    share = round(100 * sum(noticed) / len(noticed))
    return f"{sum(noticed)} of {len(noticed)} ({share} %)"


def _of_check(campaign: Campaign, name: str) -> str:
    found = Counter(len(o.wrong) == 1 for o in campaign.changed if name in o.wrong)
    return f"{found.total()} ({found[True]})"


def _stopped(campaign: Campaign) -> str:
    found = campaign.of(Expected.FAILED, Expected.STOPPED)
    return str(sum(not outcome.started and not outcome.fault for outcome in found))


def _kept(campaign: Campaign, expected: Expected) -> str:
    found = campaign.of(expected)
    return f"{sum(outcome.kept for outcome in found)} of {len(found)}"


def message(outcome: Outcome) -> str:
    """One line on a promise that was broken."""
    checks = ", ".join(outcome.wrong + outcome.unmeasured)
    reasons = "; ".join(reason[:160] for reason in outcome.reasons[:2])
    said = f" ({checks}: {reasons})" if reasons else ""
    return f"{outcome.damage.name}: {outcome.broken}; {outcome.damage.what}{said}"


def document(campaigns: Sequence[Campaign]) -> str:
    """Everything, as JSON."""
    found = [
        {"specimen": c.title, "seed": c.seed, "outcomes": [_document(o) for o in c.outcomes]}
        for c in campaigns
    ]
    return json.dumps(found, ensure_ascii=False, indent=1)


def _document(outcome: Outcome) -> dict[str, object]:
    return {
        "damage": outcome.damage.name,
        "family": outcome.damage.family,
        "what": outcome.damage.what,
        "expected": outcome.expected,
        "verdict": _verdict(outcome),
        "wrong": outcome.wrong,
        "unmeasured": outcome.unmeasured,
        "reasons": outcome.reasons,
        "users": outcome.usual,
        "all_counts": outcome.counts,
        "broken": outcome.broken,
        "seconds": round(outcome.seconds, 2),
    }
