"""The one shape of a damage, and what a damage gets to work with."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from campaign.pages import NothingChanged, PageFile, Row, live_rows_in
from campaign.specimen import SHOP, Atlas, Base, Files, Specimen
from local.postgres import Binaries


class Expected(StrEnum):
    """What a verification must say of a damaged copy.

    Attributes:
        FAILED: what the database answers has changed: FAILED, with the relation named.
        STOPPED: the server can't start, or not even its catalog can be read: anything but PASSED.
        HARMLESS: no answer has changed, and none will: PASSED.
        LATER: what is asked today is answered rightly; a later write, VACUUM or new database goes
            wrong. It is listed, and not counted as caught.
        UNSEEN: nothing over SQL can see it. It is listed, and not counted as caught.
    """

    FAILED = "failed"
    STOPPED = "stopped"
    HARMLESS = "harmless"
    LATER = "later"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Body:
    """The files of a copy before its server starts.

    Attributes:
        stale: the data folder of the early copy.
        chance: seeded; the same choices each time.
        sealed: whether changed pages get checksums that fit.
    """

    data: Path
    stale: Path
    atlas: Atlas
    binaries: Binaries
    chance: random.Random
    sealed: bool = False

    def with_checksums_right(self) -> "Body":
        """The same, whose changed pages get checksums that fit."""
        return replace(self, sealed=True)

    def files(self, relation: str, database: str = SHOP) -> Files:
        """Where a relation lies."""
        return self.atlas.files[database][relation]

    def main(self, relation: str, database: str = SHOP) -> PageFile:
        """A relation's own file: of a table, an index, a sequence, a catalog."""
        return self.pages(self.files(relation, database).main)

    def toast(self, relation: str) -> PageFile:
        """The file of a table's TOAST."""
        return self.pages(self.files(relation).toast)

    def toast_index(self, relation: str) -> PageFile:
        """The file of the index of a table's TOAST."""
        return self.pages(self.files(relation).toast_index)

    def fork(self, relation: str, fork: str) -> PageFile:
        """The visibility map (``vm``) or the free-space map (``fsm``)."""
        return self.pages(f"{self.files(relation).main}_{fork}")

    def pages(self, path: str) -> PageFile:
        """Any file that consists of pages, by its path below the data folder."""
        return PageFile(self.data / path, self.sealed)

    def old(self, pages: PageFile) -> PageFile:
        """The same file as it was when the early copy was taken."""
        return PageFile(self.stale / pages.path.relative_to(self.data))

    def middle(self, pages: PageFile) -> int:
        """Some page that is neither the first nor the last, where there are so many."""
        return self.chance.choice(range(1, len(pages) - 1) or [len(pages) - 1])

    def live_rows(self, pages: PageFile) -> tuple[int, list[Row]]:
        """Some page with live row versions, and these."""
        blocks = list(range(len(pages)))
        self.chance.shuffle(blocks)
        for block in blocks:
            rows = live_rows_in(pages.read(block))
            if rows:
                return block, rows
        raise NothingChanged(f"{pages.path.name} holds no rows")

    def make_stale(self, path: Path) -> None:
        """Put the early copy's file in the place of today's."""
        old = self.stale / path.relative_to(self.data)
        if old.read_bytes() == path.read_bytes():
            raise NothingChanged(f"{path.name} has not changed since the early copy")
        overwrite(path, old.read_bytes())

    def remove(self, path: Path) -> None:
        """Lose a file or a folder."""
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def overwrite(path: Path, content: bytes) -> None:
    """Put other bytes into a file, which keeps its owner.

    Raises:
        NothingChanged: they are the same.
    """
    if path.read_bytes() == content:
        raise NothingChanged(f"{path.name} stayed as it was")
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(content)


def exchange(one: Path, other: Path) -> None:
    """Each of two files is where the other should be."""
    kept = one.read_bytes()
    overwrite(one, other.read_bytes())
    overwrite(other, kept)


Surgery = Callable[[Body], None]


def sealed(surgery: Surgery) -> Surgery:
    """As if memory had gone wrong before the page was written: its checksum fits."""
    return lambda body: surgery(body.with_checksums_right())


def lose(path: str) -> Surgery:
    """A file or a folder of the data folder is gone."""
    return lambda body: body.remove(body.data / path)


def age(path: str) -> Surgery:
    """A file of the data folder is as it was when the early copy was taken."""
    return lambda body: body.make_stale(body.data / path)


def zero(path: str, first: int = 0) -> Surgery:
    """A file of the data folder reads as zeros, from a byte on."""

    def surgery(body: Body) -> None:
        content = (body.data / path).read_bytes()
        overwrite(body.data / path, content[:first] + bytes(len(content) - first))

    return surgery


@dataclass(frozen=True)
class Damage:
    """One damage.

    Attributes:
        name: unique in the registry.
        words: one of the reasons for the verdict must hold all of these, or all of ``or_words``: an
            index that can't be opened makes its table unreadable, and the table is named.
        surgery: changes the files before the server starts.
        statements: run by a superuser once the server runs, each its own transaction.
        database: in which they run.
        base: which state of the files is damaged.
        expected: where data checksums are on, or anywhere.
        expected_without_checksums: where they are off; None: the same.
        forged: ``(table, id)``: the one row that the statements change is forged to look as if
            nobody had written it. They run on a server that is stopped again.
        unlogged: the statements need not write anything to the log.
        since: the first major version that knows it.
        program: of PostgreSQL's, that does the damage; a server may come without it.
    """

    name: str
    family: str
    what: str
    words: tuple[str, ...] = ()
    surgery: Surgery | None = None
    statements: tuple[str, ...] = ()
    database: str = SHOP
    base: Base = Base.SETTLED
    expected: Expected = Expected.FAILED
    expected_without_checksums: Expected | None = None
    forged: tuple[str, int] | None = None
    unlogged: bool = False
    or_words: tuple[str, ...] = ()
    since: int = 0
    program: str = ""

    def can_be_done(self, binaries: Binaries) -> bool:
        """Whether this PostgreSQL knows what is damaged, and has the program that does it."""
        return self.since <= binaries.major and Path(binaries.program(self.program)).exists()

    def expected_on(self, specimen: Specimen) -> Expected:
        """What a verification must say of it there."""
        if specimen.checksums or self.expected_without_checksums is None:
            return self.expected
        return self.expected_without_checksums
