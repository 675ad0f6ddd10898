"""How a kind of object is described; the kinds are in ``kinds.py`` and ``cluster_kinds.py``.

A catalog row is compared whole: every column that the server's version of the catalog has, but for
those of :data:`LEFT_OUT`. What a later PostgreSQL adds is compared without a line here.
"""

from dataclasses import dataclass

LEFT_OUT: dict[str, dict[str, str]] = {
    "pg_class": {
        "relfilenode": "the file's number, which VACUUM FULL and REINDEX change",
        "relpages": "the planner's, written in place",
        "reltuples": "the planner's, written in place",
        "relallvisible": "the planner's, written in place",
        "relallfrozen": "the planner's, written in place",
        "relhasindex": "a hint that VACUUM takes back in place",
        "relhasrules": "a hint that VACUUM takes back in place",
        "relhastriggers": "a hint that VACUUM takes back in place",
        "relhassubclass": "a hint that ANALYZE takes back",
        "relfrozenxid": "VACUUM's, written in place",
        "relminmxid": "VACUUM's, written in place",
    },
    "pg_database": {
        "datfrozenxid": "VACUUM's, written in place",
        "datminmxid": "VACUUM's, written in place",
        "dathasloginevt": "a hint that a login takes back in place",
    },
    "pg_parameter_acl": {
        "oid": "another, where the service has granted the only one again",
        "paracl": "compared apart: without what the service grants to itself",
    },
    "pg_roles": {
        "rolpassword": "stars; a password is tried by logging in",
        "rolconfig": "compared among the settings",
        "rolvaliduntil": "compared apart: no end and one at infinity are the same",
    },
}
"""Columns that are not compared, by catalog, and why not.

A hint that denies what there is damages answers: :mod:`lambdas.drill.checks.catalog.leftovers`
looks for these.
"""


@dataclass(frozen=True)
class Rows:
    """Rows of another catalog (alias ``p``) that are part of an object's definition.

    Attributes:
        keys: its columns that are equal to the expressions ``of``.
        order: what brings the rows of one object into an order.
    """

    catalog: str
    keys: tuple[str, ...]
    order: str
    of: tuple[str, ...] = ("o.oid",)
    where: str = "true"


@dataclass(frozen=True)
class Kind:
    """A kind of object: one object for each row of a catalog (alias ``o``). All texts are SQL.

    Attributes:
        kind: what people call it.
        name: what people call one.
        joins: what ``name``, ``where`` and ``parts`` need besides ``o``.
        rows: rows of other catalogs that belong to the definition.
        parts: expressions that belong to the definition.
        versions: the versions of the object's rows.
        kin: numbers of the objects that have a say in its name.
        number: the column with the number that :attr:`rows` of ``pg_depend`` know it by; empty
            where its dependencies are another object's.
        present: whether there are any, where that may be asked without reading the catalog.
        needs: another catalog that must be readable, or the kind is passed over in silence.
        instead_of: passed over in silence where this other catalog is readable.
    """

    kind: str
    catalog: str
    name: str
    joins: str = ""
    where: str = "true"
    rows: tuple[Rows, ...] = ()
    parts: tuple[str, ...] = ()
    versions: str = "o.xmin::text"
    kin: tuple[str, ...] = ("o.oid",)
    number: str = "o.oid"
    present: str = "true"
    needs: str = ""
    instead_of: str = ""


@dataclass(frozen=True)
class Gathered:
    """Rows of a catalog that are too many to be listed one by one, as one object for each group.

    Attributes:
        with_grants: whether privileges are compared.
    """

    kind: str
    catalog: str
    name: str
    where: str
    with_grants: bool = True


def dependencies(catalog: str, number: str) -> Rows:
    """What an object depends on: its schema, its owner column, the extension it belongs to."""
    return Rows(
        "pg_depend",
        ("objid",),
        "p.objsubid, p.refclassid, p.refobjid, p.refobjsubid, p.deptype",
        (number,),
        f"p.classid = 'pg_catalog.{catalog}'::regclass",
    )
