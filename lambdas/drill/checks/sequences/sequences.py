"""Sequences against the columns that use them, and against the source's two readings.

A sequence is one row that ``nextval`` changes in place. Only every 33rd call writes WAL, for 32
values ahead (``SEQ_LOG_VALS`` in PostgreSQL's ``sequence.c``), so a copy that went through crash
recovery may stand up to 32 increments further than the source did, and never behind it. The cache
of a session is taken from the row at once, so it needs no allowance.

``setval`` leaves no trace in the row, and one that sets a sequence back and on again between the
readings makes a good copy look behind, whether the readings agree or not. But it takes a
transaction id, as whatever else moves a sequence back. So what is behind or ahead is wrong only
where no transaction with an id ran from the first reading to the second. On a busy source it is
noted, and what is lost is a sequence behind the source that is not behind a unique column.

One that may cycle goes round, so that behind and ahead mean nothing. Where no transaction with an
id ran, it can't have gone on beyond what was logged ahead (``log_cnt``), nor back.

One that will give a number which its unique column has already is damage only where the readings
show that the source's stood elsewhere: rows with numbers of their own, of an import or of another
node, leave many a source so. Looked for is a number that it really comes to: in its direction,
inside its bounds, a multiple of its increment away. Everything else is a warning.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.files.storage import GROUP_BYTES
from lambdas.drill.checks.hidden_rows import seeing_all_rows
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.sequences.against_source import (
    AgainstSource,
    against_source,
    tell_exhausted,
    was_idle,
)
from lambdas.drill.checks.sequences.sequence_states import (
    CHUNK,
    SEQUENCES,
    State,
    read_these,
    state_from,
)
from lambdas.drill.checks.shape import Check, CheckContext, Survey, SurveyedDatabase, is_damage
from lambdas.drill.units import Claim, Measurement, Unit
from lambdas.errors import QueryFailed

NAME = "sequences"
SUBJECT = "sequences"

LARGE_BYTES = 64 * 2**20
"""A column without an index in a table beyond it is a unit of its own."""

LOOKED_AT = 100_000
"""Values beyond the sequence that are looked through for one that it comes to, where it takes steps
of more than one."""

# A column that the sequence belongs to as an identity, or whose default is the next value and
# nothing else; with the tables that hold its rows. Foreign partitions are on other servers.
_USES = """
SELECT u.sequence::bigint,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
       a.attname, a.atttypid = 1700,
       EXISTS (SELECT FROM pg_catalog.pg_index i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
                  AND i.indkey[0] = a.attnum AND i.indpred IS NULL),
       tn.nspname, t.relname, coalesce(pg_catalog.pg_relation_size(t.oid), 0)::bigint,
       CASE WHEN t.relforcerowsecurity THEN t.oid::bigint END,
       EXISTS (SELECT FROM pg_catalog.pg_index i
                 JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                 JOIN pg_catalog.pg_attribute k
                   ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
                WHERE i.indrelid = t.oid AND i.indisvalid AND i.indpred IS NULL
                  AND x.relam = 403 AND k.attname = a.attname)
  FROM (SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number
          FROM pg_catalog.pg_depend d
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.deptype = 'i' AND d.refobjsubid > 0
        UNION
        SELECT d.refobjid, f.adrelid, f.adnum
          FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
         WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND pg_catalog.pg_get_expr(f.adbin, f.adrelid)
               ~ '^(pg_catalog[.])?nextval[(]''.*''::(pg_catalog[.])?regclass[)](::[a-z]+)?$') u
  JOIN pg_catalog.pg_sequence s ON s.seqrelid = u.sequence
  JOIN pg_catalog.pg_class c ON c.oid = u.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = u.relation AND a.attnum = u.number
 CROSS JOIN LATERAL (SELECT c.oid WHERE c.relkind = 'r' UNION ALL
                     SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p
                      WHERE c.relkind = 'p') o
  JOIN pg_catalog.pg_class t ON t.oid = o.oid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 WHERE c.relpersistence = 'p' AND NOT c.relispartition AND NOT a.attisdropped AND NOT s.seqcycle
   AND a.atttypid = ANY ('{20,21,23,1700}'::oid[]) AND t.relkind = 'r'
 ORDER BY 1, 2
