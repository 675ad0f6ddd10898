"""Writers for a source that is never still: seeded, so that a run can be had again."""

import contextlib
import io
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg2

from campaign.arena import Source

WRITERS = 3
RECONNECT_SECONDS = 0.1

SETUP = (
    "CREATE TABLE quiet (id serial PRIMARY KEY, body text DEFAULT repeat('q', 100))",
    "INSERT INTO quiet SELECT FROM generate_series(1, 3000)",
    "CREATE TABLE ledger (id serial PRIMARY KEY, amount int, body text)",
    "INSERT INTO ledger (amount, body) SELECT n, repeat('x', 200) FROM generate_series(1, 9000) n",
    "CREATE INDEX ledger_amount ON ledger (amount)",
    "CREATE TABLE hot (id int PRIMARY KEY, n int) WITH (fillfactor = 50)",
    "INSERT INTO hot SELECT n, 0 FROM generate_series(1, 500) n",
    "CREATE TABLE short (id int)",
    "INSERT INTO short SELECT generate_series(1, 800)",
    "CREATE TABLE other (id int)",
    "CREATE TABLE parts (id int, day int) PARTITION BY LIST (day)",
    "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1)",
    "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2)",
    "INSERT INTO parts SELECT n, 1 + n % 2 FROM generate_series(1, 2000) n",
    "CREATE VIEW seen AS SELECT id FROM ledger",
    "CREATE MATERIALIZED VIEW sums AS SELECT amount % 50 AS k, count(*) FROM ledger GROUP BY 1",
    "CREATE UNIQUE INDEX sums_key ON sums (k)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE mood AS ENUM ('a')",
    "CREATE PROCEDURE chained() LANGUAGE plpgsql AS $$"
    "BEGIN FOR i IN 1..20 LOOP UPDATE hot SET n = n + 1 WHERE id = i; COMMIT AND CHAIN;"
    " END LOOP; END$$",
)

Work = Callable[[Any, random.Random], Sequence[str]]


def _some(chance: random.Random) -> str:
    return f"id % 97 = {chance.randrange(97)}"


def _write(_: Any, chance: random.Random) -> Sequence[str]:
    return chance.choice(
        (
            ["INSERT INTO ledger (amount, body) SELECT n, 'new' FROM generate_series(1, 50) n"],
            [f"UPDATE ledger SET amount = amount + 1 WHERE {_some(chance)}"],
            [f"DELETE FROM ledger WHERE {_some(chance)}"],
            [f"UPDATE hot SET n = n + 1 WHERE {_some(chance)}"],
            ["INSERT INTO parts SELECT n, 1 + n % 2 FROM generate_series(1, 30) n"],
            [f"DELETE FROM parts WHERE {_some(chance)}"],
            ["INSERT INTO short SELECT generate_series(1, 20)"],
            ["CALL chained()"],
        )
    )


def _undone(cursor: Any, chance: random.Random) -> Sequence[str]:
    return ["BEGIN", *_write(cursor, chance)[:1], "DELETE FROM hot", "ROLLBACK"]


def _partly_undone(_: Any, chance: random.Random) -> Sequence[str]:
    return [
        "BEGIN",
        f"UPDATE ledger SET amount = 0 WHERE {_some(chance)}",
        "SAVEPOINT s",
        f"DELETE FROM ledger WHERE {_some(chance)}",
        chance.choice(("ROLLBACK TO s", "RELEASE s")),
        "INSERT INTO ledger (amount) VALUES (1)",
        chance.choice(("COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN")),
        "ROLLBACK",
    ]


def _copied(cursor: Any, _: random.Random) -> Sequence[str]:
    cursor.copy_expert("COPY ledger (amount) FROM STDIN", io.StringIO("1\n2\n3\n" * 30))
    return []


def _frozen(_: Any, __: random.Random) -> Sequence[str]:
    refill = "INSERT INTO other SELECT 1"
    return ["BEGIN", "TRUNCATE other", refill, "COMMIT", "VACUUM FREEZE other"]


def _emptied(_: Any, chance: random.Random) -> Sequence[str]:
    refill = "INSERT INTO short SELECT generate_series(1, 800)"
    return ["BEGIN", "TRUNCATE short", refill, chance.choice(("COMMIT", "ROLLBACK"))]


