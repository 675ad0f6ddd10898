"""Writers on the source while a drill runs: short transactions, some of them rolled back."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg2

from local.postgres import PostgresServer

PAUSE_SECONDS = 0.01
ROLLED_BACK = 0.1

_STATEMENTS = (
    "INSERT INTO sales.orders (customer_id, net, placed_at) VALUES ({n} % 120000 + 1, 9.90, now())",
    "UPDATE sales.orders SET state = 'paid' WHERE id = {n} % 350000 + 1",
    "DELETE FROM sales.order_items WHERE order_id = {n} % 350000 + 1",
    "UPDATE crm.customers SET profile = profile || '{{\"seen\": {n}}}' WHERE id = {n} % 120000 + 1",
    "INSERT INTO sales.order_items VALUES ({n}, 1, 'SKU-NEW', 1, date '2025-05-05')",
)


@contextlib.contextmanager
def writing(server: PostgresServer, database: str) -> Iterator[dict[str, int]]:
    """Write to the sample database until the context ends; yields a count of transactions."""
    done = threading.Event()
    count = {"transactions": 0}
    thread = threading.Thread(target=_write, args=(server, database, done, count), daemon=True)
    thread.start()
    try:
        yield count
    finally:
        done.set()
        thread.join(timeout=10)


def _write(
    server: PostgresServer, database: str, done: threading.Event, count: dict[str, int]
) -> None:
    choice = random.Random(7)
    connection: Any = server.connect_as_admin(database)
    try:
        with connection.cursor() as cursor:
            while not done.is_set():
                for _ in range(choice.randint(1, 5)):
                    statement = choice.choice(_STATEMENTS)
                    cursor.execute(statement.format(n=choice.randrange(1, 10**6)))
                if choice.random() < ROLLED_BACK:
                    connection.rollback()
                else:
                    connection.commit()
                count["transactions"] += 1
                time.sleep(PAUSE_SECONDS)
    except psycopg2.OperationalError:
        if not done.is_set():
            raise
    finally:
        connection.close()
