"""A new table that has a name of ours until all rows are in it: then it gets its own.

So its parts can be copied side by side, nobody reads a half of it, and no row is written twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.errors import BadData, QueryFailed
from lambdas.load.load import Target, hidden_name
from lambdas.load.reading.infer import TEXT, WIDER, common

_TAKEN = {errorcodes.DUPLICATE_TABLE, errorcodes.DUPLICATE_OBJECT}
"""The name is a relation's; or a type's, which a table brings along."""

_WIDE = (TEXT, *WIDER.values())
_AS_TEXT = {"boolean": "CASE {} WHEN true THEN 't' WHEN false THEN 'f' END::{}"}
"""Where the cast writes another word than the data have."""

_TYPES = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
"""


def identifier(load_id: str, target: Target) -> sql.Identifier:
    """The table under the name of ours."""
    return sql.Identifier(target.schema, hidden_name(load_id, target.table))


def make(session: Session, load_id: str, target: Target) -> None:
    """Make the table under our name, if it is not there; all parts ask for it at the same time."""
    name = hidden_name(load_id, target.table)
    # Two that make the same table at once would both find that it is not there. One message is one
    # transaction: a function that is lost in the midst leaves no lock.
    query = sql.SQL(
        "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({name}, 0));"
        " CREATE TABLE IF NOT EXISTS {table} ({columns})"
    ).format(name=sql.Literal(name), table=identifier(load_id, target), columns=definition(target))
    session.run(query, action=f"making the table {target.table}")


def opened(session: Session, load_id: str, target: Target) -> dict[str, str]:
    """Lock the table against another type of a column; return the types that they have now."""
    query = sql.SQL("SET LOCAL lock_timeout = 0; LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(
        identifier(load_id, target)
    )
    session.run(query, action=f"opening the table {target.table}")
    return _kinds(session, load_id, target)


def widen(session: Session, load_id: str, target: Target, kinds: Mapping[str, str]) -> None:
    """Give columns another type, under which every value is again as it was written.

    Other parts may be copying into the table: they are waited for, and those that come later look
    at the types first.
    """
    table = identifier(load_id, target)
    query = sql.SQL(
        "SET LOCAL lock_timeout = 0; SET LOCAL DateStyle = 'ISO'; SET LOCAL TimeZone = 'UTC';"
        " LOCK TABLE {} IN ACCESS EXCLUSIVE MODE"
    ).format(table)
    action = f"widening columns of the table {target.table}"
    with session.transaction(action=action):
        session.run(query, action=action)
        now = _kinds(session, load_id, target)
        changes = [
            sql.SQL("ALTER {column} TYPE {kind} USING {value}").format(
                column=sql.Identifier(name),
                kind=sql.SQL(common([kind, now[name]])),
                value=sql.SQL(_AS_TEXT.get(now[name], "{}::{}")).format(
                    sql.Identifier(name), sql.SQL(common([kind, now[name]]))
                ),
            )
            for name, kind in kinds.items()
            if common([kind, now[name]]) != now[name]
        ]
        if changes:
            alter = sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(changes))
            session.run(alter, action=action)


def _kinds(session: Session, load_id: str, target: Target) -> dict[str, str]:
    rows = session.rows(
        _TYPES,
        [target.schema, hidden_name(load_id, target.table)],
        action=f"looking at the types of {target.table}",
    )
    found = dict(rows)
    # PostgreSQL spells some types in another way than the plan.
    return {name: found[name] if found[name] in _WIDE else kind for name, kind in target.definition}


def publish(session: Session, load_id: str, target: Target) -> None:
    """Give the table its own name.

    Raises:
        BadData: something else has got it meanwhile.
    """
    query = sql.SQL("ALTER TABLE {} RENAME TO {}").format(
        identifier(load_id, target), sql.Identifier(target.table)
    )
    with name_is_free(target):
        session.run(query, action=f"naming the table {target.table}")


def drop(session: Session, load_id: str, target: Target) -> None:
    """Remove it as long as it has our name; one that is not there is fine."""
    query = sql.SQL("DROP TABLE IF EXISTS {}").format(identifier(load_id, target))
    session.run(query, action="dropping a table that got no name")


def create(session: Session, target: Target) -> None:
    """Make the table under its own name.

    Raises:
        BadData: something else has got it meanwhile.
    """
    query = sql.SQL("CREATE TABLE {} ({})").format(
        sql.Identifier(target.schema, target.table), definition(target)
    )
    with name_is_free(target):
        session.run(query, action=f"making the table {target.table}")


def definition(target: Target) -> sql.Composable:
    """The columns by the types that the rows looked at so far allow."""
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in target.definition
    )


@contextmanager
def name_is_free(target: Target) -> Iterator[None]:
    """Tell in words that a name is taken."""
    try:
        yield
    except QueryFailed as refused:
        if refused.sqlstate not in _TAKEN:
            raise
        raise BadData(
            f"table: {target.schema}.{target.table} was not there when the load began, and is now;"
            " load again"
        ) from None
