"""Values and what is expected of them, compared by PostgreSQL: equal is equal for every type."""

from collections.abc import Callable, Iterator

import pytest

from campaign.arena import Source, sessions
from lambdas.drill.checks.registry import CHECKS
from lambdas.drill.checks.shape import CheckContext, Survey
from lambdas.drill.units import Measurement, Status
from lambdas.drill.verification.batch import measure_batch

pytestmark = pytest.mark.xdist_group("checks-expected")

DATABASE = "expected"
_SETUP = (
    "CREATE SCHEMA own",
    "CREATE TYPE own.mood AS ENUM ('sad', 'fine', 'glad')",
    'CREATE TYPE own."Pair of" AS (a int, b text)',
    "CREATE DOMAIN own.positive AS int CHECK (VALUE > 0)",
    "CREATE TABLE own.t (id int PRIMARY KEY, body text)",
    "INSERT INTO own.t VALUES (1, 'one')",
    "CREATE TYPE own.reach AS RANGE (subtype = float8)",
    # What people set, so that an expectation written as psql prints it may look otherwise.
    f"ALTER DATABASE {DATABASE} SET TimeZone = 'Asia/Tokyo'",
    f"ALTER DATABASE {DATABASE} SET DateStyle = 'German'",
    f"ALTER DATABASE {DATABASE} SET IntervalStyle = 'iso_8601'",
    f"ALTER DATABASE {DATABASE} SET bytea_output = 'escape'",
    f"ALTER DATABASE {DATABASE} SET extra_float_digits = 0",
    f"ALTER DATABASE {DATABASE} SET xmloption = 'document'",
    f"ALTER DATABASE {DATABASE} SET search_path = own, public",
)

