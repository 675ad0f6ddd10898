"""Nothing missing, nothing extra, nothing defined otherwise, against the source's catalog."""

from collections import Counter
from collections.abc import Iterator

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

# Roles by number, not by name: a role that is renamed leaves no trace in what it owns.
_ACL = """concat({0} IS NULL, (SELECT string_agg(concat_ws('/', a.grantor, a.grantee,
    a.privilege_type, a.is_grantable), ' ' ORDER BY a.grantor, a.grantee, a.privilege_type)
    FROM aclexplode({0}) a))"""

# Queries and expressions as they are stored, not as text: to make that, PostgreSQL locks the tables
# that they name, and fails on one that is being dropped.
#
# Each part gives: kind, name, definition, versions (the xmin of every catalog row it came from),
# kin (the objects that have a say in its name and its definition, as far as _NAMES knows them).
_DATABASE_OBJECTS = (
    f"""
    SELECT 'schema', quote_ident(n.nspname), concat_ws('|', n.nspowner, {_ACL.format("n.nspacl")}),
           n.xmin::text, '{{}}'::oid[]
      FROM pg_namespace n WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT {_KINDS}, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           concat_ws('|', c.relkind, c.relpersistence, c.relowner,
                     c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relreplident,
                     c.relpartbound::text,
                     (SELECT to_jsonb(p) - 'partdefid'
                        FROM pg_partitioned_table p WHERE p.partrelid = c.oid),
                     {_ACL.format("c.relacl")}, array_to_string(c.reloptions, ','),
                     (SELECT r.ev_action::text FROM pg_rewrite r
                       WHERE r.ev_class = c.oid AND r.rulename = '_RETURN'),
                     (SELECT concat_ws(',', s.seqtypid::regtype, s.seqstart, s.seqincrement,
                             s.seqmin, s.seqmax, s.seqcycle)
                        FROM pg_sequence s WHERE s.seqrelid = c.oid)),
           concat_ws(',', c.xmin,
                     (SELECT string_agg(r.xmin::text, ',' ORDER BY r.oid)
                        FROM pg_rewrite r WHERE r.ev_class = c.oid),
                     (SELECT s.xmin FROM pg_sequence s WHERE s.seqrelid = c.oid)),
           c.oid || ARRAY(SELECT r.oid FROM pg_rewrite r WHERE r.ev_class = c.oid)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND c.relpersistence <> 't'
       AND {_USER_SCHEMAS}
    """,
    # The states of an index that is being made are more than two, and PostgreSQL 13 writes them in
    # place.
    f"""
    SELECT 'index', quote_ident(n.nspname) || '.' || quote_ident(t.relname) || '.'
                    || quote_ident(c.relname),
           concat_ws('|', c.relam, array_to_string(c.reloptions, ','),
                     to_jsonb(i) - ARRAY['indisready', 'indislive']),
           concat_ws(',', i.xmin, c.xmin), ARRAY[t.oid, c.oid]
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE t.relpersistence <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'column', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                     || quote_ident(a.attname),
           concat_ws('|', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                     a.attidentity, a.attgenerated, a.attstorage, a.attcollation::regcollation,
                     {_ACL.format("a.attacl")}, d.adbin::text),
           concat_ws(',', a.xmin, d.xmin), ARRAY[c.oid, d.oid]
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
           to_jsonb(o)::text, o.xmin::text, ARRAY[o.conrelid, o.contypid, o.confrelid, o.oid]
      FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
      LEFT JOIN pg_class c ON c.oid = o.conrelid LEFT JOIN pg_type t ON t.oid = o.contypid
     WHERE coalesce(c.relpersistence, 'p') <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'trigger', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                      || quote_ident(t.tgname),
           to_jsonb(t)::text, t.xmin::text,
           ARRAY[c.oid, t.oid]
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND c.relpersistence <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'function', p.oid::regprocedure::text,
           concat_ws('|', p.prokind, p.proowner, {_ACL.format("p.proacl")},
                     CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END),
           p.xmin::text, ARRAY[p.oid]
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'type', quote_ident(n.nspname) || '.' || quote_ident(t.typname),
           concat_ws('|', t.typtype, t.typowner, t.typnotnull, t.typdefault,
                     CASE WHEN t.typbasetype <> 0 THEN format_type(t.typbasetype, t.typtypmod) END,
                     (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
                        FROM pg_enum e WHERE e.enumtypid = t.oid),
                     (SELECT format_type(r.rngsubtype, NULL)
                        FROM pg_range r WHERE r.rngtypid = t.oid)),
           t.xmin::text, ARRAY[t.oid]
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype IN ('e', 'd', 'r', 'm') AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'policy', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                     || quote_ident(p.polname),
           concat_ws('|', p.polcmd, p.polpermissive, array_to_string(p.polroles, ','),
                     p.polqual::text, p.polwithcheck::text),
           p.xmin::text, ARRAY[c.oid, p.oid]
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'rule', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                   || quote_ident(r.rulename),
           concat_ws('|', r.ev_type, r.is_instead, r.ev_enabled, r.ev_qual::text,
                     r.ev_action::text),
           r.xmin::text, ARRAY[c.oid, r.oid]
      FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'inheritance', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
                          || i.inhseqno,
           concat_ws('|', i.inhparent, i.inhseqno), i.xmin::text, ARRAY[c.oid]
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relpersistence <> 't' AND {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'statistics', quote_ident(n.nspname) || '.' || quote_ident(s.stxname),
           to_jsonb(s)::text, s.xmin::text,
           ARRAY[s.oid, s.stxrelid]
      FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'aggregate', a.aggfnoid::oid::regprocedure::text,
           concat_ws('|', a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid,
                     a.aggtranstype, a.agginitval, a.aggsortop),
           a.xmin::text, ARRAY[p.oid]
      FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
      JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'operator', o.oid::regoperator::text,
           concat_ws('|', o.oprowner, o.oprcode::oid, o.oprcom, o.oprnegate, o.oprrest::oid,
                     o.oprjoin::oid, o.oprcanhash, o.oprcanmerge),
           o.xmin::text, ARRAY[o.oid]
      FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'collation', quote_ident(n.nspname) || '.' || quote_ident(c.collname),
           concat_ws('|', c.collowner, c.collprovider, c.collisdeterministic, c.collencoding,
                     c.collcollate, c.collctype),
           c.xmin::text, ARRAY[c.oid]
      FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE {_USER_SCHEMAS}
    """,
    f"""
    SELECT 'text search configuration', quote_ident(n.nspname) || '.' || quote_ident(c.cfgname),
           concat_ws('|', c.cfgowner, c.cfgparser,
                     (SELECT string_agg(concat_ws(':', m.maptokentype, m.mapseqno, m.mapdict), ','
                             ORDER BY m.maptokentype, m.mapseqno)
                        FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)),
           concat_ws(',', c.xmin, (SELECT string_agg(DISTINCT m.xmin::text, ',')
                                     FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)),
           ARRAY[c.oid]
      FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE {_USER_SCHEMAS}
    """,
    """
    SELECT 'cast', format_type(c.castsource, NULL) || ' as ' || format_type(c.casttarget, NULL),
           concat_ws('|', c.castfunc, c.castcontext, c.castmethod), c.xmin::text, ARRAY[c.oid]
      FROM pg_cast c WHERE c.oid >= 16384
    """,
    """
    SELECT 'language', quote_ident(l.lanname),
           concat_ws('|', l.lanowner, l.lanpltrusted, l.lanplcallfoid, l.laninline,
                     l.lanvalidator),
           l.xmin::text, ARRAY[l.oid]
      FROM pg_language l
    """,
    """
    SELECT 'event trigger', quote_ident(e.evtname),
           concat_ws('|', e.evtevent, e.evtowner, e.evtfoid, e.evtenabled,
                     array_to_string(e.evttags, ',')),
           e.xmin::text, ARRAY[e.oid]
      FROM pg_event_trigger e
    """,
    """
    SELECT 'publication', quote_ident(p.pubname),
           concat_ws('|', p.pubowner, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete,
                     p.pubtruncate, p.pubviaroot,
                     (SELECT string_agg(r.prrelid::text, ',' ORDER BY r.prrelid)
                        FROM pg_publication_rel r WHERE r.prpubid = p.oid)),
           concat_ws(',', p.xmin, (SELECT string_agg(DISTINCT r.xmin::text, ',')
                                     FROM pg_publication_rel r WHERE r.prpubid = p.oid)),
           ARRAY[p.oid]
      FROM pg_publication p
    """,
    """
    SELECT 'foreign-data wrapper', quote_ident(w.fdwname),
           concat_ws('|', w.fdwowner, w.fdwhandler, w.fdwvalidator), w.xmin::text, ARRAY[w.oid]
      FROM pg_foreign_data_wrapper w
    """,
    """
    SELECT 'foreign server', quote_ident(s.srvname),
           concat_ws('|', s.srvowner, s.srvfdw, s.srvtype, s.srvversion,
                     array_to_string(s.srvoptions, ',')),
           s.xmin::text, ARRAY[s.oid]
      FROM pg_foreign_server s
    """,
    """
    SELECT 'default privileges', concat_ws(' ', a.defaclrole, a.defaclnamespace, a.defaclobjtype),
           (SELECT string_agg(i::text, ' ' ORDER BY i::text) FROM unnest(a.defaclacl) i),
           a.xmin::text, ARRAY[a.oid]
      FROM pg_default_acl a
    """,
    """
    SELECT 'comment', concat_ws(' ', d.classoid::regclass, d.objoid, d.objsubid), d.description,
           d.xmin::text, ARRAY[d.objoid]
      FROM pg_description d WHERE d.objoid >= 16384
    """,
    """
    SELECT 'extension', quote_ident(e.extname),
           concat_ws('|', e.extversion, e.extowner, n.nspname), e.xmin::text, ARRAY[e.oid]
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    """,
)

