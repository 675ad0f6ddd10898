"""The data: tables of several widths and kinds, with keys, in a database and in its copy."""

from psycopg2 import sql

from local.postgres import PostgresServer

SOURCE = "shop"
COPY = "shop_copy"

TABLES = ("readings", "orders", "customers", "documents")

_STATEMENTS = (
    """CREATE TABLE readings (id bigint PRIMARY KEY, sensor int NOT NULL, level int NOT NULL,
                              read_at timestamptz NOT NULL)""",
    """INSERT INTO readings
       SELECT n, n % 1000, n % 77, timestamptz '2026-01-01' + n * interval '1 s'
         FROM generate_series(1, 5500 * {scale}) n""",
    """CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, state text NOT NULL,
                            net numeric(12, 2) NOT NULL, remark text,
                            placed_at timestamptz NOT NULL, is_paid boolean, weight float8)""",
    """INSERT INTO orders
       SELECT n, n % 5000, (ARRAY['open', 'paid', 'shipped'])[1 + n % 3], (n % 9973) / 10.0,
              CASE WHEN n % 5 > 0 THEN 'remark ' || n || repeat('x', n % 40) END,
              timestamptz '2026-01-01' + n * interval '1 min', n % 2 = 0, n / 3.0
         FROM generate_series(1, 3000 * {scale}) n""",
    """CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, name varchar(100),
                               profile jsonb, born_on date, tags text[], token uuid)""",
    """INSERT INTO customers
       SELECT n, 'c' || n || '@example.org', 'Customer ' || n,
              jsonb_build_object('tier', n % 4, 'tags', jsonb_build_array('a' || n % 7)),
              date '1950-01-01' + n % 20000, ARRAY['x', 'y' || n % 9], md5(n::text)::uuid
         FROM generate_series(1, 600 * {scale}) n""",
    """CREATE TABLE documents (id int PRIMARY KEY, body text)""",
    """INSERT INTO documents
       SELECT n, (SELECT string_agg(md5((n * 1000 + i)::text), ' ') FROM generate_series(1, 250) i)
         FROM generate_series(1, 12 * {scale}) n""",
)


def fill(server: PostgresServer, scale: int) -> int:
    """Make the source's database and its copy; return the bytes of one of them.

    Args:
        scale: each unit is about a megabyte, TOAST included.
    """
    with server.admin() as cursor:
        for database in (COPY, SOURCE):
            name = sql.Identifier(database)
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SOURCE)))
    with server.admin(SOURCE) as cursor:
        for statement in _STATEMENTS:
            cursor.execute(sql.SQL(statement).format(scale=sql.Literal(scale)))
        cursor.execute("VACUUM (FREEZE, ANALYZE)")
    with server.admin() as cursor:
        names = (sql.Identifier(COPY), sql.Identifier(SOURCE))
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT pg_database_size(%s)", [SOURCE])
        return int(cursor.fetchone()[0])
