"""Nothing missing, nothing extra, nothing defined otherwise, against the source's catalog."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.checks.shape import Bench, Check, Survey, failed
from lambdas.domain import catalog
from lambdas.domain.units import Claim, Measurement, Status, Unit
from lambdas.errors import DatabaseUnreachable, QueryFailed

NAME = "catalog"

CLUSTER = "roles and databases"
FINDINGS_SHOWN = 50

_USER_SCHEMAS = """
    n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND n.nspname NOT LIKE 'pg\\_temp\\_%'
    AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'
"""

_KINDS = """CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialised view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
    WHEN 'c' THEN 'composite type' ELSE c.relkind::text END"""

_ACL = "(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest({}) a)"

# Each part gives: kind, name, definition, versions (the xmin of every catalog row it came from).
_DATABASE_OBJECTS = (
    f"""
    SELECT 'schema', quote_ident(n.nspname),
           concat_ws('|', pg_get_userbyid(n.nspowner), {_ACL.format("n.nspacl")}), n.xmin::text
      FROM pg_namespace n WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT {_KINDS}, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           concat_ws('|', c.relkind, c.relpersistence, pg_get_userbyid(c.relowner),
                     c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relreplident,
                     pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
                     {_ACL.format("c.relacl")}, array_to_string(c.reloptions, ','),
                     CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
                     (SELECT concat_ws(',', s.seqtypid::regtype, s.seqstart, s.seqincrement,
                             s.seqmin, s.seqmax, s.seqcycle)
                        FROM pg_sequence s WHERE s.seqrelid = c.oid)),
           concat_ws(',', c.xmin,
                     (SELECT string_agg(r.xmin::text, ',' ORDER BY r.oid)
                        FROM pg_rewrite r WHERE r.ev_class = c.oid),
                     (SELECT s.xmin FROM pg_sequence s WHERE s.seqrelid = c.oid))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND c.relpersistence <> 't'
       AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'index', quote_ident(n.nspname) || '.' || quote_ident(t.relname) || '.'
                    || quote_ident(c.relname),
           concat_ws('|', pg_get_indexdef(c.oid), i.indisvalid, i.indisready, i.indisclustered,
                     i.indisreplident),
           concat_ws(',', i.xmin, c.xmin)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE t.relpersistence <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'column', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                     || quote_ident(a.attname),
           concat_ws('|', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                     a.attidentity, a.attgenerated, a.attstorage, a.attcollation::regcollation,
                     {_ACL.format("a.attacl")}, pg_get_expr(d.adbin, d.adrelid)),
           concat_ws(',', a.xmin, d.xmin)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
       AND c.relpersistence <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'constraint', quote_ident(n.nspname) || '.'
                         || coalesce(quote_ident(c.relname), quote_ident(t.typname)) || '.'
                         || quote_ident(o.conname),
           concat_ws('|', pg_get_constraintdef(o.oid), o.convalidated, o.condeferrable,
                     o.condeferred),
           o.xmin::text
      FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
      LEFT JOIN pg_class c ON c.oid = o.conrelid LEFT JOIN pg_type t ON t.oid = o.contypid
     WHERE coalesce(c.relpersistence, 'p') <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'trigger', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                      || quote_ident(t.tgname),
           concat_ws('|', pg_get_triggerdef(t.oid), t.tgenabled), t.xmin::text
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND c.relpersistence <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'function', p.oid::regprocedure::text,
           concat_ws('|', p.prokind, pg_get_userbyid(p.proowner), {_ACL.format("p.proacl")},
                     CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END),
           p.xmin::text
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'type', quote_ident(n.nspname) || '.' || quote_ident(t.typname),
           concat_ws('|', t.typtype, pg_get_userbyid(t.typowner), t.typnotnull, t.typdefault,
                     CASE WHEN t.typbasetype <> 0 THEN format_type(t.typbasetype, t.typtypmod) END,
                     (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
                        FROM pg_enum e WHERE e.enumtypid = t.oid),
                     (SELECT format_type(r.rngsubtype, NULL)
                        FROM pg_range r WHERE r.rngtypid = t.oid)),
           concat_ws(',', t.xmin, (SELECT string_agg(e.xmin::text, ',' ORDER BY e.oid)
                                     FROM pg_enum e WHERE e.enumtypid = t.oid))
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype IN ('e', 'd', 'r', 'm') AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'policy', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                     || quote_ident(p.polname),
           concat_ws('|', p.polcmd, p.polpermissive,
                     (SELECT string_agg(CASE r WHEN 0 THEN 'public'
                                               ELSE pg_get_userbyid(r)::text END, ',' ORDER BY r)
                        FROM unnest(p.polroles) r),
                     pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
           p.xmin::text
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_USER_SCHEMAS}
    """,
    """
    SELECT 'extension', quote_ident(e.extname),
           concat_ws('|', e.extversion, pg_get_userbyid(e.extowner), n.nspname), e.xmin::text
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    """,
)

_CLUSTER_OBJECTS = (
    """
    SELECT 'role', quote_ident(r.rolname),
           concat_ws('|', r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
                     r.rolreplication, r.rolbypassrls, r.rolconnlimit), ''
      FROM pg_roles r
     WHERE r.rolname NOT LIKE 'pg\\_%' AND r.rolname NOT LIKE 'rds\\_%' AND r.rolname <> 'rdsadmin'
    """,
    """
    SELECT 'database', quote_ident(d.datname),
           concat_ws('|', pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate,
                     d.datctype, d.datistemplate, d.datallowconn, d.datconnlimit), d.xmin::text
      FROM pg_database d
    """,
)

_DIGESTED = "SELECT k, n, md5(coalesce(d, '')), v FROM ({}) o (k, n, d, v)"


def database_objects(session: Session) -> list[list[str]]:
    """What a database is made of: kind, name, digest of the definition, versions; by name."""
    return _inventory(session, _DATABASE_OBJECTS, f"reading the catalog of {session.database}")


def cluster_objects(session: Session) -> list[list[str]]:
    """What the databases share."""
    return _inventory(session, _CLUSTER_OBJECTS, "reading the roles and databases")


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for each database that the baseline knows, and one for what they share."""
    if not survey.before:
        return
    yield _unit(MAINTENANCE_DATABASE, CLUSTER, survey.before["cluster"], survey.after["cluster"])
    for database in survey.databases:
        before = survey.before["databases"].get(database.name)
        after = survey.after["databases"].get(database.name)
        if database.exempt or database.closed or before is None or after is None:
            continue
        yield _unit(database.name, NAME, before, after)


