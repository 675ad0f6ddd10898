"""``docs/first-deployment.md``: every entry has its three parts, and what it names is there."""

import re

import pytest

from ops.preflight.plan import NAMED
from ops.preflight.run import SUBJECTS
from tests.infra.conftest import ROOT
from tests.infra.preflight.conftest import plan
from tests.infra.test_settings import GIVEN
from tests.unit.test_repository import README

FILE = ROOT / "docs" / "first-deployment.md"
TEXT = FILE.read_text(encoding="utf-8")
PARTS = ["Not proven", "Looks like", "Do"]
ENTRIES = dict(re.findall(r"^### (.+)\n((?:(?!^#).*\n?)*)", TEXT, re.MULTILINE))
ORDER = ["make preflight", "make bootstrap", "make deploy", "The first drill", "While it runs"]


@pytest.mark.parametrize("title", list(ENTRIES))
def test_each_entry_says_what_is_not_proven_how_it_looks_and_what_to_do(title: str) -> None:
    paragraphs = [text for text in ENTRIES[title].split("\n\n") if text.strip()]
    found = [re.findall(r"\A\*\*(.+?)\.\*\* \S", text) for text in paragraphs]
    assert found == [[part] for part in PARTS]


def test_there_is_an_entry_for_each_thing_that_only_an_account_can_show() -> None:
    for word in (
        *("event_triggers", "rds_superuser", "amcheck", "aws:ViaAWSService", "s3:prefix"),
        *("CreateNetworkInterface", "lambda:SourceFunctionArn", "ParameterApplyStatus"),
        *("rds_iam", "ResourceNotReadyException", "rdsadmin", "rds:PubliclyAccessible"),
        *("rds:ManageMasterUserPassword", "L-F678F1CE", "SnapshotQuotaExceeded"),
        *("aws:rds:primaryDBInstanceArn", "ReservedConcurrentExecutions", "certificate verify"),
    ):
        assert any(word in title + text for title, text in ENTRIES.items()), word


def test_it_begins_with_the_order_of_a_first_deployment() -> None:
    steps = TEXT.split("## In this order")[1].split("\n## ")[0]
    places = [steps.index(step) for step in ORDER]
    assert places == sorted(places)


def test_each_subject_of_preflight_is_in_its_table() -> None:
    rows = TEXT.split("| preflight asks |")[1].split("\n\n")[0]
    resources = {
        f"R{number}": {
            "Type": kind,
            "Properties": {key: "tm-x", "Family": "postgres16", "Parameters": {}},
        }
        for number, (kind, key) in enumerate(NAMED.items())
    }
    secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop-AbCdEf"
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234"
    source = {"db_instance_id": "shop", "secret_arn": secret, "kms_key_arn": key}
    template = {"Resources": resources}
    plans = (plan(template, sources=[source], network=GIVEN), plan(template))
    subjects = {
        question.subject for of in plans for module in SUBJECTS for question in module.questions(of)
    }
    kinds = {re.split(r"[ :-]", subject.replace("quotas", "quota"))[0] for subject in subjects}
    for kind in kinds - {"vpc"}:
        assert kind in rows, kind


def test_what_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (FILE.parent / target).exists(), target
    assert "docs/first-deployment.md" in README
    for other, anchor in re.findall(r"\]\((\w+\.md)#([^)]+)\)", TEXT):
        headings = re.findall(r"^#+ (.+)$", (FILE.parent / other).read_text("utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
        assert anchor in anchors, (other, anchor)


def test_of_a_redrive_it_says_no_more_than_the_runbook() -> None:
    """The machines' roles may redrive the batches of their maps, and one page says when."""
    saying = [text for text in ENTRIES.values() if "redrive" in text.lower()]
    assert saying
    for text in saying:
        assert "(runbook.md#redrive-an-execution)" in text
        assert not re.search(r"no\s+redrive|can(?:no|')t\s+be\s+redriven", text)
