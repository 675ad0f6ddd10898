"""What a restored server carries on is told, and a prepared transaction that is lost is found."""

import contextlib
from collections.abc import Iterator

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.drill.units import Status
from tests.checks.physical import examined
from tests.checks.sandwich import assert_failed, results_of

pytestmark = pytest.mark.xdist_group("checks-logical")

NAME = "left_over"
LOGIN_TRIGGERS = 17
SETTINGS = {"max_prepared_transactions": "4", "wal_level": "logical"}

_SETUP = (
    "CREATE TABLE t (id int PRIMARY KEY, b int)",
    "INSERT INTO t SELECT n, n FROM generate_series(1, 20) n",
    "CREATE TABLE free (a int)",
    'CREATE INDEX "half %s {}" ON t (b)',
    "ALTER TABLE t ADD CONSTRAINT later CHECK (b < 5) NOT VALID",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER off BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    "ALTER TABLE t DISABLE TRIGGER off",
    "CREATE MATERIALIZED VIEW bare AS SELECT 1 AS a WITH NO DATA",
    "CREATE TABLE has_index (id int PRIMARY KEY)",
    "CREATE TABLE has_rule (a text)",
    "CREATE RULE never AS ON DELETE TO has_rule DO INSTEAD NOTHING",
    "CREATE TABLE has_children (a int)",
    "CREATE TABLE child () INHERITS (has_children)",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"half %s {}\"'::regclass",
)


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        source.run(NAME, *_SETUP)
        with contextlib.ExitStack() as held:
            cursor = held.enter_context(source.server.admin(NAME))
            cursor.execute("CREATE TEMP TABLE short AS SELECT 1")
            yield held.enter_context(taken(source))
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


def test_what_is_half_made_is_told_and_is_no_damage(found: Taken) -> None:
    with found.restored(SETTINGS) as copy:
        with copy.admin(NAME) as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO free VALUES (1)")
            cursor.execute("PREPARE TRANSACTION 'its name is data'")
            cursor.execute("SELECT pg_create_physical_replication_slot('kept', true)")
        judgement = found.judged(copy)
    here = results_of(judgement, "leftovers", NAME)["half-made objects"]
    server = results_of(judgement, "leftovers", "postgres")["prepared transactions and slots"]
    assert (here.status, server.status) == (Status.OK, Status.OK)
    for words in (
        'index public."half %s {}" is not used by queries',
        "constraint public.t.later was never validated",
        "table public.t 1 trigger is disabled",
        "materialised view public.bare is not populated",
    ):
        assert any(words in text for text in here.warnings), (words, here.warnings)
    assert any("temporary tables" in note for note in here.notes)
    assert any(f"of rdsadmin in {NAME}" in text for text in server.warnings), server.warnings
    assert any("physical replication slot kept" in text for text in server.warnings)
    assert not any("its name is data" in text for text in server.warnings)


def test_a_prepared_transaction_that_is_lost_is_found(found: Taken) -> None:
    """Both readings held it, the copy does not; one that ended meanwhile is in one reading only."""
    both = {**found.before, "prepared": ["750", "751"]}
    one = {**found.after, "prepared": ["750", "752"]}
    lost = Taken(found.source, found.kind, both, one, found.data)
    with lost.restored() as copy:
        judgement = lost.judged(copy)
    assert_failed(judgement, "the prepared transaction 750 of the source is not there")
    assert len([text for text in judgement.reasons if "prepared" in text]) == 1


def test_a_relation_that_denies_what_it_has_is_damaged(found: Taken) -> None:
    hints = {"has_index": "hasindex", "has_rule": "hasrules", "has_children": "hassubclass"}
    with found.restored(SETTINGS) as copy:
        with copy.admin(NAME) as cursor:
            for table, hint in hints.items():
                cursor.execute(
                    f"UPDATE pg_class SET rel{hint} = false WHERE oid = '{table}'::regclass"
                )
            cursor.execute(
                "UPDATE pg_class SET relhasindex = false"
                " WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE relname = 'has_rule')"
            )
        judgement = found.judged(copy)
    assert_failed(judgement, "pg_class says that public.has_index has no indexes")
    assert_failed(judgement, "pg_class says that public.has_rule has no rules")
    assert_failed(judgement, "pg_class says that public.has_children has no children")
    assert_failed(judgement, "pg_class says that the TOAST of public.has_rule has no indexes")


def test_a_database_that_denies_its_login_trigger_is_damaged(found: Taken) -> None:
    """It lets everybody in whom the trigger would refuse."""
    if found.source.server.binaries.major < LOGIN_TRIGGERS:
        pytest.skip("no login triggers before PostgreSQL 17")
    with found.restored(SETTINGS) as copy:
        with copy.admin(NAME) as cursor:
            cursor.execute(
                "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END'"
            )
            cursor.execute("CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION note()")
            assert "login" not in str(examined(found, copy, "leftovers", NAME))
            cursor.execute(
                "UPDATE pg_database SET dathasloginevt = false WHERE datname = current_database()"
            )
        message = str(examined(found, copy, "leftovers", NAME))
    assert "pg_database says" in message
    assert "no login triggers" in message
