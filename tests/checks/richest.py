"""Every type that PostgreSQL and its extensions bring, with values; from the catalog itself.

One table for each kind of type in the schema ``types``, with a column for each type. Its first row
is all NULL; each further one holds a value of every type that has so many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg2 import errors, sql

from campaign.arena import Source, Statement
from tests.checks.hostile import OWNER

EXTENSIONS = (
    "hstore",
    "ltree",
    "cube",
    "citext",
    "seg",
    "isn",
    "vector",
    "intarray",
    "lo",
    "pg_trgm",
    "btree_gist",
    "btree_gin",
    "bloom",
    "tablefunc",
    "unaccent",
    "postgres_fdw",
    "file_fdw",
)
"""Those of them that this PostgreSQL has."""

VALUES: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "bytea": (r"\x", r"\x00ff", r"\x" + "00" * 5000),
    "char": ("a", "", "\\377"),
    "name": ("a", "x" * 63, ""),
    "int8": ("0", "-9223372036854775808", "9223372036854775807"),
    "int2": ("0", "-32768", "32767"),
    "int2vector": ("1 2 3", "-32768"),
    "int4": ("0", "-2147483648", "2147483647"),
    "regproc": ("pg_catalog.now", "-", "4294967295"),
    "text": ("", "é🐘\n\t\\", "long " * 2000),
    "oid": ("0", "4294967295"),
    "tid": ("(0,0)", "(4294967295,65535)"),
    "xid": ("0", "4294967295"),
    "cid": ("0", "4294967295"),
    "oidvector": ("1 2 3", "4294967295"),
    "json": ('{"a": 1, "a": 2}', " [1,  null] ", "null"),
    "xml": ("<a/>", "text"),
    "point": ("(0,-0)", "(NaN,Infinity)", "(1e-300,1e300)"),
    "lseg": ("[(0,0),(1,1)]",),
    "path": ("[(0,0),(1,1)]", "((0,0),(1,1))"),
    "box": ("(1,1),(0,0)",),
    "polygon": ("((0,0),(1,1),(1,0))",),
    "line": ("{1,2,3}",),
    "cidr": ("10.0.0.0/8", "::/0"),
    "float4": ("NaN", "-0", "Infinity", "1e-45"),
    "float8": ("NaN", "-0", "-Infinity", "5e-324", "0.1"),
    "circle": ("<(0,0),1>",),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "money": ("0", "-92233720368547758.08", "92233720368547758.07"),
    "macaddr": ("08:00:2b:01:02:03",),
    "inet": ("10.1.2.3/8", "::1"),
    "aclitem": ("=r/rdsadmin", "rdsadmin=arwdDxt*/rdsadmin"),
    "bpchar": ("a  ", ""),
    "varchar": ("a  ", ""),
    "date": ("infinity", "-infinity", "4713-01-01 BC", "5874897-12-31"),
    "time": ("00:00:00", "24:00:00"),
    "timestamp": ("infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"),
    "timestamptz": ("-infinity", "2020-03-29 02:30:00 Europe/Berlin"),
    "interval": ("1 mon", "30 days", "-178000000 years", "00:00:00.000001"),
    "timetz": ("00:00:00+15:59", "24:00:00-15:59"),
    "bit": ("1", "0"),
    "varbit": ("", "10101"),
    "numeric": ("NaN", "-Infinity", "0.00", "0." + "0" * 100 + "1", "9" * 1000, "1.10"),
    "refcursor": ("cursor",),
    "regprocedure": ("pg_catalog.md5(text)",),
    "regoper": ("pg_catalog.||/",),
    "regoperator": ("pg_catalog.+(integer,integer)",),
    "regclass": ("pg_catalog.pg_class", "4294967295"),
    "regtype": ("pg_catalog.int4",),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "txid_snapshot": ("10:20:10,14,15",),
    "pg_lsn": ("0/0", "FFFFFFFF/FFFFFFFF"),
    "tsvector": ("'a':1A,2B 'b':3", "", "'it''s'"),
    "tsquery": ("'a' & !'b':*AB", "'a' <2> 'b'"),
    "regconfig": ("pg_catalog.english",),
    "regdictionary": ("pg_catalog.simple",),
    "jsonb": ('{"a": [1.10, null, "\\u00e9"]}', "1.0", "{}"),
    "jsonpath": ("$.a[*] ? (@ > 1)", "lax $"),
    "regnamespace": ("pg_catalog",),
    "regrole": ("rdsadmin",),
    "regcollation": ('pg_catalog."C"',),
    "regdatabase": ("postgres",),
    "pg_snapshot": ("10:20:10,14,15",),
    "xid8": ("0", "18446744073709551615"),
    "int4range": ("empty", "[1,5)", "(,)"),
    "numrange": ("[1.0,1.00]", "(,1.10)"),
    "tsrange": ("[-infinity,infinity]",),
    "tstzrange": ("[2020-01-01 00:00:00+00,)",),
    "daterange": ("[2020-01-01,infinity)",),
    "int8range": ("[-9223372036854775808,0)",),
    "int4multirange": ("{}", "{[1,2),[4,5)}"),
    "nummultirange": ("{[1.0,1.1],(2,)}",),
    "tsmultirange": ("{[2020-01-01 00:00:00,2020-01-02 00:00:00)}",),
    "tstzmultirange": ("{(,)}",),
    "datemultirange": ("{[2020-01-01,2020-01-02)}",),
    "int8multirange": ("{[1,2)}",),
    "cardinal_number": ("0", "2147483647"),
    "character_data": ("a", ""),
    "sql_identifier": ("a",),
    "time_stamp": ("2020-01-01 00:00:00.12+00",),
    "yes_or_no": ("YES", "NO"),
    "hstore": ("a=>1, b=>NULL", ""),
    "ltree": ("Top.Science", ""),
    "lquery": ("*.a|b.*{1,2}",),
    "ltxtquery": ("a & !b*@",),
    "cube": ("(1,2),(3,4)", "(-0)"),
    "citext": ("CaSe", ""),
    "seg": ("1.50 .. 2", "~3.0", "<5"),
    "ean13": ("978-0-393-04002-9",),
    "isbn13": ("978-0-393-04002-9",),
    "ismn13": ("979-0-060-11561-5",),
    "issn13": ("977-1436-452-00-8",),
    "isbn": ("0-393-04002-X",),
    "ismn": ("M-060-11561-5",),
    "issn": ("1436-4522",),
    "upc": ("220356483481",),
    "vector": ("[1,-0,3e-38]",),
    "halfvec": ("[1,-0,65504]",),
    "sparsevec": ("{1:1.5,3:2}/5",),
    "query_int": ("1&(2|!3)",),
    "lo": ("12345",),
    "tablefunc_crosstab_2": ("(a,b,)",),
    "tablefunc_crosstab_3": ("(a,b,,)",),
    "tablefunc_crosstab_4": ("(a,b,,,)",),
}
"""Values as text, by the type's name."""

