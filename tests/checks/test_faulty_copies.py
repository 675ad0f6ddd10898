"""The states that a source's faults leave, made on the copy alone: damage, and FAILED.

All share one source that is whole, and a copy for each.
"""

from collections.abc import Iterator

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.drill.admission.request import BASELINE_EXACT
from tests.checks.sandwich import assert_failed

pytestmark = pytest.mark.xdist_group("checks-faulty")

NAME = "whole"

_SETUP = (
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "INSERT INTO parent SELECT generate_series(1, 10)",
    "CREATE TABLE child (id serial PRIMARY KEY, up int REFERENCES parent)",
    "INSERT INTO child (up) SELECT generate_series(1, 10)",
    "CREATE DOMAIN code AS text CHECK (length(VALUE) < 5)",
    "CREATE TABLE coded (a code)",
    "INSERT INTO coded VALUES ('abc')",
    "CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO late VALUES (1), (2)",
    "CREATE TABLE w (a int CHECK (a > 0), b int)",
    "INSERT INTO w VALUES (1, NULL)",
    "CREATE SEQUENCE wheel MAXVALUE 10 CYCLE",
    "SELECT nextval('wheel') FROM generate_series(1, 12)",
    "CREATE TABLE m (id int) PARTITION BY RANGE (id)",
    "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (1) TO (9)",
    "CREATE INDEX m_id ON m (id)",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER g BEFORE UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM parent",
)
_REPLICA = "SET session_replication_role = replica"

DAMAGES = {
    "parent_gone": (("public.parent",), (_REPLICA, "DELETE FROM parent WHERE id = 3")),
    "orphan_more": (
        ("public.child",),
        (_REPLICA, "UPDATE child SET up = 99 WHERE id = 4"),
    ),
    "domain_broken": (
        ("public.coded",),
        (
            "ALTER DOMAIN code DROP CONSTRAINT code_check",
            "UPDATE coded SET a = 'far too long'",
            "ALTER DOMAIN code ADD CONSTRAINT code_check CHECK (length(VALUE) < 5) NOT VALID",
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'code_check'",
        ),
    ),
    "twice_deferred": (("public.late",), (_REPLICA, "INSERT INTO late VALUES (2)")),
    "sequence_back": (("public.child_id_seq",), ("SELECT setval('child_id_seq', 3)",)),
    "sequence_back_a_little": (
        ("public.child_id_seq",),
        ("SELECT setval('child_id_seq', 9)",),
    ),
    "wheel_back": (("public.wheel",), ("SELECT setval('wheel', 1)",)),
    "wheel_fresh": (("public.wheel",), ("SELECT setval('wheel', 2, false)",)),
    "index_invalid": (
        ("public.m1.m1_id_idx",),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'm1_id_idx'::regclass",),
    ),
    "parent_index_invalid": (
        ("public.m.m_id",),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'm_id'::regclass",),
    ),
    "trigger_off": (("g",), ("ALTER TABLE parent DISABLE TRIGGER g",)),
    "constraint_not_valid": (
        ("child_up_fkey",),
        ("UPDATE pg_constraint SET convalidated = false WHERE conname = 'child_up_fkey'",),
    ),
    "not_refreshed": (("public.v",), ("REFRESH MATERIALIZED VIEW v WITH NO DATA",)),
    "detach_pending": (
        ("public.m1",),
        ("UPDATE pg_inherits SET inhdetachpending = true",),
    ),
    "grant_lost": (
        ("public.parent",),
        ("REVOKE ALL ON parent FROM rdsadmin",),
    ),
}


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        source.run(NAME, *_SETUP)
        with taken(source, BASELINE_EXACT) as copied, copied.settled() as settled:
            yield settled
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.mark.parametrize("name", DAMAGES)
def test_the_same_on_the_copy_alone_is_damage(found: Taken, name: str) -> None:
    words, statements = DAMAGES[name]
    with found.restored() as copy:
        with copy.admin(NAME) as cursor:
            for statement in statements:
                cursor.execute(statement)
        assert_failed(found.judged(copy), NAME, *words)
