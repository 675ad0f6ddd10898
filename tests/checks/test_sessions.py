"""A session is prepared whatever its database sets, and only what is lost is lost."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest
from psycopg2 import sql

from campaign.arena import Source, sessions
from lambdas.adapters import connecting
from lambdas.adapters.connecting import Server, connect
from lambdas.adapters.postgres import Session
from lambdas.adapters.session_settings import AT_LOGIN, Purpose, known_names, pinned
from lambdas.drill.units import Claim, Status
from lambdas.drill.verdict.verdict import Judgement, Verdict
from lambdas.errors import DatabaseUnreachable, NotExchanged, QueryFailed
from local.postgres import HOST
from tests.checks.conftest import MakeDatabase
from tests.checks.sandwich import results_of, sandwich
from tests.examples import some

pytestmark = pytest.mark.xdist_group("checks-sessions")

Open = Callable[[str], AbstractContextManager[Session]]

_CARRIED = """
SELECT name FROM pg_settings
 WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend') AND name !~ '[.]'
"""
_OTHER_VALUE = """
SELECT CASE vartype
         WHEN 'bool' THEN CASE setting WHEN 'on' THEN 'off' ELSE 'on' END
         WHEN 'enum' THEN (SELECT e FROM unnest(enumvals) e WHERE e <> setting LIMIT 1)
         WHEN 'string' THEN
           CASE name WHEN 'TimeZone' THEN 'Asia/Tokyo' WHEN 'DateStyle' THEN 'German' ELSE '' END
         ELSE CASE WHEN setting = min_val THEN max_val ELSE min_val END END
  FROM pg_settings WHERE name = %s