def _tidied(_: Any, chance: random.Random) -> Sequence[str]:
    return [
        chance.choice(
            (
                "VACUUM ledger",
                "VACUUM (FREEZE) hot",
                "VACUUM FULL hot",
                "VACUUM FULL ledger",
                "VACUUM FULL pg_class",
                "CLUSTER ledger USING ledger_pkey",
                "REINDEX TABLE hot",
                "ANALYZE",
                "CHECKPOINT",
            )
        )
    ]


def _altered(_: Any, chance: random.Random) -> Sequence[str]:
    return chance.choice(
        (
            ["ALTER TABLE hot ALTER n TYPE bigint", "ALTER TABLE hot ALTER n TYPE int"],
            ["ALTER TABLE ledger ADD extra int DEFAULT 5", "ALTER TABLE ledger DROP extra"],
            ["CREATE INDEX more ON ledger (body)", "DROP INDEX more"],
            ["ALTER TABLE short RENAME TO shorter", "ALTER TABLE shorter RENAME TO short"],
            [
                "BEGIN",
                "ALTER TABLE other RENAME TO swapped",
                "ALTER TABLE short RENAME TO other",
                "ALTER TABLE swapped RENAME TO short",
                "COMMIT",
            ],
            ["CREATE OR REPLACE VIEW seen AS SELECT id FROM ledger WHERE id > 5"],
            ["CREATE OR REPLACE VIEW seen AS SELECT id FROM ledger"],
            ["CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
            ["CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'"],
            ["GRANT SELECT ON hot TO PUBLIC", "REVOKE SELECT ON hot FROM PUBLIC"],
            ["ALTER TYPE mood RENAME VALUE 'a' TO 'b'", "ALTER TYPE mood RENAME VALUE 'b' TO 'a'"],
            ["ALTER TABLE hot SET UNLOGGED", "ALTER TABLE hot SET LOGGED"],
            ["CREATE SCHEMA s", "CREATE TABLE s.t (a int)", "DROP SCHEMA s CASCADE"],
        )
    )


def _passing(_: Any, chance: random.Random) -> Sequence[str]:
    name = f"passing_{chance.randrange(10**6)}"
    return [
        f"CREATE TABLE {name} (id serial PRIMARY KEY, a int CHECK (a > 0))",
        f"CREATE VIEW v_{name} AS SELECT a FROM {name}",
        f"INSERT INTO {name} (a) SELECT generate_series(1, 100)",
        f"CREATE TEMP TABLE t_{name} AS SELECT * FROM {name}",
        f"DROP TABLE {name} CASCADE",
        f"DROP TABLE t_{name}",
    ]


def _refreshed(_: Any, chance: random.Random) -> Sequence[str]:
    return [
        chance.choice(
            (
                "REFRESH MATERIALIZED VIEW sums",
                "REFRESH MATERIALIZED VIEW CONCURRENTLY sums",
                "REFRESH MATERIALIZED VIEW sums WITH NO DATA",
            )
        ),
        "REFRESH MATERIALIZED VIEW sums",
    ]


def _detached(_: Any, chance: random.Random) -> Sequence[str]:
    day = chance.choice((1, 2))
    return [
        f"ALTER TABLE parts DETACH PARTITION parts_{day}",
        f"DELETE FROM parts_{day} WHERE {_some(chance)}",
        f"ALTER TABLE parts ATTACH PARTITION parts_{day} FOR VALUES IN ({day})",
    ]


def _prepared(_: Any, chance: random.Random) -> Sequence[str]:
    name = f"p{chance.randrange(10**6)}"
    end = chance.choice(("COMMIT", "ROLLBACK"))
    return [
        "BEGIN",
        f"DELETE FROM ledger WHERE {_some(chance)}",
        "INSERT INTO ledger (amount) VALUES (7)",
        f"PREPARE TRANSACTION '{name}'",
        "SELECT pg_sleep(0.1)",
        f"{end} PREPARED '{name}'",
    ]


def _asynchronous(_: Any, chance: random.Random) -> Sequence[str]:
    return [
        "SET synchronous_commit = off",
        f"DELETE FROM ledger WHERE {_some(chance)}",
        f"UPDATE hot SET n = n + 1 WHERE {_some(chance)}",
        "SET synchronous_commit = on",
    ]


def _locked(_: Any, chance: random.Random) -> Sequence[str]:
    """Locks of several sessions on one row make multixacts."""
    how = chance.choice(("FOR SHARE", "FOR KEY SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"))
    return [
        "BEGIN",
        f"SELECT FROM hot WHERE {_some(chance)} {how}",
        f"UPDATE hot SET n = n + 1 WHERE {_some(chance)}",
        "SELECT pg_sleep(0.05)",
        chance.choice(("COMMIT", "ROLLBACK")),
    ]


def _numbered(_: Any, chance: random.Random) -> Sequence[str]:
    return chance.choice(
        (
            ["SELECT nextval('ledger_id_seq') FROM generate_series(1, 40)"],
            ["INSERT INTO ledger (id, amount) SELECT nextval('quiet_id_seq') + 10^8, 1"],
            ["ALTER SEQUENCE quiet_id_seq INCREMENT 2", "ALTER SEQUENCE quiet_id_seq INCREMENT 1"],
        )
    )


def _forgotten(_: Any, __: random.Random) -> Sequence[str]:
    return ["SELECT pg_stat_reset()", "SELECT pg_stat_reset_shared('bgwriter')"]


def _large(_: Any, chance: random.Random) -> Sequence[str]:
    number = 700_000 + chance.randrange(30)
    return chance.choice(
        (
            [f"SELECT lo_from_bytea({number}, decode(repeat('ab', 3000), 'hex'))"],
            [f"SELECT lo_put({number}, 100, 'changed')"],
            [f"SELECT lo_unlink({number})"],
        )
    )


def _nested(_: Any, chance: random.Random) -> Sequence[str]:
    """Many sub-transactions, half of them undone."""
    work = [
        f"SAVEPOINT s{n}; INSERT INTO ledger (amount) VALUES ({n});"
        + (f" ROLLBACK TO s{n}" if n % 2 else f" RELEASE s{n}")
        for n in range(70)
    ]
    return ["BEGIN", *work, chance.choice(("COMMIT", "ROLLBACK"))]


def _long(_: Any, chance: random.Random) -> Sequence[str]:
    return ["BEGIN", f"DELETE FROM ledger WHERE {_some(chance)}", "SELECT pg_sleep(0.3)", "COMMIT"]


PASSING: Work = _passing

WORKS: tuple[Work, ...] = (
    _write,
    _write,
    _undone,
    _partly_undone,
    _copied,
    _frozen,
    _emptied,
    _tidied,
    _altered,
    _passing,
    _refreshed,
    _detached,
    _prepared,
    _asynchronous,
    _locked,
    _numbered,
    _forgotten,
    _large,
    _nested,
    _long,
)


@contextlib.contextmanager
def writing(source: Source, database: str, seed: int, works: Sequence[Work] = ()) -> Iterator[None]:
    """Write from several sessions until the block is left; by default a few kinds of work each."""
    stop = threading.Event()
    writers = [
        threading.Thread(target=_write_on, args=(source, database, f"{seed}/{number}", works, stop))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def _write_on(
    source: Source, database: str, seed: str, works: Sequence[Work], stop: threading.Event
) -> None:
    chance = random.Random(seed)
    # Each session leans on a few kinds of work, so that they meet often.
    works = works or chance.sample(WORKS, 5)
    while not stop.is_set():
        try:
            _write_until(source, database, works, chance, stop)
        except psycopg2.Error:
            stop.wait(RECONNECT_SECONDS)  # the source has crashed, or is about to


def _write_until(
    source: Source,
    database: str,
    works: Sequence[Work],
    chance: random.Random,
    stop: threading.Event,
) -> None:
    with contextlib.closing(source.server.connect_as_admin(database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'; SET deadlock_timeout = '100ms'")
            while not stop.is_set():
                _do(cursor, chance.choice(works), chance)


def _do(cursor: Any, work: Work, chance: random.Random) -> None:
    """Writers get in each other's way: what fails is undone and forgotten."""
    try:
        for statement in work(cursor, chance):
            cursor.execute(statement)
    except psycopg2.Error:
        cursor.execute("ROLLBACK")
