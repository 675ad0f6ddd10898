"""What a restored server carries on: prepared transactions, slots, half-made things.

Most of it is no damage, and a person who restores in earnest must still know of it: a prepared
transaction keeps its locks, a replication slot keeps the log. That a prepared transaction is lost
is damage, and so is a relation or database that denies what it has. Half-made objects are compared
with the source's by :mod:`lambdas.checks.catalog`.
"""

from collections.abc import Iterator
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.checks.shape import Bench, Check, Survey
from lambdas.domain.shortened import shortened
from lambdas.domain.units import Claim, Measurement, Status, Unit

NAME = "leftovers"
SERVER = "prepared transactions and slots"
DATABASE = "half-made objects"
SHOWN = 10

# Neither its name nor its statements are told: a name may hold data.
_PREPARED = """
SELECT transaction::text, database, owner,
       greatest(0, extract(epoch FROM clock_timestamp() - prepared))::bigint
  FROM pg_catalog.pg_prepared_xacts ORDER BY prepared
"""
_SLOTS = """
SELECT slot_name::text, slot_type, coalesce(database, '')
  FROM pg_catalog.pg_replication_slots WHERE NOT temporary ORDER BY slot_name
"""
# Partitioned indexes are invalid until each partition has one.
_HALF_MADE = """
SELECT 'index ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       concat_ws(', ', CASE WHEN NOT i.indislive THEN 'being dropped' END,
                 CASE WHEN NOT i.indisready THEN 'not kept up by writes' END,
                 CASE WHEN NOT i.indisvalid THEN 'not used by queries' END)
       || ': a CREATE or DROP INDEX CONCURRENTLY that was broken off; drop it or make it anew'
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND c.relpersistence <> 't'
UNION ALL
SELECT 'constraint ' || quote_ident(n.nspname) || '.'
       || coalesce(quote_ident(c.relname), quote_ident(t.typname)) || '.' || quote_ident(o.conname),
       'was never validated: rows from before it may break it'
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_namespace n ON n.oid = o.connamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
  LEFT JOIN pg_catalog.pg_type t ON t.oid = o.contypid
 WHERE NOT o.convalidated AND coalesce(c.relpersistence, 'p') <> 't'
UNION ALL
SELECT 'table ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       count(*) || CASE WHEN count(*) = 1 THEN ' trigger is' ELSE ' triggers are' END
       || ' disabled' || CASE WHEN bool_or(t.tgisinternal)
                              THEN ', those of a foreign key among them' ELSE '' END
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgenabled = 'D' GROUP BY n.nspname, c.relname
UNION ALL
SELECT 'materialised view ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       'is not populated: reading it is an error until it is refreshed'
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'm' AND NOT c.relispopulated
 ORDER BY 1
"""
# True where there is none is no damage: VACUUM and ANALYZE take it back late. False where there is
# one never is so: whoever makes one sets it first, or in the same transaction. Only a partition
# that waits for its DETACH CONCURRENTLY counts as none. A login takes that of a database back where
# no trigger would fire for it, and enabling one sets it again.
_DENIED = """
SELECT 'pg_database', quote_ident(d.datname), 'login triggers'
  FROM pg_catalog.pg_database d
 WHERE d.datname = current_database() AND NOT (to_jsonb(d) ->> 'dathasloginevt')::boolean
   AND EXISTS (SELECT FROM pg_catalog.pg_event_trigger e
                WHERE e.evtevent = 'login' AND e.evtenabled IN ('O', 'A'))
UNION ALL
SELECT 'pg_class',
       CASE WHEN o.oid IS NULL THEN '' ELSE 'the TOAST of ' END || quote_ident(n.nspname) || '.'
       || quote_ident(coalesce(o.relname, c.relname)), d.what
  FROM (SELECT indrelid, 'indexes' FROM pg_catalog.pg_index
        UNION SELECT ev_class, 'rules' FROM pg_catalog.pg_rewrite
        UNION SELECT tgrelid, 'triggers' FROM pg_catalog.pg_trigger
        UNION SELECT inhparent, 'children' FROM pg_catalog.pg_inherits WHERE NOT inhdetachpending
       ) d (relation, what)
  JOIN pg_catalog.pg_class c ON c.oid = d.relation
  LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = c.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(o.relnamespace, c.relnamespace)
 WHERE c.relkind NOT IN ('i', 'I') AND c.relpersistence <> 't'
   AND NOT CASE d.what WHEN 'indexes' THEN c.relhasindex WHEN 'rules' THEN c.relhasrules
                       WHEN 'triggers' THEN c.relhastriggers ELSE c.relhassubclass END
 ORDER BY 1, 2, 3
"""
_TEMPORARY = """
SELECT count(*), coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::bigint
  FROM pg_catalog.pg_class c
 WHERE c.relpersistence = 't' AND c.relkind = 'r'
"""