"""


LOGIN_TRIGGERS = 17
"""The major version that brought them."""

_TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL)",
    "INSERT INTO t SELECT g, 'N' || g FROM generate_series(1, 300) g",
)
_INNER = (
    "CREATE FUNCTION inner_one(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT lower($1)$$"
)
_SLUG = (
    "CREATE FUNCTION slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
    " AS $$SELECT public.inner_one(t)$$"
)
_BARE = (
    "CREATE OR REPLACE FUNCTION slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
    " AS $$SELECT inner_one(t)$$"
)


def opened(source: Source, purpose: Purpose) -> Open:
    address = Server(HOST, source.server.port, source.reader, tls_mode="disable", tls_ca_file="")
    return partial(connect, address, statement_seconds=60, purpose=purpose)


def setting(session: Session, name: str) -> str:
    (value,) = session.row("SELECT current_setting(%s)", [name], action="reading a setting")
    return str(value)


def test_each_setting_that_a_database_may_carry_is_on_the_list(source: Source) -> None:
    with source.server.admin() as cursor:
        cursor.execute(_CARRIED)
        carried = {name for (name,) in cursor.fetchall()}
    assert not carried - known_names()


def test_a_look_up_in_the_catalogs_leaves_no_setting_behind(source: Source) -> None:
    """Nothing but catalogs is read by an index, in a transaction neither, nor after an error."""
    ways = "current_setting('enable_indexscan'), current_setting('enable_seqscan')"
    with sessions(source.server, source.master)("postgres") as session:
        query = sql.SQL("SELECT " + ways)

        def settings() -> list[tuple[str, ...]]:
            return session.rows(query, action="reading the settings")

        before = settings()
        assert before == [("off", "on")]
        looked_up = session.looked_up(f"SELECT {ways}", action="looking up")
        assert looked_up == [("on", "off")]
        assert settings() == before
        with session.transaction(action="testing"):
            assert session.looked_up(f"SELECT {ways}", action="looking up") == looked_up
            assert settings() == before
        with pytest.raises(QueryFailed):
            session.looked_up("SELECT 1 / 0", action="looking up")
        assert settings() == before


@pytest.mark.parametrize("version", [140000, 140013, 150007, 150008, 160000, 170000, 180000])
def test_a_setting_is_pinned_only_where_the_server_knows_it(version: int) -> None:
    names = {name for name, _ in pinned(Purpose.READING, version)}
    assert ("transaction_timeout" in names) is (version >= 170000)
    assert ("force_parallel_mode" in names) is (version < 160000)
    assert ("debug_parallel_query" in names) is (version >= 160000)
    known = version not in (140000, 150007, 160000)
    assert ("restrict_nonsystem_relation_kind" in names) is known


@pytest.mark.parametrize("purpose", Purpose)
def test_what_is_pinned_holds_against_the_database_and_after_a_renewal(
    source: Source, database: str, purpose: Purpose
) -> None:
    """Each pinned setting is set to something else first."""
    wanted: dict[str, str] = {}
    with opened(source, purpose)(database) as session:
        names = [name for name, _ in pinned(purpose, session.server_major * 10_000 + 99)]
        names += [*AT_LOGIN, "default_transaction_read_only"]
        for name in names:
            wanted[name] = setting(session, name)
    for name in names:
        with source.server.admin() as cursor:
            cursor.execute(_OTHER_VALUE, [name])
            (value,) = cursor.fetchone() or ("on",)
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
            sql.Identifier(database), sql.Identifier(*name.split(".")), sql.Literal(value)
        )
        source.run("postgres", statement)
    with opened(source, purpose)(database) as session:
        assert {name: setting(session, name) for name in names} == wanted
        session.renew()
        assert {name: setting(session, name) for name in names} == wanted
        assert setting(session, "role") == "none"
    assert wanted["default_transaction_read_only"] == "on"


@pytest.mark.parametrize(
    "statement",
    ["", " ; ", "-- nothing", "COPY pg_class TO STDOUT", "COPY (SELECT 1) TO STDOUT"],
)
def test_an_error_of_the_drivers_own_is_no_lost_connection(source: Source, statement: str) -> None:
    with sessions(source.server, source.master)("postgres") as session:
        with pytest.raises(NotExchanged) as caught:
            session.rows(statement, action="asking")
        assert str(caught.value).startswith("asking: the driver could not exchange it")
        assert session.row("SELECT 1", action="asking again") == (1,)


def test_a_value_that_can_not_be_adapted_or_decoded_is_no_lost_connection(
    source: Source, make_database: MakeDatabase
) -> None:
    name = make_database(
        "in_ascii", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    with sessions(source.server, source.master)(name) as session:
        with pytest.raises(NotExchanged):
            session.rows("SELECT %s", [object()], action="adapting")
        with pytest.raises((NotExchanged, QueryFailed)):
            session.rows(r"SELECT convert_from('\xff'::bytea, 'SQL_ASCII')", action="decoding")
        assert session.row("SELECT 1", action="asking again") == (1,)


def test_a_connection_that_was_ended_is_lost(source: Source) -> None:
    with sessions(source.server, source.master)("postgres") as session:
        (process,) = session.row("SELECT pg_backend_pid()", action="looking for the backend")
        with source.server.admin() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
        with pytest.raises(DatabaseUnreachable) as caught:
            session.row("SELECT 1", action="asking")
        assert caught.value.lost


NAMELESS = {
    "unaccent": (
        "CREATE EXTENSION unaccent",
        "CREATE FUNCTION slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT lower(public.unaccent('public.unaccent', t)) $$",
        "CREATE INDEX ON t (slug(name))",
        "CREATE OR REPLACE FUNCTION slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT lower(unaccent(t)) $$",
    ),
    "another function": (
        _INNER,
        _SLUG,
        "CREATE INDEX ON t (slug(name))",
        _BARE,
    ),
    "a predicate": (_INNER, _SLUG, "CREATE INDEX ON t (id) WHERE slug(name) > 'a'", _BARE),
    "a unique index": (_INNER, _SLUG, "CREATE UNIQUE INDEX ON t (slug(name), id)", _BARE),
    "a gin index": (
        _INNER,
        _SLUG,
        "CREATE INDEX ON t USING gin (to_tsvector('simple', slug(name)))",
        _BARE,
    ),
    "a hash index": (_INNER, _SLUG, "CREATE INDEX ON t USING hash (slug(name))", _BARE),
    "a brin index": (_INNER, _SLUG, "CREATE INDEX ON t USING brin (slug(name))", _BARE),
    "statistics": (_INNER, _SLUG, "CREATE STATISTICS s ON (slug(name)) FROM t", "ANALYZE t", _BARE),
    "a check": (_INNER, _SLUG, "ALTER TABLE t ADD CHECK (slug(name) > 'a')", _BARE),
    "a generated column": (
        _INNER,
        _SLUG,
        "ALTER TABLE t ADD g text GENERATED ALWAYS AS (slug(name)) STORED",
        "CREATE INDEX ON t (g)",
        _BARE,
    ),
    "a default": (_INNER, _SLUG, "ALTER TABLE t ALTER name SET DEFAULT slug('A')", _BARE),
    "a type": (
        "CREATE DOMAIN plain AS text",
        "CREATE FUNCTION slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT lower(t::public.plain) $$",
        "CREATE INDEX ON t (slug(name))",
        "CREATE OR REPLACE FUNCTION slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT lower(t::plain) $$",
    ),
    "a configuration": (
        "CREATE TEXT SEARCH CONFIGURATION plain_words (COPY = simple)",
        "CREATE FUNCTION words(t text) RETURNS tsvector LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT to_tsvector('public.plain_words', t) $$",
        "CREATE INDEX ON t USING gin (words(name))",
        "CREATE OR REPLACE FUNCTION words(t text) RETURNS tsvector LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT to_tsvector('plain_words', t) $$",
    ),
    "plpgsql": (
        _INNER,
        "CREATE FUNCTION slug(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE"
        " AS $$ BEGIN RETURN public.inner_one(t); END $$",
        "CREATE INDEX ON t (slug(name))",
        "CREATE OR REPLACE FUNCTION slug(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE"
        " AS $$ BEGIN RETURN inner_one(t); END $$",
    ),
    "a schema of its own": (
        "CREATE SCHEMA app",
        "CREATE FUNCTION app.inner_one(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT lower($1) $$",
        "CREATE FUNCTION app.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT app.inner_one(t) $$",
        "CREATE INDEX ON t (app.slug(name))",
        "SET check_function_bodies = off",
        "CREATE OR REPLACE FUNCTION app.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT inner_one(t) $$",
    ),
}
"""Functions in SQL that name things without a schema, by what uses them."""

SOME_NAMELESS = some(NAMELESS, 2)


@pytest.fixture(scope="module")
def nameless(source: Source) -> Iterator[Judgement]:
    """One drill of a database for each."""
    names = {case: f"nameless_{number}" for number, case in enumerate(SOME_NAMELESS)}
    try:
        for case, name in names.items():
            source.run("postgres", f"CREATE DATABASE {name}")
            source.run(name, *_TABLE, *NAMELESS[case])
        yield sandwich(source)
    finally:
        for name in names.values():
            source.run("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.parametrize("case", SOME_NAMELESS)
def test_a_function_that_qualifies_no_name_keeps_no_table_from_being_proven(
    nameless: Judgement, case: str
) -> None:
    database = f"nameless_{SOME_NAMELESS.index(case)}"
    message = [
        (result.title, result.findings, result.notes)
        for result in nameless.results
        if result.database == database and result.status in (Status.WRONG, Status.UNMEASURED)
    ]
    assert not message
    assert results_of(nameless, "counts", database)["public.t"].claim is Claim.PROVEN


LOGINS = {
    "writes": ("INSERT INTO public.logins VALUES (now());", Verdict.PASSED),
    "refuses": ("RAISE EXCEPTION 'not you';", Verdict.INCONCLUSIVE),
    "refuses the copy's user": (
        "IF session_user <> 'tm_reader' THEN RAISE EXCEPTION 'not you'; END IF;",
        Verdict.INCONCLUSIVE,
    ),
    "fails": ("PERFORM 1 / 0;", Verdict.INCONCLUSIVE),
    "sets": ("PERFORM set_config('search_path', 'nowhere', false);", Verdict.PASSED),
    "sets a zone": ("SET TimeZone = 'Asia/Tokyo'; SET row_security = on;", Verdict.PASSED),
    "reads": ("PERFORM count(*) FROM public.logins;", Verdict.PASSED),
}


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("writes", "exact"),
        ("refuses the copy's user", "none"),
        *(
            pytest.param(case, kind, marks=pytest.mark.thorough)
            for case in LOGINS
            for kind in ("exact", "none")
            if (case, kind) not in {("writes", "exact"), ("refuses the copy's user", "none")}
        ),
    ],
)
def test_a_login_trigger_is_no_damage_and_named_where_it_keeps_us_out(
    source: Source, database: str, kind: str, case: str
) -> None:
    body, verdict = LOGINS[case]
    if source.server.binaries.major < LOGIN_TRIGGERS:
        return
    source.run(
        database,
        "CREATE TABLE logins (at timestamptz)",
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" AS $$BEGIN IF session_user <> 'rdsadmin' THEN {body} END IF; END$$",
        "CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION note()",
    )

    judgement = sandwich(source, kind)

    assert judgement.verdict is verdict, judgement.reasons
    message = [reason for reason in judgement.reasons if reason.startswith(database)]
    assert all("login trigger" in reason for reason in message if "databases" in reason), message
    assert bool(message) is (verdict is not Verdict.PASSED)


def test_a_login_trigger_that_takes_too_long_is_named(
    source: Source, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source.server.binaries.major < LOGIN_TRIGGERS:
        return
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 2)
    source.run(
        database,
        "CREATE FUNCTION nap() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$BEGIN IF session_user <> 'rdsadmin' THEN PERFORM pg_sleep(4);"
        " END IF; END$$",
        "CREATE EVENT TRIGGER nap ON login EXECUTE FUNCTION nap()",
    )

    judgement = sandwich(source, "none")

    assert judgement.verdict is Verdict.INCONCLUSIVE, judgement.reasons
    assert any(database in reason and "login trigger" in reason for reason in judgement.reasons)
