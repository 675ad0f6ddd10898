"""The hash of a row version: exact, generated from the catalog, independent of session settings.

Each column goes in as itself where equal values are the same value, and as its binary image (the
type's send function) where equality hides something: the scale of a ``numeric``, the sign of a
zero, an interval's ``1 month`` against ``30 days``, the case of ``citext``, an array's bounds. A
type with neither goes in as text. ``ctid`` goes in too, which a physical copy keeps: two rows that
changed places are not the same. NULL and empty differ.

The hash of one column is the seed of the next, each by the function of its own type: that takes
half the time of hashing a record, which looks the functions up again for each row (``make
bench-verify``). What may be NULL can't hand a seed on: such columns come first, each is hashed with
a seed of its own, and exclusive-or lays one over the other. Before PostgreSQL 18 some types have no
such function that SQL may call; those are hashed as a record of their own.

Sums of 64-bit hashes add up over block ranges and see duplicates, which exclusive-or would cancel.
A change goes unnoticed with a probability of 2**-64, and so does any number of them. Reading every
value reads TOAST too. A virtual generated column holds nothing and is left out.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from psycopg2 import sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.shape import Relation

SEED = 8_030_728
NULL_HASH = 5_772_156_649
"""Stands for NULL; a value whose hash is the same goes unnoticed when it turns into NULL."""

CHAIN_COLUMNS = 100
"""Calls nest as deep as this, so that a table of 1,600 columns stays within ``max_stack_depth``."""

# Types whose equality is that of their image: bool, bytea, "char", name, the integers, text,
# oid, tid, xid, cid, varchar, date, time, timestamp, timestamptz, timetz, macaddr, macaddr8, cidr,
# inet, uuid, pg_lsn, xid8, aclitem. A collation that is not deterministic takes text and varchar
# out.
#
# A type that holds one without a send function, however deep, can't be sent either.
#
# A column that is declared NOT NULL may hold NULL while that constraint is not valid.
_COLUMNS = """
SELECT a.attname,
       a.attnotnull AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint k
            WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated
              AND a.attnum = ANY (k.conkey)),
       a.atttypid::bigint, a.attcollation::bigint
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
 ORDER BY a.attnum
"""
_TYPES = """
SELECT a.number::bigint, a.collated::bigint, x.exact,
       CASE WHEN x.exact THEN (
           SELECT h.proname
             FROM pg_catalog.pg_opclass c
             JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod AND m.amname = 'hash'
             JOIN pg_catalog.pg_amproc f ON f.amprocfamily = c.opcfamily AND f.amprocnum = 2
                  AND f.amproclefttype = c.opcintype AND f.amprocrighttype = c.opcintype
             JOIN pg_catalog.pg_proc h ON h.oid = f.amproc AND h.proargtypes[0] = c.opcintype
            WHERE c.opcdefault AND c.opcintype = CASE
                  WHEN t.typtype = 'e' THEN 'anyenum'::regtype
                  WHEN t.oid = 'varchar'::regtype THEN 'text'::regtype
                  ELSE t.oid END) END,
       CASE WHEN NOT y.mute THEN n.nspname END, CASE WHEN NOT y.mute THEN p.proname END,
       o.nspname, CASE s.typtype WHEN 'p' THEN NULL ELSE s.typname END
  FROM unnest(%s::oid[], %s::oid[]) AS a (number, collated)
  JOIN pg_catalog.pg_type d ON d.oid = a.number
  JOIN pg_catalog.pg_type t
    ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.collated
  LEFT JOIN pg_catalog.pg_proc p ON p.oid = t.typsend
  LEFT JOIN pg_catalog.pg_type s ON s.oid = p.proargtypes[0]
  LEFT JOIN pg_catalog.pg_namespace o ON o.oid = s.typnamespace
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
  LATERAL (SELECT (t.oid = ANY ('{16,17,18,19,20,21,23,25,26,27,28,29,1043,1082,1083,1114,1184,
                                 1266,829,774,650,869,2950,3220,5069,1033}'::oid[])
                   OR t.typtype = 'e') AND coalesce(l.collisdeterministic, true)) x (exact),
  LATERAL (WITH RECURSIVE inside (oid) AS (
      SELECT t.oid
      UNION
      SELECT within.oid FROM inside i JOIN pg_catalog.pg_type c ON c.oid = i.oid, LATERAL (
          SELECT c.typelem WHERE c.typlen = -1 AND c.typelem <> 0
          UNION ALL
          SELECT c.typbasetype WHERE c.typtype = 'd'
          UNION ALL
          SELECT g.rngsubtype FROM pg_catalog.pg_range g
           WHERE c.oid IN (g.rngtypid, g.rngmultitypid)
          UNION ALL
          SELECT f.atttypid FROM pg_catalog.pg_attribute f
           WHERE f.attrelid = c.typrelid AND f.attnum > 0 AND NOT f.attisdropped) within (oid))
    SELECT bool_or(c.typsend::oid = 0)
      FROM inside i JOIN pg_catalog.pg_type c ON c.oid = i.oid) y (mute)