MET = (
    ("true", "= 't'"),
    ("true", "= 'yes'"),
    ("false", "= false"),
    ("true", "!= 'f'"),
    ("5::int", "= '5'"),
    ("5::int2", "> '-10'"),
    ("10::int8", "> '9'"),
    ("9223372036854775807", "= 9223372036854775807"),
    ("1.50::numeric", "= '1.5'"),
    ("1.50::numeric", "= 1.5"),
    ("'NaN'::numeric", "= 'NaN'"),
    ("'Infinity'::numeric", "> 5"),
    ("0.1::float8", "= '0.1'"),
    ("0.1::float4", "= 0.1"),
    ("1e300::float8", "> '1e299'"),
    ("'-0'::float8", "= '0'"),
    ("'1234.50'::money", "= '1234.50'"),
    ("'1234.50'::money", "> 1000"),
    ("'1234.50'::money", "= '$1,234.50'"),
    ("'a'::text", "= 'a'"),
    ("''::text", "= ''"),
    ("'ab'::varchar(9)", "= 'ab'"),
    ("'ab'::char(9)", "= 'ab'"),
    ("'b'::text", "> 'a'"),
    ("'ab'::name", "= 'ab'"),
    ("'x'::\"char\"", "= 'x'"),
    ("'5'::text", "> 4"),
    (r"'\x61'::bytea", r"= '\x61'"),
    (r"'\x61'::bytea", "= 'a'"),
    (r"'\x00ff'::bytea", r"< '\x01'"),
    ("date '2026-01-02'", "= '2026-01-02'"),
    ("date '2026-01-02'", "< '2026-01-10'"),
    ("date 'infinity'", "= 'infinity'"),
    ("date '0044-03-15 BC'", "= '0044-03-15 BC'"),
    ("date '20000-01-01'", "> '9999-12-31'"),
    ("timestamptz '2026-01-01 00:00+00'", "= '2026-01-01 00:00:00+00'"),
    ("timestamptz '2026-01-01 00:00+00'", "= '2026-01-01 09:00:00+09'"),
    ("timestamptz '-infinity'", "< '1900-01-01'"),
    ("timestamptz '2026-01-01 00:00+00'", "= '2026-01-01'"),
    ("timestamp '2026-01-01 00:00'", "= '2026-01-01T00:00:00.000'"),
    ("time '12:00'", "= '12:00:00'"),
    ("timetz '12:00+02'", "= '12:00:00+02'"),
    ("interval '1 day'", "= '1 day'"),
    ("interval '36 hours'", "> '1 day'"),
    ("interval '1 day'", "= '24:00:00'"),
    ("interval '20000000 years'", "> '1 year'"),
    ("'{1,2}'::int[]", "= '{1,2}'"),
    ("'{1,2}'::int[]", "= '{1, 2}'"),
    ("'{}'::text[]", "= '{}'"),
    ("ARRAY['a,b', NULL]", "= '{\"a,b\",NULL}'"),
    ("'{{1,2},{3,4}}'::int[]", "= '{{1,2},{3,4}}'"),
    ("ARRAY[true]", "= '{t}'"),
    ("ARRAY[date '2026-01-02']", "= '{2026-01-02}'"),
    ("ARRAY['{\"a\": 1}'::jsonb]", '= \'{"{\\"a\\":1}"}\''),
    ("'{\"a\": 1}'::jsonb", "= '{\"a\": 1}'"),
    ("'{\"a\": 1}'::jsonb", "= '{\"a\":1.0}'"),
    ('\'{"b": 2, "a": 1}\'::json', '= \'{"a":1,"b":2}\''),
    ("'\"abc\"'::jsonb", "= 'abc'"),
    ("'\"abc\"'::jsonb", "= '\"abc\"'"),
    ("'5'::jsonb", "> 4"),
    ("'true'::jsonb", "= true"),
    ("'null'::jsonb", "= null"),
    ("jsonb '[1, 2]'", "!= '[2, 1]'"),
    ("'10.0.0.1'::inet", "= '10.0.0.1/32'"),
    ("'10.0.0.0/8'::cidr", "= '10.0.0.0/8'"),
    ("'08:00:2b:01:02:03'::macaddr", "= '08-00-2B-01-02-03'"),
    ("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'::uuid", "= 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'"),
    ("B'101'", "= '101'"),
    ("B'101'::varbit", "> '100'"),
    ("int4range(1, 5)", "= '[1,4]'"),
    ("numrange(1, 5)", "= '[1.0,5)'"),
    ("tstzrange('2026-01-01+00', NULL)", "= '[2026-01-01 00:00:00+00,)'"),
    ("'empty'::int8range", "= 'empty'"),
    ("'{[1,3)}'::int4multirange", "= '{[1,2]}'"),
    ("'[1,2]'::own.reach", "= '[1.0,2.0]'"),
    ("'glad'::mood", "= 'glad'"),
    ("'glad'::mood", "> 'sad'"),
    ("'fine'::own.mood", "> 'sad'"),
    ("'(1,two)'::own.\"Pair of\"", "= '(1,two)'"),
    ("'(1,two)'::own.\"Pair of\"", "= '(01,\"two\")'"),
    ("ROW(1, 'two')", "= '(1,two)'"),
    ("7::positive", "= '07'"),
    ("point(1, 2)", "= '(1.0, 2)'"),
    ("'((0,0),(2,2))'::box", "= '(2,2),(0,0)'"),
    ("'((0,0),(1,4))'::box", "!= '(2,2),(0,0)'"),
    ("'<(0,0),1>'::circle", "= '<(0,0),1>'"),
    ("'((0,0),(1,1))'::path", "!= '((0,0),(2,2))'"),
    ("'(0,0),(1,1),(2,0)'::polygon", "= '((0,0),(1,1),(2,0))'"),
    ("'[(0,0),(1,1)]'::lseg", "= '[(0,0),(1,1)]'"),
    ("'fat & rat'::tsquery", "= 'fat&rat'"),
    ("'a fat cat'::tsvector", "= 'fat cat a'"),
    ("'t'::regclass", "= 't'"),
    ("'t'::regclass", "= 'own.t'"),
    ("12::oid", "= '12'"),
    ("'16/B374D848'::pg_lsn", "> '16/B374D000'"),
    ("'7'::xid", "= '7'"),
    ("'(0,1)'::tid", "= '(0,1)'"),
    ("'10:20:10,14'::pg_snapshot", "= '10:20:10,14'"),
    ("'b'::text COLLATE \"C\"", "!= 'B'"),
    ("(SELECT body FROM t)", "= 'one'"),
    ("NULL::int", "= null"),
)
NOT_MET = (
    ("true", "= 'f'"),
    ("1.50::numeric", "= '1.51'"),
    ("'{1,2}'::int[]", "= '{2,1}'"),
    ("'[0:1]={1,2}'::int[]", "= '{1,2}'"),
    ("'{\"a\": 1}'::jsonb", "= '{\"a\": 2}'"),
    ("'{\"a\": 1}'::json", "= '{\"a\": 2}'"),
    ("interval '1 day'", "= '25:00:00'"),
    (r"'\x61'::bytea", r"= '\x62'"),
    ("timestamptz '2026-01-01 00:00+00'", "= '2026-01-01 00:00:00+01'"),
    ("'ab'::char(9)", "= 'ac'"),
    ("B'101'", "= '1'"),
    ("'((0,0),(1,4))'::box", "= '(2,2),(0,0)'"),
    ("point(1, 2)", "= '(2,1)'"),
    ("ROW(1, 'two')", "= '(1,three)'"),
    ("NULL::int[]", "= '{}'"),
    ("NULL::text", "!= 'x'"),
    ("'glad'::mood", "< 'sad'"),
)
UNDECIDED = (
    ("date '2026-01-02'", "= 'tomorrow week'"),
    ("5", "= 'five'"),
    ("true", "= 'perhaps'"),
    ("'{1}'::int[]", "= '[1]'"),
    ("'glad'::mood", "= 'odd'"),
    ("'{}'::json", "> '{}'"),
    ("point(1, 2)", "< '(2,2)'"),
    ("'t'::regclass", "= 'nowhere'"),
    ("date '2026-01-02'", "> 0"),
    ("'text'::text", "= true"),
    ("int4range(1, 5)", "= '1 to 5'"),
)
XML = (
    ("'<a>1</a>'::xml", "= '<a>1</a>'", Status.OK),
    ("'<a/>text'::xml", "!= '<b/>'", Status.OK),
    ("'<a/>'::xml", "= '<b/>'", Status.WRONG),
    ("'<a/>'::xml", "> '<b/>'", Status.UNMEASURED),
)
NO_QUERIES = (
    "",
    "   ",
    ";",
    "-- nothing",
    "COPY own.t TO STDOUT",
    "COPY (SELECT 1) TO STDOUT",
    "COPY own.t FROM STDIN",
    "SELECT 1; COPY own.t TO STDOUT",
)
"""What the driver does not exchange; no connection is lost over it."""

