"""What an index is made of: its columns, their operators and order, its predicate. Read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.files.storage import StoredIndex

EVERYTHING_BYTES = 2**30
"""A table up to this size is looked up whole; of a larger one, some blocks."""

WHOLE_PERCENT = 100.0
SAMPLE_BYTES = 64 * 2**20

_PREFERRED = ("=", "~=", "@>", "<@", "&&", "%", "<=", ">=")
"""Operators that may hold between a value and itself, the most selective first."""

_BOUNDS = {"<=", ">="}

_DEFINITIONS = """
SELECT x.indexrelid::bigint, pg_get_expr(x.indpred, x.indrelid), x.indexprs IS NOT NULL,
       coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions)
                  WHERE option_name = 'pages_per_range'), '128')::int,
       -- By the names of the table: an index names a column that it holds twice otherwise.
       ARRAY(SELECT a.attname::text
               FROM generate_series(x.indnkeyatts + 1, x.indnatts) AS k(n)
               JOIN pg_catalog.pg_attribute a
                 ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.n - 1]
              ORDER BY k.n),
       ARRAY(SELECT a.attname::text
               FROM generate_series(1, x.indnatts) AS k(n)
               JOIN pg_catalog.pg_attribute a
                 ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.n - 1] AND a.attnum > 0
              WHERE pg_index_column_has_property(x.indexrelid, k.n::int, 'returnable')
              ORDER BY k.n),
       (SELECT json_agg(json_build_object(
                 'expression', pg_get_indexdef(x.indexrelid, k.n, true),
                 'type_name', f.opcintype::regtype::text,
                 'family', y.opfname,
                 'collation', CASE WHEN ce.oid IS NOT NULL
                                   THEN json_build_array(cn.nspname, ce.collname) END,
                 'deterministic', coalesce(ce.collisdeterministic, true),
                 'searches_nulls', coalesce(
                   pg_index_column_has_property(x.indexrelid, k.n, 'search_nulls'), false),
                 'not_null_type', CASE WHEN a.attnotnull THEN (
                   WITH RECURSIVE base (type) AS (
                     SELECT a.atttypid UNION ALL
                     SELECT t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type
                      WHERE t.typtype = 'd')
                   SELECT format_type(b.type, -1)
                     FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type
                    WHERE t.typtype <> 'd') END,
                 'order', (
                   SELECT json_build_array(n.nspname, o.oprname, (x.indoption[k.n - 1] & 2) > 0)
                     FROM pg_catalog.pg_amop p
                     JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
                     JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                    WHERE m.amname = 'btree' AND p.amopfamily = f.opcfamily
                      AND p.amoppurpose = 's' AND p.amoplefttype = f.opcintype
                      AND p.amoprighttype = f.opcintype
                      AND p.amopstrategy
                          = CASE WHEN (x.indoption[k.n - 1] & 1) > 0 THEN 5 ELSE 1 END),
                 'operators', (
                   SELECT json_agg(json_build_array(o.oprname, n.nspname, o.oprright::regtype::text,
                                                    o.oprleft = o.oprright))
                     FROM pg_catalog.pg_amop p
                     JOIN pg_catalog.pg_operator o ON o.oid = p.amopopr
                     JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                    WHERE p.amopfamily = f.opcfamily AND p.amoppurpose = 's'
                      AND p.amoplefttype = like_it.type AND o.oprresult = 'bool'::regtype)
               ) ORDER BY k.n)
          FROM generate_series(1, x.indnkeyatts) AS k(n)
          JOIN pg_catalog.pg_opclass f ON f.oid = x.indclass[k.n - 1]
          JOIN pg_catalog.pg_opfamily y ON y.oid = f.opcfamily
          LEFT JOIN pg_catalog.pg_collation ce ON ce.oid = x.indcollation[k.n - 1]
          LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = ce.collnamespace
          LEFT JOIN pg_catalog.pg_attribute a
            ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.n - 1] AND a.attnum > 0
         CROSS JOIN LATERAL (
            -- A cidr is an inet to its operators.
            SELECT t.type FROM (SELECT f.opcintype, 0
                                UNION ALL
                                SELECT s.casttarget, 1 FROM pg_catalog.pg_cast s
                                 WHERE s.castsource = f.opcintype AND s.castmethod = 'b')
                                AS t (type, other)
              LEFT JOIN pg_catalog.pg_amop d ON d.amopfamily = f.opcfamily AND d.amoppurpose = 's'
                                            AND d.amoplefttype = t.type
             ORDER BY d.oid IS NULL, t.other, t.type LIMIT 1) AS like_it)
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = c.relam
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
 WHERE x.indexrelid = ANY (%s::oid[]) AND t.relispopulated
 ORDER BY x.indexrelid