STORED: dict[str, str] = {
    "pg_node_tree": "SELECT adbin FROM pg_catalog.pg_attrdef LIMIT 1",
    "pg_ndistinct": "SELECT stxdndistinct FROM pg_catalog.pg_statistic_ext_data LIMIT 1",
    "pg_dependencies": "SELECT stxddependencies FROM pg_catalog.pg_statistic_ext_data LIMIT 1",
    "pg_mcv_list": "SELECT stxdmcv FROM pg_catalog.pg_statistic_ext_data LIMIT 1",
}
"""Types whose input function refuses everything, and where a value of theirs lies."""

NO_VALUES: dict[str, str] = {
    "gtsvector": "the key of a GiST index; its input function refuses",
    "ghstore": "the key of a GiST index; its input function refuses",
    "ltree_gist": "the key of a GiST index; its input function refuses",
    "intbig_gkey": "the key of a GiST index; its input function refuses",
    "gtrgm": "the key of a GiST index; its input function refuses",
    "gbtreekey2": "the key of a GiST index; its input function refuses",
    "gbtreekey4": "the key of a GiST index; its input function refuses",
    "gbtreekey8": "the key of a GiST index; its input function refuses",
    "gbtreekey16": "the key of a GiST index; its input function refuses",
    "gbtreekey32": "the key of a GiST index; its input function refuses",
    "gbtreekey_var": "the key of a GiST index; its input function refuses",
    "pg_brin_bloom_summary": "lies in BRIN indexes alone; its input function refuses",
    "pg_brin_minmax_multi_summary": "lies in BRIN indexes alone; its input function refuses",
}
"""Types of which no value can be made: their columns hold NULL."""

_UNSTORABLE = """
WITH RECURSIVE unstorable (oid) AS (
    SELECT t.oid FROM pg_type t WHERE t.typtype = 'p'
    UNION
    SELECT t.oid FROM unstorable u, pg_type t
     WHERE (t.typelem = u.oid AND t.typlen = -1)
        OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND a.atttypid = u.oid)))
"""
"""Types that no column can have: pseudo-types, and arrays and composites with one inside."""

