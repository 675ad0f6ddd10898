"""Damage to the system catalogs' own files."""

from collections.abc import Iterator

from campaign.damage import Body, Damage, Expected, Surgery, sealed
from campaign.pages import NothingChanged, PageFile, Row, live_rows_in, rows_in
from campaign.specimen import OTHER, OTHER_WORD, SHOP, Base

_OF_THE_SCHEMA = (
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_index",
    "pg_proc",
    "pg_type",
    "pg_constraint",
    "pg_rewrite",
    "pg_trigger",
    "pg_depend",
    "pg_description",
    "pg_operator",
    "pg_namespace",
    "pg_inherits",
    "pg_sequence",
)
"""Whose last page, where the source's own objects stand, is zeroed."""

_DEPENDENCIES = 0xB4549A2C.to_bytes(4, "little")
_OTHER_TYPE = """
UPDATE pg_statistic s SET stavalues1 = o.stavalues1, stakind1 = o.stakind1
  FROM pg_statistic o
 WHERE s.starelid = 'users'::regclass AND o.starelid = s.starelid
   AND s.staattnum = (SELECT attnum FROM pg_attribute
                       WHERE attrelid = s.starelid AND attname = 'name')
   AND o.staattnum = (SELECT attnum FROM pg_attribute
                       WHERE attrelid = s.starelid AND attname = 'id')
"""

_SHARED = ("pg_authid", "pg_auth_members", "pg_database", "pg_db_role_setting", "pg_shdepend")


def _zero_last(catalog: str, database: str = SHOP) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(f"pg_catalog.{catalog}", database)
        pages.zero(len(pages) - 1)

    return surgery


def _zero_first(catalog: str) -> Surgery:
    return lambda body: body.main(f"pg_catalog.{catalog}").zero(0)


