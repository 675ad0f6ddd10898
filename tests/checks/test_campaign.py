"""A handful of what ``make campaign`` does in full, and that it judges itself rightly."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg2 import sql

from campaign.__main__ import main
from campaign.arena import Source
from campaign.damage import Body, Damage, Expected
from campaign.damages import DAMAGES
from campaign.pages import PAGE_BYTES, NothingChanged, checksum, number
from campaign.report import Campaign
from campaign.run import carried_out, chosen
from campaign.specimen import SHOP, Base, Specimen, prepared
from campaign.trial import Outcome
from campaign.under_load import WAYS, weathered_on
from lambdas.drill.verdict.verdict import Verdict
from local.postgres import Binaries

pytestmark = pytest.mark.xdist_group("campaign")

SAMPLE = (
    "heap-flip-data-sealed",
    "trigger-disabled",
    "control-lost",
    "fsm-zero",
)
"""Each way to damage, and each kind of outcome."""


@pytest.fixture(scope="module")
def specimen(binaries: Binaries, folder: Path) -> Iterator[Specimen]:
    with prepared(binaries, folder / "campaign", checksums=True) as made:
        yield made


def _named(*names: str) -> list[Damage]:
    return [damage for damage in DAMAGES if damage.name in names]


def _zero_twice(body: Body) -> None:
    body.main("public.users").zero(0)
    body.main("public.users").zero(0)


def test_every_damage_has_a_name_of_its_own_and_says_what_is_expected() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES)
    for damage in DAMAGES:
        acts = damage.surgery or damage.statements or damage.base is Base.EARLY
        assert acts, damage.name
        assert damage.words or damage.expected is not Expected.FAILED, damage.name


def test_a_sample_of_damages_is_judged_as_promised(specimen: Specimen) -> None:
    damages = _named(*SAMPLE)
    assert len(damages) == len(SAMPLE)

    outcomes = carried_out(specimen, damages, 2, 1, lambda _: None)

    assert {o.damage.name: o.broken for o in outcomes if o.broken} == {}
    by_name = {outcome.damage.name: outcome for outcome in outcomes}
    assert not by_name["control-lost"].started
    assert by_name["fsm-zero"].verdict is Verdict.PASSED
    silent = by_name["heap-flip-data-sealed"]
    assert (silent.verdict, silent.usual, silent.counts) == (Verdict.FAILED, False, False)


def test_a_damage_that_does_nothing_is_a_fault_of_the_campaign(specimen: Specimen) -> None:
    nothing = (
        Damage("no-row", "rows", "", ("x",), statements=("DELETE FROM users WHERE id < 0",)),
        Damage("no-byte", "heap", "", ("x",), _zero_twice),
        Damage("no-word", "rows", "", ("x",), statements=("SELECT 1",)),
    )

    outcomes = carried_out(specimen, nothing, 1, 1, lambda _: None)

    assert all(NothingChanged.__name__ in outcome.fault for outcome in outcomes)
    assert all(outcome.broken for outcome in outcomes)


def test_the_checksum_is_the_servers(specimen: Specimen) -> None:
    heap = specimen.bases[Base.SETTLED].data / specimen.atlas.files[SHOP]["public.users"].main
    content = heap.read_bytes()
    for block in (0, 7):
        page = content[block * PAGE_BYTES : (block + 1) * PAGE_BYTES]
        assert checksum(page, block) == number(page, 8)


@pytest.mark.parametrize(
    ("expected", "verdict", "reasons", "kept"),
    [
        (Expected.FAILED, Verdict.FAILED, ("shop: public.users: wrong",), True),
        (Expected.FAILED, Verdict.FAILED, ("shop: public.others: wrong",), False),
        (Expected.FAILED, Verdict.INCONCLUSIVE, ("shop: public.users: unknown",), False),
        (Expected.FAILED, None, (), False),
        (Expected.STOPPED, None, (), True),
        (Expected.STOPPED, Verdict.INCONCLUSIVE, (), True),
        (Expected.STOPPED, Verdict.PASSED, (), False),
        (Expected.HARMLESS, Verdict.PASSED, (), True),
        (Expected.HARMLESS, Verdict.FAILED, (), False),
        (Expected.HARMLESS, Verdict.INCONCLUSIVE, (), False),
        (Expected.LATER, Verdict.PASSED, (), True),
        (Expected.LATER, Verdict.FAILED, (), True),
        (Expected.LATER, None, (), False),
        (Expected.UNSEEN, Verdict.PASSED, (), True),
        (Expected.UNSEEN, Verdict.FAILED, (), True),
        (Expected.UNSEEN, Verdict.INCONCLUSIVE, (), True),
        (Expected.UNSEEN, None, (), False),
    ],
)
def test_a_promise_is_kept_only_by_the_verdict_that_was_promised(
    expected: Expected, verdict: Verdict | None, reasons: tuple[str, ...], kept: bool
) -> None:
    damage = Damage("x", "heap", "", ("public.users",))
    outcome = Outcome(damage, expected, verdict, reasons=reasons)

    assert outcome.kept is kept
    assert not replace(outcome, fault="it broke").kept
    assert bool(Campaign("x", 1, [outcome]).broken) is not kept


def test_damages_are_chosen_by_name_or_family(binaries: Binaries) -> None:
    assert {damage.family for damage in chosen("toast-,visibility", binaries)} == {
        "toast",
        "visibility map",
    }
    known = [damage for damage in DAMAGES if damage.since <= binaries.major]
    assert chosen("", binaries) == known


def test_a_damage_is_done_by_a_program_that_the_server_came_with(
    binaries: Binaries, tmp_path: Path
) -> None:
    (tmp_path / "postgres").symlink_to(binaries.program("postgres"))
    bare = Binaries(tmp_path, None)
    left_out = {d.name for d in chosen("", binaries)} - {d.name for d in chosen("", bare)}
    assert left_out >= {"log-reset", "epoch", "checksums-other"}
    assert {damage.program for damage in chosen("", bare)} == {""}


def test_options_that_fit_nothing_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(damage.name in listed for damage in DAMAGES)
    assert main(["--only", "no-such-damage"]) == 2


@pytest.mark.thorough
def test_a_workload_raises_no_alarm_and_hides_no_damage(source: Source) -> None:
    database = "under_load"
    try:
        found = weathered_on(source, database, 5)
    finally:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        source.run("postgres", statement.format(sql.Identifier(database)))

    assert not found.alarms
    assert not found.missed
    assert len(found.found) == len(WAYS)