_BROUGHT = """(n.nspname = 'extensions'
    OR (n.nspname IN ('pg_catalog', 'information_schema') AND t.oid < 16384))"""
"""Types of PostgreSQL and of its extensions; tables among its own have row types of their own."""

_TYPES = f"""
{_UNSTORABLE}
SELECT t.oid, n.nspname, t.typname, t.typtype, c.relkind, e.typname, en.nspname, ec.relkind
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_type e ON e.typarray = t.oid LEFT JOIN pg_namespace en ON en.oid = e.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid LEFT JOIN pg_class ec ON ec.oid = e.typrelid
 WHERE {_BROUGHT}
   AND t.oid NOT IN (SELECT oid FROM unstorable)
 ORDER BY t.oid
"""

FORGOTTEN = f"""
{_UNSTORABLE}
SELECT t.oid::regtype::text FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE {_BROUGHT}
   AND t.oid NOT IN (SELECT oid FROM unstorable)
   AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                    WHERE a.atttypid = t.oid AND c.relnamespace = 'types'::regnamespace)
"""
"""What is left of the types when those are taken out that the tables have a column of."""


@dataclass(frozen=True)
class Type:
    """A type and the expressions that give values of it."""

    oid: int
    schema: str
    name: str
    table: str
    values: tuple[sql.Composable, ...]


def setup(available: set[str]) -> Iterator[Statement]:
    """The extensions, and what the values of some types are taken from."""
    yield "CREATE SCHEMA types"
    yield "CREATE SCHEMA extensions"
    for name in EXTENSIONS:
        if name in available:
            yield f"CREATE EXTENSION {name} SCHEMA extensions CASCADE"
    yield "CREATE TABLE types.counted AS SELECT n % 3 AS a, n % 9 AS b FROM generate_series(1, 9) n"
    yield "ALTER TABLE types.counted ADD c int DEFAULT 5"
    yield "CREATE STATISTICS types.counts (ndistinct, dependencies, mcv) ON a, b FROM types.counted"
    yield "ANALYZE types.counted"


def types(cursor: Any) -> list[Type]:
    """Every type that a column can have."""
    none = barren(cursor)
    cursor.execute(_TYPES)
    return [_type(none, *row) for row in cursor.fetchall()]


def barren(cursor: Any) -> set[str]:
    """The types of which this server can make no value: it may be built without libxml."""
    try:
        cursor.execute("SELECT '<a/>'::xml")
    except errors.FeatureNotSupported:
        return {*NO_VALUES, "xml"}
    return {*NO_VALUES}


def statements(found: list[Type]) -> Iterator[Statement]:
    """The tables, filled."""
    for table in sorted({one.table for one in found}):
        columns = [one for one in found if one.table == table]
        name = sql.Identifier("types", table)
        yield sql.SQL("CREATE TABLE {} ({})").format(
            name, sql.SQL(", ").join(map(_column, columns))
        )
        for number in range(max(len(one.values) for one in columns) + 1):
            values = (
                one.values[number - 1] if 0 < number <= len(one.values) else None for one in columns
            )
            row = sql.SQL(", ").join(value or sql.SQL("NULL") for value in values)
            yield sql.SQL("INSERT INTO {} VALUES ({})").format(name, row)


def without_a_value(cursor: Any, found: list[Type]) -> set[str]:
    """The types of whose column every row is NULL."""
    empty = set()
    for one in found:
        query = sql.SQL("SELECT count({}) FROM {}").format(
            sql.Identifier(_called(one)), sql.Identifier("types", one.table)
        )
        cursor.execute(query)
        if cursor.fetchone() == (0,):
            empty.add(one.name)
    return empty


def _called(one: Type) -> str:
    return f"{one.oid}_{one.name}"[:63]


def _column(one: Type) -> sql.Composable:
    return sql.SQL("{} {}").format(
        sql.Identifier(_called(one)), sql.Identifier(one.schema, one.name)
    )


