"""Loading a user's own dump: as much of it as can be, and told what could not."""

import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from psycopg2 import sql

from local.cloud import SOURCE, Cloud
from local.dump import Loaded
from local.postgres import ADMIN, HOST, PostgresServer
from local.rds import MASTER
from tests.integration.observing import ask, logs_in, server_of

_numbers = count(1)

Load = Callable[[str | bytes], Loaded]


@pytest.fixture(scope="module")
def server(cloud: Cloud) -> PostgresServer:
    cloud.create_source()
    return server_of(cloud, SOURCE)


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    """An empty one, for one test."""
    name = f"target_{next(_numbers)}"
    owned = sql.SQL("CREATE DATABASE {} OWNER {}")
    with server.admin() as cursor:
        cursor.execute(owned.format(sql.Identifier(name), sql.Identifier(MASTER)))
    yield name
    with server.admin() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture
def load(cloud: Cloud, database: str, tmp_path: Path) -> Load:
    """Load a file of this content."""

    def load_it(content: str | bytes) -> Loaded:
        file = tmp_path / "a user's dump.sql"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return cloud.load(file, SOURCE, database)

    return load_it


@pytest.fixture(scope="module")
def archive(
    cloud: Cloud, server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """What ``pg_dump -Fc`` makes of a database whose roles have been dropped since."""
    with server.admin() as cursor:
        cursor.execute("CREATE ROLE lost_owner")
        cursor.execute('CREATE ROLE "Lost Reader"')
        cursor.execute("CREATE DATABASE original")
    with server.admin("original") as cursor:
        cursor.execute("CREATE TABLE goods (n int PRIMARY KEY, name text)")
        cursor.execute("INSERT INTO goods SELECT n, 'good ' || n FROM generate_series(1, 3000) n")
        cursor.execute("ALTER TABLE goods OWNER TO lost_owner")
        cursor.execute('GRANT SELECT ON goods TO "Lost Reader"')
    file = tmp_path_factory.mktemp("archive") / "dump"
    subprocess.run(
        [
            cloud.binaries.program("pg_dump"),
            "--format=custom",
            f"--file={file}",
            f"--host={HOST}",
            f"--port={server.port}",
            f"--username={ADMIN}",
            "original",
        ],
        check=True,
        env={"PGPASSWORD": server.admin_password},
    )
    with server.admin() as cursor:
        cursor.execute("DROP DATABASE original")
        cursor.execute("DROP ROLE lost_owner")
        cursor.execute('DROP ROLE "Lost Reader"')
    return file.read_bytes()


def test_plain_sql_is_loaded_with_its_copy_data(
    load: Load, server: PostgresServer, database: str
) -> None:
    loaded = load(
        "CREATE TABLE goods (n int, name text);\n"
        "COPY goods (n, name) FROM stdin;\n1\tone\n2\tGRANT x TO nobody_at_all;\n\\.\n"
        "INSERT INTO goods VALUES (3, 'three');\n"
    )
    assert loaded == Loaded((), empty=False)
    assert ask(server, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM goods", database) == "1 2 3"
    assert _owner(server, database, "goods") == MASTER
    assert not _exists(server, "nobody_at_all")


def test_an_archive_is_loaded_with_the_roles_that_it_names(
    load: Load, archive: bytes, server: PostgresServer, database: str
) -> None:
    assert load(archive) == Loaded((), empty=False)
    assert ask(server, "SELECT count(*) FROM goods", database) == 3000
    assert _owner(server, database, "goods") == "lost_owner"
    assert ask(server, "SELECT has_table_privilege('Lost Reader', 'goods', 'SELECT')", database)


def test_a_truncated_archive_is_complained_about(load: Load, archive: bytes) -> None:
    assert load(archive[: len(archive) * 3 // 4]).complaints


def test_roles_that_are_named_and_not_created_are_created(
    load: Load, server: PostgresServer
) -> None:
    named = {
        "owner_a": "ALTER TABLE goods OWNER TO owner_a",
        'Reader "B"': 'GRANT SELECT ON goods TO "Reader ""B"""',
        "reader_d": "GRANT SELECT ON goods TO reader_c, reader_d WITH GRANT OPTION",
        "owner_e": "CREATE SCHEMA depot AUTHORIZATION Owner_E",
        "owner_f": "ALTER DEFAULT PRIVILEGES FOR ROLE owner_f GRANT ALL ON TABLES TO reader_f",
        "reader_f": "",
        "reader_g": "CREATE POLICY own ON goods FOR SELECT TO reader_g USING (n > 1)",
        "reader_h": "REVOKE ALL ON goods FROM reader_h",
        "owner_i": "SET ROLE owner_i; RESET ROLE",
    }
    assert [role for role in named if _exists(server, role)] == []
    loaded = load("CREATE TABLE goods (n int);\n" + ";\n".join(named.values()) + ";\n")
    assert loaded == Loaded((), empty=False)
    assert [role for role in named if not _exists(server, role)] == []


def test_a_role_that_the_dump_creates_is_as_the_dump_says(
    load: Load, server: PostgresServer
) -> None:
    loaded = load(
        "CREATE ROLE app_login;\nALTER ROLE app_login LOGIN CONNECTION LIMIT 3;\n"
        "CREATE TABLE goods (n int);\nALTER TABLE goods OWNER TO app_login;\n"
    )
    assert loaded.complaints == ()
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app_login' AND rolcanlogin"
    assert ask(server, limit) == 3


def test_the_roles_of_every_cluster_are_no_complaint(
    cloud: Cloud, load: Load, server: PostgresServer
) -> None:
    loaded = load(
        "CREATE ROLE postgres;\n"
        "ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION;\n"
        "CREATE SCHEMA public;\nCREATE TABLE goods (n int);\nALTER TABLE goods OWNER TO postgres;\n"
    )
    assert loaded == Loaded((), empty=False)
    # At RDS the master user is no superuser, whatever the dump says.
    assert not ask(server, "SELECT rolsuper FROM pg_roles WHERE rolname = 'postgres'")
    assert logs_in(server, cloud.secrets[0])


SECRET = "TOKEN"
"""Five capital letters, as an SQLSTATE has."""


def test_a_complaint_names_line_and_sqlstate_and_no_value(load: Load) -> None:
    refused = [
        (f"INSERT INTO goods VALUES ('{SECRET}')", "22P02"),
        (f"INSERT INTO names VALUES ('{SECRET}')", "23505"),
        (f"SELECT 'ERROR:  {SECRET}: ' + FROM", "42601"),
        (f"DO $$ BEGIN RAISE EXCEPTION 'x ERROR:  {SECRET}: y'; END $$", "P0001"),
        (f'SELECT * FROM "{SECRET}"', "42P01"),
        (f"ALTER ROLE {SECRET} PASSWORD '{SECRET}'", "42704"),
    ]
    loaded = load(
        "CREATE TABLE goods (n int);\n"
        f"CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('{SECRET}');\n"
        + "".join(f"{statement};\n" for statement, _ in refused)
        + f"DO $$ BEGIN RAISE EXCEPTION 'x\nERROR:  {SECRET}: y'; END $$;\n"
    )
    states = [*(state for _, state in refused), "P0001"]
    assert loaded.complaints == tuple(
        # psql names the line on which a statement ends.
        f"line {line + (line == 9)}: PostgreSQL answered {state}"
        for line, state in enumerate(states, start=3)
    )


def test_what_follows_a_refused_statement_is_loaded(
    load: Load, server: PostgresServer, database: str
) -> None:
    loaded = load("SELECT 1/0;\nCREATE TABLE goods (n int);\nSELECT 1/0;\n")
    assert [complaint.split(":")[0] for complaint in loaded.complaints] == ["line 1", "line 3"]
    assert ask(server, "SELECT count(*) FROM goods", database) == 0


@pytest.mark.parametrize(
    "broken",
    [
        "\\connect no_such_database\nCREATE TABLE never (n int);\n",
        "\\no_such_command\n",
        "CREATE TABLE never (n int\n",
    ],
    ids=["a database that is not there", "a command that is not there", "an unfinished end"],
)
def test_what_psql_itself_refuses_is_complained_about(load: Load, broken: str) -> None:
    loaded = load("CREATE TABLE goods (n int);\n" + broken)
    assert loaded.complaints
    assert not loaded.empty


@pytest.mark.parametrize(
    "garbage",
    [
        "this is not SQL; nor is this;\n",
        bytes(range(256)) * 20,
        b"PGDMP and no more",
        b"\x1f\x8b\x08\x00 as gzip begins",
    ],
    ids=["text", "bytes", "a false archive", "gzip"],
)
def test_garbage_leaves_the_database_empty_and_is_complained_about(
    load: Load, garbage: str | bytes
) -> None:
    loaded = load(garbage)
    assert loaded.empty
    assert loaded.complaints


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE goods (n int)",
        "CREATE VIEW one AS SELECT 1 AS n",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE SCHEMA depot",
        "SELECT lo_create(4711)",
    ],
)
def test_a_database_with_anything_in_it_is_not_empty(load: Load, statement: str) -> None:
    assert not load(f"{statement};\n").empty


def test_a_dump_that_fills_another_database_is_not_empty(
    load: Load, server: PostgresServer
) -> None:
    loaded = load("CREATE DATABASE elsewhere;\n\\connect elsewhere\nCREATE TABLE goods (n int);\n")
    assert loaded == Loaded((), empty=False)
    assert ask(server, "SELECT count(*) FROM goods", "elsewhere") == 0
    with server.admin() as cursor:
        cursor.execute("DROP DATABASE elsewhere")


def _owner(server: PostgresServer, database: str, table: str) -> str:
    question = f"SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = '{table}'"
    return str(ask(server, question, database))


def _exists(server: PostgresServer, role: str) -> bool:
    with server.admin() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        return bool(cursor.rowcount)
