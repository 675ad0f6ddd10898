"""The source read in batches: the same as in one go, gently, whatever DDL runs meanwhile."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from campaign.arena import SECONDS, Connect, Reading, Source, sessions
from lambdas.adapters.postgres import Session
from lambdas.common import document_names
from lambdas.drill.admission.request import BASELINE_EXACT
from lambdas.drill.checks.rows.read_pieces import LOST, REWRITTEN, SourceUnit
from lambdas.drill.verification.baseline import survey_again, survey_source
from lambdas.drill.verification.readings import both_readings
from lambdas.drill.verification.source_reading import (
    CLOSING_SECONDS,
    LOSSES,
    RECREATED,
    Throttle,
    read_batch,
    read_units,
)
from lambdas.errors import DatabaseUnreachable

SLOW_BYTES_PER_SECOND = 2000
"""Makes ranges of 1 MiB and chunks of one block."""

FILLED = (
    "CREATE TABLE public.t (id int, note text)",
    "INSERT INTO public.t SELECT n, repeat('x', 200) FROM generate_series(1, 15000) n",
    "CREATE TABLE public.other (id int)",
)

Work = Sequence[Sequence[SourceUnit]]


@pytest.fixture
def connect(source: Source) -> Connect:
    return sessions(source.server, source.reader)


def _left() -> float:
    return SECONDS


def _read(connect: Connect, work: Work, horizon: int) -> dict[int, dict[str, dict[str, Any]]]:
    found = {}
    for number, units in enumerate(work, start=1):
        throttle = Throttle(SLOW_BYTES_PER_SECOND, sleep=lambda _: None)
        found[number] = read_units(connect, units, horizon, throttle, _left)
    return found


def _row(source: Source, database: str, before: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    with source.server.admin(database) as cursor:
        cursor.execute("SELECT 'public.t'::regclass::oid::int")
        oid = str(cursor.fetchone()[0])
    return oid, before["databases"][database]


def _of_batches(head: dict[str, Any], read: Mapping[int, Any]) -> Mapping[str, Any]:
    """The first reading, with a second that does not matter."""
    found = {document_names.read_before(number): batch for number, batch in read.items()}
    return both_readings(head, {**head, "lost": []}, found.get)[0]


def test_a_reading_in_many_batches_is_the_reading_in_one(
    source: Source, database: str, connect: Connect
) -> None:
    source.run(database, *FILLED)
    whole: Reading = source.read()
    head, work = survey_source(connect, BASELINE_EXACT, SLOW_BYTES_PER_SECOND)
    horizon = whole.head["horizon"]
    oid, cut = _row(source, database, _of_batches(head, _read(connect, work, horizon)))
    _, uncut = _row(source, database, _of_batches(dict(whole.head), _first(whole)))

    assert len({number for number, _ in head["databases"][database]["ranges"][oid]}) >= 3
    assert cut["rows"][oid] == uncut["rows"][oid]
    assert cut["rows"][oid]["rows"] == 15000
    assert cut["order"] == list(head["databases"][database]["ranges"])


def _first(reading: Reading) -> dict[int, Any]:
    return {
        number: reading.found[document_names.read_before(number)]
        for number in range(1, len(reading.work) + 1)
    }


def test_a_table_that_is_rewritten_between_two_batches_is_not_compared(
    source: Source, database: str, connect: Connect
) -> None:
    source.run(database, *FILLED)
    head, work = survey_source(connect, BASELINE_EXACT, SLOW_BYTES_PER_SECOND)
    read = _read(connect, work, head["horizon"])
    number, units = next(
        (number, units)
        for number, units in enumerate(work, start=1)
        if any(unit.database == database and unit.blocks[0] for unit in units)
    )
    source.run(database, "VACUUM FULL public.t")
    read[number] = _read(connect, [units], head["horizon"])[1]

    oid, found = _row(source, database, _of_batches(head, read))
    assert found["absent"][oid] == REWRITTEN
    assert oid not in found["rows"]


def test_a_table_or_a_database_that_is_gone_at_the_second_reading_is_not_there(
    source: Source, database: str, connect: Connect
) -> None:
    source.run(database, *FILLED)
    head, work = survey_source(connect, BASELINE_EXACT)
    (wanted,) = [
        unit for units in work for unit in units if unit.database == database and unit.cost_bytes
    ]
    another = SourceUnit(database, wanted.number + 1, wanted.relation, buckets=wanted.buckets)
    throttle = Throttle(0)
    assert read_units(connect, [another], 1, throttle, _left) == {another.id: {"absent": RECREATED}}
    source.run(database, "DROP TABLE public.t")
    read = read_units(connect, [wanted], head["horizon"], throttle, _left)
    assert read == {wanted.id: {"absent": "not on the source"}}


def test_what_a_batch_had_not_read_when_the_snapshot_began_stays_unread(
    source: Source, database: str, connect: Connect
) -> None:
    """A try that was given up may leave its document behind later; it is no first reading."""
    source.run(database, *FILLED)
    head, work = survey_source(connect, BASELINE_EXACT)
    late = _read(connect, work, head["horizon"])
    found = {document_names.read_before(number): batch for number, batch in late.items()}
    lost = survey_again(connect, head, list(late))
    before, after = both_readings(head, lost, found.get)
    oid, first = _row(source, database, before)
    _, second = _row(source, database, after)
    assert first["unread"][oid] == second["unread"][oid] == first["closed"] == LOST
    assert oid not in first["rows"]


class _Losing:
    """Sessions whose connection is lost whenever rows are read."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.tries: list[str] = []

    def __call__(self, database: str) -> AbstractContextManager[Session]:
        return self._session(database)

    @contextlib.contextmanager
    def _session(self, database: str) -> Iterator[Session]:
        with self._connect(database) as session:
            rows = session.rows

            def lose(query: Any, parameters: Sequence[Any] = (), *, action: str) -> Any:
                if action.startswith("reading public."):
                    self.tries.append(action)
                    raise DatabaseUnreachable("the connection was lost", lost=True)
                return rows(query, parameters, action=action)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(session, "rows", lose)
                yield session


