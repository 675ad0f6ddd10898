"""Sources with faults that people have: each is restored faithfully, so none is damage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault of a source, in a schema of its own.

    Attributes:
        setup: makes it, by a superuser.
        told: words that one warning holds, per warning; empty: nothing is to be said.
        since: the first major version that knows it.
        by_itself: whether it is evidence of damage where nothing was compared.
        silent: words that no warning holds.
    """

    setup: tuple[str, ...]
    message: tuple[str, ...] = ()
    since: int = 0
    by_itself: bool = False
    silent: tuple[str, ...] = ()


_PARENT = (
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "INSERT INTO parent SELECT generate_series(1, 10)",
)
_REPLICA = "SET session_replication_role = replica"
_ORIGIN = "RESET session_replication_role"
_RAISES = (
    "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'",
    "CREATE TABLE t (a int)",
    "INSERT INTO t SELECT generate_series(1, 5)",
    "CREATE INDEX i ON t (f(a))",
    "CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
    " AS 'BEGIN RAISE division_by_zero; END'",
    "TRY REINDEX INDEX CONCURRENTLY i",
    "CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
    " AS 'BEGIN RETURN $1; END'",
)

FAULTS = {
    "orphans_of_a_replica": Fault(
        (
            *_PARENT,
            "CREATE TABLE child (id int PRIMARY KEY, up int REFERENCES parent)",
            _REPLICA,
            "INSERT INTO child SELECT g, g FROM generate_series(1, 12) g",
            _ORIGIN,
        ),
        ("foreign key child_up_fkey: 2 rows have no counterpart",),
    ),
    "orphans_with_triggers_off": Fault(
        (
            *_PARENT,
            "CREATE TABLE child (up int REFERENCES parent ON DELETE CASCADE)",
            "INSERT INTO child VALUES (3), (4)",
            "ALTER TABLE parent DISABLE TRIGGER ALL",
            "DELETE FROM parent WHERE id = 3",
            "ALTER TABLE parent ENABLE TRIGGER ALL",
        ),
        ("foreign key child_up_fkey: 1 rows",),
    ),
    "orphans_of_partitions": Fault(
        (
            "CREATE TABLE up (id int PRIMARY KEY) PARTITION BY RANGE (id)",
            "CREATE TABLE up_1 PARTITION OF up FOR VALUES FROM (1) TO (50)",
            "CREATE TABLE up_2 PARTITION OF up DEFAULT",
            "INSERT INTO up SELECT generate_series(1, 99)",
            "CREATE TABLE down (id int, up int REFERENCES up) PARTITION BY HASH (id)",
            "CREATE TABLE down_0 PARTITION OF down FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "CREATE TABLE down_1 PARTITION OF down FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
            _REPLICA,
            "INSERT INTO down SELECT g, g * 10 FROM generate_series(1, 20) g",
            _ORIGIN,
        ),
        ("down_0: foreign key", "down_1: foreign key"),
    ),
    "half_a_full_key": Fault(
        (
            "CREATE TABLE parent (a int, b int, PRIMARY KEY (a, b))",
            "CREATE TABLE child (a int, b int, FOREIGN KEY (a, b) REFERENCES parent MATCH FULL)",
            _REPLICA,
            "INSERT INTO child VALUES (1, NULL), (2, 2)",
            _ORIGIN,
        ),
        ("neither all null nor all filled", "1 rows have no counterpart"),
    ),
    "orphans_of_itself": Fault(
        (
            "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree)",
            _REPLICA,
            "INSERT INTO tree VALUES (1, 7)",
            _ORIGIN,
        ),
        ("tree: foreign key tree_up_fkey",),
    ),
    "orphans_not_valid": Fault(
        (
            *_PARENT,
            "CREATE TABLE child (up int)",
            "INSERT INTO child VALUES (77)",
            "ALTER TABLE child ADD FOREIGN KEY (up) REFERENCES parent NOT VALID",
        ),
        ("child_up_fkey was never validated",),
        silent=("no counterpart",),
    ),
    "not_enforced": Fault(
        (
            *_PARENT,
            "CREATE TABLE child (up int, FOREIGN KEY (up) REFERENCES parent NOT ENFORCED)",
            "INSERT INTO child VALUES (77)",
        ),
        ("child_up_fkey is NOT ENFORCED",),
        since=18,
        silent=("no counterpart", "never validated"),
    ),
    "no_value_not_valid": Fault(
        (
            "CREATE TABLE t (a int)",
            "INSERT INTO t VALUES (NULL)",
            "ALTER TABLE t ADD CONSTRAINT filled NOT NULL a NOT VALID",
        ),
        ("t.filled was never validated",),
        since=18,
    ),
    "domain_changed": Fault(
        (
            "CREATE DOMAIN code AS text",
            "CREATE TABLE t (a code)",
            "INSERT INTO t VALUES ('wrong')",
            "ALTER DOMAIN code ADD CONSTRAINT short CHECK (length(VALUE) < 3) NOT VALID",
            "UPDATE pg_constraint SET convalidated = true"
            " WHERE contypid = 's_domain_changed.code'::regtype",
        ),
        ("domain of a: at least one row",),
    ),
    "check_of_whole_rows": Fault(
        (
            "CREATE TABLE w (a int, CHECK (w IS NOT NULL))",
            "INSERT INTO w VALUES (1)",
            "ALTER TABLE w ADD b int",
        ),
        ("check w_check: 1 rows break it",),
    ),
    "check_of_composites": Fault(
        (
            "CREATE TYPE pair AS (a int)",
            "CREATE TABLE t (p pair CHECK (p IS NOT NULL))",
            "INSERT INTO t VALUES (ROW(1)::pair)",
            "ALTER TYPE pair ADD ATTRIBUTE b int CASCADE",
        ),
        ("check t_p_check: 1 rows break it",),
    ),
    "check_by_the_clock": Fault(
        (
            "CREATE TABLE t (at timestamptz CHECK (at > now() - interval '0.2 seconds'))",
            "INSERT INTO t VALUES (now())",
        ),
    ),
    "check_function_replaced": Fault(
        (
            "CREATE FUNCTION fits(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 < 100'",
            "CREATE TABLE t (a int CHECK (s_check_function_replaced.fits(a)))",
            "INSERT INTO t VALUES (50)",
            "CREATE OR REPLACE FUNCTION fits(int) RETURNS bool IMMUTABLE LANGUAGE sql"
            " AS 'SELECT $1 < 10'",
        ),
    ),
    "check_made_valid_by_hand": Fault(
        (
            "CREATE TABLE t (a int)",
            "INSERT INTO t VALUES (-1)",
            "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID",
            "UPDATE pg_constraint SET convalidated = true"
            " WHERE conrelid = 's_check_made_valid_by_hand.t'::regclass",
        ),
        ("check positive: 1 rows break it",),
        by_itself=True,
    ),
    "keys_twice_deferred": Fault(
        (
            "CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
            _REPLICA,
            "INSERT INTO t VALUES (5), (5)",
            _ORIGIN,
        ),
        ("unique key t_a_key: 1 rows (by key) are there more than once",),
    ),
    "excluded_deferred": Fault(
        (
            "CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&)"
            " DEFERRABLE INITIALLY DEFERRED)",
            _REPLICA,
            "INSERT INTO t VALUES ('[1,5)'), ('[2,6)')",
            _ORIGIN,
        ),
        ("exclusion t_r_excl: 2 rows exclude each other",),
    ),
    "in_another_partition": Fault(
        (
            "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
            "CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (1) TO (5)",
            "UPDATE pg_class SET relispartition = false"
            " WHERE oid = 's_in_another_partition.p_1'::regclass",
            "INSERT INTO p_1 VALUES (9)",
            "UPDATE pg_class SET relispartition = true"
            " WHERE oid = 's_in_another_partition.p_1'::regclass",
        ),
        ("partition bound: 1 rows belong into another partition",),
        by_itself=True,
    ),
    "unique_index_broken_off": Fault(
        (
            "CREATE TABLE t (a int)",
            "INSERT INTO t VALUES (1), (1)",
            "TRY CREATE UNIQUE INDEX CONCURRENTLY twice ON t (a)",
        ),
        (
            "is not used by queries: a CREATE INDEX CONCURRENTLY that was",
            "drop it or REINDEX it",
        ),
    ),
    "index_on_only": Fault(
        (
            "CREATE TABLE m (id int, at date) PARTITION BY RANGE (at)",
            "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
            "CREATE TABLE m2 PARTITION OF m FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
            "CREATE INDEX m1_id ON m1 (id)",
            "CREATE INDEX m_id ON ONLY m (id)",
            "ALTER INDEX m_id ATTACH PARTITION m1_id",
        ),
        ("m_id is used by no query", "make one on s_index_on_only.m2, then ALTER INDEX"),
        silent=("CONCURRENTLY", "drop"),
    ),
    "key_on_only": Fault(
        (
            "CREATE TABLE m (id int NOT NULL) PARTITION BY RANGE (id)",
            "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (1) TO (9)",
            "ALTER TABLE ONLY m ADD PRIMARY KEY (id)",
        ),
        ("m_pkey is used by no query",),
        silent=("drop",),
    ),
    "invalid_index_of_a_partition": Fault(
        (
            "CREATE TABLE m (id int) PARTITION BY RANGE (id)",
            "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (1) TO (9)",
            "CREATE INDEX m_id ON ONLY m (id)",
            "CREATE INDEX m1_id ON m1 (id)",
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 's_invalid_index_of_a_partition.m1_id'::regclass",
            "ALTER INDEX m_id ATTACH PARTITION m1_id",
        ),
        (
            "REINDEX INDEX s_invalid_index_of_a_partition.m1_id, then",
            "m1_id is not used by queries: REINDEX INDEX it",
        ),
        silent=("drop it",),
    ),
    "reindex_broken_off": Fault(_RAISES, ("i_ccnew", "the old index still serves")),
    "detach_broken_off": Fault(
        (
            "CREATE TABLE m (id int) PARTITION BY RANGE (id)",
            "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (1) TO (9)",
            "INSERT INTO m VALUES (1)",
            "UPDATE pg_inherits SET inhdetachpending = true"
            " WHERE inhrelid = 's_detach_broken_off.m1'::regclass",
        ),
        ("partition s_detach_broken_off.m1 waits for the end of a DETACH", "FINALIZE"),
    ),
    "triggers_disabled": Fault(
        (
            *_PARENT,
            "CREATE TABLE child (up int REFERENCES parent)",
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER g BEFORE UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION f()",
            "ALTER TABLE parent DISABLE TRIGGER g",
            "ALTER TABLE child DISABLE TRIGGER ALL",
        ),
        (
            "parent 1 trigger is disabled; ALTER TABLE s_triggers_disabled.parent ENABLE TRIGGER g",
            "those of a foreign key",
        ),
    ),
    "rules_disabled": Fault(
        (
            "CREATE TABLE t (a int)",
            "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
            "ALTER TABLE t DISABLE RULE r",
        ),
        ("rule r of s_rules_disabled.t is disabled",),
    ),
    "never_refreshed": Fault(
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a WITH NO DATA",),
        ("materialised view s_never_refreshed.v is not populated",),
    ),
    "views_that_fail": Fault(
        (
            "CREATE VIEW v AS SELECT 1 / (random() * 0)::int AS a",
            "SET check_function_bodies = off",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT a FROM gone'",
            "CREATE VIEW w AS SELECT s_views_that_fail.f() AS a",
            "RESET check_function_bodies",
        ),
    ),
    "generated_otherwise": Fault(
        (
            "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
            "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (s_generated_otherwise.f(a)) STORED)",
            "INSERT INTO t VALUES (1)",
            "CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql"
            " AS 'SELECT $1 + 1'",
        ),
    ),
    "sequence_behind": Fault(
        (
            "CREATE TABLE t (id serial PRIMARY KEY)",
            "INSERT INTO t SELECT generate_series(1, 500)",
        ),
        ("t_id_seq: its next value is 1, and s_sequence_behind.t.id is at or beyond it",),
    ),
    "sequence_behind_going_down": Fault(
        (
            "CREATE SEQUENCE s INCREMENT -2 MINVALUE -1000 MAXVALUE -1 START -1",
            "CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval('s'))",
            "INSERT INTO t VALUES (-7)",
        ),
        ("its next value is -1", "it comes to -7"),
    ),
    "sequence_of_another_node": Fault(
        (
            "CREATE SEQUENCE stepped INCREMENT 2 START 2",
            "CREATE TABLE odd (id int PRIMARY KEY DEFAULT nextval('stepped'))",
            "INSERT INTO odd DEFAULT VALUES",
            "INSERT INTO odd VALUES (7), (100001)",
            "CREATE TABLE ident (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY"
            " (START WITH 1000 INCREMENT BY 10 CACHE 50))",
            "INSERT INTO ident SELECT FROM generate_series(1, 30)",
            "INSERT INTO ident OVERRIDING SYSTEM VALUE VALUES (999999)",
        ),
        silent=("next value",),
    ),
    "sequence_out_of_reach": Fault(
        (
            "CREATE SEQUENCE s MAXVALUE 100",
            "CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval('s'))",
            "INSERT INTO t VALUES (1000)",
            "CREATE TABLE n (id numeric PRIMARY KEY DEFAULT nextval('s'))",
            "INSERT INTO n VALUES ('NaN'), (1e30), (7.5), (-1e30)",
        ),
        silent=("next value",),
    ),
    "sequence_exhausted": Fault(
        (
            "CREATE SEQUENCE s MAXVALUE 3",
            "CREATE TABLE t (id int PRIMARY KEY DEFAULT nextval('s'))",
            "INSERT INTO t SELECT FROM generate_series(1, 3)",
        ),
        ("s: it is at its end (3)",),
    ),
    "sequence_shared": Fault(
        (
            "CREATE SEQUENCE s",
            "CREATE TABLE one (id int PRIMARY KEY DEFAULT nextval('s'))",
            "CREATE TABLE two (id int PRIMARY KEY DEFAULT nextval('s'), o serial UNIQUE)",
            "INSERT INTO one DEFAULT VALUES",
            "INSERT INTO two VALUES (10000)",
        ),
        ("s_sequence_shared.two.id is at or beyond it",),
        silent=("s_sequence_shared.one.id", "two.o is"),
    ),
    "sequence_of_imports": Fault(
        (
            "CREATE TABLE t (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)",
            "INSERT INTO t VALUES (9223372036854775807), (-5)",
        ),
        ("it comes to 9,223,372,036,854,775,807",),
    ),
    "sequence_that_cycles": Fault(
        (
            "CREATE SEQUENCE s AS smallint MINVALUE 1 MAXVALUE 10 CYCLE",
            "CREATE TABLE t (id smallint PRIMARY KEY DEFAULT nextval('s'), v int)",
            "INSERT INTO t (v) SELECT 1 FROM generate_series(1, 10)",
            "DELETE FROM t WHERE id < 4",
            "INSERT INTO t (v) VALUES (1), (2)",
        ),
    ),
    "unlogged": Fault(
        (
            "CREATE UNLOGGED TABLE t (id serial PRIMARY KEY)",
            "INSERT INTO t SELECT generate_series(1, 5)",
        ),
    ),
    "odd_numbers": Fault(
        (
            "CREATE TABLE t (a float8 PRIMARY KEY, b numeric UNIQUE, CHECK (b > 0))",
            "INSERT INTO t VALUES ('NaN', 'NaN'), ('-0', 1), ('-Infinity', 2)",
        ),
    ),
    "grantee_gone": Fault(
        (
            "CREATE ROLE tm_ghost",
            "CREATE TABLE t (a int)",
            "GRANT SELECT ON t TO tm_ghost",
            "DELETE FROM pg_shdepend WHERE refobjid = 'tm_ghost'::regrole",
            "DROP ROLE tm_ghost",
        ),
    ),
    "prepared": Fault(
        (
            "CREATE TABLE t (a int)",
            "BEGIN",
            "INSERT INTO t VALUES (1)",
            "PREPARE TRANSACTION 'tm_faulty'",
        ),
        ("a prepared transaction of rdsadmin",),
    ),
    "collation_of_another_version": Fault(
        (
            "DO $$DECLARE known text; BEGIN SELECT quote_ident(collname) INTO known"
            " FROM pg_collation WHERE pg_collation_actual_version(oid) IS NOT NULL LIMIT 1;"
            " EXECUTE 'CREATE COLLATION old FROM ' || known; END$$",
            "CREATE TABLE t (a text COLLATE old UNIQUE)",
            "INSERT INTO t VALUES ('a'), ('b')",
            "UPDATE pg_collation SET collversion = '0.1' WHERE collname = 'old'",
        ),
        ("old was version 0.1",),
    ),
    "library_gone": Fault(
        (
            "CREATE EXTENSION IF NOT EXISTS citext SCHEMA s_library_gone",
            "UPDATE pg_proc SET probin = '$libdir/gone' WHERE probin = '$libdir/citext'",
        ),
        ("its library $libdir/gone can't be loaded",),
    ),
    "inherited_keys_twice": Fault(
        (
            "CREATE TABLE t (id int PRIMARY KEY)",
            "CREATE TABLE u () INHERITS (t)",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO u VALUES (1), (1)",
        ),
    ),
}