"""


@dataclass(frozen=True)
class Operator:
    """``right_type`` is its right operand's; ``same`` says that its left operand's is the same."""

    name: str
    schema: str
    right_type: str
    same: bool

    def __call__(self, left: sql.Composable, right: sql.Composable) -> sql.Composable:
        """The two operands under it."""
        operator = sql.SQL("OPERATOR({}.{})").format(
            sql.Identifier(self.schema), sql.SQL(self.name)
        )
        return sql.SQL("{} {} {}").format(left, operator, right)


@dataclass(frozen=True)
class Key:
    """A key column of an index.

    Attributes:
        expression: as PostgreSQL deparses it, every name qualified.
        type_name: what its operator class takes; ``family`` is its operator family's name.
        deterministic: whether values that its collation holds equal are the same bytes.
        searches_nulls: whether the index is searched for NULL.
        not_null_type: the base type of a column that is NOT NULL; empty of any other.
        order: of a B-tree the schema and name of the operator that its order goes by, and whether
            NULLs come first.
    """

    expression: str
    type_name: str
    family: str
    collation: tuple[str, str] | None
    deterministic: bool
    searches_nulls: bool
    not_null_type: str
    order: tuple[str, str, bool] | None
    operators: tuple[Operator, ...]

    @property
    def bare(self) -> sql.Composable:
        """What the index has of a row."""
        return sql.SQL("({})").format(sql.SQL(self.expression))

    @property
    def value(self) -> sql.Composable:
        """The same under the index's own collation."""
        if self.collation is None:
            return self.bare
        return sql.SQL("({} COLLATE {})").format(self.bare, sql.Identifier(*self.collation))

    @property
    def finds_nulls(self) -> bool:
        """Whether the index is searched for NULL, and there may be any."""
        return self.searches_nulls and not self.not_null_type

    @property
    def operator(self) -> Operator | None:
        """The best operator between values of its type."""
        found = {operator.name: operator for operator in self.operators if operator.same}
        return next((found[name] for name in _PREFERRED if name in found), None)

    def named(self, name: str) -> Operator | None:
        """The operator of a name between values of its type, or of its elements."""
        return next((o for o in self.operators if o.name == name), None)

    @property
    def of_elements(self) -> Operator | None:
        """The operator that asks for one element, for arrays and texts."""
        for operator in self.operators:
            if operator.name == "@>" and operator.same and self.is_array:
                return operator
            if operator.name == "@@" and operator.right_type == "tsquery" and self.is_text:
                return operator
        return None

    @property
    def is_text(self) -> bool:
        """A text prepared for search; its elements are lexemes."""
        return self.type_name == "tsvector"

    @property
    def is_array(self) -> bool:
        """Of any type of elements."""
        return self.type_name == "anyarray" or self.type_name.endswith("[]")

    @property
    def refuses_null_elements(self) -> bool:
        """Whether its operators end in an error on an array that holds a NULL (intarray's do)."""
        return self.is_array and self.type_name != "anyarray"

    @property
    def has_order(self) -> bool:
        """Whether the least and the greatest of its values stand for those between."""
        return {"<", "="} <= {operator.name for operator in self.operators if operator.same}

    @property
    def bounds(self) -> tuple[Operator, ...]:
        """What holds between equal values beside "=", where there is an order."""
        if not self.has_order:
            return ()
        return tuple(o for o in self.operators if o.same and o.name in _BOUNDS)


@dataclass(frozen=True)
class Target:
    """An index and its definition.

    Attributes:
        predicate: None if it is not partial.
        computed: whether it has expressions.
        included: its INCLUDE columns. ``returnable``: the columns of the table whose values it
            gives in an index-only scan.
        percent: of the table's blocks, how many are looked up; ``is_whole`` if all are.
        only: a condition on the rows that are looked up; None: all of them.
    """

    index: StoredIndex
    predicate: str | None
    computed: bool
    pages_each: int
    included: tuple[str, ...]
    returnable: tuple[str, ...]
    keys: tuple[Key, ...]
    percent: float
    is_whole: bool
    only: sql.Composable | None = None

    @property
    def title(self) -> str:
        """The index as people write it."""
        return self.index.title

    @property
    def table(self) -> sql.Composable:
        """Its table."""
        return sql.Identifier(self.index.schema, self.index.table)

    def where(self, *conditions: sql.Composable) -> sql.Composable:
        """``WHERE`` with the predicate and further conditions; nothing where there are none."""
        every = list(conditions)
        if self.predicate is not None:
            every.append(sql.SQL("({})").format(sql.SQL(self.predicate)))
        return sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(every)) if every else sql.SQL("")


def describe(session: Session, indexes: Sequence[StoredIndex]) -> list[Target]:
    """The definitions of the indexes of one table, but of a materialised view without data."""
    if not indexes:
        return []
    by_oid = {index.oid: index for index in indexes}
    action = f"reading the definitions of the indexes of {indexes[0].subject}"
    found = session.looked_up(_DEFINITIONS, [list(by_oid)], action=action)
    return [_target(by_oid[oid], *rest) for oid, *rest in found]


def _target(
    index: StoredIndex,
    predicate: str | None,
    computed: bool,
    pages_each: int,
    included: list[str],
    returnable: list[str],
    keys: list[dict[str, Any]],
) -> Target:
    whole = index.table_bytes <= EVERYTHING_BYTES
    return Target(
        index,
        predicate,
        computed,
        pages_each,
        tuple(included),
        tuple(returnable),
        tuple(map(_key, keys)),
        percent=WHOLE_PERCENT if whole else WHOLE_PERCENT * SAMPLE_BYTES / index.table_bytes,
        is_whole=whole,
    )


def _key(document: Mapping[str, Any]) -> Key:
    schema_and_name = document["collation"]
    order = document["order"]
    return Key(
        **{
            **document,
            "collation": None if schema_and_name is None else tuple(schema_and_name),
            "not_null_type": document["not_null_type"] or "",
            "order": None if order is None else tuple(order),
            "operators": tuple(Operator(*operator) for operator in document["operators"] or ()),
        }
    )