def run(unit: Unit, bench: Bench) -> Measurement:
    """Read the copy's inventory and compare it with the source's two."""
    cluster = unit.subject == CLUSTER
    read = cluster_objects if cluster else database_objects
    try:
        with bench.session(unit.database) as session:
            here = catalog.objects_from(read(session))
    except (QueryFailed, DatabaseUnreachable) as error:
        return failed(unit, error)
    before, after = (
        catalog.objects_from(
            (reading["cluster"] if cluster else reading["databases"][unit.database])["objects"]
        )
        for reading in (bench.before, bench.after)
    )
    found = list(catalog.differences(before, after, here, bench.before["horizon"]))
    findings = _told([difference for difference in found if difference.certain])
    notes = _told([difference for difference in found if not difference.certain])
    kinds = Counter(kind for kind, _ in here)
    return Measurement(
        unit.id,
        Status.WRONG if findings else Status.OK,
        measured={f"{kind} objects": number for kind, number in kinds.items()},
        findings=findings,
        notes=tuple(f"{note}, changed around the snapshot" for note in notes),
    )


def _unit(database: str, subject: str, before: dict[str, Any], after: dict[str, Any]) -> Unit:
    closed = before.get("closed") or after.get("closed") or ""
    return Unit(
        id=f"{NAME}/{database}/{subject}",
        check=NAME,
        database=database,
        subject=subject,
        claim=Claim.PROVEN,
        why=closed,
        exempt=bool(closed),
    )


def _inventory(session: Session, parts: tuple[str, ...], doing: str) -> list[list[str]]:
    found: list[list[str]] = []
    for part in parts:
        found += [list(row) for row in session.rows(_DIGESTED.format(part), doing=doing)]
    return sorted(found)


def _told(found: list[catalog.Difference]) -> tuple[str, ...]:
    """In words; what belongs to a relation that is itself missing is not told again."""
    gone = tuple(f"{item.name}." for item in found if item.what.startswith(("missing", "only")))
    told = [
        f"{item.kind} {item.name} is {item.what}"
        for item in found
        if not item.name.startswith(gone or ("\0",))
    ]
    told.sort(key=lambda text: not text.startswith(("table ", "materialised view ")))
    if len(told) > FINDINGS_SHOWN:
        return (*told[:FINDINGS_SHOWN], f"and {len(told) - FINDINGS_SHOWN} more objects")
    return tuple(told)


CHECK = Check(NAME, "nothing missing, nothing extra, nothing defined otherwise", plan, run)
