"""Damage to rows and values: what a broken tool, a bad merge or a wrong copy leaves behind."""

from collections.abc import Iterator
from dataclasses import replace

from campaign.damage import Damage, Expected
from campaign.specimen import OTHER, OTHER_WORD, SHOP, Base

_OTHER = '"' + OTHER.replace('"', '""') + '"'
_ODD = '"Odd ""Schéma"" 100%"."Täble {0} %s"'


def _rows(
    name: str,
    what: str,
    word: str,
    *statements: str,
    database: str = SHOP,
    base: Base = Base.SETTLED,
) -> Damage:
    return Damage(name, "rows", what, (word,), statements=statements, database=database, base=base)


_ROWS = (
    _rows(
        "row-lost",
        "one row is gone",
        "sales.documents",
        "DELETE FROM sales.documents WHERE id = 77",
    ),
    _rows(
        "row-lost-partition",
        "one row of a partition is gone",
        "public.payments_2025",
        "DELETE FROM payments WHERE id = 7007",
    ),
    _rows(
        "row-lost-child",
        "one row of a child",
        "employees",
        "DELETE FROM employees WHERE name = 'e9'",
    ),
    _rows(
        "row-lost-parent",
        "one row of a parent",
        "public.people",
        "DELETE FROM ONLY people WHERE name = 'p9'",
    ),
    _rows(
        "row-lost-still-bucket",
        "one row of a table under write, where it stood still",
        "public.ledger",
        "DELETE FROM ledger WHERE ctid = '(130,1)'",
    ),
    _rows(
        "row-lost-newest",
        "the newest row is gone",
        "public.last_minutes",
        "DELETE FROM last_minutes WHERE id = (SELECT max(id) FROM last_minutes)",
    ),
    _rows(
        "row-lost-secured",
        "one row behind row security is gone",
        "sales.accounts",
        "DELETE FROM sales.accounts WHERE id = 5",
    ),
    _rows(
        "row-lost-hostile",
        "in a hostile name",
        "Täble {0} %s",
        f'DELETE FROM {_ODD} WHERE "Kéy ""x""" = 9',
    ),
    _rows(
        "row-lost-other",
        "one row in the other database",
        "public.measures",
        "DELETE FROM measures WHERE id = 9",
        database=OTHER,
    ),
    _rows(
        "row-changed",
        "one value has changed",
        "public.users",
        "UPDATE users SET balance = balance + 1 WHERE id = 77",
    ),
    _rows(
        "row-written-anew",
        "one row was written anew, the same",
        "public.users",
        "UPDATE users SET balance = balance WHERE id = 77",
    ),
    _rows(
        "row-doubled",
        "one row twice, one not at all",
        "public.pairs",
        "DELETE FROM pairs WHERE ctid = '(0,5)'",
        "INSERT INTO pairs SELECT * FROM pairs LIMIT 1",
    ),
    _rows(
        "rows-exchanged",
        "two rows have each other's values",
        "sales.documents",
        "UPDATE sales.documents d SET title = o.title, body = o.body FROM sales.documents o"
        " WHERE (d.id, o.id) IN ((5, 6), (6, 5))",
    ),
    _rows(
        "column-lost-values",
        "a column is NULL throughout",
        "public.users",
        "UPDATE users SET attributes = NULL",
    ),
    _rows("table-emptied", "a table is empty", "public.articles", "TRUNCATE articles"),
    _rows(
        "tables-emptied",
        "all tables of a schema",
        "sales.documents",
        "TRUNCATE sales.documents, sales.orders",
    ),
    _rows(
        "half-lost",
        "every other row is gone",
        "public.readings",
        "DELETE FROM readings WHERE sensor % 2 = 0",
    ),
    _rows(
        "rows-moved",
        "rows have moved into a table of the same shape",
        "public.payments_2024",
        "ALTER TABLE payments DETACH PARTITION payments_2024",
        "INSERT INTO payments_rest SELECT id, paid_on + 1000, amount FROM payments_2024",
        "DELETE FROM payments_2024",
    ),
    _rows(
        "tables-renamed",
        "two tables have each other's names",
        "public.pairs",
        "BEGIN; ALTER TABLE pairs RENAME TO kept; ALTER TABLE nothing_in_it RENAME TO pairs;"
        " ALTER TABLE kept RENAME TO nothing_in_it; COMMIT",
    ),
    _rows(
        "foreign-key-broken",
        "orders without their users",
        "public.users",
        "SET session_replication_role = replica; DELETE FROM users WHERE id BETWEEN 100 AND 110",
    ),
    _rows(
        "table-replaced",
        "a table was made anew with the same rows",
        "public.pairs",
        "CREATE TABLE anew AS SELECT * FROM pairs",
        "DROP TABLE pairs",
        "ALTER TABLE anew RENAME TO pairs",
    ),
    _rows(
        "view-emptied",
        "a materialised view without data",
        "sales.by_state",
        "REFRESH MATERIALIZED VIEW sales.by_state WITH NO DATA",
    ),
    _rows(
        "view-refreshed",
        "a materialised view was filled from other rows",
        "sales.by_state",
        "UPDATE sales.orders SET state = 'open' WHERE id < 50",
        "REFRESH MATERIALIZED VIEW sales.by_state",
    ),
)