_CLUSTER_OBJECTS = (
    # The versions of roles are the superuser's to read.
    f"""
    SELECT 'role', quote_ident(r.rolname),
           concat_ws('|', r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
                     r.rolreplication, r.rolbypassrls, r.rolconnlimit),
           '{catalog.NUMBERED}' || r.oid, '{{}}'::oid[]
      FROM pg_roles r
     WHERE r.rolname NOT LIKE 'pg\\_%' AND r.rolname NOT LIKE 'rds\\_%'
       AND r.rolname <> 'rdsadmin'
    """,
    """
    SELECT 'database', quote_ident(d.datname),
           concat_ws('|', d.datdba, pg_encoding_to_char(d.encoding), d.datcollate,
                     d.datctype, d.datistemplate, d.datallowconn, d.datconnlimit), d.xmin::text,
           '{}'::oid[]
      FROM pg_database d
    """,
    # What the copy's master user grants itself to read with is not production's.
    """
    SELECT 'membership', quote_ident(g.rolname) || ' of ' || quote_ident(m.rolname),
           a.admin_option::text, a.xmin::text, '{}'::oid[]
      FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
      JOIN pg_roles m ON m.oid = a.member
     WHERE NOT EXISTS (SELECT FROM pg_auth_members s JOIN pg_roles r ON r.oid = s.roleid
                        WHERE s.member = a.member AND r.rolname = 'rds_superuser')
    """,
    """
    SELECT 'setting', concat_ws(' ', s.setdatabase, s.setrole), array_to_string(s.setconfig, '|'),
           s.xmin::text, '{}'::oid[]
      FROM pg_db_role_setting s
    """,
)

