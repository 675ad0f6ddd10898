"""Every kind of object, how one is made, and what may become of it on a copy.

``{n}`` is an identifier that no scenario shares, ``{m}`` a second one, ``{q}`` and ``{r}`` the same
for use inside a string. Things with a schema are in ``k``; the role ``tm_other`` is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

LATER = "é.\" '%s {} \n🐘 SELECT"
"""The second half of every name: at most 63 bytes with what comes before it."""

_TOUCH = "EXECUTE FUNCTION k.touch()"
_TABLE = "CREATE TABLE k.{n} (a int NOT NULL, b text DEFAULT 'x', c int)"
_OF_TOAST = "indrelid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'k.{q}'::regclass)"
_FAMILY = "CREATE OPERATOR FAMILY k.{n} USING btree"
_MEMBER = "ALTER OPERATOR FAMILY k.{n} USING btree ADD OPERATOR 1 < (int4, int8)"
_FUNCTION = "CREATE FUNCTION k.{n}(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"
_TEMPLATE = "CREATE TEXT SEARCH TEMPLATE k.{n} (LEXIZE = dsimple_lexize)"


@dataclass(frozen=True)
class Kind:
    """How objects of a kind are made, lost and changed; each with a name of its own.

    Attributes:
        told: the object as a finding names it.
        since: the major version that brought the kind.
    """

    message: str
    setup: tuple[str, ...]
    lose: str = ""
    changes: tuple[str, ...] = ()
    since: int = 14


@dataclass(frozen=True)
class Case:
    """One object, and what becomes of it."""

    setup: tuple[str, ...]
    damage: str
    finding: str


KINDS = {
    "schema": Kind(
        "schema {n}",
        ("CREATE SCHEMA {n}",),
        "DROP SCHEMA {n}",
        ("GRANT USAGE ON SCHEMA {n} TO PUBLIC", "ALTER SCHEMA {n} OWNER TO tm_other"),
    ),
    "table": Kind(
        "table k.{n}",
        (_TABLE,),
        "DROP TABLE k.{n}",
        (
            "ALTER TABLE k.{n} REPLICA IDENTITY FULL",
            "ALTER TABLE k.{n} SET UNLOGGED",
            "ALTER TABLE k.{n} ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE k.{n} FORCE ROW LEVEL SECURITY",
            "ALTER TABLE k.{n} SET (fillfactor = 50)",
            "ALTER TABLE k.{n} SET (toast.autovacuum_enabled = off)",
            "ALTER TABLE k.{n} OWNER TO tm_other",
            "GRANT SELECT ON k.{n} TO tm_other",
        ),
    ),
    "system column": Kind(
        "table k.{n}",
        (_TABLE,),
        changes=(
            "UPDATE pg_attribute SET attname = 'xmaxx'"
            " WHERE attrelid = 'k.{q}'::regclass AND attname = 'xmax'",
            "DELETE FROM pg_attribute WHERE attrelid = 'k.{q}'::regclass AND attname = 'tableoid'",
        ),
    ),
    "index of TOAST": Kind(
        "table k.{n}",
        (_TABLE,),
        changes=(
            f"UPDATE pg_index SET indisready = false WHERE {_OF_TOAST}",
            "UPDATE pg_class SET reloptions = '{{fillfactor=50}}'"
            f" WHERE oid = (SELECT indexrelid FROM pg_index WHERE {_OF_TOAST})",
        ),
    ),
    "table among PostgreSQL's own": Kind(
        "table information_schema.{n}",
        ("CREATE TABLE information_schema.{n} (a int, b int)",),
        "DROP TABLE information_schema.{n}",
        ("ALTER TABLE information_schema.{n} SET (fillfactor = 50)",),
    ),
    "index among PostgreSQL's own": Kind(
        "index information_schema.{n}.{m}",
        (
            "CREATE TABLE information_schema.{n} (a int, b int)",
            "CREATE INDEX {m} ON information_schema.{n} (a)",
        ),
        "DROP INDEX information_schema.{m}",
    ),
    "function among PostgreSQL's own": Kind(
        "function {n}(integer)",
        (_FUNCTION.replace("k.", "pg_catalog."),),
        "DROP FUNCTION pg_catalog.{n}",
        ("ALTER FUNCTION pg_catalog.{n} COST 7",),
    ),
    "schema of PostgreSQL's own": Kind(
        "built-in schema pg_toast",
        (),
        changes=("ALTER SCHEMA pg_toast OWNER TO tm_other",),
    ),
    "comment on PostgreSQL's own": Kind(
        "built-in objects in pg_description",
        (),
        changes=("COMMENT ON FUNCTION pg_catalog.lower(text) IS NULL",),
    ),
    "predefined role": Kind(
        "role pg_monitor",
        (),
        changes=("UPDATE pg_authid SET rolcanlogin = true WHERE rolname = 'pg_monitor'",),
    ),
    "partition": Kind(
        "table k.{m}",
        (
            "CREATE TABLE k.{n} (a int) PARTITION BY RANGE (a)",
            "CREATE TABLE k.{m} PARTITION OF k.{n} FOR VALUES FROM (1) TO (5)",
        ),
        "DROP TABLE k.{m}",
        (
            "ALTER TABLE k.{n} DETACH PARTITION k.{m}",
            "ALTER TABLE k.{n} DETACH PARTITION k.{m};"
            " ALTER TABLE k.{n} ATTACH PARTITION k.{m} FOR VALUES FROM (1) TO (6)",
        ),
    ),
    "default partition": Kind(
        "table k.{n}",
        (
            "CREATE TABLE k.{n} (a int) PARTITION BY LIST (a)",
            "CREATE TABLE k.{m} PARTITION OF k.{n} DEFAULT",
        ),
        changes=("DROP TABLE k.{m}",),
    ),
    "column": Kind(
        "column k.{n}.b",
        (_TABLE,),
        "ALTER TABLE k.{n} DROP b",
        (
            "ALTER TABLE k.{n} ALTER b SET DEFAULT 'y'",
            "ALTER TABLE k.{n} ALTER b DROP DEFAULT",
            "ALTER TABLE k.{n} ALTER b SET STATISTICS 7",
            "ALTER TABLE k.{n} ALTER b SET STORAGE EXTERNAL",
            "ALTER TABLE k.{n} ALTER b SET COMPRESSION pglz",
            "ALTER TABLE k.{n} ALTER b SET (n_distinct = 5)",
            "ALTER TABLE k.{n} ALTER b SET NOT NULL",
            "ALTER TABLE k.{n} ALTER b TYPE varchar(9)",
            'ALTER TABLE k.{n} ALTER b TYPE text COLLATE "C"',
            "GRANT SELECT (b) ON k.{n} TO PUBLIC",
        ),
    ),
    "missing value": Kind(
        "column k.{n}.d",
        (
            "CREATE TABLE k.{n} AS SELECT 1 AS a",
            "ALTER TABLE k.{n} ADD d date DEFAULT '2020-02-03'",
            "CREATE TABLE k.{m} AS SELECT 1 AS a",
            "ALTER TABLE k.{m} ADD d date DEFAULT '2020-02-04'",
        ),
        changes=(
            "UPDATE pg_attribute SET attmissingval = (SELECT attmissingval FROM pg_attribute"
            " WHERE attrelid = 'k.{r}'::regclass AND attname = 'd')"
            " WHERE attrelid = 'k.{q}'::regclass AND attname = 'd'",
        ),
    ),
    "generated column": Kind(
        "column k.{n}.g",
        ("CREATE TABLE k.{n} (a int, g int GENERATED ALWAYS AS (a * 2) STORED)",),
        changes=("ALTER TABLE k.{n} ALTER g DROP EXPRESSION",),
    ),
    "virtual column": Kind(
        "column k.{n}.g",
        ("CREATE TABLE k.{n} (a int, g int GENERATED ALWAYS AS (a * 2) VIRTUAL)",),
        changes=("ALTER TABLE k.{n} ALTER g SET EXPRESSION AS (a * 3)",),
        since=18,
    ),
    "identity column": Kind(
        "column k.{n}.i",
        ("CREATE TABLE k.{n} (i int GENERATED ALWAYS AS IDENTITY)",),
        changes=(
            "ALTER TABLE k.{n} ALTER i DROP IDENTITY",
            "ALTER TABLE k.{n} ALTER i SET GENERATED BY DEFAULT",
        ),
    ),
    "inheritance": Kind(
        "inheritance k.{m}.1",
        ("CREATE TABLE k.{n} (a int)", "CREATE TABLE k.{m} () INHERITS (k.{n})"),
        "ALTER TABLE k.{m} NO INHERIT k.{n}",
    ),
    "index": Kind(
        "index k.{n}.{m}",
        (_TABLE, "CREATE UNIQUE INDEX {m} ON k.{n} (a)"),
        "DROP INDEX k.{m}",
        (
            "ALTER INDEX k.{m} SET (fillfactor = 50)",
            "CLUSTER k.{n} USING {m}",
            "ALTER TABLE k.{n} REPLICA IDENTITY USING INDEX {m}",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'k.{r}'::regclass",
            "UPDATE pg_index SET indisunique = false WHERE indexrelid = 'k.{r}'::regclass",
            "UPDATE pg_index SET indisready = false WHERE indexrelid = 'k.{r}'::regclass",
            "UPDATE pg_index SET indislive = false WHERE indexrelid = 'k.{r}'::regclass",
            "DROP INDEX k.{m}; CREATE UNIQUE INDEX {m} ON k.{n} (a DESC)",
            "DROP INDEX k.{m}; CREATE UNIQUE INDEX {m} ON k.{n} (a) WHERE a > 0",
        ),
    ),
    "index on an expression": Kind(
        "index k.{n}.{m}",
        (_TABLE, "CREATE INDEX {m} ON k.{n} ((a + 1))"),
        changes=("ALTER INDEX k.{m} ALTER 1 SET STATISTICS 7",),
    ),
    "constraint": Kind(
        "constraint k.{n}.{m}",
        (_TABLE, "ALTER TABLE k.{n} ADD CONSTRAINT {m} CHECK (c > 0)"),
        "ALTER TABLE k.{n} DROP CONSTRAINT {m}",
        (
            "UPDATE pg_constraint SET convalidated = false"
            " WHERE conrelid = 'k.{q}'::regclass AND contype = 'c'",
            "ALTER TABLE k.{n} DROP CONSTRAINT {m}, ADD CONSTRAINT {m} CHECK (c > 1)",
        ),
    ),
    "foreign key": Kind(
        "constraint k.{n}.{m}",
        (_TABLE, "ALTER TABLE k.{n} ADD CONSTRAINT {m} FOREIGN KEY (c) REFERENCES k.referred"),
        "ALTER TABLE k.{n} DROP CONSTRAINT {m}",
        ("ALTER TABLE k.{n} ALTER CONSTRAINT {m} DEFERRABLE",),
    ),
    "foreign key's trigger": Kind(
        'trigger k.{n}."RI_ConstraintTrigger_c_',
        ("CREATE TABLE k.{n} (a int REFERENCES k.referred)",),
        changes=("ALTER TABLE k.{n} DISABLE TRIGGER ALL",),
    ),
    "exclusion": Kind(
        "constraint k.{n}.{m}",
        ("CREATE TABLE k.{n} (a int4range, CONSTRAINT {m} EXCLUDE USING gist (a WITH &&))",),
        "ALTER TABLE k.{n} DROP CONSTRAINT {m}",
    ),
    "trigger": Kind(
        "trigger k.{n}.{m}",
        (_TABLE, "CREATE TRIGGER {m} BEFORE INSERT ON k.{n} FOR EACH ROW " + _TOUCH),
        "DROP TRIGGER {m} ON k.{n}",
        (
            "ALTER TABLE k.{n} DISABLE TRIGGER {m}",
            "ALTER TABLE k.{n} ENABLE ALWAYS TRIGGER {m}",
            "CREATE OR REPLACE TRIGGER {m} BEFORE UPDATE ON k.{n} FOR EACH ROW " + _TOUCH,
        ),
    ),
    "policy": Kind(
        "policy k.{n}.{m}",
        (_TABLE, "CREATE POLICY {m} ON k.{n} USING (a > 0)"),
        "DROP POLICY {m} ON k.{n}",
        ("ALTER POLICY {m} ON k.{n} USING (true)", "ALTER POLICY {m} ON k.{n} TO tm_other"),
    ),
    "rule": Kind(
        "rule k.{n}.{m}",
        (_TABLE, "CREATE RULE {m} AS ON DELETE TO k.{n} DO INSTEAD NOTHING"),
        "DROP RULE {m} ON k.{n}",
        (
            "ALTER TABLE k.{n} DISABLE RULE {m}",
            "CREATE OR REPLACE RULE {m} AS ON DELETE TO k.{n} DO ALSO NOTHING",
        ),
    ),
    "view": Kind(
        "view k.{n}",
        ("CREATE VIEW k.{n} AS SELECT 1 AS a",),
        "DROP VIEW k.{n}",
        (
            "CREATE OR REPLACE VIEW k.{n} AS SELECT 2 AS a",
            "ALTER VIEW k.{n} SET (security_barrier = true)",
        ),
    ),
    "materialised view": Kind(
        "materialised view k.{n}",
        ("CREATE MATERIALIZED VIEW k.{n} AS SELECT 1 AS a",),
        "DROP MATERIALIZED VIEW k.{n}",
        ("REFRESH MATERIALIZED VIEW k.{n} WITH NO DATA",),
    ),
    "sequence": Kind(
        "sequence k.{n}",
        ("CREATE SEQUENCE k.{n}", "CREATE TABLE k.{m} (a int)"),
        "DROP SEQUENCE k.{n}",
        (
            "ALTER SEQUENCE k.{n} INCREMENT 5",
            "ALTER SEQUENCE k.{n} CACHE 5",
            "ALTER SEQUENCE k.{n} OWNED BY k.{m}.a",
            "GRANT USAGE ON SEQUENCE k.{n} TO PUBLIC",
            "GRANT SELECT (last_value) ON k.{n} TO PUBLIC",
            "UPDATE pg_attribute SET atttypid = 'float8'::regtype"
            " WHERE attrelid = 'k.{q}'::regclass AND attname = 'log_cnt'",
        ),
    ),
    "unlogged sequence": Kind(
        "sequence k.{n}",
        ("CREATE SEQUENCE k.{n}",),
        changes=("ALTER SEQUENCE k.{n} SET UNLOGGED",),
        since=15,
    ),
    "statistics": Kind(
        "statistics k.{m}",
        (_TABLE, "CREATE STATISTICS k.{m} ON a, c FROM k.{n}"),
        "DROP STATISTICS k.{m}",
        ("ALTER STATISTICS k.{m} SET STATISTICS 9", "ALTER STATISTICS k.{m} OWNER TO tm_other"),
    ),
    "function": Kind(
        "function k.{n}(integer)",
        (_FUNCTION,),
        "DROP FUNCTION k.{n}",
        (
            "CREATE OR REPLACE FUNCTION k.{n}(int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "ALTER FUNCTION k.{n} OWNER TO tm_other",
            "ALTER FUNCTION k.{n} SECURITY DEFINER",
            "ALTER FUNCTION k.{n} SET work_mem = '1MB'",
            "ALTER FUNCTION k.{n} COST 7",
            "ALTER FUNCTION k.{n} IMMUTABLE",
            "REVOKE EXECUTE ON FUNCTION k.{n} FROM PUBLIC",
        ),
    ),
    "procedure": Kind(
        "function k.{n}()",
        ("CREATE PROCEDURE k.{n}() LANGUAGE plpgsql AS 'BEGIN END'",),
        "DROP PROCEDURE k.{n}",
        ("ALTER PROCEDURE k.{n} SECURITY DEFINER",),
    ),
    "aggregate": Kind(
        "aggregate k.{n}(integer)",
        ("CREATE AGGREGATE k.{n}(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')",),
        "DROP AGGREGATE k.{n}(int)",
        ("CREATE OR REPLACE AGGREGATE k.{n}(int) (SFUNC = int4pl, STYPE = int, INITCOND = '1')",),
    ),
    "enum": Kind(
        "type k.{n}",
        ("CREATE TYPE k.{n} AS ENUM ('a', 'b')",),
        "DROP TYPE k.{n}",
        (
            "ALTER TYPE k.{n} ADD VALUE 'c' BEFORE 'a'",
            "ALTER TYPE k.{n} RENAME VALUE 'a' TO 'z'",
            "ALTER TYPE k.{n} OWNER TO tm_other",
            "REVOKE USAGE ON TYPE k.{n} FROM PUBLIC",
        ),
    ),
    "domain": Kind(
        "type k.{n}",
        ("CREATE DOMAIN k.{n} AS int DEFAULT 1",),
        "DROP DOMAIN k.{n}",
        ("ALTER DOMAIN k.{n} SET DEFAULT 2", "ALTER DOMAIN k.{n} SET NOT NULL"),
    ),
    "domain's constraint": Kind(
        "constraint k.{n}.{m}",
        ("CREATE DOMAIN k.{n} AS int CONSTRAINT {m} CHECK (VALUE > 0)",),
        "ALTER DOMAIN k.{n} DROP CONSTRAINT {m}",
        (
            "ALTER DOMAIN k.{n} DROP CONSTRAINT {m};"
            " ALTER DOMAIN k.{n} ADD CONSTRAINT {m} CHECK (VALUE > 1) NOT VALID",
        ),
    ),
    "range": Kind(
        "type k.{n}",
        ("CREATE TYPE k.{n} AS RANGE (subtype = float8, multirange_type_name = k.{m})",),
        "DROP TYPE k.{n}",
        ("UPDATE pg_range SET rngsubdiff = 'float8mi'::regproc WHERE rngtypid = 'k.{q}'::regtype",),
    ),
    "composite type": Kind(
        "column k.{n}.a",
        ("CREATE TYPE k.{n} AS (a int, b text)",),
        "ALTER TYPE k.{n} DROP ATTRIBUTE a",
        ("ALTER TYPE k.{n} ALTER ATTRIBUTE a TYPE bigint",),
    ),
    "base type": Kind(
        "type k.{n}",
        ("CREATE TYPE k.{n}",),
        "DROP TYPE k.{n}",
        ("ALTER TYPE k.{n} OWNER TO tm_other",),
    ),
    "operator": Kind(
        "operator k.{n}",
        ("CREATE OPERATOR k.{n} (LEFTARG = int, RIGHTARG = text, FUNCTION = k.differs)",),
        "DROP OPERATOR k.{n} (int, text)",
        ("ALTER OPERATOR k.{n} (int, text) SET (RESTRICT = eqsel)",),
    ),
    "operator class": Kind(
        "operator class k.{n} USING hash",
        (
            "CREATE OPERATOR CLASS k.{n} FOR TYPE int USING hash AS"
            " OPERATOR 1 =, FUNCTION 1 hashint4(int)",
        ),
        "DROP OPERATOR CLASS k.{n} USING hash",
        ("ALTER OPERATOR CLASS k.{n} USING hash OWNER TO tm_other",),
    ),
    "operator family": Kind(
        "operator family k.{n} USING btree",
        (_FAMILY,),
        "DROP OPERATOR FAMILY k.{n} USING btree",
        ("ALTER OPERATOR FAMILY k.{n} USING btree OWNER TO tm_other",),
    ),
    "operator of a family": Kind(
        "operator of a family operator 1 (integer, bigint) of k.{n} USING btree",
        (_FAMILY, _MEMBER),
        "ALTER OPERATOR FAMILY k.{n} USING btree DROP OPERATOR 1 (int4, int8)",
        (
            "ALTER OPERATOR FAMILY k.{n} USING btree DROP OPERATOR 1 (int4, int8);"
            " ALTER OPERATOR FAMILY k.{n} USING btree ADD OPERATOR 1 > (int4, int8)",
        ),
    ),
    "function of a family": Kind(
        "function of a family function 1 (integer, bigint) of k.{n} USING btree",
        (_FAMILY, "ALTER OPERATOR FAMILY k.{n} USING btree ADD FUNCTION 1 btint48cmp(int4, int8)"),
        "ALTER OPERATOR FAMILY k.{n} USING btree DROP FUNCTION 1 (int4, int8)",
    ),
    "access method": Kind(
        "access method {n}",
        ("CREATE ACCESS METHOD {n} TYPE INDEX HANDLER bthandler",),
        "DROP ACCESS METHOD {n}",
        ("UPDATE pg_am SET amhandler = 'hashhandler'::regproc WHERE amname = '{i}'",),
    ),
    "cast": Kind(
        "cast k.{n} as integer",
        (
            "CREATE DOMAIN k.{m} AS int",
            "CREATE TYPE k.{n} AS ENUM ('a')",
            "CREATE CAST (k.{n} AS int) WITH INOUT",
        ),
        "DROP CAST (k.{n} AS int)",
        ("DROP CAST (k.{n} AS int); CREATE CAST (k.{n} AS int) WITH INOUT AS ASSIGNMENT",),
    ),
    "collation": Kind(
        "collation k.{n}",
        ("CREATE COLLATION k.{n} (LOCALE = 'C')",),
        "DROP COLLATION k.{n}",
        (
            "UPDATE pg_collation SET collversion = '1.2' WHERE collname = '{i}'",
            "UPDATE pg_collation SET collctype = 'POSIX' WHERE collname = '{i}'",
        ),
    ),
    "conversion": Kind(
        "conversion k.{n}",
        ("CREATE CONVERSION k.{n} FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1",),
        "DROP CONVERSION k.{n}",
        ("ALTER CONVERSION k.{n} OWNER TO tm_other",),
    ),
    "text search configuration": Kind(
        "text search configuration k.{n}",
        ("CREATE TEXT SEARCH CONFIGURATION k.{n} (COPY = simple)",),
        "DROP TEXT SEARCH CONFIGURATION k.{n}",
        ("ALTER TEXT SEARCH CONFIGURATION k.{n} DROP MAPPING FOR url",),
    ),
    "text search dictionary": Kind(
        "text search dictionary k.{n}",
        ("CREATE TEXT SEARCH DICTIONARY k.{n} (TEMPLATE = simple, ACCEPT = false)",),
        "DROP TEXT SEARCH DICTIONARY k.{n}",
        ("ALTER TEXT SEARCH DICTIONARY k.{n} (ACCEPT = true)",),
    ),
    "text search parser": Kind(
        "text search parser k.{n}",
        (
            "CREATE TEXT SEARCH PARSER k.{n} (START = prsd_start, GETTOKEN = prsd_nexttoken,"
            " END = prsd_end, LEXTYPES = prsd_lextype)",
        ),
        "DROP TEXT SEARCH PARSER k.{n}",
    ),
    "text search template": Kind(
        "text search template k.{n}",
        (_TEMPLATE,),
        "DROP TEXT SEARCH TEMPLATE k.{n}",
        ("DROP TEXT SEARCH TEMPLATE k.{n}; " + _TEMPLATE.replace("dsimple", "dsynonym"),),
    ),
    "transform": Kind(
        "transform k.{n} for sql",
        (
            "CREATE TYPE k.{n} AS ENUM ('a')",
            "CREATE TRANSFORM FOR k.{n} LANGUAGE sql (FROM SQL WITH FUNCTION k.from_sql(internal))",
        ),
        "DROP TRANSFORM FOR k.{n} LANGUAGE sql",
    ),
    "language": Kind(
        "language {n}",
        ("CREATE TRUSTED LANGUAGE {n} HANDLER plpgsql_call_handler",),
        "DROP LANGUAGE {n}",
        ("REVOKE USAGE ON LANGUAGE {n} FROM PUBLIC", "ALTER LANGUAGE {n} OWNER TO tm_other"),
    ),
    "event trigger": Kind(
        "event trigger {n}",
        (
            "CREATE EVENT TRIGGER {n} ON ddl_command_end WHEN TAG IN ('CREATE POLICY')"
            " EXECUTE FUNCTION k.on_ddl()",
        ),
        "DROP EVENT TRIGGER {n}",
        (
            "ALTER EVENT TRIGGER {n} DISABLE",
            "DROP EVENT TRIGGER {n}; CREATE EVENT TRIGGER {n} ON ddl_command_end"
            " WHEN TAG IN ('DROP POLICY') EXECUTE FUNCTION k.on_ddl()",
        ),
    ),
    "publication": Kind(
        "publication {n}",
        ("CREATE PUBLICATION {n}",),
        "DROP PUBLICATION {n}",
        ("ALTER PUBLICATION {n} SET (publish = 'insert')",),
    ),
    "publication of a table": Kind(
        "publication of a table {m} of k.{n}",
        (_TABLE, "CREATE PUBLICATION {m} FOR TABLE k.{n}"),
        "ALTER PUBLICATION {m} DROP TABLE k.{n}",
    ),
    "publication of some rows": Kind(
        "publication of a table {m} of k.{n}",
        (_TABLE, "CREATE PUBLICATION {m} FOR TABLE k.{n} (a, b) WHERE (a > 0)"),
        changes=(
            "ALTER PUBLICATION {m} SET TABLE k.{n} (a, b) WHERE (a > 1)",
            "ALTER PUBLICATION {m} SET TABLE k.{n} (a) WHERE (a > 0)",
        ),
        since=15,
    ),
    "publication of a schema": Kind(
        "publication of a schema {m} of k",
        ("CREATE PUBLICATION {m} FOR TABLES IN SCHEMA k",),
        "ALTER PUBLICATION {m} DROP TABLES IN SCHEMA k",
        since=15,
    ),
    "subscription": Kind(
        "subscription {n}",
        (
            "CREATE SUBSCRIPTION {n} CONNECTION 'dbname=none password=hidden' PUBLICATION p"
            " WITH (connect = false, slot_name = NONE)",
        ),
        "DROP SUBSCRIPTION {n}",
        (
            "ALTER SUBSCRIPTION {n} CONNECTION 'dbname=none password=other'",
            "ALTER SUBSCRIPTION {n} SET PUBLICATION q WITH (refresh = false)",
        ),
    ),
    "foreign-data wrapper": Kind(
        "foreign-data wrapper {n}",
        ("CREATE FOREIGN DATA WRAPPER {n} OPTIONS (a '1')",),
        "DROP FOREIGN DATA WRAPPER {n}",
        ("ALTER FOREIGN DATA WRAPPER {n} OPTIONS (SET a '2')",),
    ),
    "foreign server": Kind(
        "foreign server {n}",
        ("CREATE SERVER {n} VERSION '1' FOREIGN DATA WRAPPER k_wrapper OPTIONS (host 'a')",),
        "DROP SERVER {n}",
        ("ALTER SERVER {n} OPTIONS (SET host 'b')", "ALTER SERVER {n} VERSION '2'"),
    ),
    "foreign table": Kind(
        "foreign table k.{n}",
        ("CREATE FOREIGN TABLE k.{n} (a int) SERVER k_server OPTIONS (a '1')",),
        "DROP FOREIGN TABLE k.{n}",
        ("ALTER FOREIGN TABLE k.{n} OPTIONS (SET a '2')",),
    ),
    "foreign column": Kind(
        "column k.{n}.a",
        ("CREATE FOREIGN TABLE k.{n} (a int OPTIONS (a '1')) SERVER k_server",),
        changes=("ALTER FOREIGN TABLE k.{n} ALTER a OPTIONS (SET a '2')",),
    ),
    "user mapping": Kind(
        "user mapping of role tm_other on {n}",
        (
            "CREATE SERVER {n} FOREIGN DATA WRAPPER k_wrapper",
            "CREATE USER MAPPING FOR tm_other SERVER {n} OPTIONS (password 'hidden')",
        ),
        "DROP USER MAPPING FOR tm_other SERVER {n}",
        ("ALTER USER MAPPING FOR tm_other SERVER {n} OPTIONS (SET password 'other')",),
    ),
    "default privileges": Kind(
        "default privileges of role tm_other in {n} on tables",
        (
            "CREATE SCHEMA {n}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE tm_other IN SCHEMA {n} GRANT SELECT ON TABLES"
            " TO PUBLIC",
        ),
        "ALTER DEFAULT PRIVILEGES FOR ROLE tm_other IN SCHEMA {n} REVOKE SELECT ON TABLES"
        " FROM PUBLIC",
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE tm_other IN SCHEMA {n} GRANT INSERT ON TABLES"
            " TO PUBLIC",
        ),
    ),
    "comment": Kind(
        "comment on table column k.{n}.b",
        (_TABLE, "COMMENT ON COLUMN k.{n}.b IS 'one'"),
        "COMMENT ON COLUMN k.{n}.b IS NULL",
        ("COMMENT ON COLUMN k.{n}.b IS 'two'",),
    ),
    "role": Kind("role {n}", ("CREATE ROLE {n}",), "DROP ROLE {n}"),
    "database": Kind(
        "database {n}",
        ("CREATE DATABASE {n} ALLOW_CONNECTIONS false",),
        "DROP DATABASE {n}",
        (
            "ALTER DATABASE {n} CONNECTION LIMIT 7",
            "REVOKE CONNECT ON DATABASE {n} FROM PUBLIC",
            "ALTER DATABASE {n} OWNER TO tm_other",
        ),
    ),
    "membership": Kind(
        "membership of role {n} in role tm_other",
        ("CREATE ROLE {n}", "GRANT tm_other TO {n}"),
        "REVOKE tm_other FROM {n}",
        ("GRANT tm_other TO {n} WITH ADMIN OPTION",),
    ),
    "membership of the master user": Kind(
        "membership of role postgres in role {n}",
        ("CREATE ROLE {n}", "GRANT {n} TO postgres"),
        "REVOKE {n} FROM postgres",
    ),
    "setting of a role": Kind(
        "setting of role {n}",
        ("CREATE ROLE {n}", "ALTER ROLE {n} SET work_mem = '1MB'"),
        "ALTER ROLE {n} RESET work_mem",
        ("ALTER ROLE {n} SET work_mem = '2MB'",),
    ),
    "setting of a database": Kind(
        "setting in the database {n}",
        ("CREATE DATABASE {n} ALLOW_CONNECTIONS false", "ALTER DATABASE {n} SET work_mem = '1MB'"),
        "ALTER DATABASE {n} RESET work_mem",
        ("ALTER DATABASE {n} SET work_mem = '2MB'",),
    ),
    "comment on a role": Kind(
        "comment on role {n}",
        ("CREATE ROLE {n}", "COMMENT ON ROLE {n} IS 'one'"),
        "COMMENT ON ROLE {n} IS NULL",
        ("COMMENT ON ROLE {n} IS 'two'",),
    ),
    "replication origin": Kind(
        "replication origin {n}",
        ("SELECT pg_replication_origin_create('{i}')",),
        "SELECT pg_replication_origin_drop('{i}')",
    ),
    "tablespace": Kind(
        "tablespace {n}",
        ("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE {n} LOCATION ''"),
        "DROP TABLESPACE {n}",
        (
            "ALTER TABLESPACE {n} SET (seq_page_cost = 7)",
            "GRANT CREATE ON TABLESPACE {n} TO PUBLIC",
        ),
        since=15,
    ),
}

SHARED = (
    "CREATE SCHEMA k",
    "CREATE TABLE k.referred (a int PRIMARY KEY)",
    "CREATE FUNCTION k.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE FUNCTION k.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE FUNCTION k.differs(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE FUNCTION k.from_sql(internal) RETURNS internal LANGUAGE internal IMMUTABLE STRICT"
    " AS 'regclassin'",
    "CREATE FOREIGN DATA WRAPPER k_wrapper",
    "CREATE SERVER k_server FOREIGN DATA WRAPPER k_wrapper",
)

AWAY = (
    ("SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin", ""),
    ("SELECT spcname FROM pg_tablespace WHERE spcname ~ '^tm[0-9]'", "DROP TABLESPACE {}"),
    ("SELECT datname FROM pg_database WHERE datname ~ '^tm[0-9]'", "DROP DATABASE {}"),
    ("SELECT rolname FROM pg_roles WHERE rolname ~ '^tm[0-9]'", "DROP ROLE {}"),
)
"""What finds the shared objects that the cases made, and drops one."""


def cases(major: int) -> Iterator[tuple[str, Case]]:
    """A case for each object that is lost or changed, with a name for the test."""
    number = 0
    for kind, found in KINDS.items():
        if found.since > major:
            continue
        damages = [(found.lose, "missing")] if found.lose else []
        damages += [(change, "defined differently") for change in found.changes]
        for damage, what in damages:
            number += 1
            words = _words(kind, number)
            setup = tuple(statement.format(**words) for statement in found.setup)
            message = f"{found.message.format(**words)}"
            yield f"{kind}, {what}, {number}", Case(setup, damage.format(**words), message)


def _words(kind: str, number: int) -> dict[str, str]:
    names = {"n": f"tm{number} {LATER}", "m": f"tm{number} Two {LATER}"}
    if kind == "operator":  # its name has characters of its own
        names["n"] = "".join("<>=~!@#%^&|"[int(digit)] for digit in str(number)) + "<="
    quoted = {key: '"' + name.replace('"', '""') + '"' for key, name in names.items()}
    if kind == "operator":
        quoted["n"] = names["n"]
    return {
        **quoted,
        "q": quoted["n"].replace("'", "''"),
        "r": quoted["m"].replace("'", "''"),
        "i": names["n"].replace("'", "''"),
    }