def test_what_one_check_can_not_read_is_lost_to_it_alone(
    source: Source, database: str, connect: Connect
) -> None:
    function = "FUNCTION pg_catalog.pg_collation_actual_version(oid)"
    source.run(database, f"REVOKE EXECUTE ON {function} FROM PUBLIC", "CREATE SEQUENCE s")
    head, work = survey_source(connect, "catalog")
    read = {
        unit.database: found
        for units in work
        for unit in units
        for found in [read_units(connect, [unit], head["horizon"], Throttle(0), _left)[unit.id]]
    }
    assert read[database]["objects"]
    assert set(read[database]["read"]) == {"settings", "extensions", "sequences"}
    assert "collations" in read["postgres"]["read"]


def test_what_ends_the_server_is_not_tried_again_on_production(
    source: Source, database: str, connect: Connect
) -> None:
    tables = [f"CREATE TABLE public.t{number} (id int)" for number in range(5)]
    source.run(database, *tables)
    head, work = survey_source(connect, BASELINE_EXACT)
    units = [unit for batch in work for unit in batch if unit.database == database]
    losing = _Losing(connect)
    found = read_units(losing, units, head["horizon"], Throttle(0), _left)
    assert len(losing.tries) == len(set(losing.tries)) == LOSSES
    assert set(found) == {unit.id for unit in units}
    assert sum("unread" in result for result in found.values()) == 5


class _Refusing(_Losing):
    """As a server that recovers from the crash: it takes no connection any more."""

    def __call__(self, database: str) -> AbstractContextManager[Session]:
        if self.tries:
            raise DatabaseUnreachable(f"no connection to the database {database}")
        return super().__call__(database)