# The catalog rows that lend their names to others' definitions. ALTER … RENAME and SET SCHEMA make
# a new version of them, and of nothing that mentions them.
_NAMES = " UNION ALL ".join(
    (
        "SELECT n.oid, n.xmin::text FROM pg_namespace n",
        "SELECT e.enumtypid, e.xmin::text FROM pg_enum e",
        f"""SELECT a.attrelid, a.xmin::text
              FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
              JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE a.attnum > 0 AND {_USER_SCHEMAS}""",
        *(
            f"""SELECT o.oid, unnest(ARRAY[o.xmin::text, n.xmin::text])
                  FROM {names} o JOIN pg_namespace n ON n.oid = o.{schema}
                 WHERE {_USER_SCHEMAS}"""
            for names, schema in (
                ("pg_class", "relnamespace"),
                ("pg_type", "typnamespace"),
                ("pg_proc", "pronamespace"),
                ("pg_operator", "oprnamespace"),
                ("pg_opclass", "opcnamespace"),
                ("pg_collation", "collnamespace"),
                ("pg_ts_config", "cfgnamespace"),
                ("pg_ts_dict", "dictnamespace"),
            )
        ),
    )
)

# Numbers are unique in one catalog only. Where two collide, an object has one version too many.
_INVENTORY = """
WITH objects (kind, name, definition, versions, kin) AS ({objects}),
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
    # The source's reader and the copy's user may see these set otherwise, and definitions print
    # by them.
    "SET LOCAL quote_all_identifiers = off; SET LOCAL standard_conforming_strings = on;"
    "SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';"
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1;"
    "SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C';"
    # Without a way into the middle of a catalog the time grows with its square.
    "SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = on;"
    "SET LOCAL enable_nestloop = off; SET LOCAL jit = off"
)


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
    yield _unit(MAINTENANCE_DATABASE, CLUSTER)
    for database in survey.databases:
        before = survey.before["databases"].get(database.name)
        after = survey.after["databases"].get(database.name)
        if database.exempt or database.closed or before is None or after is None:
            continue
        if closed := before["closed"] or after["closed"]:
            yield _unit(database.name, NAME, unread=closed)
            continue
        anew = "the database was made anew on the source meanwhile"
        yield _unit(database.name, NAME, "" if survey.read_twice(database) else anew)


def run(unit: Unit, bench: Bench) -> Measurement:
    """Read the copy's inventory and compare it with the source's two."""
    if unit.detail.get("unread"):
        return Measurement(unit.id, Status.UNMEASURED, notes=(unit.detail["unread"],))
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
    findings = _told([item for item in found if item.certain])
    undecided = _told([item for item in found if item.undecided])
    explained = _told([item for item in found if not item.certain and not item.undecided])
    status = Status.UNMEASURED if undecided else Status.OK
    kinds = Counter(kind for kind, _ in here)
    return Measurement(
        unit.id,
        Status.WRONG if findings else status,
        measured={f"{kind} objects": number for kind, number in kinds.items()},
        findings=findings,
        notes=(
            *(f"{text}, unless it was changed and changed back meanwhile" for text in undecided),
            *(f"{text}, changed around the snapshot" for text in explained),
        ),
    )


def _unit(database: str, subject: str, exempt: str = "", unread: str = "") -> Unit:
    return Unit(
        id=f"{NAME}/{database}/{subject}",
        check=NAME,
        database=database,
        subject=subject,
        claim=Claim.PROVEN,
        why=exempt,
        exempt=bool(exempt),
        detail={"unread": unread},
    )


def _inventory(session: Session, parts: tuple[str, ...], doing: str) -> list[list[str]]:
    query = _INVENTORY.format(objects=" UNION ALL ".join(parts), names=_NAMES)
    session.run(_PREPARE, doing=doing)
    try:
        found = session.rows(query, doing=doing)
    finally:
        session.run("ROLLBACK", doing=doing)
    return sorted(
        [kind, name, digest, _merged(versions, lent)]
        for kind, name, digest, versions, lent in found
    )


def _merged(versions: str, lent: str | None) -> str:
    if not lent:
        return versions
    return ",".join(sorted({*versions.split(","), *lent.split(",")}))


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