"""
_HASHES_IMAGES = "SELECT to_regprocedure('pg_catalog.hashbyteaextended(bytea,bigint)') IS NOT NULL"

_HASH_IMAGE = sql.SQL("pg_catalog.hashbyteaextended")
_EXCLUSIVE_OR = sql.SQL("pg_catalog.int8xor")
_HASH_RECORD = sql.SQL("pg_catalog.hash_record_extended")
_HASH_PLACE = sql.SQL("pg_catalog.hashtidextended")


@dataclass(frozen=True)
class _Type:
    """A type with a collation, as :data:`_TYPES` tells it."""

    exact: bool = False
    hash_function: str | None = None
    send_schema: str | None = None
    send: str | None = None
    sent_type_schema: str | None = None
    sent_type: str | None = None

    @property
    def printed(self) -> bool:
        """Whether it goes in as text."""
        return not self.exact and (self.send_schema is None or self.send is None)

    def image(self, column: sql.Composable) -> sql.Composable:
        """What of a column is hashed."""
        if self.exact:
            return column
        if self.send_schema is None or self.send is None:
            return sql.SQL("{}::text").format(column)
        if self.sent_type_schema is not None and self.sent_type is not None:
            of_type = sql.Identifier(self.sent_type_schema, self.sent_type)
            column = sql.SQL("{}::{}").format(column, of_type)
        sent = sql.SQL("{}({})").format(sql.Identifier(self.send_schema, self.send), column)
        if (self.send_schema, self.send) != ("pg_catalog", "poly_send"):
            return sent
        # A polygon keeps the box around it, which operators look at first, and does not send it.
        box = sql.SQL("pg_catalog.box_send(pg_catalog.box({}))").format(column)
        return sql.SQL("({} || {})").format(sent, box)


_UNKNOWN = _Type()
"""A type that the catalog lacks: to read such a column is an error."""


@dataclass
class _Known:
    """What was looked up in a session's database once, since all tables have about the same types.

    Attributes:
        images: whether binary images can be hashed as such.
        types: by the numbers of type and collation.
    """

    images: bool
    types: dict[tuple[int, int], _Type] = field(default_factory=dict)


_known: WeakKeyDictionary[Session, _Known] = WeakKeyDictionary()


@dataclass(frozen=True)
class _Link:
    """A value in a chain of hashes, and the function that takes it; ``may_be_null`` minded."""

    function: sql.Composable
    value: sql.Composable
    may_be_null: bool

    def onto(self, seed: sql.Composable, place: int) -> sql.Composable:
        """The hash that goes on from another one; ``place`` tells it from every other link."""
        if not self.may_be_null:
            return _call(self.function, self.value, seed)
        own = sql.SQL("coalesce({}, {})").format(
            _call(self.function, self.value, sql.Literal(SEED + place)), sql.Literal(NULL_HASH)
        )
        return _call(_EXCLUSIVE_OR, own, seed)


def row_hash(session: Session, relation: Relation) -> sql.Composable:
    """The expression that hashes a version of a relation's row to 64 bits.

    Where a column is hashed as text, the session prints values in one way from here on.
    """
    action = f"reading the columns of {relation.name}"
    columns = session.looked_up(_COLUMNS, [relation.oid], action=action)
    known = _looked_up(session, {(number, collation) for *_, number, collation in columns}, action)
    types = [known.types.get((number, collation), _UNKNOWN) for *_, number, collation in columns]
    if any(of_type.printed for of_type in types):
        session.print_alike()
    links = [_Link(_HASH_PLACE, sql.SQL("ctid"), may_be_null=False)]
    others = []
    for (name, never_null, *_), of_type in zip(columns, types, strict=True):
        function, image = _function(of_type, known), of_type.image(sql.Identifier(name))
        if function is None:
            others.append(image)
        else:
            links.append(_Link(function, image, not never_null))
    if others:
        links.append(_Link(_HASH_RECORD, _record(others), may_be_null=False))
    return _chained(links)


def _looked_up(session: Session, wanted: Set[tuple[int, int]], action: str) -> _Known:
    """What is known of a session's types, with the wanted ones among them."""
    if session not in _known:
        (images,) = session.row(_HASHES_IMAGES, action=action)
        _known[session] = _Known(images)
    types = _known[session].types
    if missing := sorted(wanted - types.keys()):
        numbers = [list(each) for each in zip(*missing, strict=True)]
        for number, collation, *found in session.looked_up(_TYPES, numbers, action=action):
            types[number, collation] = _Type(*found)
    return _known[session]


def _function(of_type: _Type, known: _Known) -> sql.Composable | None:
    """What hashes a type's values; None where a record must be made of them."""
    if of_type.hash_function is not None:
        return sql.Identifier("pg_catalog", of_type.hash_function)
    if of_type.exact or not known.images:
        return None
    return sql.SQL("pg_catalog.hashtextextended") if of_type.printed else _HASH_IMAGE


def _chained(links: Sequence[_Link]) -> sql.Composable:
    """The last link is never NULL, so that its hash mixes what exclusive-or has only laid over."""
    ordered = list(enumerate(sorted(links, key=lambda link: not link.may_be_null), start=1))
    chains = []
    for first in range(0, len(ordered), CHAIN_COLUMNS):
        seed: sql.Composable = sql.Literal(SEED)
        for place, link in ordered[first : first + CHAIN_COLUMNS]:
            seed = link.onto(seed, place)
        chains.append(seed)
    if len(chains) == 1:
        return chains[0]
    return _call(_HASH_RECORD, _record(chains), sql.Literal(SEED))


def _record(values: Iterable[sql.Composable]) -> sql.Composable:
    return sql.SQL("ROW({})").format(sql.SQL(", ").join(values))


def _call(function: sql.Composable, value: Any, seed: sql.Composable) -> sql.Composable:
    return sql.SQL("{}({}, {})").format(function, value, seed)
