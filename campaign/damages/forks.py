"""Damage to the maps beside a relation's file: what is visible to all, and where there is room."""

from campaign.damage import Body, Damage, Expected, Surgery, sealed
from campaign.pages import HEADER_BYTES, PAGE_BYTES

USERS = "public.users"
ORDERS = "sales.orders"
DOCUMENTS = "sales.documents"


def _set_all(body: Body) -> None:
    """Index-only scans then answer from dead index entries."""
    pages = body.fork(ORDERS, "vm")
    pages.change(0, HEADER_BYTES, b"\xff" * 40)


def _set_frozen(body: Body) -> None:
    """All-frozen without being it: a later vacuum skips what it would have to freeze."""
    pages = body.fork(DOCUMENTS, "vm")
    pages.change(0, HEADER_BYTES, b"\xaa" * 4)


def _zero(fork: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.fork(USERS, fork)
        for block in range(len(pages)):
            if any(pages.read(block)):
                pages.zero(block)

    return surgery


def _lose(fork: str) -> Surgery:
    return lambda body: body.remove(body.fork(USERS, fork).path)


def _garbage(fork: str) -> Surgery:
    def surgery(body: Body) -> None:
        pages = body.fork(USERS, fork)
        pages.change(len(pages) - 1, HEADER_BYTES + 8, body.chance.randbytes(64))

    return surgery


def _lose_init(body: Body) -> None:
    """Of the unlogged table: after a crash it could not be emptied."""
    body.remove(body.data / f"{body.files('public.scratch').main}_init")


def _empty_map(body: Body) -> None:
    with body.fork(USERS, "fsm").path.open("r+b") as file:
        file.truncate(PAGE_BYTES)


def _harmless(name: str, what: str, surgery: Surgery) -> Damage:
    return Damage(name, "harmless", what, surgery=surgery, expected=Expected.HARMLESS)


DAMAGES = (
    Damage(
        "vm-all-visible",
        "visibility map",
        "every page counts as visible to all",
        (ORDERS,),
        sealed(_set_all),
    ),
    Damage(
        "vm-all-frozen",
        "visibility map",
        "pages count as frozen that are not",
        (DOCUMENTS,),
        sealed(_set_frozen),
    ),
    _harmless("vm-zero", "no page counts as visible to all", _zero("vm")),
    _harmless("vm-lost", "there is no visibility map", _lose("vm")),
    _harmless("fsm-zero", "the free-space map knows of no room", _zero("fsm")),
    _harmless("fsm-garbage", "the free-space map says nonsense, sealed", sealed(_garbage("fsm"))),
    _harmless("fsm-lost", "there is no free-space map", _lose("fsm")),
    _harmless("fsm-truncated", "the free-space map's lower pages are gone", _empty_map),
    Damage(
        "init-lost",
        "unseen",
        "an unlogged table could not be emptied after a crash",
        surgery=_lose_init,
        expected=Expected.UNSEEN,
    ),
)