def _zero_middle(catalog: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(f"pg_catalog.{catalog}")
        pages.zero(body.middle(pages))

    return surgery


def _flip(catalog: str) -> Surgery:
    """In the last row of the last page: the source's own objects stand there."""

    def surgery(body: Body) -> None:
        pages = body.main(f"pg_catalog.{catalog}")
        block, rows = _last_with_rows(pages)
        pages.flip(block, rows[-1].data_at + 6, 0x01)

    return surgery


def _stale(catalog: str) -> Surgery:
    return lambda body: body.make_stale(body.main(f"pg_catalog.{catalog}").path)


def _lose(catalog: str) -> Surgery:
    return lambda body: body.remove(body.main(f"pg_catalog.{catalog}").path)


def _empty(catalog: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.main(f"pg_catalog.{catalog}")
        for block in range(len(pages)):
            pages.zero(block)

    return surgery


def _flip_sequence(body: Body) -> None:
    """The low byte of the last value of the sequence without an owner."""
    pages = body.main("public.invoice_numbers")
    row = rows_in(pages.read(0))[0]
    pages.flip(0, row.data_at, 0x40)


def _zero_sequence(body: Body) -> None:
    body.main("public.invoice_numbers").zero(0)


def _flip_large_object(body: Body) -> None:
    pages = body.main("pg_catalog.pg_largeobject")
    block, rows = _last_with_rows(pages)
    pages.flip(block, rows[-1].data_at + 100, 0x01)


def _flip_dependencies(body: Body) -> None:
    """The number that functional dependencies begin with (``STATS_DEPS_MAGIC``)."""
    pages = body.main("pg_catalog.pg_statistic_ext_data")
    for block in range(len(pages)):
        at = pages.read(block).find(_DEPENDENCIES)
        if at > 0:
            return pages.flip(block, at, 0x01)
    raise NothingChanged("there are no functional dependencies")


def _last_with_rows(pages: PageFile) -> tuple[int, list[Row]]:
    """The last page that holds live rows, and these."""
    for block in reversed(range(len(pages))):
        rows = live_rows_in(pages.read(block))
        if rows:
            return block, rows
    raise NothingChanged(f"{pages.path.name} holds no rows")


def _all() -> Iterator[Damage]:
    for name in _OF_THE_SCHEMA:
        what = f"the last page of {name} reads as zeros"
        yield _stopped(f"{name}-zero", what, _zero_last(name))
    for name in _SHARED:
        what = f"the last page of {name} reads as zeros"
        yield _stopped(f"{name}-zero", what, _zero_last(name))


def _stopped(name: str, what: str, surgery: Surgery) -> Damage:
    return Damage(name, "catalogs", what, (), surgery, expected=Expected.STOPPED)


def _of_shop(name: str, what: str, surgery: Surgery, *words: str) -> Damage:
    return Damage(name, "catalogs", what, words, surgery)


DAMAGES = (
    *_all(),
    _stopped("pg_class-zero-first", "the first page of pg_class", _zero_first("pg_class")),
    _stopped("pg_attribute-flip", "a bit of a column's row, sealed", sealed(_flip("pg_attribute"))),
    _stopped("pg_proc-zero-middle", "a page of PostgreSQL's functions", _zero_middle("pg_proc")),
    _stopped("pg_class-stale", "pg_class is of long before", _stale("pg_class")),
    _stopped("pg_proc-stale", "pg_proc is of long before", _stale("pg_proc")),
    _stopped("pg_class-lost", "the file of pg_class is gone", _lose("pg_class")),
    _stopped("pg_amop-lost", "the file of pg_amop is gone", _lose("pg_amop")),
    _stopped("pg_authid-lost", "the file of the roles is gone", _lose("pg_authid")),
    _stopped(
        "class-index-stale",
        "the index of pg_class by name is of long before",
        _stale("pg_class_relname_nsp_index"),
    ),
    _stopped(
        "attribute-index-zero",
        "a page of the index of columns reads as zeros",
        _zero_middle("pg_attribute_relid_attnum_index"),
    ),
    _stopped(
        "proc-index-stale",
        "the index of functions by name is of long before",
        _stale("pg_proc_proname_args_nsp_index"),
    ),
    _stopped(
        "description-index-lost",
        "the file of the index of comments is gone",
        _lose("pg_description_o_c_o_index"),
    ),
    Damage(
        "sequence-flip",
        "catalogs",
        "a sequence's value, sealed",
        ("invoice_numbers",),
        sealed(_flip_sequence),
        base=Base.IDLE,
    ),
    _of_shop("sequence-zero", "a sequence reads as zeros", _zero_sequence, "invoice_numbers"),
    _of_shop("large-object-zero", "a page of large objects", _zero_last("pg_largeobject"), "large"),
    _of_shop("large-object-flip", "a bit of one, sealed", sealed(_flip_large_object), "large"),
    _of_shop(
        "large-object-index-stale",
        "the index of large objects is of long before",
        _stale("pg_largeobject_loid_pn_index"),
        "large",
    ),
    _of_shop(
        "large-object-metadata-zero",
        "whose they are",
        _empty("pg_largeobject_metadata"),
        "large",
    ),
    Damage(
        "other-pg_class-zero",
        "catalogs",
        "the last page of pg_class in the other database",
        (OTHER_WORD,),
        _zero_last("pg_class", OTHER),
        expected=Expected.STOPPED,
    ),
    _of_shop(
        "statistics-extended",
        "extended statistics begin with another number, sealed",
        sealed(_flip_dependencies),
        "users_stats",
    ),
    Damage(
        "statistics-type",
        "catalogs",
        "the statistics of a column of texts hold numbers",
        ("public.users", "column name"),
        statements=(_OTHER_TYPE,),
    ),
    Damage(
        "pg_statistic-empty",
        "harmless",
        "what the planner knows of the data is gone",
        surgery=_empty("pg_statistic"),
        expected=Expected.HARMLESS,
    ),
)