"""
# Rows that a subscription brings have numbers that another server's sequence gave.
_SUBSCRIBED = """
SELECT EXISTS (SELECT s.oid FROM pg_catalog.pg_subscription s
                 JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
                WHERE d.datname = current_database())
"""


def look(session: Session) -> dict[str, Any]:
    """``sequences``: numbers and names; ``uses``: the columns with their tables."""
    action = f"listing the sequences of {session.database}"
    listed = session.rows(SEQUENCES, action=action)
    (subscribed,) = session.row(_SUBSCRIBED, action=action)
    uses: dict[str, dict[str, dict[str, Any]]] = {}
    for number, name, column, numeric, unique, *table in session.rows(_USES, action=action):
        use = {
            "name": name,
            "column": column,
            "numeric": numeric,
            "unique": unique and not subscribed,
            "tables": [],
        }
        uses.setdefault(str(number), {}).setdefault(name, use)["tables"].append(table)
    return {
        "sequences": [[row[0], row[3]] for row in listed],
        "uses": {number: list(columns.values()) for number, columns in uses.items()},
    }


def plan(survey: Survey) -> Iterator[Unit]:
    """Units of up to two hundred sequences, and one for each column that needs a long scan."""
    for database in survey.databases:
        seen = database.seen.get(NAME)
        if seen is None or seen.found is None:
            continue
        chunk: list[tuple[int, str, Any]] = []
        number = chunk_bytes = 0
        for oid, name in seen.found["sequences"]:
            uses = seen.found["uses"].get(str(oid), [])
            if sum(_cost(use) for use in uses) > LARGE_BYTES:
                yield _unit(survey, database, name, [(oid, name, uses)])
                continue
            chunk.append((oid, name, uses))
            chunk_bytes += sum(_cost(use) for use in uses)
            if len(chunk) == CHUNK or chunk_bytes > GROUP_BYTES:
                yield _unit(survey, database, SUBJECT, chunk, number)
                chunk, number, chunk_bytes = [], number + 1, 0
        if chunk:
            yield _unit(survey, database, SUBJECT, chunk, number)


def run(unit: Unit, context: CheckContext) -> Measurement:
    """Read the sequences, hold them against the source, then against their columns."""
    found = Outcome(Counter(sequences=0, columns=0))
    first, last = (_reading(unit, reading) for reading in (context.before, context.after))
    before, after = first.get("states", {}), last.get("states", {})
    idle = was_idle(first, last)
    with context.session(unit.database) as session:
        # The nearest value is looked up in an index, whose own check says whether it is whole.
        session.run("SET enable_indexscan = on", action="preparing the session")
        states = read_these(session, [oid for oid, _, _ in unit.detail["sequences"]])
        for oid, name, uses in unit.detail["sequences"]:
            document = states.get(str(oid), ["it is gone", False])
            state = state_from(document)
            if state is None:
                (found.wrong if document[1] else found.not_measured)(f"{name}: {document[0]}")
                continue
            found.measured["sequences"] += 1
            there = AgainstSource()
            if unit.detail["compared"]:
                states_there = (before.get(str(oid)), after.get(str(oid)))
                there = against_source(state, *states_there, idle, found)
            if state.is_exhausted and uses:
                tell_exhausted(state, there, found)
                continue
            for use in uses:
                found.measured["columns"] += _is_read(session, state, use, there, found)
    return found.measurement(unit)


def _is_read(
    session: Session, here: State, use: Mapping[str, Any], there: AgainstSource, found: Outcome
) -> bool:
    """Hold a sequence against one of its columns; false when that can't be read."""
    try:
        met = _met(session, here, use)
    except QueryFailed as error:
        if is_damage(error) or error.sqlstate == errorcodes.QUERY_CANCELED:
            raise
        found.not_measured(f"{here.name}: {error}")
        return False
    if there.is_wrong or met is None:
        return True
    message = (
        f"{here.name}: its next value is {here.next:,}, and {use['name']} is at or beyond it"
        f" already: it comes to {met:,}, which is there"
    )
    fails = "inserts will fail with duplicate keys: setval it beyond the column"
    if not use["unique"]:
        found.remark(message)
    elif there.alike:
        found.warning(f"{message}, as on the source, whose rows bring their own numbers; {fails}")
    elif there.states and not any(_comes_to(state, met) for state in there.states):
        found.wrong(f"{message}; on the source it was beyond that in both readings. {fails}")
    else:
        found.violation(message, remedy=fails, relations=())
    return True