def read(session: Session) -> list[str]:
    """The prepared transactions of the source, by their number."""
    rows = session.rows(_PREPARED, doing="listing the prepared transactions")
    return [transaction for transaction, *_ in rows]


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for the server, and one for each database that can be looked into."""
    before, after = (set(r.get("prepared", ())) for r in (survey.before, survey.after))
    yield _unit(MAINTENANCE_DATABASE, SERVER, {"prepared": sorted(before & after)})
    for database in survey.databases:
        if not database.exempt and not database.closed:
            yield _unit(database.name, DATABASE, {})


def run(unit: Unit, bench: Bench) -> Measurement:
    """List what there is."""
    with bench.session(unit.database) as session:
        if unit.subject == SERVER:
            return _of_the_server(unit, session)
        found = session.rows(_HALF_MADE, doing=f"listing what is half-made in {unit.database}")
        denied = session.rows(_DENIED, doing=f"listing what the catalogs deny in {unit.database}")
        tables, size_bytes = session.row(_TEMPORARY, doing="listing the temporary tables")
    notes = [f"{name} {what}" for name, what in found]
    if tables:
        left = f"{tables:,} temporary tables of sessions that are no more, {size_bytes:,} bytes"
        notes.append(f"{left}: autovacuum drops them")
    findings = tuple(
        f"{catalog} says that {name} has no {what}, and it has: PostgreSQL passes over them; do not"
        " rely on this snapshot, and ask the source whether it says so too"
        for catalog, name, what in denied
    )
    status = Status.WRONG if findings else Status.OK
    return Measurement(
        unit.id, status, findings=shortened(findings, SHOWN), notes=shortened(notes, SHOWN)
    )


def _of_the_server(unit: Unit, session: Session) -> Measurement:
    prepared = session.rows(_PREPARED, doing="listing the prepared transactions")
    slots = session.rows(_SLOTS, doing="listing the replication slots")
    here = {transaction for transaction, *_ in prepared}
    findings = tuple(
        f"the prepared transaction {number} of the source is not there: what it holds can be"
        " neither committed nor rolled back"
        for number in unit.detail["prepared"]
        if number not in here
    )
    notes = [
        f"a prepared transaction of {owner} in {database}, {age_seconds:,} seconds old, keeps its"
        " locks: end it with COMMIT PREPARED or ROLLBACK PREPARED"
        for _, database, owner, age_seconds in prepared
    ]
    notes += [
        f"the {kind} replication slot {name}{f' of {of}' if of else ''} keeps the log from being"
        " removed: drop it unless its reader comes back"
        for name, kind, of in slots
    ]
    status = Status.WRONG if findings else Status.OK
    return Measurement(unit.id, status, findings=findings, notes=shortened(notes, SHOWN))


def _unit(database: str, subject: str, detail: dict[str, Any]) -> Unit:
    claim = Claim.PROVEN if detail.get("prepared") else Claim.NOT_COMPARED
    return Unit(f"{NAME}/{database}/{subject}", NAME, database, subject, claim=claim, detail=detail)


CHECK = Check(NAME, "what a restored server carries on from the source", plan, run)