_BESIDE_ROWS = (
    _rows(
        "large-object-changed",
        "three bytes of one",
        "large",
        "SELECT lo_put(990003, 40, 'xxx')",
    ),
    _rows("large-object-longer", "one has grown", "large", "SELECT lo_put(990001, 3, 'x')"),
    _rows("large-object-lost", "one is gone", "large", "SELECT lo_unlink(990002)"),
    _rows(
        "large-object-lost-other",
        "one in the other database",
        "large",
        "SELECT lo_unlink(990011)",
        database=OTHER,
    ),
    _rows(
        "sequence-behind",
        "a serial gives numbers that are taken",
        "users_id_seq",
        "SELECT setval('users_id_seq', 100)",
    ),
    _rows(
        "sequence-reset",
        "an identity begins anew",
        "orders_id_seq",
        "ALTER TABLE sales.orders ALTER id RESTART",
    ),
    _rows(
        "sequence-alone-behind",
        "a sequence that no column owns",
        "invoice_numbers",
        "SELECT setval('invoice_numbers', 5010)",
        base=Base.IDLE,
    ),
    _rows(
        "sequence-called",
        "it has been called never",
        "invoice_numbers",
        "SELECT setval('invoice_numbers', 5050, false)",
        base=Base.IDLE,
    ),
    _rows(
        "database-lost",
        "a database is gone",
        OTHER_WORD,
        f"DROP DATABASE {_OTHER}",
        database="postgres",
    ),
    _rows(
        "database-anew",
        "a database was made anew, empty",
        OTHER_WORD,
        f"DROP DATABASE {_OTHER}",
        f"CREATE DATABASE {_OTHER}",
        database="postgres",
    ),
)

_STATES = (
    Damage(
        "stale-snapshot",
        "rows",
        "the snapshot is an older one",
        ("public.newest",),
        base=Base.EARLY,
    ),
    Damage(
        "unlogged-changed",
        "harmless",
        "an unlogged table, empty after the restore, has a row",
        statements=("INSERT INTO scratch VALUES (1)",),
        unlogged=True,
        expected=Expected.HARMLESS,
    ),
    Damage(
        "vacuumed",
        "harmless",
        "the copy was vacuumed",
        statements=("VACUUM (ANALYZE) users", "VACUUM (ANALYZE) sales.orders"),
        expected=Expected.HARMLESS,
    ),
    Damage(
        "frozen",
        "harmless",
        "the copy was frozen",
        statements=("VACUUM (FREEZE)",),
        expected=Expected.HARMLESS,
    ),
    Damage(
        "reindexed",
        "harmless",
        "the copy's indexes were built anew",
        statements=("REINDEX TABLE users",),
        expected=Expected.HARMLESS,
    ),
    Damage(
        "temporary-left",
        "harmless",
        "a lost session has left a temporary schema behind",
        statements=("CREATE TEMP TABLE left_behind (a int)",),
        expected=Expected.HARMLESS,
    ),
)

_AHEAD = Damage(
    "sequence-ahead",
    "unseen",
    "a sequence has gone on: it loses numbers, as it does in any crash",
    statements=("SELECT nextval('invoice_numbers') FROM generate_series(1, 40)",),
    expected=Expected.UNSEEN,
)

