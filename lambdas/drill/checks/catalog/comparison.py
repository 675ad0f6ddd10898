"""Comparing what a database is made of, while the source may run DDL around the snapshot.

A catalog row is a tuple version like any other, and a physical copy keeps its ``xmin``. An object
whose rows are the same versions before and after the snapshot was not touched in between, so it
must stand on the copy exactly as it was. One that was touched may stand there in either state, or
not at all. One that the copy has and neither reading saw must be younger than the first reading,
and older than the second.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

XID_MODULUS = 2**32
FIRST_TRANSACTION = 3
YOUNG_WINDOW = 2**28
"""Transactions that can begin between the two readings, at most; the second reading checks it."""

NUMBERED = "oid:"
"""Starts the versions of an object whose catalog can't be read: its number stands in for them."""

GATHERED = "md5:"
"""Starts the versions of what stands for many rows: a digest of theirs. They have no one age."""

MEMBERSHIP = "membership"

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


def without_more(
    copy: Iterable[list[str]], known: Iterable[list[str]], members: Collection[str]
) -> list[list[str]]:
    """The copy's documents without the memberships of some roles that no reading has so.

    Args:
        known: the documents of the source's readings.
        members: the roles' numbers: the copy's master user grants itself what it reads with.
    """
    theirs = tuple(f"of role #{number} " for number in members)
    said = {tuple(document[:3]) for document in known}
    return [
        document
        for document in copy
        if document[0] != MEMBERSHIP
        or not document[1].startswith(theirs)
        or tuple(document[:3]) in said
    ]


def is_young(version: int, horizon: int) -> bool:
    """Whether a 32-bit transaction id began at or after the 64-bit ``horizon``, which wrap around.

    Smaller ids than the first are marks of rows that are older than everything.
    """
    if version < FIRST_TRANSACTION:
        return False
    return (version - horizon) % XID_MODULUS < YOUNG_WINDOW


@dataclass(frozen=True)
class Meanwhile:
    """What the readings say of the transactions on the source.

    Attributes:
        horizon: the oldest that was running before the first reading, 64 bits.
        next: the first one that had not ended when the second reading began; None if unknown. The
            copy was taken before, so whatever is visible there is of an older one.
        idle: whether none ran from the first reading to the second.
    """

    horizon: int
    next: int | None = None
    idle: bool = False


def meanwhile(before: Mapping[str, Any], after: Mapping[str, Any]) -> Meanwhile:
    """The same out of the heads of the two readings.

    A transaction that had begun before the first reading would be older than its next one. One that
    began later has ended, and then the second reading's next one is beyond it, or it holds a lock.
    """
    first, last = before.get("transactions"), after.get("transactions")
    if first is None or last is None:
        return Meanwhile(before["horizon"])
    idle = first["oldest"] == first["newest"] == last["newest"] and not last["running"]
    return Meanwhile(before["horizon"], last["newest"], idle)


def differences(
    before: Mapping[tuple[str, str], CatalogObject],
    after: Mapping[tuple[str, str], CatalogObject],
    copy: Mapping[tuple[str, str], CatalogObject],
    meanwhile: Meanwhile,
) -> Iterator[Difference]:
    """Every object of the copy that is not as the two readings say, sorted by kind and name.

    Args:
        before, after: the source's inventory before and after the snapshot.
        copy: the copy's.
    """
    turned = _versions_beyond(before.values(), meanwhile)
    numbers = {item.versions for item in copy.values() if item.numbered}
    for key in sorted({*before, *after, *copy}):
        first, last, here = before.get(key), after.get(key), copy.get(key)
        what = _difference(first, last, here)
        if not what:
            continue
        same = first is not None and last is not None and first.versions == last.versions
        if first is None or not first.numbered or not same:
            stray = not first and not last and _is_strange(here, meanwhile, turned)
            yield Difference(*key, what, certain=same or stray)
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


def _is_strange(here: CatalogObject | None, meanwhile: Meanwhile, turned: Collection[int]) -> bool:
    """Whether what stands on the copy alone can't have been made on the source meanwhile."""
    if here is None:
        return False
    if here.numbered or not here.versions or here.versions.startswith(GATHERED):
        return meanwhile.idle
    if meanwhile.next is not None and meanwhile.next - meanwhile.horizon >= YOUNG_WINDOW:
        return False
    versions = _versions(here)
    old = not any(is_young(version, meanwhile.horizon) for version in versions)
    return old or any(v not in turned for v in versions if _is_beyond(v, meanwhile))


def _versions_beyond(items: Iterable[CatalogObject], meanwhile: Meanwhile) -> set[int]:
    """The versions of the source that only seem so new: frozen in an earlier epoch."""
    return {
        version for item in items for version in _versions(item) if _is_beyond(version, meanwhile)
    }


def _versions(item: CatalogObject) -> list[int]:
    if item.numbered or not item.versions or item.versions.startswith(GATHERED):
        return []
    return [int(version) for version in item.versions.split(",")]


def _is_beyond(version: int, meanwhile: Meanwhile) -> bool:
    return meanwhile.next is not None and is_young(version, meanwhile.next)
