"""What the server refuses only for now is asked for again, loads once, and ends with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lambdas.adapters import connecting
from lambdas.adapters.evidence_bucket import Evidence
from lambdas.common import document_names
from lambdas.load.documents import LoadFolder
from local.calls import Fault
from local.cloud import BUCKET
from tests.load.conftest import PART_MIB, TINY, Loads
from tests.load.test_kills import ALL, BODY, OLD, ROWS, content, paths

LOCK_SECONDS = 0.05
RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
OF_RUNBOOK = (
    RUNBOOK.split("### What a load waits for")[1].split("```sql")[1].split("```")[0]
).replace("sales.orders", "t")
MOMENTS = pytest.mark.parametrize(
    ("path", "locked_at"),
    [("", "LoadPart"), (TINY, "LoadPart"), (TINY, "FinishLoad")],
    ids=["at once", "a part", "the move"],
)


@pytest.fixture
def table(loads: Loads, monkeypatch: pytest.MonkeyPatch, path: str) -> Loads:
    """A table with one row, and an object to load."""
    monkeypatch.setattr(connecting, "LOCK_SECONDS", LOCK_SECONDS)
    if path:
        monkeypatch.setenv(PART_MIB, path)
    loads.make("CREATE TABLE t (id int); INSERT INTO t VALUES (-1)")
    loads.put(BODY)
    return loads


@contextmanager
def lock_at(loads: Loads, locked_at: str, times: int) -> Iterator[list[Any]]:
    """Another session locks the table before a state, and lets go after some of its tries."""
    held: list[Any] = []
    seen = [0]

    def before(state: str, _event: Any) -> None:
        if state != locked_at:
            return
        if not held:
            held.append(loads.server.connect_as_admin("shop"))
            held[0].cursor().execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        seen[0] += 1
        if seen[0] > times:
            held[0].close()

    loads.cloud.functions.before = before
    try:
        yield held
    finally:
        held[0].close()


@MOMENTS
def test_a_lock_is_waited_for_and_the_rows_come_once(
    table: Loads, path: str, locked_at: str
) -> None:
    with lock_at(table, locked_at, times=4) as held:
        ending = table.run(streams=1, analyze=False)
        assert held[0].closed
    assert ending.status == "SUCCEEDED", ending.cause
    assert table.staging() == []
    assert "55P03" in table.log.getvalue()
    assert content(table) == ALL


@MOMENTS
def test_a_lock_that_is_never_let_go_is_named_and_nothing_is_loaded(
    table: Loads, path: str, locked_at: str
) -> None:
    with lock_at(table, locked_at, times=1_000_000) as held:
        ending = table.run(streams=1)
        waited_for = [row[0] for row in table.sql(OF_RUNBOOK)]
        assert waited_for == [held[0].info.backend_pid]
    assert (ending.status, ending.error) == ("FAILED", "NotLoaded")
    assert ending.cause.startswith("Nothing was loaded. FinishLoad: ")
    for said in ("DatabaseBusy", "55P03 (lock_not_available)", "What a load waits for"):
        assert said in ending.cause
    assert table.staging() == []
    assert content(table) == OLD


REFUSING = """
CREATE SEQUENCE tries;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END IF;
    RETURN NULL;
END$$;
CREATE TRIGGER r BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION refuse();
"""


@paths
@pytest.mark.parametrize("code", ["40P01", "40001", "25006", "53300"])
def test_what_passes_by_itself_is_asked_for_again(table: Loads, path: str, code: str) -> None:
    """A trigger refuses the first tries, during the COPY into the table or the move."""
    table.make(REFUSING.format(code=code, times=3))
    assert table.load()["rows"] == ROWS
    assert content(table) == ALL
    assert table.sql("SELECT last_value::int FROM tries") == [(4,)]


@pytest.mark.parametrize("path", [TINY], ids=["staged"])
def test_what_takes_too_long_is_final_and_says_what_helps(table: Loads, path: str) -> None:
    table.make(REFUSING.format(code="57014", times=1_000_000))
    cause = table.refuse()
    assert "57014 (query_canceled); it took longer than" in cause
    assert "drop indexes first" in cause
    assert table.sql("SELECT last_value::int FROM tries") == [(1,)]
    assert content(table) == OLD


@pytest.mark.parametrize("path", [""], ids=["at once"])
@pytest.mark.parametrize("freed", [True, False])
def test_a_server_without_a_free_connection_is_asked_again(
    table: Loads, path: str, freed: bool
) -> None:
    seen = [0]

    def before(state: str, _event: Any) -> None:
        seen[0] += state == "LoadPart"
        if state == "LoadPart":
            full = seen[0] < 3 or not freed
            table.sql(f"ALTER DATABASE shop CONNECTION LIMIT {0 if full else -1}")
        if state == "TidyLoad":
            table.sql("ALTER DATABASE shop CONNECTION LIMIT -1")

    table.cloud.functions.before = before
    ending = table.run()
    assert content(table) == (ALL if freed else OLD), ending.cause
    if not freed:
        assert (
            "DatabaseUnreachable: no connection to the database shop; see whether it is up"
            in ending.cause
        )


@pytest.mark.parametrize("path", [TINY], ids=["staged"])
@pytest.mark.parametrize("state", ["SurveyPart", "LoadPart"])
def test_a_throttling_s3_is_asked_again(table: Loads, path: str, state: str) -> None:
    faults = table.cloud.ledger.faults
    faults.append(Fault("s3.GetObject", "SlowDown", state=state))
    assert "try after try: Throttled: reading s3://" in table.refuse()
    faults[:] = [Fault("s3.GetObject", "SlowDown", times=9, state=state)]
    assert table.load()["rows"] == ROWS
    assert content(table) == ALL


def test_a_try_that_was_given_up_does_not_write_over_what_the_next_one_said(loads: Loads) -> None:
    """It ends later, since the next try ended its session. Of lost tries the last one counts."""
    folder = LoadFolder(Evidence(BUCKET, "loads/given-up"))
    for said, lost, kept in (
        ("first", True, "first"),
        ("second", True, "second"),
        ("final", False, "final"),
        ("late", True, "final"),
    ):
        folder.write_fault(1, said, lost=lost)
        assert (folder.loaded(1) or {})["fault"] == kept
    folder.evidence.write(document_names.loaded(2), {"fault": "", "rejected": 0})
    folder.write_fault(2, "late", lost=True)
    assert folder.loaded(2) == {"fault": "", "rejected": 0}