def test_a_batch_that_ended_the_server_is_told_and_not_tried_again(
    source: Source, database: str, connect: Connect
) -> None:
    source.run(database, "CREATE TABLE public.t (id int)", "CREATE TABLE public.u (id int)")
    head, work = survey_source(connect, BASELINE_EXACT)
    units = [unit for batch in work for unit in batch if unit.database == database]
    refusing = _Refusing(connect)
    found = read_batch(refusing, units, head["horizon"], 0, _left)
    assert len(refusing.tries) == 1
    assert set(found) == {unit.id for unit in units}
    assert all(result.get("unread") or result.get("closed") for result in found.values())
    assert any("the connection was lost" in str(result) for result in found.values())


def test_a_database_that_answers_with_errors_is_unread_and_the_others_are_read(
    source: Source, database: str, connect: Connect
) -> None:
    """Not even which database it is can be asked there."""
    source.run(database, "CREATE TABLE public.t (id int)")
    head, work = survey_source(connect, BASELINE_EXACT)
    source.run(database, "REVOKE EXECUTE ON FUNCTION current_database() FROM PUBLIC")
    units = [unit for batch in work for unit in batch]
    found = read_batch(connect, units, head["horizon"], 0, _left)
    assert set(found) == {unit.id for unit in units}
    of_it = {unit.id for unit in units if unit.database == database}
    assert all(found[key].get("unread") or found[key].get("closed") for key in of_it)
    assert all("objects" in found[unit.id] for unit in units if unit.database == "postgres")


class _Unreachable:
    """Some databases take no connection."""

    def __init__(self, connect: Connect, *names: str) -> None:
        self.connect, self.names = connect, names

    def __call__(self, database: str) -> AbstractContextManager[Session]:
        if database in self.names:
            raise DatabaseUnreachable(f"no connection to the database {database}")
        return self.connect(database)


def test_a_database_that_takes_no_connection_costs_the_others_nothing(
    source: Source, database: str, connect: Connect
) -> None:
    source.run(database, "CREATE TABLE public.t (id int)", "CREATE TABLE public.u (id int)")
    head, work = survey_source(connect, BASELINE_EXACT)
    units = [unit for batch in work for unit in batch]
    partly = _Unreachable(connect, database)
    found = read_batch(partly, units, head["horizon"], 0, _left)
    of_it = {unit.id for unit in units if unit.database == database}
    assert len(of_it) == 3
    assert all("no connection" in str(found[key]) for key in of_it)
    assert all("no connection" not in str(found[unit.id]) for unit in units if unit.id not in of_it)


def test_a_server_that_is_away_is_left_to_a_later_try(
    source: Source, database: str, connect: Connect
) -> None:
    source.run(database, "CREATE TABLE public.t (id int)")
    head, work = survey_source(connect, BASELINE_EXACT)
    nowhere = _Unreachable(connect, "postgres", database)
    with pytest.raises(DatabaseUnreachable):
        read_batch(nowhere, work[0], head["horizon"], 0, _left)


def test_a_connection_keeps_to_its_speed() -> None:
    clock = itertools.chain([0.0, 0.5, 1.0, 100.0], itertools.repeat(100.5))
    slept: list[float] = []
    throttle = Throttle(100, now=lambda: next(clock), sleep=slept.append)
    throttle.spent(200)
    throttle.spent(200)
    assert slept == [1.5, 3.0]
    throttle.spent(200)
    throttle.spent(1000)
    assert slept[2:] == [7.5], "an idle while earns a chunk's time, not more"
    Throttle(0, sleep=slept.append).spent(10**12)
    assert len(slept) == 3


def test_out_of_time_nothing_more_is_read(source: Source, database: str, connect: Connect) -> None:
    source.run(database, *FILLED)
    head, work = survey_source(connect, BASELINE_EXACT)
    units = [unit for batch in work for unit in batch if unit.database == database]
    assert {bool(unit.relation) for unit in units} == {True, False}
    found = read_batch(connect, units, head["horizon"], 0, lambda: CLOSING_SECONDS)
    assert set(found) == {unit.id for unit in units}
    assert all("out of time" in str(result) for result in found.values())
