"""A source that nobody writes to: everything is proven, whatever it holds."""

import contextlib
from collections.abc import Iterator

import pytest

from campaign.arena import Source, taken
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Verdict
from tests.checks import hostile
from tests.checks.conftest import MakeDatabase
from tests.checks.sandwich import assert_failed, results_of, sandwich

LOGIN_TRIGGERS = 17
"""The major version that brought them."""


@pytest.fixture
def owner(source: Source) -> Iterator[str]:
    """A role that owns tables; the master user made it, as it makes every role at RDS."""
    source.run_as_master("postgres", f"CREATE ROLE {hostile.OWNER}")
    source.run("postgres", f"GRANT {hostile.OWNER} TO {source.reader.username}")
    yield hostile.OWNER
    source.run("postgres", f"DROP ROLE {hostile.OWNER}")


@pytest.fixture
def hostile_database(source: Source, owner: str, database: str) -> str:
    source.run(database, *hostile.statements())
    source.run(database, *hostile.foreign_statements(source, database))
    return database


def test_a_hostile_database_is_passed_with_every_table_proven(
    source: Source, hostile_database: str
) -> None:
    """What is not counted is exempt by its nature, and said so."""
    judgement = sandwich(source)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    counted = results_of(judgement, "counts", hostile_database)
    exempt = {name for name, result in counted.items() if result.status is Status.EXEMPT}
    weak = {
        name: result.notes
        for name, result in counted.items()
        if name not in exempt and result.claim is not Claim.PROVEN
    }
    assert not weak
    assert exempt - {"public.elsewhere"} == hostile.EXEMPT
    assert all(counted[name].notes for name in exempt)
    assert {name: result.measured["rows"] for name, result in counted.items() if name not in exempt}
    with source.server.admin(hostile_database) as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'm', 'f')"
            " AND (relnamespace NOT IN (11, 99, 'information_schema'::regnamespace)"
            "      OR oid = 'pg_largeobject'::regclass)"
        )
        assert cursor.fetchone() == (len(counted),)
        for name in counted.keys() - exempt:
            cursor.execute("SELECT count(*) FROM ONLY " + name)
            assert cursor.fetchone() == (counted[name].measured["rows"],)


def test_a_server_without_any_table_proves_nothing(source: Source) -> None:
    judgement = sandwich(source)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "no table in any database" in judgement.reasons[0]


@pytest.mark.parametrize("kind", ["catalog", "none"])
def test_without_rows_in_the_baseline_the_copy_is_counted_all_the_same(
    source: Source, database: str, kind: str
) -> None:
    source.run(database, "CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 9)")

    judgement = sandwich(source, kind)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    (result,) = results_of(judgement, "counts", database).values()
    assert (result.claim, result.measured["rows"]) == (Claim.NOT_COMPARED, 9)


