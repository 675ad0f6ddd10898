"""Rows that break a valid constraint are found, and none that hold is taken for such a one."""

from collections.abc import Iterator

import pytest

from campaign.arena import Source, Taken, taken
from lambdas.drill.admission.request import BASELINE_NONE
from lambdas.drill.units import Status
from tests.checks.sandwich import assert_failed, assert_warned, results_of

pytestmark = pytest.mark.xdist_group("checks-logical")

NAME = "constrained"
SEEING = "tm_seeing"

_SETUP = (
    "CREATE TYPE pair AS (a int, b int)",
    "CREATE DOMAIN small AS int CHECK (VALUE < 1000)",
    "CREATE DOMAIN smaller AS small CHECK (VALUE < 900)",
    "CREATE TABLE parent (id int PRIMARY KEY, part int, UNIQUE (id, part))",
    "INSERT INTO parent SELECT n, n % 3 FROM generate_series(1, 100) n",
    "CREATE TABLE split (id int, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
    "CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (1) TO (50)",
    "CREATE TABLE split_2 PARTITION OF split FOR VALUES FROM (50) TO (MAXVALUE)",
    "INSERT INTO split SELECT n, 'x' FROM generate_series(1, 100) n",
    """
    CREATE TABLE child (
        id int PRIMARY KEY, parent_id int REFERENCES parent, split_id int REFERENCES split,
        a int, b int, must text NOT NULL, both_ pair NOT NULL,
        amount int CHECK (amount > 0 AND amount < 1000), worth smaller, "per %s {}" int UNIQUE,
        code text COLLATE "C" UNIQUE,
        FOREIGN KEY (a, b) REFERENCES parent (id, part) MATCH FULL
    )
    """,
    """
    INSERT INTO child SELECT n, n, n, n, n % 3, 'm', '(,)'::pair, n, n, n, n::text
      FROM generate_series(1, 60) n
    """,
    "INSERT INTO child (id, must, both_) VALUES (61, '', (1, NULL)), (62, '', (NULL, NULL))",
    "CREATE TABLE halves (id int, parent_id int REFERENCES parent) PARTITION BY LIST (id)",
    "CREATE TABLE halves_1 PARTITION OF halves FOR VALUES IN (1)",
    "INSERT INTO halves SELECT 1, n FROM generate_series(1, 50) n",
    "CREATE TABLE booked (during int4range, EXCLUDE USING gist (during WITH &&))",
    "INSERT INTO booked SELECT int4range(n * 2, n * 2 + 2) FROM generate_series(1, 300) n",
    # What need not answer as it did when the row came in.
    "CREATE TABLE timed (at timestamptz CHECK (at > now() - interval '0.3 seconds'))",
    "INSERT INTO timed VALUES (now())",
    "CREATE FUNCTION fits(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 < 100'",
    "CREATE TABLE replaced (a int CHECK (fits(a)))",
    "INSERT INTO replaced VALUES (50)",
    "CREATE OR REPLACE FUNCTION fits(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 < 10'",
    "CREATE TABLE late (a int)",
    "INSERT INTO late VALUES (5)",
    "ALTER TABLE late ADD CHECK (a > 100) NOT VALID",
    "ALTER TABLE late ADD FOREIGN KEY (a) REFERENCES parent NOT VALID",
)
_HIDDEN = (
    f"CREATE ROLE {SEEING} BYPASSRLS",
    "CREATE TABLE forced (id serial PRIMARY KEY, a int CHECK (a > 0), up int REFERENCES forced)",
    "INSERT INTO forced (a) SELECT generate_series(1, 20)",
    "ALTER TABLE forced ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE forced FORCE ROW LEVEL SECURITY",
    f"GRANT SELECT ON forced TO {SEEING}",
    f"GRANT USAGE ON SCHEMA public TO {SEEING}",
)
_BROKEN = (
    "SET session_replication_role = replica",
    "DELETE FROM parent WHERE id = 7",
    "DELETE FROM split WHERE id = 8",
    "UPDATE pg_attribute SET attnotnull = false WHERE attrelid = 'child'::regclass"
    " AND attname IN ('must')",
    "UPDATE child SET must = NULL WHERE id = 9",
    "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'child'::regclass"
    " AND attname IN ('must')",
    "UPDATE child SET b = NULL WHERE id = 11",
    "ALTER TABLE child DROP CONSTRAINT child_amount_check",
    "UPDATE child SET amount = 5000 WHERE id = 12",
    "ALTER TABLE child ADD CONSTRAINT child_amount_check CHECK (amount > 0 AND amount < 1000)"
    " NOT VALID",
    "UPDATE pg_constraint SET convalidated = true WHERE conname = 'child_amount_check'",
    "ALTER DOMAIN smaller DROP CONSTRAINT smaller_check",
    "UPDATE child SET worth = 950 WHERE id = 13",
    "ALTER DOMAIN smaller ADD CONSTRAINT smaller_check CHECK (VALUE < 900) NOT VALID",
    "UPDATE pg_constraint SET convalidated = true WHERE conname = 'smaller_check'",
    "UPDATE pg_index SET indisready = false, indislive = false WHERE indrelid IN"
    " ('child'::regclass, 'booked'::regclass) AND NOT indisprimary",
    'UPDATE child SET "per %s {}" = 15 WHERE id = 14',
    "INSERT INTO booked VALUES ('[20,30)')",
    "UPDATE pg_index SET indisready = true, indislive = true WHERE indrelid IN"
    " ('child'::regclass, 'booked'::regclass)",
    "REINDEX INDEX child_pkey",
    "UPDATE pg_class SET relispartition = false WHERE relname = 'split_1'",
    "INSERT INTO split_1 VALUES (70, 'y')",
    "UPDATE pg_class SET relispartition = true WHERE relname = 'split_1'",
)


