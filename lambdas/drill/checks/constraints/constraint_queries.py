"""What the catalogs say of a table's constraints, each kind with what decides whether it lasts."""

# Functions written in SQL or a procedural language may have been replaced since the row came in.
# 12 and 13 are the languages internal and C. A conversion through text may depend on settings.
_MUST_ANSWER_ALIKE = """
({0}::text !~ '[{{](SQLVALUEFUNCTION|COERCEVIAIO|NEXTVALUEEXPR|COERCETODOMAIN|SUBLINK|SUBPLAN) '
 AND NOT EXISTS (SELECT FROM regexp_matches({0}::text, ':(?:op)?funcid ([0-9]+)', 'g') m
                   LEFT JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
                  WHERE m[1] <> '0' AND (p.oid IS NULL OR p.provolatile <> 'i'
                                         OR p.prolang NOT IN (12, 13))))
"""


# Whether rows that break it can only be damage: it holds for a row for good once it has held. A new
# column or field changes what a whole row or a composite is, a function of an extension is
# another with its next version; timezone() reads time zones, to_tsvector() dictionaries.
_HOLDS_FOR_GOOD = """
({0}::text !~ ':varattno 0 |:argisrow true|[{{](FIELDSELECT|ROWCOMPARE|MINMAX) '
 AND NOT EXISTS (SELECT FROM regexp_matches({0}::text, ':(?:op)?funcid ([0-9]+)', 'g') m
                  WHERE m[1]::bigint >= 16384 OR m[1] IN ('1159', '2037', '2069', '3745')))
"""


# By which collations its functions answer, but for those that compare or count byte by byte: = and
# <> of text, bpchar and name, and the lengths.
_COLLATIONS_OF = """
ARRAY(SELECT DISTINCT m[2]::bigint
        FROM regexp_matches({0}::text,
                            ':(?:op)?funcid ([0-9]+)[^{{}}]*:inputcollid ([0-9]+)', 'g') m
       WHERE m[1] NOT IN ('67', '157', '1048', '1053', '62', '659',
                          '1257', '1317', '1318', '1381'))
"""


# Collations that PostgreSQL itself sorts by. A library's may change under an index, and let in what
# its order kept out.
SORTED_FOR_GOOD = """
SELECT l.oid::bigint FROM pg_catalog.pg_collation l
  JOIN pg_catalog.pg_database d ON d.datname = current_database()
 WHERE CASE WHEN l.collprovider = 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
            ELSE l.collprovider::text END = 'b'
    OR CASE WHEN l.collprovider = 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
            ELSE l.collprovider::text END = 'c'
       AND CASE WHEN l.collprovider = 'd' THEN d.datcollate::text
                ELSE l.collcollate::text END IN ('C', 'POSIX')
"""


# What there is to be read of a table: most have few kinds of constraints.
KINDS = """
SELECT ARRAY(SELECT DISTINCT CASE WHEN o.conexclop IS NULL THEN o.contype::text ELSE 'x' END
               FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid)
       || CASE WHEN c.relispartition THEN 'bound' END
       || CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute a
                              JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                               AND t.typtype = 'd') THEN 'domain' END
  FROM pg_catalog.pg_class c WHERE c.oid = %s::oid
"""


# PostgreSQL 18 marks a column before its NOT NULL is valid.
NOT_NULL = """
SELECT a.attname FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
   AND a.attgenerated <> 'v'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o
                    WHERE o.conrelid = a.attrelid AND o.contype = 'n' AND NOT o.convalidated
                      AND o.conkey[1] = a.attnum)
 ORDER BY a.attnum
"""


CHECKS = f"""
SELECT quote_ident(o.conname), pg_catalog.pg_get_expr(o.conbin, o.conrelid),
       {_MUST_ANSWER_ALIKE.format("o.conbin")}, {_HOLDS_FOR_GOOD.format("o.conbin")},
       {_COLLATIONS_OF.format("o.conbin")}
  FROM pg_catalog.pg_constraint o
 WHERE o.conrelid = %s::oid AND o.contype = 'c' AND o.convalidated
   AND coalesce((to_jsonb(o) ->> 'conenforced')::bool, true)
 ORDER BY o.conname
"""


BOUND = f"""
SELECT pg_catalog.pg_get_partition_constraintdef(c.oid),
       coalesce(bool_and(l.class < 16384 AND {_HOLDS_FOR_GOOD.format("k.expressions")}), true),
       array_agg(l.coll::bigint) FILTER (WHERE p.partstrat = 'r')
       || array_agg(m.coll) FILTER (WHERE m.coll IS NOT NULL)
  FROM pg_catalog.pg_class c
 CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(c.oid) a (oid)
  JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.oid
 CROSS JOIN LATERAL (SELECT coalesce(p.partexprs::text, '')) k (expressions)
 CROSS JOIN LATERAL unnest(p.partclass::oid[], p.partcollation::oid[]) l (class, coll)
  LEFT JOIN LATERAL unnest({_COLLATIONS_OF.format("k.expressions")}) m (coll) ON true
 WHERE c.oid = %s::oid AND c.relispartition
 GROUP BY c.oid
"""


