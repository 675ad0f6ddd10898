"""Reading what a database is made of: one query over all kinds, made for the server's version.

Queries and expressions are compared as they are stored, not as text: to make that, PostgreSQL locks
the tables that they name, and fails on one that is being dropped. Roles go by number, not by name:
a role that is renamed leaves no trace in what it owns. Only digests leave the server, for an option
of a user mapping or a setting of a role may be a secret.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.catalog.cluster_kinds import CLUSTER_KINDS
from lambdas.drill.checks.catalog.comparison import GATHERED, UNREAD, nameless
from lambdas.drill.checks.catalog.gathered_kinds import DATABASE_GROUPS
from lambdas.drill.checks.catalog.kind import LEFT_OUT, Gathered, Kind, Rows, dependencies
from lambdas.drill.checks.catalog.kind_rows import FIRST_NUMBER
from lambdas.drill.checks.catalog.kinds import DATABASE_KINDS
from lambdas.drill.checks.tool_names import TOOLS_SCHEMA

UNKNOWN_KIND = "object of no known kind"

_COLUMNS = """
SELECT c.relname, has_table_privilege(c.oid, 'SELECT'), a.attname, format_type(a.atttypid, NULL)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'pg_catalog'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
   AND (c.relkind = 'r' OR c.relname = 'pg_roles')
 ORDER BY c.relname, a.attnum
"""
_ACL = """concat({0} IS NULL, (SELECT string_agg(concat_ws('/', a.grantor, a.grantee,
    a.privilege_type, a.is_grantable), ' ' ORDER BY a.grantor, a.grantee, a.privilege_type)
    FROM aclexplode({0}) a))"""

_OBJECTS = """
SELECT {kind}, {name}, concat_ws('|', {parts}), concat_ws(',', {versions}), {kin}
  FROM {catalog} o {joins}
 WHERE {where}
"""
# The rows of one object, in one pass over their catalog.
_ROWS = """LEFT JOIN (SELECT {keys}, string_agg({row}, ' ' ORDER BY {order}) AS row_text,
      string_agg(DISTINCT p.xmin::text, ',') AS row_versions
    FROM {catalog} p WHERE {where} GROUP BY {groups}) {alias} ON {on}"""
_GROUPS = """
SELECT '{kind}', g.name, string_agg(g.row, '' ORDER BY g.row),
       '{gathered}' || md5(string_agg(g.version, ',' ORDER BY g.version)), '{{}}'::oid[]
  FROM (SELECT {name} AS name, md5({row}) AS row, o.xmin::text AS version
          FROM {catalog} o WHERE {where}) g
 GROUP BY g.name
"""

# The catalog rows that lend their names to others' definitions. ALTER … RENAME and SET SCHEMA make
# a new version of them, and of nothing that mentions them. And what they lie in has a name, too.
_NAMES = (
    "SELECT n.oid, n.xmin::text FROM pg_namespace n",
    "SELECT d.oid, d.xmin::text FROM pg_database d",
    "SELECT e.enumtypid, e.xmin::text FROM pg_enum e",
    f"SELECT a.attrelid, a.xmin::text FROM pg_attribute a WHERE a.attrelid >= {FIRST_NUMBER}"
    " AND a.attnum > 0",
)
_NAMED = f"SELECT o.oid, o.xmin::text FROM {{}} o WHERE o.oid >= {FIRST_NUMBER}"
_IN_SCHEMA = f"""SELECT o.oid, unnest(ARRAY[o.xmin::text, n.xmin::text])
    FROM {{}} o JOIN pg_namespace n ON n.oid = o.{{}} WHERE o.oid >= {FIRST_NUMBER}"""

_OURS = f"""
SELECT 'pg_namespace'::regclass, n.oid FROM pg_namespace n WHERE n.nspname = '{TOOLS_SCHEMA}'
UNION ALL
SELECT 'pg_extension'::regclass, e.oid FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname = '{TOOLS_SCHEMA}'
UNION ALL
SELECT d.classid, d.objid FROM pg_depend d
  JOIN pg_namespace n ON d.refclassid = 'pg_namespace'::regclass AND n.oid = d.refobjid
 WHERE n.nspname = '{TOOLS_SCHEMA}'