def _type(  # the columns of _TYPES
    none: set[str],
    oid: int,
    schema: str,
    name: str,
    kind: str,
    relation_kind: str | None,
    element: str | None,
    element_schema: str | None,
    element_relation_kind: str | None,
) -> Type:
    cast = sql.SQL("::{}").format(sql.Identifier(schema, name))
    if element is None or element_schema is None:
        values = list(_values(none, schema, name, relation_kind))
        table = {"c": "composites", "d": "domains", "r": "ranges", "m": "multiranges"}.get(
            kind, "base"
        )
        return Type(
            oid, schema, name, table, tuple(sql.SQL("({}){}").format(v, cast) for v in values)
        )
    inner = sql.SQL("::{}").format(sql.Identifier(element_schema, element))
    elements = [
        sql.SQL("({}){}").format(value, inner)
        for value in _values(none, element_schema, element, element_relation_kind)
    ]
    arrays = [
        sql.SQL("'{{}}'{}").format(cast),
        sql.SQL("ARRAY[{}]{}").format(sql.SQL(", ").join([*elements, sql.SQL("NULL")]), cast),
    ]
    return Type(
        oid,
        schema,
        name,
        "arrays_of_composites" if element_relation_kind else "arrays",
        tuple(arrays),
    )


def _values(
    none: set[str], schema: str, name: str, relation_kind: str | None
) -> Iterator[sql.Composable]:
    if name in none:
        return
    if name in VALUES:
        yield from map(sql.Literal, VALUES[name])
    elif name in STORED:
        yield sql.SQL("({})").format(sql.SQL(STORED[name]))
    elif relation_kind:
        relation = sql.Identifier(schema, name)
        yield sql.SQL("jsonb_populate_record(NULL::{}, '{{}}')").format(relation)
        if relation_kind == "r":
            yield sql.SQL("(SELECT r FROM {} r LIMIT 1)").format(relation)
    else:
        raise LookupError(f"richest.VALUES has no value of the type {schema}.{name}")


def source_has(source: Source) -> set[str]:
    """The extensions that can be made here."""
    with source.server.admin() as cursor:
        cursor.execute("SELECT name FROM pg_available_extensions")
        return {name for (name,) in cursor.fetchall()}


_FORCED = (
    "CREATE TABLE forced (a int)",
    "INSERT INTO forced SELECT generate_series(1, 20)",
    f"ALTER TABLE forced OWNER TO {OWNER}",
    "ALTER TABLE forced ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE forced FORCE ROW LEVEL SECURITY",
)

_MORE = (
    "CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere')",
    "CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'a', password 'hidden')",
    "CREATE FOREIGN TABLE far (a int OPTIONS (column_name 'b')) SERVER elsewhere",
    "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
    "CREATE FOREIGN TABLE lines (a text) SERVER files OPTIONS (filename '/nowhere')",
    "CREATE TABLE packed (a text COMPRESSION pglz, b text)",
    "ALTER TABLE packed ALTER b SET STORAGE EXTERNAL",
    "INSERT INTO packed SELECT repeat('a', 9000), repeat('b', 9000)",
    'CREATE TABLE by_text (a text COLLATE "C") PARTITION BY HASH (a)',
    "CREATE TABLE by_text_0 PARTITION OF by_text FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
    "CREATE TABLE by_text_1 PARTITION OF by_text FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    "INSERT INTO by_text SELECT 'row ' || n FROM generate_series(1, 50) n",
    "CREATE TABLE added (a int)",
    "INSERT INTO added VALUES (1)",
    "ALTER TABLE added ADD b timestamptz DEFAULT '2020-02-03 04:05:06+00', ADD c text DEFAULT 'é'",
    "CREATE INDEX trigrams ON packed USING gin (b extensions.gin_trgm_ops)",
    "CREATE INDEX blooming ON added USING bloom (a)",
    "SELECT lo_from_bytea(0, '\\x00ff')",
    f"DO $$BEGIN EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO {OWNER}',"
    " (SELECT min(oid) FROM pg_largeobject_metadata)); END$$",
)

_SINCE = {
    15: (
        "CREATE TABLE few (a int UNIQUE NULLS NOT DISTINCT)",
        "CREATE VIEW invoker WITH (security_invoker) AS SELECT a FROM few",
        f"GRANT SET ON PARAMETER work_mem TO {OWNER}",
    ),
    17: (
        "CREATE FUNCTION welcome() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER welcome ON login EXECUTE FUNCTION welcome()",
    ),
    18: (
        "CREATE TABLE virtual (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL)",
        "INSERT INTO virtual SELECT generate_series(1, 9)",
        "ALTER TABLE virtual ADD CONSTRAINT lax CHECK (a > 0) NOT ENFORCED",
        "CREATE TABLE stays (room int4range, during tsrange,"
        " PRIMARY KEY (room, during WITHOUT OVERLAPS))",
    ),
}


def objects(major: int) -> Iterator[Statement]:
    """What :mod:`tests.checks.hostile` and :mod:`tests.checks.kinds` have not, rows and all."""
    yield from _FORCED
    yield from _MORE
    for since, made in _SINCE.items():
        if major >= since:
            yield from made