def test_databases_of_any_name_are_passed(source: Source, make_database: MakeDatabase) -> None:
    for name in hostile.DATABASE_NAMES:
        make_database(name)
        source.run(name, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    for name in hostile.DATABASE_NAMES:
        assert results_of(judgement, "counts", name)["public.t"].claim is Claim.PROVEN


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_passed(
    source: Source, make_database: MakeDatabase, encoding: str
) -> None:
    name = make_database(f"in_{encoding}", f"ENCODING '{encoding}' TEMPLATE template0")
    source.run(name, "SET client_encoding = 'UTF8'", *_encoded("utf-8"))

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    counted = results_of(judgement, "counts", name)
    assert [result.claim for result in counted.values()] == [Claim.PROVEN]


def test_a_template_of_ones_own_is_verified_like_any_database(
    source: Source, make_database: MakeDatabase
) -> None:
    name = make_database("mould", "IS_TEMPLATE true")
    source.run(name, "CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 100)")
    try:
        judgement = sandwich(source)
    finally:
        source.run("postgres", f"ALTER DATABASE {name} IS_TEMPLATE false")

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    counted = results_of(judgement, "counts", name)
    assert [result.claim for result in counted.values()] == [Claim.PROVEN]


def test_a_database_whose_names_are_no_text_is_not_measured(
    source: Source, make_database: MakeDatabase
) -> None:
    """SQL_ASCII takes any bytes, and the server refuses to send what is not UTF-8."""
    name = make_database("in_bytes", "ENCODING 'SQL_ASCII' TEMPLATE template0")
    source.run(name, *_encoded("latin-1"))

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    assert any(name in text and "22021" in text for text in judgement.reasons)


def _encoded(encoding: str) -> list[bytes]:
    return [text.encode(encoding) for text in hostile.LATIN_STATEMENTS]


def test_settings_of_the_database_and_its_roles_change_nothing(
    source: Source, hostile_database: str
) -> None:
    """The reader and the copy's master user see definitions through different settings."""
    for setting in hostile.SETTINGS:
        source.run("postgres", f"ALTER DATABASE {hostile_database} SET {setting}")
    for setting in hostile.OTHER_SETTINGS:
        source.run("postgres", f"ALTER ROLE {source.reader.username} SET {setting}")
    try:
        judgement = sandwich(source, settings=hostile.SERVER_SETTINGS)
    finally:
        source.run("postgres", f"ALTER ROLE {source.reader.username} RESET ALL")

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    counted = results_of(judgement, "counts", hostile_database).values()
    assert not [
        (result.subject, result.notes)
        for result in counted
        if result.status is Status.OK and result.claim is not Claim.PROVEN
    ]


def test_a_database_closed_to_connections_is_exempt(
    source: Source, database: str, make_database: MakeDatabase
) -> None:
    source.run(make_database("open"), "CREATE TABLE t (a int)")
    source.run("postgres", f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    (result,) = results_of(judgement, "databases", database).values()
    assert result.status is Status.EXEMPT
    assert "datallowconn" in result.notes[0]


def test_a_database_that_the_master_user_may_not_enter_is_not_measured(
    source: Source, owner: str, database: str
) -> None:
    source.run(
        "postgres",
        f"ALTER DATABASE {database} OWNER TO {owner}",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"REVOKE {owner} FROM {source.master.username}",
    )

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    assert any(database in text and "grant CONNECT" in text for text in judgement.reasons)


def test_a_used_up_connection_limit_of_a_database_is_no_damage(
    source: Source, database: str
) -> None:
    """Another worker may hold the one connection that the database allows."""
    source.run("postgres", f"ALTER DATABASE {database} CONNECTION LIMIT 1")
    with (
        taken(source) as found,
        found.restored() as copy,
        contextlib.closing(source.connect(database, copy)),
    ):
        judgement = found.judged(copy)

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    assert any(database in text and "connection limit" in text for text in judgement.reasons)


def test_a_table_whose_row_security_nobody_escapes_is_not_measured(
    source: Source, owner: str, database: str
) -> None:
    """FORCE holds for the owner too, and a silent zero would be a lie."""
    source.run(
        database,
        "CREATE TABLE forced (a int)",
        "INSERT INTO forced SELECT generate_series(1, 20)",
        f"ALTER TABLE forced OWNER TO {owner}",
        "ALTER TABLE forced ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE forced FORCE ROW LEVEL SECURITY",
    )

    judgement = sandwich(source)

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    assert any("public.forced" in text and "42501" in text for text in judgement.reasons)


def test_a_table_of_ones_own_among_those_of_the_system_is_counted(
    source: Source, database: str
) -> None:
    source.run(
        database,
        "CREATE TABLE information_schema.house_notes (a int)",
        "INSERT INTO information_schema.house_notes VALUES (1)",
    )
    judgement = sandwich(source)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
    notes = results_of(judgement, "counts", database)["information_schema.house_notes"]
    assert (notes.claim, notes.measured["rows"]) == (Claim.PROVEN, 1)


IDLE_AND_ADDED = "CREATE TABLE kept (a int)", "INSERT INTO kept VALUES (1)"


def test_a_row_that_somebody_added_to_the_copy_of_a_quiet_source_is_found(
    source: Source, database: str
) -> None:
    source.run(database, *IDLE_AND_ADDED)
    with taken(source) as found, found.restored(last=True) as copy:
        with copy.admin(database) as cursor:
            cursor.execute("INSERT INTO kept VALUES (2)")
        judgement = found.judged(copy)

    assert_failed(judgement, database, "public.kept", "1 rows are of transactions", "on the source")


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("BEGIN IF false THEN INSERT INTO public.kept VALUES (2); END IF; END", Verdict.PASSED),
        ("BEGIN PERFORM 1; END", Verdict.PASSED),
        ("BEGIN IF false THEN INSERT INTO public.logins VALUES (2); END IF; END", Verdict.FAILED),
        ("BEGIN NULL; END", Verdict.FAILED),
    ],
)
def test_what_a_login_trigger_may_write_down_of_the_drill_is_no_damage(
    source: Source, database: str, body: str, verdict: Verdict
) -> None:
    """Rows of a table that it can't write into are: a trigger is no excuse for all of them."""
    if source.server.binaries.major < LOGIN_TRIGGERS:
        pytest.skip("no login triggers before PostgreSQL 17")
    source.run(
        database,
        *IDLE_AND_ADDED,
        f"CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS '{body}'",
        "CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION note()",
    )
    with taken(source) as found, found.restored(last=True) as copy:
        with copy.admin(database) as cursor:
            cursor.execute("INSERT INTO kept VALUES (2)")
        judgement = found.judged(copy)

    assert judgement.verdict is verdict, judgement.reasons
    kept = results_of(judgement, "counts", database)["public.kept"]
    assert any("login trigger" in note for note in kept.notes) == (verdict is Verdict.PASSED)


