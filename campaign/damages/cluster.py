"""Roles, databases and their settings; and what a restore leaves behind."""

from campaign.damage import Damage, Expected
from campaign.specimen import OTHER, OTHER_WORD

_OTHER = '"' + OTHER.replace('"', '""') + '"'


_AUDITING = "roleid = 'auditor'::regrole AND member = 'clerk'::regrole"


def _cluster(name: str, word: str, *statements: str) -> Damage:
    return Damage(
        name,
        "cluster",
        "; ".join(statements),
        (word,),
        statements=statements,
        database="postgres",
    )


def _left(name: str, what: str, word: str, *statements: str, database: str = "shop") -> Damage:
    return Damage(name, "leftovers", what, (word,), statements=statements, database=database)


DAMAGES = (
    _cluster("role-lost", "Röle", 'DROP ROLE "Odd ""Röle"" 100%"'),
    _cluster("role-renamed", "auditor", "ALTER ROLE auditor RENAME TO examiner"),
    _cluster("role-login", "auditor", "ALTER ROLE auditor LOGIN"),
    _cluster("role-superuser", "clerk", "ALTER ROLE clerk SUPERUSER"),
    _cluster("role-bypass", "clerk", "ALTER ROLE clerk BYPASSRLS"),
    _cluster("role-inherit", "auditor", "ALTER ROLE auditor INHERIT"),
    _cluster("role-limit", "clerk", "ALTER ROLE clerk CONNECTION LIMIT 1"),
    _cluster("role-expired", "clerk", "ALTER ROLE clerk VALID UNTIL '2020-01-01'"),
    # ALTER ROLE refuses these; PostgreSQL heeds what stands there.
    _cluster(
        "predefined-role-login",
        "pg_monitor",
        "UPDATE pg_authid SET rolcanlogin = true WHERE rolname = 'pg_monitor'",
    ),
    _cluster(
        "predefined-role-superuser",
        "pg_read_all_stats",
        "UPDATE pg_authid SET rolsuper = true WHERE rolname = 'pg_read_all_stats'",
    ),
    # As statements these depend on who granted, since PostgreSQL 16.
    _cluster("membership-lost", "auditor", f"DELETE FROM pg_auth_members WHERE {_AUDITING}"),
    _cluster(
        "membership-admin",
        "auditor",
        f"UPDATE pg_auth_members SET admin_option = true WHERE {_AUDITING}",
    ),
    _cluster("role-setting-lost", "setting", "ALTER ROLE clerk RESET work_mem"),
    _cluster("role-setting-changed", "setting", "ALTER ROLE clerk SET search_path = public"),
    _cluster("role-database-setting", "setting", "ALTER ROLE clerk IN DATABASE shop RESET ALL"),
    _cluster("database-setting-lost", "setting", "ALTER DATABASE shop RESET lock_timeout"),
    _cluster(
        "database-setting-added", "setting", "ALTER DATABASE shop SET TimeZone = 'Asia/Kathmandu'"
    ),
    _cluster("database-limit", OTHER_WORD, f"ALTER DATABASE {_OTHER} CONNECTION LIMIT 7"),
    _cluster("database-owner", OTHER_WORD, f"ALTER DATABASE {_OTHER} OWNER TO auditor"),
    _cluster("database-closed", OTHER_WORD, f"ALTER DATABASE {_OTHER} ALLOW_CONNECTIONS false"),
    _cluster("database-template", OTHER_WORD, f"ALTER DATABASE {_OTHER} IS_TEMPLATE true"),
    _cluster("database-renamed", OTHER_WORD, f"ALTER DATABASE {_OTHER} RENAME TO plain"),
    _cluster("database-grant", "shop", "GRANT TEMPORARY ON DATABASE shop TO auditor"),
    _cluster("database-comment", "comment", "COMMENT ON DATABASE shop IS 'x'"),
    _cluster("role-comment", "comment", "COMMENT ON ROLE clerk IS 'x'"),
    # The source may have prepared it after the first reading and ended it before the second. The
    # report notes it, by its owner and age: its name may hold data.
    Damage(
        "prepared-transaction",
        "harmless",
        "a prepared transaction holds its locks",
        statements=("BEGIN; DELETE FROM pairs WHERE a = 3; PREPARE TRANSACTION 'left_over'",),
        expected=Expected.HARMLESS,
    ),
    Damage(
        "prepared-lock",
        "leftovers",
        "a prepared transaction keeps a table from being read",
        statements=("BEGIN; LOCK TABLE newest; PREPARE TRANSACTION 'left_over'",),
        expected=Expected.STOPPED,
    ),
    _left(
        "invalid-index",
        "an index is invalid",
        "orders_open",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sales.orders_open'::regclass",
    ),
    _left(
        "index-not-ready",
        "an index is not kept up",
        "orders_user_id",
        "UPDATE pg_index SET indisready = false, indisvalid = false"
        " WHERE indexrelid = 'sales.orders_user_id'::regclass",
    ),
    _left(
        "drop-interrupted",
        "the DROP of a database was interrupted",
        OTHER_WORD,
        f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{OTHER}'",
        database="postgres",
    ),
    _left(
        "constraint-not-valid",
        "a constraint counts as not valid",
        "net_positive",
        "UPDATE pg_constraint SET convalidated = false WHERE conname = 'net_positive'",
    ),
    _left(
        "relation-without-columns",
        "a column is marked as dropped",
        "public.typed",
        "UPDATE pg_attribute SET attisdropped = true"
        " WHERE attrelid = 'typed'::regclass AND attname = 'c'",
    ),
    *(
        _left(
            f"{name}-horizon",
            f"a table's {column} lies in the future",
            "public.pairs",
            f"UPDATE pg_class SET {column} = '3000000' WHERE oid = 'pairs'::regclass",
        )
        for name, column in (("frozen", "relfrozenxid"), ("multixact", "relminmxid"))
    ),
    *(
        _left(
            f"database-{name}-horizon",
            f"a database's {column} lies in the future",
            "database shop",
            f"UPDATE pg_database SET {column} = '3000000' WHERE datname = 'shop'",
        )
        for name, column in (("frozen", "datfrozenxid"), ("multixact", "datminmxid"))
    ),
    Damage(
        "password-changed",
        "unseen",
        "a role's password is another",
        statements=("ALTER ROLE clerk PASSWORD 'x'",),
        database="postgres",
        expected=Expected.UNSEEN,
    ),
    Damage(
        "replication-slot",
        "unseen",
        "a replication slot keeps the log",
        statements=("SELECT pg_create_physical_replication_slot('left_over', true)",),
        unlogged=True,
        expected=Expected.UNSEEN,
    ),
)
