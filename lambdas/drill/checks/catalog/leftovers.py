"""What a restored server carries on: prepared transactions, slots, half-made things.

Most of it is no damage, and a person who restores in earnest must still know of it: a prepared
transaction keeps its locks, a replication slot keeps the log. So it is a warning. That a prepared
transaction is lost is damage, and so is a relation or database that denies what it has. Half-made
objects (:mod:`lambdas.drill.checks.catalog.half_made`) are compared with the source's by
:mod:`lambdas.drill.checks.catalog.catalog`.
"""

from collections.abc import Iterator
from typing import Any

from lambdas.adapters.postgres import MAINTENANCE_DATABASE, Session
from lambdas.common.shortened import shortened
from lambdas.drill.checks.catalog.half_made import HALF_MADE
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import Check, CheckContext, Survey
from lambdas.drill.units import Claim, Measurement, Unit

NAME = "leftovers"
SERVER = "prepared transactions and slots"
DATABASE = "half-made objects"
SHOWN = 20

# Neither its name nor its statements are reported: a name may hold data.
_PREPARED = """
SELECT transaction::text, database, owner,
       greatest(0, extract(epoch FROM clock_timestamp() - prepared))::bigint
  FROM pg_catalog.pg_prepared_xacts ORDER BY prepared
"""
_SLOTS = """
SELECT slot_name::text, slot_type, coalesce(database, '')
  FROM pg_catalog.pg_replication_slots WHERE NOT temporary ORDER BY slot_name
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
    rows = session.rows(_PREPARED, action="listing the prepared transactions")
    return [transaction for transaction, *_ in rows]


def plan(survey: Survey) -> Iterator[Unit]:
    """A unit for the server, and one for each database that can be looked into."""
    before, after = (set(r.get("prepared", ())) for r in (survey.before, survey.after))
    yield _unit(MAINTENANCE_DATABASE, SERVER, {"prepared": sorted(before & after)})
    for database in survey.databases:
        if not database.exempt and not database.closed:
            yield _unit(database.name, DATABASE, {})


def run(unit: Unit, context: CheckContext) -> Measurement:
    """List what there is."""
    with context.session(unit.database) as session:
        if unit.subject == SERVER:
            return _of_the_server(unit, session)
        half_made = session.rows(HALF_MADE, action=f"listing what is half-made in {unit.database}")
        denied = session.rows(_DENIED, action=f"listing what the catalogs deny in {unit.database}")
        tables, size_bytes = session.row(_TEMPORARY, action="listing the temporary tables")
    found = Outcome()
    for text in shortened([f"{name} {what}" for name, what in half_made], SHOWN):
        found.warning(text)
    if tables:
        left = f"{tables:,} temporary tables of sessions that are no more, {size_bytes:,} bytes"
        found.remark(f"{left}: autovacuum drops them")
    findings = [
        f"{catalog} says that {name} has no {what}, and it has: PostgreSQL passes over them; do not"
        " rely on this snapshot, and ask the source whether it says so too"
        for catalog, name, what in denied
    ]
    for text in shortened(findings, SHOWN):
        found.wrong(text)
    return found.measurement(unit)


def _of_the_server(unit: Unit, session: Session) -> Measurement:
    found = Outcome()
    prepared = session.rows(_PREPARED, action="listing the prepared transactions")
    slots = session.rows(_SLOTS, action="listing the replication slots")
    here = {transaction for transaction, *_ in prepared}
    for number in unit.detail["prepared"]:
        if number not in here:
            found.wrong(
                f"the prepared transaction {number} of the source is not there: what it holds can"
                " be neither committed nor rolled back; see pg_prepared_xacts on the source, and if"
                " it is still there, take another snapshot"
            )
    message = [
        f"a prepared transaction of {owner} in {database}, {age_seconds:,} seconds old, keeps its"
        " locks: end it with COMMIT PREPARED or ROLLBACK PREPARED, unless its manager does so soon"
        for _, database, owner, age_seconds in prepared
    ]
    message += [
        f"the {kind} replication slot {name}{f' of {of}' if of else ''} keeps the log from being"
        " removed: drop it unless its reader comes back"
        for name, kind, of in slots
    ]
    for text in shortened(message, SHOWN):
        found.warning(text)
    return found.measurement(unit)


def _unit(database: str, subject: str, detail: dict[str, Any]) -> Unit:
    claim = Claim.PROVEN if detail.get("prepared") else Claim.NOT_COMPARED
    return Unit(f"{NAME}/{database}/{subject}", NAME, database, subject, claim=claim, detail=detail)


CHECK = Check(
    NAME,
    "what a restored server carries on is a warning, with what ends it on the source:"
    " prepared transactions, replication slots, half-made objects; a lost prepared transaction"
    " is damage, and so is a relation whose index, rule, trigger or child `pg_class` denies",
    plan,
    run,
)
