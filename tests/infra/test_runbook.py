"""The runbook answers what the deployment may ask of a person."""

import inspect
import re
from typing import Any

import pytest

from lambdas import errors
from lambdas.common import ownership
from lambdas.common.ownership import RESTORABLE
from lambdas.drill.evidence import notice
from lambdas.drill.verdict.verdict import Verdict
from tests.infra.conftest import ROOT
from tests.infra.test_template import DEPLOYMENTS, Synthesised

TEXT = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
WORDS = [
    name
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, errors.TimeMachineError) and found is not errors.TimeMachineError
]


def section(heading: str) -> str:
    return re.split(r"\n##+ ", TEXT.split(f"\n### {heading}\n")[1])[0]


def test_each_alarm_has_its_section_with_the_four_answers(
    template: dict[str, Any], synthesised: Synthesised
) -> None:
    loading = synthesised("loading", DEPLOYMENTS["loading"])
    names = {
        resource["Properties"]["AlarmName"].removeprefix("tm-").split("-")[0]
        for resource in (*template["Resources"].values(), *loading["Resources"].values())
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert {"DrillFailed", "NoPassedDrill", "CopyOverdue", "CleanupFailed", "LoadFailed"} <= names
    for name in names:
        for part in ("What happened", "Look here first", "What to do", "Escalate"):
            assert f"**{part}" in section(name), name


@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_an_inconclusive_reason_is_explained(word: str) -> None:
    assert f"| `{word}` |" in TEXT


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Invalid / Unmodifiable / Unsupported DB Parameter", "event_triggers_off"),
        ("ReservedConcurrentExecutions", "reserve_concurrency"),
        ("does not have permissions to call\nDeleteNetworkInterface", "LetLambdaJoinNetwork"),
    ],
)
def test_what_rolls_a_first_deployment_back_is_quoted_with_its_remedy(
    said: str, remedy: str
) -> None:
    message = TEXT.split(said)[1].split("\n\n")[0]
    assert remedy in message


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_a_notice_refers_to_is_there(verdict: Verdict) -> None:
    texts = [*notice.NEXT_STEP.values()]
    assert verdict in notice.NEXT_STEP
    for name in re.findall(r"runbook: (\w+)", " ".join(texts), re.IGNORECASE):
        assert name in HEADINGS


def test_each_link_within_leads_somewhere() -> None:
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in HEADINGS}
    for target in re.findall(r"\]\(#([^)]+)\)", TEXT):
        assert target in anchors


def test_the_tags_and_examples_are_those_of_the_code() -> None:
    assert f"`{ownership.HOLD}`" in TEXT
    assert f"Key={RESTORABLE},Value=yes" in TEXT
    examples = {file.name for file in (ROOT / "statemachine" / "examples").glob("*.json")}
    assert set(re.findall(r"statemachine/examples/([\w-]+\.json)` \|", TEXT)) == examples
