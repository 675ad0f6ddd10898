"""Comparing what a database is made of, while the source may run DDL around the snapshot.

A catalog row is a tuple version like any other, and a physical copy keeps its ``xmin``. An object
whose rows are the same versions before and after the snapshot was not touched in between, so it
must stand on the copy exactly as it was. One that was touched may stand there in either state, or
not at all. One that the copy has and neither reading saw must be younger than the first reading.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

TRANSACTION_CIRCLE = 2**32
FIRST_TRANSACTION = 3
YOUNG_WINDOW = 2**28
"""Transactions that can begin between the two readings, at most; the second reading checks it."""

NUMBERED = "oid:"
"""Starts the versions of an object whose catalog can't be read: its number stands in for them."""

GATHERED = "md5:"
"""Starts the versions of what stands for many rows: a digest of theirs. They have no one age."""

_NAMELESS = "without a name: "
_AGAIN = " (once more)"

UNREAD = "not read"
"""The kind of an entry that stands for a kind of object which the login could not read.

Its name is that kind, its ``versions`` are the catalog's name.
"""


@dataclass(frozen=True)
class CatalogObject:
    """``versions`` are the ``xmin`` of the catalog rows that define it, joined by commas.

    They take in the rows that lend it a name, such as its schema's. The roles' catalog is the
    superuser's: a role has its number instead (:data:`NUMBERED`).
    """

    kind: str
    name: str
    digest: str
    versions: str

    @property
    def numbered(self) -> bool:
        """Whether only its number is known, which tells the same object, untouched or not."""
        return self.versions.startswith(NUMBERED)

    @property
    def nameless(self) -> bool:
        """Whether the catalog has nothing that it could be named by."""
        return self.name.startswith(_NAMELESS)

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it by name."""
        return (self.kind, self.name)


@dataclass(frozen=True)
class Difference:
    """``certain`` is false where DDL around the snapshot explains it.

    ``undecided``: the readings show no such DDL, and would not show it if it was undone since.
    """

    kind: str
    name: str
    what: str
    certain: bool
    undecided: bool = False


def nameless(digest: str) -> str:
    """What goes for the name of an object that has none, as in a damaged catalog."""
    return f"{_NAMELESS}{digest}"


def stray(
    before: Mapping[tuple[str, str], CatalogObject],
    after: Mapping[tuple[str, str], CatalogObject],
    copy: Mapping[tuple[str, str], CatalogObject],
) -> Counter[str]:
    """How many objects of each kind have no name on the copy, and were not so on the source.

    Nobody makes such an object: what its name is made of is gone.
    """
    return Counter(
        item.kind
        for key, item in copy.items()
        if item.nameless and key not in before and key not in after
    )


def named(
    inventory: Mapping[tuple[str, str], CatalogObject],
) -> dict[tuple[str, str], CatalogObject]:
    """An inventory without the objects that have no name."""
    return {key: item for key, item in inventory.items() if not item.nameless}


def objects_from(documents: Iterable[list[str]]) -> dict[tuple[str, str], CatalogObject]:
    """The inventory as it lies in the evidence, by kind and name.

    Of two objects with one name, as a damaged catalog has them or a grant by two roles, the second
    in the order of their digests is kept under a name of its own.
    """
    found: dict[tuple[str, str], CatalogObject] = {}
    for document in sorted(documents):
        item = CatalogObject(*document)
        while item.key in found:
            item = replace(item, name=f"{item.name}{_AGAIN}")
        if item.kind != UNREAD:
            found[item.key] = item
    return found


def unread_from(documents: Iterable[list[str]]) -> dict[str, str]:
    """The kinds that an inventory lacks, each with the catalog that could not be read for it."""
    found = (CatalogObject(*document) for document in documents)
    return {item.name: item.versions for item in found if item.kind == UNREAD}


def without(
    inventory: Mapping[tuple[str, str], CatalogObject], kinds: Collection[str]
) -> dict[tuple[str, str], CatalogObject]:
    """An inventory without the objects of some kinds."""
    return {key: item for key, item in inventory.items() if item.kind not in kinds}


def is_young(version: int, horizon: int) -> bool:
    """Whether a 32-bit transaction id began at or after the 64-bit ``horizon``, minding the circle.

    Smaller ids than the first are marks of rows that are older than everything.
    """
    if version < FIRST_TRANSACTION:
        return False
    return (version - horizon) % TRANSACTION_CIRCLE < YOUNG_WINDOW


def differences(
    before: Mapping[tuple[str, str], CatalogObject],
    after: Mapping[tuple[str, str], CatalogObject],
    copy: Mapping[tuple[str, str], CatalogObject],
    horizon: int,
) -> Iterator[Difference]:
    """Every object of the copy that is not as the two readings say, sorted by kind and name.

    Args:
        before, after: the source's inventory before and after the snapshot.
        copy: the copy's.
        horizon: the oldest transaction that was running before the first reading, 64 bits.
    """
    numbers = {item.versions for item in copy.values() if item.numbered}
    for key in sorted({*before, *after, *copy}):
        first, last, here = before.get(key), after.get(key), copy.get(key)
        what = _difference(first, last, here)
        if not what:
            continue
        same = first is not None and last is not None and first.versions == last.versions
        if first is None or not first.numbered or not same:
            yield Difference(*key, what, certain=same or _is_old(first, last, here, horizon))
        elif here is not None or first.versions in numbers:
            yield Difference(*key, what, certain=False, undecided=True)
        else:
            yield Difference(*key, what, certain=True)


def _difference(
    first: CatalogObject | None, last: CatalogObject | None, here: CatalogObject | None
) -> str:
    if here is None:
        return "missing on the copy" if first and last else ""
    known = {item.digest for item in (first, last) if item}
    if not known:
        return "only on the copy"
    return "" if here.digest in known else "defined differently on the copy"


def _is_old(
    first: CatalogObject | None,
    last: CatalogObject | None,
    here: CatalogObject | None,
    horizon: int,
) -> bool:
    """Whether it stands on the copy alone, and stood there before the first reading."""
    if first or last or here is None or here.numbered or not here.versions:
        return False
    if here.versions.startswith(GATHERED):
        return False
    return not any(is_young(int(version), horizon) for version in here.versions.split(","))