Ask = Callable[[str, str], Measurement]


@pytest.fixture(scope="module")
def furnished(source: Source) -> Iterator[Source]:
    source.run("postgres", f"CREATE DATABASE {DATABASE}")
    try:
        source.run(DATABASE, *_SETUP, "GRANT USAGE ON SCHEMA own TO PUBLIC")
        source.run(DATABASE, "GRANT SELECT ON own.t TO PUBLIC")
        yield source
    finally:
        source.run("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def ask(furnished: Source) -> Ask:
    def asked(query: str, expect: str) -> Measurement:
        wanted = {"name": "mine", "database": DATABASE, "sql": query, "expect": expect}
        units = list(CHECKS["expectations"].plan(Survey((), "", expectations=[wanted])))
        context = CheckContext(sessions(furnished.server, furnished.master), {}, {})
        (measured,) = measure_batch(units, context, lambda: 60.0)
        return measured

    return asked


@pytest.mark.parametrize(("value", "expect"), MET)
def test_a_value_is_what_postgresql_says_that_it_is(ask: Ask, value: str, expect: str) -> None:
    found = ask(f"SELECT {value}", expect)
    assert found.status is Status.OK, (found.findings, found.notes)


@pytest.mark.parametrize(("value", "expect"), NOT_MET)
def test_a_value_is_not_what_postgresql_says_that_it_is_not(
    ask: Ask, value: str, expect: str
) -> None:
    found = ask(f"SELECT {value}", expect)
    assert found.status is Status.WRONG, found.notes


@pytest.mark.parametrize(("value", "expect", "status"), XML)
def test_xml_is_compared_as_it_prints_where_the_server_has_it(
    ask: Ask, furnished: Source, value: str, expect: str, status: Status
) -> None:
    """The embedded server is built without libxml."""
    with furnished.server.admin() as cursor:
        cursor.execute("SELECT count(*) FROM pg_config WHERE setting LIKE '%with-libxml%'")
        has_xml = cursor.fetchone() == (1,)
    assert ask(f"SELECT {value}", expect).status is (status if has_xml else Status.UNMEASURED)


@pytest.mark.parametrize(("value", "expect"), UNDECIDED)
def test_what_has_no_comparison_is_not_measured(ask: Ask, value: str, expect: str) -> None:
    found = ask(f"SELECT {value}", expect)
    assert found.status is Status.UNMEASURED, found.findings
    assert "can't be compared" in found.notes[0]


@pytest.mark.parametrize("query", NO_QUERIES)
def test_what_the_driver_does_not_exchange_is_no_lost_connection(ask: Ask, query: str) -> None:
    found = ask(query, "= 1")
    assert found.status is Status.UNMEASURED, found.findings
    assert "lost" not in " ".join(found.notes)


def test_the_users_plans_and_path_are_the_databases_own(ask: Ask, furnished: Source) -> None:
    furnished.run(
        "postgres",
        f"ALTER DATABASE {DATABASE} SET enable_seqscan = off",
        f"ALTER DATABASE {DATABASE} SET random_page_cost = 7",
        f"ALTER DATABASE {DATABASE} SET constraint_exclusion = on",
    )
    for name, value in {
        "enable_seqscan": "off",
        "enable_indexscan": "on",
        "random_page_cost": "7",
        "constraint_exclusion": "on",
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
    }.items():
        found = ask(f"SELECT current_setting('{name}')", f"= '{value}'")
        assert found.status is Status.OK, name
