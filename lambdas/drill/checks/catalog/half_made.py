"""What is half-made in a database, and how it is brought to its end on the source.

None of it is damage: the source holds it too, which :mod:`lambdas.drill.checks.catalog.catalog`
proves. What is
to be done must do no harm there. So an index that is being built at this moment is not to be
dropped, one that belongs to a partitioned index can't be, and one that waits for its partitions
needs no more than theirs.
"""

# Of a partitioned index: whose partitions have no index attached to it, or an invalid one.
_PARTITIONED = """
SELECT 'index ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       'is used by no query: it was made ON ONLY its partitioned table '
       || CASE WHEN w.missing IS NOT NULL
               THEN 'and waits for an index of each partition; make one on ' || w.missing
                    || ', then ALTER INDEX ' || quote_ident(n.nspname) || '.'
                    || quote_ident(c.relname) || ' ATTACH PARTITION each'
               WHEN w.invalid IS NOT NULL
               THEN 'or has an invalid one below it: REINDEX INDEX ' || w.invalid
                    || ', then ALTER INDEX ' || quote_ident(n.nspname) || '.'
                    || quote_ident(c.relname) || ' ATTACH PARTITION it once more'
               ELSE 'and was not looked at again since: ALTER INDEX ' || quote_ident(n.nspname)
                    || '.' || quote_ident(c.relname)
                    || ' ATTACH PARTITION one of its indexes once more' END
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
       SELECT string_agg(quote_ident(tn.nspname) || '.' || quote_ident(t.relname), ', '
                         ORDER BY t.oid) FILTER (WHERE x.indexrelid IS NULL AND p.place <= 3)
              || CASE WHEN count(*) FILTER (WHERE x.indexrelid IS NULL) > 3
                      THEN ' and others' ELSE '' END,
              min(x.name) FILTER (WHERE NOT x.valid)
         FROM (SELECT h.inhrelid,
                      row_number() OVER (ORDER BY EXISTS (
                          SELECT FROM pg_catalog.pg_inherits k
                            JOIN pg_catalog.pg_index y ON y.indexrelid = k.inhrelid
                           WHERE k.inhparent = c.oid AND y.indrelid = h.inhrelid), h.inhrelid)
                 FROM pg_catalog.pg_inherits h
                WHERE h.inhparent = i.indrelid AND NOT h.inhdetachpending) p (oid, place)
         JOIN pg_catalog.pg_class t ON t.oid = p.oid
         JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
         LEFT JOIN LATERAL (
              SELECT y.indexrelid, y.indisvalid,
                     quote_ident(yn.nspname) || '.' || quote_ident(yc.relname)
                FROM pg_catalog.pg_inherits k
                JOIN pg_catalog.pg_index y ON y.indexrelid = k.inhrelid
                JOIN pg_catalog.pg_class yc ON yc.oid = y.indexrelid
                JOIN pg_catalog.pg_namespace yn ON yn.oid = yc.relnamespace
               WHERE k.inhparent = c.oid AND y.indrelid = t.oid) x (indexrelid, valid, name)
           ON true) w (missing, invalid)
 WHERE c.relkind = 'I' AND NOT i.indisvalid
"""
# REINDEX CONCURRENTLY calls the new one _ccnew until it takes the place of the old, then that one
# _ccold; a number follows where the name was taken.
_INDEXES = """
SELECT 'index ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       concat_ws(', ', CASE WHEN NOT i.indislive THEN 'is being dropped' END,
                 CASE WHEN NOT i.indisready THEN 'is not kept up by writes' END,
                 CASE WHEN NOT i.indisvalid THEN 'is not used by queries' END)
       || CASE WHEN NOT i.indislive
               THEN ': a DROP INDEX CONCURRENTLY that was broken off; run it again'
               WHEN c.relname ~ '_ccnew[0-9]*$' AND NOT o.needed
               THEN ': what a broken-off REINDEX CONCURRENTLY was making; unless one runs now, drop'
                    || ' it and REINDEX again: the old index still serves'
               WHEN c.relname ~ '_ccold[0-9]*$' AND NOT o.needed
               THEN ': what a REINDEX CONCURRENTLY has replaced; unless one runs now, drop it'
               WHEN o.needed
               THEN ': REINDEX INDEX it; it belongs to a constraint or to a partitioned index, and'
                    || ' can''t be dropped alone'
               ELSE ': a CREATE INDEX CONCURRENTLY that was broken off'
                    || CASE WHEN i.indisunique THEN ', by keys that stand twice, say' ELSE '' END
                    || '; unless it runs now (pg_stat_progress_create_index), drop it or REINDEX it'
          END
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (SELECT c.relispartition
                            OR EXISTS (SELECT FROM pg_catalog.pg_constraint k
                                        WHERE k.conindid = c.oid
                                          AND k.contype IN ('p', 'u', 'x'))) o (needed)
 WHERE c.relkind = 'i' AND NOT (i.indisvalid AND i.indisready AND i.indislive)
   AND c.relpersistence <> 't'
"""
# One of a partitioned table is reported once, not for each partition. What is not enforced (18) is
# so on purpose, and never validated.
_CONSTRAINTS = """
SELECT 'constraint ' || quote_ident(n.nspname) || '.'
       || coalesce(quote_ident(c.relname), quote_ident(t.typname)) || '.' || quote_ident(o.conname),
       CASE WHEN (to_jsonb(o) ->> 'conenforced')::boolean IS FALSE
            THEN 'is NOT ENFORCED: rows may break it; unless that is on purpose, make it ENFORCED'
            ELSE 'was never validated: rows from before it may break it; ALTER '
                 || CASE WHEN c.oid IS NULL THEN 'DOMAIN ' ELSE 'TABLE ' END
                 || quote_ident(n.nspname) || '.'
                 || coalesce(quote_ident(c.relname), quote_ident(t.typname))
                 || ' VALIDATE CONSTRAINT ' || quote_ident(o.conname) END
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_namespace n ON n.oid = o.connamespace
  LEFT JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
  LEFT JOIN pg_catalog.pg_type t ON t.oid = o.contypid
  LEFT JOIN pg_catalog.pg_constraint u ON u.oid = o.conparentid
 WHERE NOT o.convalidated AND coalesce(c.relpersistence, 'p') <> 't'
   AND (u.oid IS NULL OR u.convalidated)
"""
_SWITCHED_OFF = """
SELECT 'table ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       count(*) || CASE WHEN count(*) = 1 THEN ' trigger is' ELSE ' triggers are' END
       || ' disabled' || CASE WHEN bool_or(t.tgisinternal)
                              THEN ', those of a foreign key among them: rows may break it'
                              ELSE '' END
       || '; ALTER TABLE ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
       || ' ENABLE TRIGGER '
       || CASE WHEN count(*) = 1 AND NOT bool_or(t.tgisinternal) THEN min(quote_ident(t.tgname))
               ELSE 'ALL' END || ' unless that is on purpose'
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgenabled = 'D' AND c.relpersistence <> 't' GROUP BY n.nspname, c.relname
UNION ALL
SELECT 'rule ' || quote_ident(r.rulename) || ' of ' || quote_ident(n.nspname) || '.'
       || quote_ident(c.relname),
       'is disabled; ALTER TABLE ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
       || ' ENABLE RULE ' || quote_ident(r.rulename) || ' unless that is on purpose'
  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE r.ev_enabled = 'D' AND c.relpersistence <> 't'
UNION ALL
SELECT 'event trigger ' || quote_ident(e.evtname),
       'is disabled; ALTER EVENT TRIGGER ' || quote_ident(e.evtname)
       || ' ENABLE unless that is on purpose'
  FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled = 'D'
"""
_OTHERS = """
SELECT 'materialised view ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       'is not populated: reading it is an error until REFRESH MATERIALIZED VIEW'
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'm' AND NOT c.relispopulated
UNION ALL
SELECT 'partition ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       'waits for the end of a DETACH PARTITION CONCURRENTLY, and its rows are not in '
       || quote_ident(pn.nspname) || '.' || quote_ident(p.relname)
       || ' any more: unless it runs now, ALTER TABLE ' || quote_ident(pn.nspname) || '.'
       || quote_ident(p.relname) || ' DETACH PARTITION ' || quote_ident(n.nspname) || '.'
       || quote_ident(c.relname) || ' FINALIZE'
  FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
 WHERE h.inhdetachpending
"""

HALF_MADE = (
    " UNION ALL ".join((_PARTITIONED, _INDEXES, _CONSTRAINTS, _SWITCHED_OFF, _OTHERS))
    + " ORDER BY 1, 2"
)
"""What, and what is to be known and done about it."""