_MORE = {
    "large object": ("large object", "SELECT lo_from_bytea(999, 'x')"),
    "database": ("stranger", "CREATE DATABASE stranger"),
    "table": ("public.stranger", "CREATE TABLE stranger (a int)"),
    "child": (
        "public.stranger",
        "CREATE TABLE stranger () INHERITS (people)",
    ),
    "role": ("role stranger", "CREATE ROLE stranger LOGIN"),
    "membership": ("role auditor in role shop_owner", "GRANT shop_owner TO auditor"),
    "parameter-grant": ("work_mem", "GRANT SET ON PARAMETER work_mem TO clerk"),
    "row": ("public.pairs", "INSERT INTO pairs VALUES (1, 'more')"),
    "doubled-rows": ("public.pairs", "INSERT INTO pairs SELECT * FROM pairs LIMIT 3"),
    "trigger": (
        "stranger",
        "CREATE TRIGGER stranger BEFORE UPDATE ON pairs FOR EACH ROW EXECUTE FUNCTION touch()",
    ),
    "policy": ("stranger", "CREATE POLICY stranger ON pairs USING (true)"),
    "rule": ("stranger", "CREATE RULE stranger AS ON INSERT TO pairs DO INSTEAD NOTHING"),
    "function": ("stranger", "CREATE FUNCTION stranger() RETURNS int LANGUAGE sql RETURN 1"),
}
_SINCE = {"parameter-grant": 15}


def _added() -> Iterator[Damage]:
    """By a young transaction; a source that is at work may have run it before the copy."""
    for name, (word, statement) in _MORE.items():
        unseen = Damage(
            f"{name}-added",
            "unseen",
            f"there is a {name} more",
            statements=(statement,),
            expected=Expected.UNSEEN,
            since=_SINCE.get(name, 0),
        )
        yield unseen
        yield replace(
            unseen,
            name=f"{name}-added-idle",
            family="added",
            what=f"{unseen.what}, and the source stood still meanwhile",
            words=(word,),
            base=Base.IDLE,
            expected=Expected.FAILED,
        )


_FORGED = {
    "scale": ("a number has lost a zero: 1.50 is 1.5", "num = 1.5"),
    "minus-zero": ("zero is minus zero", "flt = '-0'"),
    "not-a-number": ("a number is NaN", "flt = 'NaN'"),
    "trailing-blank": ("a text has a blank at its end", "txt = txt || ' '"),
    "empty": ("NULL is an empty text", "maybe = ''"),
    "null": ("an empty text is NULL", "full_text = NULL"),
    "padding": ("a char has another padding", "padded = 'a  '"),
    "case": ("a citext has another case", "mail = upper(mail::text)"),
    "json-scale": ("1.0 in jsonb is 1", """doc = '{"a": 1, "b": [2.50]}'"""),
    "json-blanks": ("json has other blanks", """plain = '{"a":1}'"""),
    "json-order": ("json has another order of keys", """plain = '{"b": 2, "a": 1}'"""),
    "months": ("a month is thirty days", "waits = '30 days'"),
    "hours": ("a month is 720 hours", "waits = '720 hours'"),
    "array-bound": ("an array begins at 0", "tags = '[0:1]={a,b}'"),
    "array-scale": ("a number in an array has lost a zero", "nums = '{1.5}'"),
    "range-scale": ("a bound of a range has lost a zero", "reach = '[1,2)'"),
    "composite-scale": ("a number in a composite has lost a zero", "pair = ROW(1.5, 'x')"),
    "domain-scale": ("a number of a domain has lost a zero", "exact = 2"),
    "composed": ("a letter with its accent apart", "accent = U&'e\\0301'"),
    "weights": ("a word has lost its weight", "words = 'a:1'"),
    "columns": ("two columns are swapped", "a = b, b = a"),
    "label": ("an enum has another label", "feeling = 'sad'"),
    "point": ("a point's zero is minus zero", "pt = '(-0,0)'"),
    "microsecond": ("a time is a microsecond later", "at = at + interval '1 microsecond'"),
    "bit": ("a bit string is one longer", "bits = B'1010'"),
    "network": ("an address has another mask", "net = '10.0.0.1/24'"),
    "bytes": ("a byte is another", "raw = '\\x00fe'"),
}


def _forged() -> Iterator[Damage]:
    for name, (what, change) in _FORGED.items():
        yield Damage(
            f"value-{name}",
            "values",
            what,
            ("public.values_kept",),
            statements=(f"UPDATE values_kept SET {change} WHERE id = 7",),
            forged=("values_kept", 7),
        )


DAMAGES = (*_ROWS, *_BESIDE_ROWS, *_STATES, _AHEAD, *_added(), *_forged())
