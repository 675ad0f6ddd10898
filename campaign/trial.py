"""One damage on one fresh copy: what was said of it, and whether that is what must be said."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from campaign.arena import SETTINGS, Taken
from campaign.damage import Body, Damage, Expected
from campaign.forgery import forge
from campaign.pages import NothingChanged
from campaign.scripts import all_counts_notice, usual_script_notices
from campaign.specimen import Base, Specimen
from lambdas.drill.units import Status
from lambdas.drill.verdict.verdict import Judgement, Verdict
from lambdas.errors import DatabaseUnreachable, QueryFailed
from local.postgres import PostgresFailed, PostgresServer

STATEMENT_SECONDS = 15.0
DEADLINE_SECONDS = 240.0
MARGIN_SECONDS = 40.0

NOT_STARTED = "the server did not start"
SURVEY = "survey"


@dataclass(frozen=True)
class Outcome:
    """What became of one damage.

    Attributes:
        verdict: of the drill; None where the server did not start.
        wrong: the checks that found something.
        unmeasured: the checks that could not measure something.
        usual, counts: whether the one-table script, and exact counts of all tables, noticed.
        fault: what broke the verifier or the campaign itself; empty when nothing did.
    """

    damage: Damage
    expected: Expected
    verdict: Verdict | None = None
    wrong: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    usual: bool = True
    counts: bool = True
    seconds: float = 0.0
    fault: str = ""

    @property
    def started(self) -> bool:
        """Whether the server took connections."""
        return self.verdict is not None

    @property
    def named(self) -> bool:
        """Whether one reason holds all the words that it must."""
        choices = [words for words in (self.damage.words, self.damage.or_words) if words]
        return any(
            all(word in reason for word in words) for words in choices for reason in self.reasons
        )

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.broken

    @property
    def broken(self) -> str:
        """How the promise was broken; empty when it was kept."""
        if self.fault:
            return f"the verifier or the campaign failed: {self.fault}"
        if self.expected is Expected.STOPPED:
            return "PASSED" if self.verdict is Verdict.PASSED else ""
        if self.expected is Expected.FAILED:
            return self._not_failed()
        return (
            f"{self.verdict or NOT_STARTED}, and no answer has changed" if self._alarmed() else ""
        )

    def _alarmed(self) -> bool:
        allowed = {Verdict.PASSED}
        if self.expected in {Expected.LATER, Expected.UNSEEN}:
            allowed |= {Verdict.FAILED, Verdict.INCONCLUSIVE}
        return self.verdict not in allowed

    def _not_failed(self) -> str:
        if self.verdict is not Verdict.FAILED:
            return f"{self.verdict or NOT_STARTED} instead of FAILED"
        return "" if self.named else f"FAILED, and {' '.join(self.damage.words)} is not named"


def tried(specimen: Specimen, damage: Damage, seed: int) -> Outcome:
    """Damage a fresh copy and verify it.

    Raises:
        NothingChanged: the damage did nothing.
    """
    began = time.monotonic()
    make = partial(Outcome, damage, damage.expected_on(specimen))
    taken = specimen.bases[damage.base]
    operate = partial(_operate, specimen, damage, seed)
    try:
        with taken.restored(damage=operate) as copy, _ended_after(copy, DEADLINE_SECONDS):
            _run(damage, copy)
            said = _verified(taken, copy, began + DEADLINE_SECONDS - MARGIN_SECONDS)
            usual = usual_script_notices(specimen, taken, copy)
            counts = usual or all_counts_notice(specimen, taken, copy)
    except PostgresFailed:
        return make(reasons=(NOT_STARTED,), seconds=time.monotonic() - began)
    return make(*said, usual, counts, time.monotonic() - began)


@contextlib.contextmanager
def _ended_after(copy: PostgresServer, seconds: float) -> Iterator[None]:
    """Whatever hangs then loses its connection, and goes on."""
    timer = threading.Timer(seconds, partial(copy.stop, immediate=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _run(damage: Damage, copy: PostgresServer) -> None:
    """Run the damage's statements; one that changes nothing is a fault of the campaign.

    Raises:
        NothingChanged: as said.
    """
    if damage.forged is not None:
        forge(copy, copy.data, damage.database, damage.statements, damage.forged)
        copy.start(SETTINGS)
    elif damage.statements:
        _run_statements(damage, copy)


def _run_statements(damage: Damage, copy: PostgresServer) -> None:
    with copy.admin(damage.database) as cursor:
        before = _written(cursor)
        for statement in damage.statements:
            cursor.execute(statement)
            if (cursor.statusmessage or "").endswith(" 0"):
                raise NothingChanged(f"{cursor.statusmessage}: {statement}")
        if not damage.unlogged and _written(cursor) == before:
            raise NothingChanged("the statements have written nothing")


def _written(cursor: Any) -> str:
    cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
    return str(cursor.fetchone()[0])


Said = tuple[Verdict, tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _verified(taken: Taken, copy: PostgresServer, end: float) -> Said:
    """The verdict, the checks that found something wrong, those that could not measure, and why."""
    try:
        judgement = taken.judged(
            copy, seconds=end - time.monotonic(), statement_seconds=STATEMENT_SECONDS
        )
    except (DatabaseUnreachable, QueryFailed) as error:
        return Verdict.INCONCLUSIVE, (), (SURVEY,), (str(error),)
    return (
        judgement.verdict,
        _checks(judgement, Status.WRONG),
        _checks(judgement, Status.UNMEASURED),
        judgement.reasons,
    )


def _checks(judgement: Judgement, status: Status) -> tuple[str, ...]:
    return tuple(sorted({r.check for r in judgement.results if r.status is status}))


def _operate(specimen: Specimen, damage: Damage, seed: int, data: Path) -> None:
    if damage.surgery is None:
        return
    body = Body(
        data,
        specimen.bases[Base.EARLY].data,
        specimen.atlas,
        specimen.bases[Base.SETTLED].source.server.binaries,
        random.Random(f"{seed}/{damage.name}"),
    )
    damage.surgery(body)
    body.binaries.own(data)