DOMAINS = f"""
WITH RECURSIVE domain (attname, oid, outer_oid, base) AS (
    SELECT a.attname, t.oid, t.oid, t.typbasetype
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'd'
     UNION ALL
    SELECT d.attname, t.oid, d.outer_oid, t.typbasetype
      FROM domain d JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype = 'd')
SELECT d.attname, n.nspname, t.typname,
       (SELECT pg_catalog.format_type(b.base, NULL) FROM domain b
          JOIN pg_catalog.pg_type k ON k.oid = b.base
         WHERE b.attname = d.attname AND k.typtype <> 'd' LIMIT 1),
       bool_and(o.convalidated AND {_MUST_ANSWER_ALIKE.format("o.conbin")})
  FROM domain d JOIN pg_catalog.pg_constraint o ON o.contypid = d.oid AND o.contype = 'c'
  JOIN pg_catalog.pg_type t ON t.oid = d.outer_oid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 GROUP BY d.attname, n.nspname, t.typname ORDER BY d.attname
"""


_COLLATION = "CASE WHEN k.coll <> a.attcollation THEN k.coll END"


UNIQUE = f"""
SELECT quote_ident(c.relname), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
       array_agg(a.attname::text ORDER BY k.place),
       array_agg(ln.nspname::text ORDER BY k.place), array_agg(l.collname::text ORDER BY k.place),
       bool_and(p.opcdefault), bool_and(p.oid < 16384) AND bool_and(i.indimmediate),
       array_agg(k.coll::bigint)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[], i.indclass::oid[])
                    WITH ORDINALITY k (number, coll, class, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
  JOIN pg_catalog.pg_opclass p ON p.oid = k.class
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = {_COLLATION}
  LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
 WHERE i.indrelid = %s::oid AND i.indisunique AND i.indisvalid AND NOT i.indisexclusion
   AND i.indexprs IS NULL AND i.indpred IS NULL AND k.place <= i.indnkeyatts
 GROUP BY i.indexrelid, c.relname, 2 ORDER BY 1
"""


UNIQUE_OF_MORE = """
SELECT quote_ident(c.relname)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = %s::oid AND i.indisunique AND i.indisvalid AND NOT i.indisexclusion
   AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
 ORDER BY 1
"""


# A key of a partitioned table has a row for each of its partitions too.
FOREIGN = """
SELECT quote_ident(o.conname), o.confmatchtype = 'f', coalesce((to_jsonb(o) ->> 'conperiod')::bool,
       false), n.nspname, p.relname, p.relkind = 'r',
       quote_ident(n.nspname) || '.' || quote_ident(p.relname),
       ARRAY(SELECT quote_ident(tn.nspname) || '.' || quote_ident(t.relname)
               FROM pg_catalog.pg_partition_tree(p.oid) l
               JOIN pg_catalog.pg_class t ON t.oid = l.relid
               JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
              WHERE p.relkind = 'p' AND t.relkind <> 'p'),
       array_agg(a.attname::text ORDER BY k.place), array_agg(b.attname::text ORDER BY k.place),
       array_agg(s.nspname::text ORDER BY k.place), array_agg(e.oprname::text ORDER BY k.place)
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class p ON p.oid = o.confrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
 CROSS JOIN LATERAL unnest(o.conkey, o.confkey, o.conpfeqop)
                    WITH ORDINALITY k (here, there, operator, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.here
  JOIN pg_catalog.pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = k.there
  JOIN pg_catalog.pg_operator e ON e.oid = k.operator
  JOIN pg_catalog.pg_namespace s ON s.oid = e.oprnamespace
 WHERE o.conrelid = %s::oid AND o.contype = 'f' AND o.convalidated
   AND coalesce((to_jsonb(o) ->> 'conenforced')::bool, true)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint u
                    WHERE u.oid = o.conparentid AND u.conrelid = o.conrelid)
 GROUP BY o.oid, o.conname, o.confmatchtype, 3, n.nspname, p.oid, p.relname, p.relkind ORDER BY 1
"""


TABLES = """
SELECT %s::oid::bigint
 UNION
SELECT o.confrelid::bigint FROM pg_catalog.pg_constraint o
 WHERE o.conrelid = %s::oid AND o.contype = 'f'
"""


EXCLUSIONS = """
SELECT quote_ident(o.conname), i.indexprs IS NULL AND i.indpred IS NULL,
       i.indimmediate AND NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) l (class)
                                       WHERE l.class >= 16384),
       i.indcollation::oid[]::bigint[],
       array_agg(a.attname::text ORDER BY k.place),
       array_agg(s.nspname::text ORDER BY k.place), array_agg(e.oprname::text ORDER BY k.place)
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_index i ON i.indexrelid = o.conindid
 CROSS JOIN LATERAL unnest(o.conkey, o.conexclop) WITH ORDINALITY k (number, operator, place)
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number
  JOIN pg_catalog.pg_operator e ON e.oid = k.operator
  JOIN pg_catalog.pg_namespace s ON s.oid = e.oprnamespace
 WHERE o.conrelid = %s::oid AND o.conexclop IS NOT NULL AND i.indisvalid
 GROUP BY o.oid, o.conname, 2, 3, 4 ORDER BY 1
"""