@pytest.fixture(scope="module")
def found(source: Source) -> Iterator[Taken]:
    source.run("postgres", f"CREATE DATABASE {NAME}")
    try:
        for statement in _SETUP:
            source.run(NAME, statement)
        with taken(source, BASELINE_NONE) as copied:
            yield copied
    finally:
        source.run("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


def test_rows_that_hold_are_no_damage_and_what_was_not_asked_is_told(found: Taken) -> None:
    with found.restored() as copy:
        results = results_of(found.judged(copy), "constraints", NAME)
    bad = {name: (*r.findings, *r.notes) for name, r in results.items() if r.status != Status.OK}
    assert not bad
    notes = {name: result.notes for name, result in results.items() if result.notes}
    assert set(notes) == {"public.timed", "public.replaced"}, notes
    assert results["public.child"].measured["constraints"] == 12


def test_rows_that_row_security_hides_from_owners_are_asked_too(
    source: Source, database: str
) -> None:
    """Their constraints, their indexes and the sequence behind them, by a role that sees them."""
    may = source.server.binaries.may_pass_on
    try:
        source.run(database, *_HIDDEN, f"GRANT {SEEING} TO {source.master.username} {may}")
        with taken(source, BASELINE_NONE) as copied, copied.restored() as copy:
            healthy = copied.judged(copy)
            with copy.admin(database) as cursor:
                cursor.execute("SET session_replication_role = replica")
                cursor.execute("UPDATE forced SET up = 77 WHERE id = 5")
                cursor.execute("SELECT setval('forced_id_seq', 3)")
            damaged = copied.judged(copy)
    finally:
        source.run(database, f"DROP OWNED BY {SEEING}", f"DROP ROLE {SEEING}")
    unsure = [r for r in healthy.results if r.database == database and r.status != Status.OK]
    assert not [r for r in unsure if r.status != Status.EXEMPT], unsure
    assert_warned(damaged, database, "public.forced", "have no counterpart", "nothing shows")
    assert_warned(damaged, "public.forced_id_seq", "public.forced.id is at or beyond it")


def test_each_kind_of_broken_constraint_is_found_with_its_place(found: Taken) -> None:
    with found.restored({"allow_system_table_mods": "on"}) as copy:
        with copy.admin(NAME) as cursor:
            for statement in _BROKEN:
                cursor.execute(statement)
        judgement = found.judged(copy)
    results = results_of(judgement, "constraints", NAME)
    wrong = " ".join(results["public.child"].findings)
    for words in (
        "not null must: 1 rows have no value, the first at (",
        "check child_amount_check: 1 rows break it",
        'unique key "child_per %s {}_key": 1 rows (by key) are there more than once',
        "Ask the source too: count: SELECT count(*)",
    ):
        assert words in wrong, results["public.child"].findings
    # Its indexes are found to be damaged as well.
    for words in (
        "foreign key child_parent_id_fkey: 1 rows have no counterpart in public.parent",
        "foreign key child_split_id_fkey: 1 rows have no counterpart in public.split",
        "foreign key child_a_b_fkey: 1 rows are neither all null nor all filled",
        "foreign key child_a_b_fkey: 1 rows have no counterpart in public.parent",
        "domain of worth: at least one row has a value that its domain forbids",
    ):
        assert words in wrong, results["public.child"].findings
    assert "5000" not in wrong
    assert_failed(judgement, "public.booked", "exclude each other")
    assert_warned(judgement, "public.halves_1", "have no counterpart in public.parent")
    assert_failed(judgement, "public.split_1", "belong into another partition")
    assert all(len(text) <= 500 for r in results.values() for text in (*r.findings, *r.warnings))
