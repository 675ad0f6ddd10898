"""The source's write counters, as a reading holds them.

Those of the relations' own rows, as the counts are: a partition that comes or goes moves none.
They are asked for one by one, for the view ``pg_stat_all_tables`` looks up every index as well.
"""

from typing import Any

from lambdas.adapters.postgres import Session
from lambdas.drill.verdict.write_counters import NAME

# A crash loses the counters without a word in their own database: the time of the server-wide
# ones is then another.
_SINCE = """
SELECT d.oid::text, extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text,
       coalesce(extract(epoch FROM pg_catalog.pg_stat_get_db_stat_reset_time(d.oid))::text, ''),
       coalesce(extract(epoch FROM pg_catalog.pg_stat_get_bgwriter_stat_reset_time())::text, ''),
       current_setting('track_counts') = 'on'
  FROM pg_catalog.pg_database d WHERE d.datname = current_database()
"""
_COUNTERS = """
SELECT c.oid::bigint, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid), pg_catalog.pg_stat_get_tuples_updated(c.oid),
       pg_catalog.pg_stat_get_tuples_deleted(c.oid)
  FROM pg_catalog.pg_class c
 WHERE (c.oid >= 16384 OR c.oid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
   AND c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
"""


def read(session: Session) -> dict[str, Any]:
    """Of the database: ``since`` when its counters count, whether they do (``counting``).

    And by the relation's oid the number of its file and the rows inserted, updated and deleted.
    """
    action = f"reading the {NAME} of {session.database}"
    *since, counting = session.row(_SINCE, action=action)
    rows = session.rows(_COUNTERS, action=action)
    return {
        "since": since,
        "counting": counting,
        "relations": {str(oid): list(counters) for oid, *counters in rows},
    }