def _comes_to(sequence: State, value: int) -> bool:
    """Whether a value is one that it has yet to give."""
    return not sequence.is_before(value, sequence.next)


def _met(session: Session, here: State, use: Mapping[str, Any]) -> int | None:
    """The first value of a column that the sequence will come to, of all of its tables."""
    found = []
    for schema, table, _, hidden, _ in use["tables"]:
        query = _nearest(here, use, sql.Identifier(schema, table))
        seeing = seeing_all_rows(session, [hidden], use["name"]) if hidden else nullcontext()
        with seeing:
            rows = session.rows(query, action=f"reading {use['name']}")
        found += [int(value) for (value,) in rows]
    if not found:
        return None
    return min(found) if here.increment > 0 else max(found)


def _nearest(here: State, use: Mapping[str, Any], table: sql.Composable) -> sql.Composable:
    """The nearest value, in the sequence's direction, that is a whole number of its steps away."""
    rising = here.increment > 0
    kind = sql.SQL("numeric" if use["numeric"] else "bigint")
    query = sql.SQL(
        "SELECT v.value FROM (SELECT {column} AS value FROM ONLY {table}"
        " WHERE {column} >= {low}::{kind} AND {column} <= {high}::{kind}"
        " ORDER BY {column} {order} LIMIT {most}) v"
        " WHERE pg_catalog.mod(v.value::numeric - {next}::numeric, {step}) = 0 LIMIT 1"
    )
    return query.format(
        column=sql.Identifier(use["column"]),
        table=table,
        kind=kind,
        low=sql.Literal(str(here.next if rising else here.low)),
        high=sql.Literal(str(here.high if rising else here.next)),
        order=sql.SQL("ASC" if rising else "DESC"),
        most=sql.Literal(LOOKED_AT),
        next=sql.Literal(str(here.next)),
        step=sql.Literal(abs(here.increment)),
    )


def _reading(unit: Unit, reading: Mapping[str, Any]) -> Mapping[str, Any]:
    if not unit.detail["compared"]:
        return {}
    found: Mapping[str, Any] = reading["databases"][unit.database].get("read", {})
    return dict(found.get(NAME, {}))


def _is_in_both(survey: Survey, database: SurveyedDatabase) -> bool:
    readings = (survey.before, survey.after)
    return all(NAME in reading["databases"][database.name].get("read", {}) for reading in readings)


def _cost(use: Mapping[str, Any]) -> int:
    return sum(size for _, _, size, _, indexed in use["tables"] if not indexed)


def _unit(
    survey: Survey,
    database: SurveyedDatabase,
    subject: str,
    some: Sequence[tuple[int, str, Any]],
    number: int = 0,
) -> Unit:
    compared = bool(survey.before) and survey.read_twice(database) and _is_in_both(survey, database)
    return Unit(
        id=f"{NAME}/{database.name}/{subject}/{number}",
        check=NAME,
        database=database.name,
        subject=subject,
        cost_bytes=sum(_cost(use) for _, _, uses in some for use in uses),
        claim=Claim.CONSISTENT if compared else Claim.NOT_COMPARED,
        why="" if compared else "the source's sequences were not read",
        detail={"compared": compared, "sequences": [list(one) for one in some]},
    )


CHECK = Check(
    NAME,
    "no sequence is behind the source, which is only a note where it was being written; one"
    " whose next value its unique column already has, as on the source, is a warning",
    plan,
    run,
    look,
)