"""

# Numbers are unique in one catalog only. Where two collide, an object has one version too many.
_INVENTORY = """
WITH ours (classid, objid) AS MATERIALIZED ({ours}),
     objects (kind, name, definition, versions, kin) AS ({objects}),
     names (oid, versions) AS (
         SELECT oid, string_agg(DISTINCT version, ',')
           FROM ({names}) n (oid, version) GROUP BY oid),
     lent (oid, versions) AS (
         SELECT oid, versions FROM names
         UNION ALL
         SELECT d.objid, n.versions
           FROM (SELECT DISTINCT objid, refobjid FROM pg_depend) d
           JOIN names n ON n.oid = d.refobjid)
SELECT o.kind, o.name, md5(coalesce(o.definition, '')), o.versions, string_agg(l.versions, ',')
  FROM objects o LEFT JOIN LATERAL unnest(o.kin) k (oid) ON true LEFT JOIN lent l ON l.oid = k.oid
 GROUP BY o.kind, o.name, o.definition, o.versions
"""

_PREPARE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED;"
    # Without a way into the middle of a catalog the time grows with its square.
    "SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = on;"
    "SET LOCAL enable_nestloop = off; SET LOCAL jit = off"
)


@dataclass(frozen=True)
class _Catalog:
    """A catalog as this server has it: its columns with their types, and whether we may read it."""

    columns: Mapping[str, str]
    readable: bool


_Catalogs = Mapping[str, _Catalog]


def database_objects(session: Session) -> list[list[str]]:
    """What a database is made of: kind, name, digest of the definition, versions; by name.

    A kind whose catalog the login may not read is one object of the kind :data:`UNREAD`.
    """
    return _inventory(
        session, DATABASE_KINDS, DATABASE_GROUPS, f"reading the catalog of {session.database}"
    )


def cluster_objects(session: Session) -> list[list[str]]:
    """What the databases share."""
    return _inventory(session, CLUSTER_KINDS, (), "reading the roles and databases")


def _inventory(
    session: Session, kinds: Sequence[Kind], groups: Sequence[Gathered], action: str
) -> list[list[str]]:
    # The source's reader and the copy's user may print otherwise, and definitions are printed.
    session.print_alike()
    session.run(_PREPARE, action=action)
    try:
        catalogs = _catalogs(session, action)
        known = [kind for kind in kinds if _applies(kind, catalogs)]
        queries = [
            *(_objects(kind, catalogs) for kind in known if _readable(kind, catalogs)),
            *(_group(group, catalogs) for group in groups),
        ]
        unread = [kind for kind in known if not _readable(kind, catalogs)]
        found = session.rows(_composed(queries, catalogs), action=action)
        hidden = list(_hidden(session, unread, action))
    finally:
        session.run("ROLLBACK", action=action)
    return sorted([*hidden, *(_document(*row) for row in found)])


def _document(
    kind: str | None, name: str | None, digest: str, versions: str | None, lent: str | None
) -> list[str]:
    """A row of the inventory. A damaged catalog lacks what gives an object its kind or its name."""
    known = kind or UNKNOWN_KIND
    return [
        known,
        nameless(digest) if name is None else name,
        digest,
        _merged(versions or "", lent),
    ]


def _catalogs(session: Session, action: str) -> _Catalogs:
    columns: dict[str, dict[str, str]] = {}
    readable: dict[str, bool] = {}
    for catalog, may_read, column, type_name in session.rows(_COLUMNS, action=action):
        columns.setdefault(catalog, {})[column] = type_name
        readable[catalog] = may_read
    return {name: _Catalog(found, readable[name]) for name, found in columns.items()}


def _applies(kind: Kind, catalogs: _Catalogs) -> bool:
    """Whether this server has the kind, and this form of it is the one for this login."""
    if kind.catalog not in catalogs:
        return False
    if kind.needs and not catalogs[kind.needs].readable:
        return False
    return not (kind.instead_of and catalogs[kind.instead_of].readable)


def _readable(kind: Kind, catalogs: _Catalogs) -> bool:
    read = [kind.catalog, *(rows.catalog for rows in kind.rows)]
    return all(catalogs[name].readable for name in read)


def _hidden(session: Session, unread: Iterable[Kind], action: str) -> Iterator[list[str]]:
    """The kinds that this login can't read, but for those of which there is nothing anyway."""
    for kind in unread:
        label, present = session.row(f"SELECT {kind.kind}, {kind.present}", action=action)
        if present:
            yield [UNREAD, label, "", kind.catalog]