OF_PARAMETERS = 15
IN_PLACE_TABLESPACES = 15
"""Major versions that brought these."""


def test_what_rds_does_to_its_own_when_it_restores_is_no_damage(
    source: Source, database: str
) -> None:
    """A copy comes up on the newest host agent."""
    source.run(database, "CREATE TABLE t (a int)")
    statements = [
        "GRANT pg_read_server_files TO rds_superuser",
        "ALTER ROLE rds_superuser SET work_mem = '7MB'",
        "GRANT CREATE ON SCHEMA pg_catalog TO rds_superuser",
        "CREATE ROLE rds_newest LOGIN CONNECTION LIMIT 3",
        "COMMENT ON ROLE rds_newest IS 'of the agent'",
        "GRANT pg_monitor TO rds_newest",
        "GRANT rds_newest TO rdsadmin",
        "ALTER ROLE rdsadmin CONNECTION LIMIT 17",
        "ALTER DATABASE rdsadmin CONNECTION LIMIT 5",
        "ALTER DATABASE rdsadmin SET work_mem = '9MB'",
        "ALTER ROLE rdsadmin IN DATABASE postgres SET work_mem = '9MB'",
        "COMMENT ON DATABASE rdsadmin IS 'of the agent'",
        "REVOKE TEMPORARY ON DATABASE rdsadmin FROM PUBLIC",
    ]
    major = source.server.binaries.major
    if major >= OF_PARAMETERS:
        statements += [
            "GRANT SET ON PARAMETER log_min_messages TO rds_superuser",
            "GRANT ALTER SYSTEM ON PARAMETER work_mem TO rds_newest",
            "GRANT SET ON PARAMETER deadlock_timeout TO PUBLIC",
            "REVOKE SET ON PARAMETER session_replication_role FROM rds_superuser",
        ]
    if major >= IN_PLACE_TABLESPACES:
        statements += [
            "SET allow_in_place_tablespaces = on",
            "CREATE TABLESPACE rds_temp_tablespace LOCATION ''",
            "GRANT CREATE ON TABLESPACE rds_temp_tablespace TO PUBLIC",
            "COMMENT ON TABLESPACE rds_temp_tablespace IS 'of the agent'",
        ]
    with taken(source) as found, found.restored(last=True) as copy:
        with copy.admin() as cursor:
            for statement in statements:
                cursor.execute(statement)
        judgement = found.judged(copy)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons


def test_what_the_master_user_of_the_copy_is_granted_is_no_damage(
    source: Source, owner: str, database: str
) -> None:
    """The verifier lets it read what others own; it may be a member by another's grant already."""
    source.run(database, "CREATE TABLE t (a int)")
    with taken(source) as found, found.restored(last=True) as copy:
        with copy.admin() as cursor:
            cursor.execute(f"GRANT pg_read_all_data, {owner} TO {source.master.username}")
        with contextlib.closing(source.connect("postgres", copy)) as master:
            master.autocommit = True
            master.cursor().execute(f"GRANT {owner} TO CURRENT_USER")
        judgement = found.judged(copy)

    assert judgement.verdict is Verdict.PASSED, judgement.reasons
