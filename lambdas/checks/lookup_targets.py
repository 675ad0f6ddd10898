"""What look-ups need to know of an index: its columns, their operators, how much of its table."""

from dataclasses import dataclass

from psycopg2 import sql

from lambdas.checks.storage import StoredIndex

EVERYTHING_BYTES = 2**30
"""A table up to this size is looked up whole; of a larger one, some blocks."""

WHOLE_PERCENT = 100.0
SAMPLE_BYTES = 64 * 2**20

_PREFERRED = ("=", "~=", "@>", "<@", "&&", "%", "<=", ">=")
"""Operators that may hold between a value and itself, the most selective first."""

_BOUNDS = {"<=", ">="}


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
        deterministic: whether values that its collation holds equal are the same bytes.
        finds_nulls: whether the index is searched for NULL, and there may be any.
        not_null_type: the base type of a column that is NOT NULL; empty of any other.
    """

    expression: str
    type_name: str
    collation: tuple[str, str] | None
    deterministic: bool
    finds_nulls: bool
    operators: tuple[Operator, ...]
    not_null_type: str = ""

    @property
    def value(self) -> sql.Composable:
        """What the index has of a row, under the index's own collation."""
        value = sql.SQL("({})").format(sql.SQL(self.expression))
        if self.collation is None:
            return value
        return sql.SQL("({} COLLATE {})").format(value, sql.Identifier(*self.collation))

    @property
    def operator(self) -> Operator | None:
        """The best operator between values of its type."""
        found = {operator.name: operator for operator in self.operators if operator.same}
        return next((found[name] for name in _PREFERRED if name in found), None)

    @property
    def of_elements(self) -> Operator | None:
        """The operator that asks for one element, for arrays and texts."""
        for operator in self.operators:
            if operator.name == "@>" and operator.same and self._is_array:
                return operator
            if operator.name == "@@" and operator.right_type == "tsquery" and self.is_text:
                return operator
        return None

    @property
    def is_text(self) -> bool:
        """A text prepared for search; its elements are lexemes."""
        return self.type_name == "tsvector"

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

    @property
    def _is_array(self) -> bool:
        return self.type_name == "anyarray" or self.type_name.endswith("[]")


@dataclass(frozen=True)
class Target:
    """An index with what look-ups need of its definition; ``predicate`` is None if not partial."""

    index: StoredIndex
    keys: tuple[Key, ...]
    predicate: str | None
    pages_each: int

    @property
    def percent(self) -> float:
        """Of the table's blocks, how many are looked up."""
        if self.index.table_bytes <= EVERYTHING_BYTES:
            return WHOLE_PERCENT
        return WHOLE_PERCENT * SAMPLE_BYTES / self.index.table_bytes

    @property
    def is_whole(self) -> bool:
        """Whether all blocks are."""
        return self.percent >= WHOLE_PERCENT