def _composed(queries: Iterable[str], catalogs: _Catalogs) -> str:
    return _INVENTORY.format(
        ours=_OURS,
        objects=" UNION ALL ".join(queries),
        names=" UNION ALL ".join((*_NAMES, *_named(catalogs))),
    )


def _named(catalogs: _Catalogs) -> Iterator[str]:
    """Everything of a database that has a number of its own."""
    for name in sorted({kind.catalog for kind in DATABASE_KINDS} & catalogs.keys()):
        if "oid" not in catalogs[name].columns or not catalogs[name].readable:
            continue
        schema = [column for column in catalogs[name].columns if column.endswith("namespace")]
        yield _IN_SCHEMA.format(name, schema[0]) if schema else _NAMED.format(name)


def _objects(kind: Kind, catalogs: _Catalogs) -> str:
    rows = kind.rows
    if kind.number:
        rows = (*rows, dependencies(kind.catalog, kind.number))
    aliases = [f"r{number}" for number, _ in enumerate(rows)]
    joined = (_joined(one, alias, catalogs) for one, alias in zip(rows, aliases, strict=True))
    row = _row(kind.catalog, "o", catalogs)
    return _OBJECTS.format(
        kind=kind.kind,
        name=kind.name,
        parts=", ".join(
            (row, *kind.parts, *(f"coalesce({alias}.row_text, '')" for alias in aliases))
        ),
        versions=", ".join((kind.versions, *(f"{alias}.row_versions" for alias in aliases))),
        kin=f"ARRAY[{', '.join(kind.kin)}]::oid[]",
        catalog=kind.catalog,
        joins=" ".join((kind.joins, *joined)),
        where=kind.where,
    )


def _joined(rows: Rows, alias: str, catalogs: _Catalogs) -> str:
    pairs = zip(rows.keys, rows.of, strict=True)
    return _ROWS.format(
        keys=", ".join(f"p.{key}" for key in rows.keys),
        row=_row(rows.catalog, "p", catalogs),
        order=rows.order,
        catalog=rows.catalog,
        where=rows.where,
        groups=", ".join(f"p.{key}" for key in rows.keys),
        alias=alias,
        on=" AND ".join(f"{alias}.{key} = {other}" for key, other in pairs),
    )


def _group(group: Gathered, catalogs: _Catalogs) -> str:
    return _GROUPS.format(
        kind=group.kind,
        name=group.name,
        gathered=GATHERED,
        row=_row(group.catalog, "o", catalogs, with_grants=group.with_grants),
        catalog=group.catalog,
        where=group.where,
    )


def _row(catalog: str, alias: str, catalogs: _Catalogs, *, with_grants: bool = True) -> str:
    """A row as text, in which NULL, an empty string and a comma can't be taken for another."""
    left_out = LEFT_OUT.get(catalog, {})
    columns = (
        _column(f"{alias}.{column}", type_name)
        for column, type_name in catalogs[catalog].columns.items()
        if column not in left_out and (with_grants or type_name != "aclitem[]")
    )
    return f"ROW({', '.join(columns)})::text"


def _column(column: str, type_name: str) -> str:
    """A column's value without the name of a role or of a function, which may change elsewhere."""
    if type_name == "aclitem[]":
        return _ACL.format(column)
    if type_name.startswith("reg"):
        return f"{column}::oid"
    return f"{column}::text" if type_name == "anyarray" else column


def _merged(versions: str, lent: str | None) -> str:
    if not lent:
        return versions
    return ",".join(sorted({*versions.split(","), *lent.split(",")} - {""}))
